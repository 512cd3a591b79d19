//! Restarts of our own (RFC 4724 section 4.1).

use bgp_fsm::{Input, PeerConfig, RestartConfig};
use bgp_sim::{Sim, Solo};
use bgp_wire::{Capability, Family};
use expect_test::expect;

use crate::restarts::*;
use crate::support::*;

#[test]
fn end_of_rib_waits_for_the_table_after_a_restart() {
    let mut sim = Sim::new();
    sim.transcript().hide_keepalives();
    let (a, b) = sim.pair(("a", graceful(a())), ("b", b_again().passive()));
    sim.start(b);
    sim.start(a);
    sim.run_for(s(7));
    let _ = sim.transcript().take();
    sim.input(b, Input::InitialTableComplete);
    sim.run_for(s(100));
    // From now on it has not restarted.
    sim.cut(a);
    sim.run_for(s(5));
    check(
        &mut sim,
        expect![[r#"
            7.000    b may send End-of-RIB
            107.000  a cut
            107.000  a keeps ipv4-unicast,ipv6-unicast for 120 s
            107.000  a Established -> Idle
            107.000  a down: TCP connection failed in Established
            107.000  b keeps ipv4-unicast,ipv6-unicast for 120 s
            107.000  b Established -> Idle
            107.000  b down: TCP connection failed in Established
            107.827  b Idle -> Active
            107.940  a Idle -> Connect
            107.940  a dial
            107.950  a > outgoing OPEN as=65001 hold=90 id=192.0.2.1
            107.950  a Connect -> OpenSent
            107.955  b > incoming OPEN as=65002 hold=90 id=192.0.2.2
            107.955  b Active -> OpenSent
            107.955  b OpenSent -> OpenConfirm
            107.960  a OpenSent -> OpenConfirm
            107.960  a OpenConfirm -> Established
            107.960  a up: outgoing as=65002 id=192.0.2.2 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced graceful=120 notification kept
            107.960  a may send End-of-RIB
            107.965  b OpenConfirm -> Established
            107.965  b up: incoming as=65001 id=192.0.2.1 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced graceful=120 notification kept
            107.965  b may send End-of-RIB
        "#]],
    );
}

/// Whether the OPEN on a new connection has the Restart State bit.
fn says_restarted(solo: &mut Solo) -> bool {
    let _ = solo.transcript().take();
    solo.connect(Incoming);
    solo.transcript().take().contains("restarted")
}

#[test]
fn the_first_session_after_a_restart_says_so_even_with_a_complete_table() {
    let config = a().graceful_restart(restart().restarting(s(60)));
    let mut solo = Solo::new(config.passive(), 1);
    solo.start();
    solo.handle(Input::InitialTableComplete);
    assert!(says_restarted(&mut solo));
    solo.receive(Incoming, &open_keeping(&KEPT, true));
    solo.receive(Incoming, &keepalive());
    // End-of-RIB is not held back.
    assert!(solo.transcript().take().contains("may send End-of-RIB"));
    solo.fail(Incoming);
    solo.run_for(s(5));
    assert!(!says_restarted(&mut solo));
}

#[test]
fn a_restart_that_nobody_came_back_for_is_over_after_the_deferral_time() {
    let config = a().graceful_restart(restart().restarting(s(60)));
    let mut solo = Solo::new(config.passive(), 1);
    solo.start();
    solo.handle(Input::InitialTableComplete);
    solo.run_for(s(59));
    assert!(says_restarted(&mut solo));
    solo.fail(Incoming);
    solo.run_for(s(2));
    assert!(!says_restarted(&mut solo));
}

#[test]
fn end_of_rib_is_not_held_back_for_ever() {
    let mut solo = Solo::new(a().graceful_restart(restart().restarting(s(60))), 1);
    solo.start();
    solo.connect(Outgoing);
    solo.receive(Outgoing, &open_keeping(&KEPT, true));
    solo.receive(Outgoing, &keepalive());
    let _ = solo.transcript().take();
    solo.transcript().hide_keepalives();
    solo.run_for(s(80));
    check_solo(
        &mut solo,
        expect![[r#"
        60.000   a may send End-of-RIB
    "#]],
    );
}

#[test]
fn the_capability_says_what_is_kept() {
    let capability = |config: PeerConfig| {
        let open = config.open();
        let mut found = open.capabilities.into_iter().filter_map(|c| match c {
            Capability::GracefulRestart(it) => Some(it),
            _ => None,
        });
        let first = found.next();
        assert_eq!(found.next(), None);
        first
    };
    assert_eq!(capability(a()), None);
    let one = restart().forwarding_kept([Family::IPV6_UNICAST]);
    let said = capability(a().graceful_restart(one.clone())).unwrap();
    assert_eq!(said.families, [(Family::IPV6_UNICAST, true)]);
    assert_eq!(said.restart_seconds(), 120);
    assert!(said.notification && !said.restarted);
    let lost = one.restarting(s(1)).forwarding_lost();
    let said = capability(a().graceful_restart(lost)).unwrap();
    assert_eq!(said.families, [(Family::IPV6_UNICAST, false)]);
    assert!(said.restarted);
    // Twelve bits are all there is room for.
    let long = capability(a().graceful_restart(RestartConfig::new(s(100_000))));
    assert_eq!(long.unwrap().restart_seconds(), 4095);
}
