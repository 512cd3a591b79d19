//! BFD while a peer restarts gracefully (RFC 5882 section 4.3).

use std::time::Duration;

use bfd::{SENT_TTL, State, Timing};
use bgp_speaker::{BfdSettings, PeerStatus};
use bgp_wire::{Capability, Family, NotificationCode};

use crate::bfd_peer::{BfdPeer, Order};
use crate::node::{Node, Plan};
use crate::raw_peer::{Identity, RawPeer};

const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// Both families, kept.
fn graceful() -> Capability {
    let mut capability = bgp_wire::GracefulRestart::new(60);
    capability.families = [Family::IPV4_UNICAST, Family::IPV6_UNICAST]
        .map(|family| (family, true))
        .to_vec();
    Capability::GracefulRestart(capability)
}

fn failures(peer: &PeerStatus) -> u64 {
    peer.bfd.as_ref().map_or(0, |bfd| bfd.failures)
}

fn is_up(peer: &PeerStatus) -> bool {
    peer.bfd.as_ref().is_some_and(|bfd| bfd.state == State::Up)
}

struct Scene {
    speaker: Node,
    peer: Identity,
    timing: Timing,
}

impl Scene {
    /// A speaker that knows a route of its peer, both sessions up, with the C
    /// bit in the peer's BFD packets or without.
    async fn start(interval: u64, multiplier: u8, independent: bool) -> (Self, RawPeer, BfdPeer) {
        let mut speaker = Plan::new(64512);
        let peer = Identity::new(64513);
        peer.introduce(&mut speaker);
        let settings = BfdSettings::default().every(ms(interval), multiplier);
        speaker.config.peers[0].bfd = Some(settings);
        let speaker = speaker.start().await;
        let timing = Timing::new(ms(interval), ms(interval), multiplier).unwrap();
        let mut scene = Self {
            speaker,
            peer,
            timing,
        };
        let ours = scene.speaker.address;
        let bfd = match independent {
            true => BfdPeer::start_independent(peer.address, ours, timing),
            false => scene.bfd(),
        };
        let mut bgp = scene.connect().await;
        bgp.announce(&["203.0.113.1/32"]).await;
        scene.learns("203.0.113.1/32 via [192.0.2.77]").await;
        scene.watched().await;
        (scene, bgp, bfd)
    }

    fn bfd(&self) -> BfdPeer {
        let (peer, ours) = (self.peer.address, self.speaker.address);
        BfdPeer::start(peer, ours, self.timing, SENT_TTL)
    }

    async fn connect(&self) -> RawPeer {
        let peer = self.peer;
        peer.connect_offering(self.speaker.address, &[graceful()])
            .await
    }

    async fn learns(&mut self, route: &str) {
        assert_eq!(self.speaker.learns().await, route);
    }

    /// Waits until BFD is up at its own speed.
    async fn watched(&self) {
        let agreed = self.timing.required_min_rx() * u32::from(self.timing.multiplier());
        let quick = |peer: &PeerStatus| {
            let bfd = peer.bfd.as_ref().filter(|_| is_up(peer));
            bfd.is_some_and(|bfd| bfd.parameters.detection_time == Some(agreed))
        };
        self.speaker.peer(quick).await;
    }
}

#[tokio::test]
async fn forwarding_that_fails_while_a_peer_restarts_takes_the_kept_routes_along() {
    let (mut scene, bgp, bfd) = Scene::start(50, 4, true).await;
    drop(bgp);
    let status = scene.speaker.peer(|peer| !peer.retained.is_empty()).await;
    assert!(is_up(&status));
    assert_eq!(status.accepted_prefixes, 1);
    // The restart time is a minute: nothing but BFD can end it.
    bfd.order(Order::Silence);
    scene.learns("203.0.113.1/32 via []").await;
    let status = scene.speaker.peer(|peer| peer.retained.is_empty()).await;
    let bfd = status.bfd.unwrap();
    assert_eq!((bfd.failures, bfd.forwarding_failures), (1, 1));
    scene.speaker.stop().await;
}

#[tokio::test]
async fn bfd_that_dies_with_a_restarting_control_plane_leaves_the_kept_routes_alone() {
    let (mut scene, bgp, bfd) = Scene::start(50, 4, false).await;
    drop(bgp);
    scene.speaker.peer(|peer| !peer.retained.is_empty()).await;
    bfd.order(Order::Silence);
    let status = scene.speaker.peer(|peer| failures(peer) == 1).await;
    assert_eq!(status.retained.len(), 2);
    assert_eq!(status.bfd.unwrap().forwarding_failures, 0);

    // Nothing was lost: what is new is the first thing that changes.
    let mut bgp = scene.connect().await;
    bgp.announce(&["203.0.113.2/32"]).await;
    scene.learns("203.0.113.2/32 via [192.0.2.77]").await;
    bgp.end_of_rib().await;
    scene.learns("203.0.113.1/32 via []").await;
    scene.speaker.stop().await;
}

#[tokio::test]
async fn a_peer_that_is_back_before_its_bfd_is_missed_keeps_its_new_session() {
    let (mut scene, bgp, bfd) = Scene::start(100, 10, false).await;
    bfd.order(Order::Silence);
    drop(bgp);
    scene.speaker.peer(|peer| !peer.retained.is_empty()).await;
    let mut bgp = scene.connect().await;
    scene.speaker.established().await;
    assert_eq!(failures(&scene.speaker.handle.peer_status()[0]), 0);
    bgp.announce(&["203.0.113.1/32"]).await;
    bgp.end_of_rib().await;
    scene.speaker.peer(|peer| failures(peer) == 1).await;
    bgp.announce(&["203.0.113.2/32"]).await;
    scene.learns("203.0.113.2/32 via [192.0.2.77]").await;

    // Only what was left of the old life is forgiven.
    drop(bfd);
    let bfd = scene.bfd();
    scene.watched().await;
    bfd.order(Order::Silence);
    let notification = bgp.notified().await;
    assert_eq!(notification.code, NotificationCode::CEASE_BFD_DOWN);
    for prefix in ["203.0.113.1/32", "203.0.113.2/32"] {
        scene.learns(&format!("{prefix} via []")).await;
    }
    scene.speaker.stop().await;
}
