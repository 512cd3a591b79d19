//! Peers taken down and up again by their operators.

use bgp_fsm::State;
use bgp_wire::{Asn, NotificationCode};

use crate::node::{Node, Plan, net, soon};
use crate::raw_peer::Identity;

/// A speaker that waits for one peer.
async fn speaker() -> (Node, Identity, bgp_speaker::PeerSettings) {
    let mut plan = Plan::new(64512);
    let peer = Identity::new(64513);
    peer.introduce(&mut plan);
    let settings = plan.config.peers[0].clone();
    (plan.start().await, peer, settings)
}

#[tokio::test]
async fn a_peer_taken_down_is_told_why_and_has_no_session_until_it_is_up() {
    let (mut node, peer, _) = speaker().await;
    let mut session = peer.connect(node.address).await;
    session.announce(&["203.0.113.1/32"]).await;
    assert_eq!(node.learns().await, "203.0.113.1/32 via [192.0.2.77]");

    let why = Some("new line cards".to_owned());
    assert!(node.handle.set_peer_down(peer.address, why));
    let notification = session.notified().await;
    assert_eq!(
        notification.code,
        NotificationCode::CEASE_ADMINISTRATIVE_SHUTDOWN
    );
    let said = notification.to_string();
    assert!(said.contains("new line cards"), "{said}");
    // Its routes go with it.
    assert_eq!(node.learns().await, "203.0.113.1/32 via []");
    let status = node.peer(|peer| peer.administratively_down).await;
    assert_eq!(status.state, State::Idle);
    assert_eq!(status.last_error, None);
    assert!(peer.is_turned_away(node.socket()).await);

    assert!(node.handle.set_peer_up(peer.address));
    node.peer(|peer| !peer.administratively_down).await;
    let mut session = peer.connect(node.address).await;
    node.established().await;
    session.announce(&["203.0.113.1/32"]).await;
    assert_eq!(node.learns().await, "203.0.113.1/32 via [192.0.2.77]");
    node.stop().await;
}

#[tokio::test]
async fn a_peer_stays_down_whatever_its_settings_become() {
    let (node, peer, mut settings) = speaker().await;
    assert!(node.handle.set_peer_down(peer.address, None));
    node.peer(|peer| peer.administratively_down).await;
    settings.local_as = Some(Asn::new(64999));
    let slow = node.handle.set_peers(vec![settings], vec![]).await;
    assert_eq!(slow.unwrap().restarted, 1);
    let mut peers = node.handle.peers();
    let back = |peers: &bgp_speaker::PeerStatuses| {
        peers.first().is_some_and(|peer| peer.administratively_down)
    };
    soon(peers.wait_for(back)).await.unwrap();
    assert!(peer.is_turned_away(node.socket()).await);
    node.stop().await;
}

#[tokio::test]
async fn nobody_else_is_taken_down_or_up() {
    let (node, peer, _) = speaker().await;
    let mut session = peer.connect(node.address).await;
    session.first_transfer().await;
    assert!(!node.handle.set_peer_down(node.address, None));
    assert!(!node.handle.set_peer_up(node.address));
    // Of a peer that is up already nothing is wanted either.
    assert!(node.handle.set_peer_up(peer.address));
    node.announce(&["198.51.100.0/24"]);
    assert_eq!(session.told().await.announced, [net("198.51.100.0/24")]);
    node.stop().await;
}

#[tokio::test]
async fn the_wish_for_a_graceful_shutdown_is_shown() {
    let (node, peer, _) = speaker().await;
    assert!(!node.peer(|_| true).await.graceful_shutdown);
    assert!(node.handle.set_peer_graceful_shutdown(peer.address, true));
    node.peer(|peer| peer.graceful_shutdown).await;
    assert!(node.handle.set_peer_graceful_shutdown(peer.address, false));
    node.peer(|peer| !peer.graceful_shutdown).await;
    node.handle.set_graceful_shutdown(true);
    node.peer(|peer| peer.graceful_shutdown).await;
    node.stop().await;
}
