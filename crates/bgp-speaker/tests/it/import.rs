//! What is imported changes while the session goes on.

use std::sync::Arc;

use bgp_speaker::{Import, PeerSettings, PeersChange, PrefixRange};
use bgp_wire::{MessageView, NotificationCode, RouteRefreshSubtype};

use crate::node::{Node, Plan, net};
use crate::raw_peer::{Identity, RawPeer};

/// A speaker that waits for one peer and imports this from it.
async fn speaker(import: Import) -> (Node, Identity, PeerSettings) {
    let mut plan = Plan::new(64512);
    let peer = Identity::new(64513);
    peer.introduce(&mut plan);
    plan.config.peers[0].import = import;
    let settings = plan.config.peers[0].clone();
    (plan.start().await, peer, settings)
}

fn only(prefix: &str) -> Import {
    Import::Listed(Arc::new([PrefixRange::exactly(net(prefix))]))
}

async fn reload(node: &Node, settings: &PeerSettings) -> PeersChange {
    let change = node.handle.set_peers(vec![settings.clone()], vec![]).await;
    change.unwrap()
}

/// Waits until the peer is asked for the routes of both families.
async fn is_asked(session: &mut RawPeer) {
    let mut asked = 0;
    while asked < 2 {
        if let MessageView::RouteRefresh(view) = session.next().await.view().unwrap() {
            assert_eq!(view.subtype(), RouteRefreshSubtype::REQUEST);
            asked += 1;
        }
    }
}

#[tokio::test]
async fn a_narrower_import_takes_back_what_it_refuses_at_once() {
    let (mut node, peer, mut settings) = speaker(Import::Accept).await;
    let mut session = peer.connect(node.address).await;
    session
        .announce(&["203.0.113.1/32", "203.0.113.2/32", "2001:db8:1::/48"])
        .await;
    for _ in 0..3 {
        node.learns().await;
    }
    let since = node.peer(|_| true).await.since;
    settings.import = only("203.0.113.2/32");
    assert_eq!(reload(&node, &settings).await.updated, 1);
    // Before the peer answers.
    assert_eq!(node.learns().await, "203.0.113.1/32 via []");
    assert_eq!(node.learns().await, "2001:db8:1::/48 via []");
    is_asked(&mut session).await;
    let status = node.peer(|peer| peer.accepted_prefixes == 1).await;
    assert_eq!(status.since, since);

    settings.import = Import::Reject;
    assert_eq!(reload(&node, &settings).await.updated, 1);
    assert_eq!(node.learns().await, "203.0.113.2/32 via []");
    node.stop().await;
}

#[tokio::test]
async fn a_wider_import_takes_what_the_peer_repeats() {
    let (mut node, peer, mut settings) = speaker(Import::Reject).await;
    let mut session = peer.connect(node.address).await;
    session.announce(&["203.0.113.1/32"]).await;
    session.end_of_rib().await;
    let since = node.peer(|peer| peer.first_transfer_ended()).await.since;
    settings.import = Import::Accept;
    assert_eq!(reload(&node, &settings).await.updated, 1);
    is_asked(&mut session).await;
    session.announce(&["203.0.113.1/32"]).await;
    assert_eq!(node.learns().await, "203.0.113.1/32 via [192.0.2.77]");
    assert_eq!(node.peer(|_| true).await.since, since);
    node.stop().await;
}

#[tokio::test]
async fn another_preference_asks_for_the_routes_again() {
    let (mut node, peer, mut settings) = speaker(Import::Accept).await;
    let mut session = peer.connect(node.address).await;
    session.announce(&["203.0.113.1/32"]).await;
    assert_eq!(node.learns().await, "203.0.113.1/32 via [192.0.2.77]");
    settings.import_preference = Some(7);
    assert_eq!(reload(&node, &settings).await.updated, 1);
    is_asked(&mut session).await;
    node.stop().await;
}

#[tokio::test]
async fn a_peer_that_cannot_be_asked_begins_a_new_session() {
    let (mut node, peer, mut settings) = speaker(Import::Reject).await;
    let mut session = peer.connect_without_refresh(node.address).await;
    session.announce(&["203.0.113.1/32"]).await;
    node.established().await;
    settings.import = Import::Accept;
    assert_eq!(reload(&node, &settings).await.restarted, 1);
    assert_eq!(
        session.notified().await.code,
        NotificationCode::CEASE_OTHER_CONFIGURATION_CHANGE
    );
    drop(session);
    let mut session = peer.connect_without_refresh(node.address).await;
    session.announce(&["203.0.113.1/32"]).await;
    assert_eq!(node.learns().await, "203.0.113.1/32 via [192.0.2.77]");
    node.stop().await;
}

#[tokio::test]
async fn without_a_session_the_next_one_finds_the_new_import() {
    let (mut node, peer, mut settings) = speaker(Import::Reject).await;
    settings.import = Import::Accept;
    assert_eq!(reload(&node, &settings).await.updated, 1);
    let mut session = peer.connect(node.address).await;
    session.announce(&["203.0.113.1/32"]).await;
    assert_eq!(node.learns().await, "203.0.113.1/32 via [192.0.2.77]");
    node.stop().await;
}
