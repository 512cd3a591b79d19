//! What the scenarios of graceful restarts share.

use bgp_fsm::{PeerConfig, RestartConfig};
use bgp_sim::Solo;
use bgp_wire::{Capability, Family, GracefulRestart};

use crate::support::*;

pub(crate) const BOTH: [Family; 2] = [Family::IPV4_UNICAST, Family::IPV6_UNICAST];

/// 120 s for both families.
pub(crate) fn restart() -> RestartConfig {
    RestartConfig::new(s(120)).forwarding_kept(BOTH)
}

pub(crate) fn graceful(config: PeerConfig) -> PeerConfig {
    config.graceful_restart(restart())
}

/// The OPEN of a peer that keeps these families.
pub(crate) fn open_keeping(families: &[(Family, bool)], notification: bool) -> Vec<u8> {
    let mut capability = GracefulRestart::new(120);
    capability.notification = notification;
    capability.families = families.to_vec();
    let mut open = open_of_b();
    open.capabilities
        .push(Capability::GracefulRestart(capability));
    bytes_of(&open)
}

pub(crate) const KEPT: [(Family, bool); 2] =
    [(Family::IPV4_UNICAST, true), (Family::IPV6_UNICAST, true)];

/// An Established session with a peer that keeps both families.
pub(crate) fn session(config: PeerConfig, notification: bool) -> Solo {
    let mut solo = Solo::new(graceful(config), 1);
    solo.start();
    solo.fail(Outgoing);
    connect_again(&mut solo, &open_keeping(&KEPT, notification));
    let _ = solo.transcript().take();
    solo
}

pub(crate) fn connect_again(solo: &mut Solo, open: &[u8]) {
    solo.connect(Incoming);
    solo.receive(Incoming, open);
    solo.receive(Incoming, &keepalive());
}

/// The lines of the transcript that tell of routes.
#[track_caller]
pub(crate) fn check_routes(solo: &mut Solo, expected: &expect_test::Expect) {
    let all = solo.transcript().take();
    let wanted = [" keeps ", " drops ", " up:", " down:", "NOTIFICATION"];
    let lines = all
        .lines()
        .filter(|line| wanted.iter().any(|w| line.contains(w)));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    expected.assert_eq(&text);
}

/// `b`, with its program restarted: it does not know its routes yet.
pub(crate) fn b_again() -> PeerConfig {
    b().graceful_restart(restart().restarting(s(60)))
}
