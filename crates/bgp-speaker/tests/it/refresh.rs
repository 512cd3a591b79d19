//! Routes told again: on request, or because they are about to go.

use bgp_wire::{Capability, Family, MessageView, RouteRefreshSubtype};

use crate::node::{Node, Plan, introduce, net};
use crate::raw_peer::{Identity, RawPeer};

const V4: Family = Family::IPV4_UNICAST;

/// A session with a peer that knows begin and end of a refresh.
async fn session() -> (Node, Identity, RawPeer) {
    let mut plan = Plan::new(64512);
    let peer = Identity::new(64513);
    peer.introduce(&mut plan);
    let node = plan.start().await;
    node.announce(&["203.0.113.1/32"]);
    let offered = [Capability::EnhancedRouteRefresh];
    let mut session = peer.connect_offering(node.address, &offered).await;
    assert!(session.offered.contains(&Capability::EnhancedRouteRefresh));
    session.first_transfer().await;
    (node, peer, session)
}

/// The next ROUTE-REFRESH, and how many UPDATEs came before it.
async fn refreshed(session: &mut RawPeer) -> (RouteRefreshSubtype, usize) {
    let mut updates = 0;
    loop {
        match session.next().await.view().unwrap() {
            MessageView::RouteRefresh(view) => return (view.subtype(), updates),
            MessageView::Update(_) => updates += 1,
            _ => {}
        }
    }
}

#[tokio::test]
async fn an_answer_has_a_begin_and_an_end() {
    let (node, _, mut session) = session().await;
    for _ in 0..2 {
        session.refresh(V4, RouteRefreshSubtype::REQUEST).await;
        assert_eq!(refreshed(&mut session).await.0, RouteRefreshSubtype::BEGIN);
        assert_eq!(refreshed(&mut session).await, (RouteRefreshSubtype::END, 1));
    }
    node.stop().await;
}

#[tokio::test]
async fn what_a_peer_does_not_repeat_is_gone() {
    let (mut node, peer, mut session) = session().await;
    session
        .announce(&["198.51.100.1/32", "198.51.100.2/32"])
        .await;
    assert_eq!(node.learns().await, "198.51.100.1/32 via [192.0.2.77]");
    assert_eq!(node.learns().await, "198.51.100.2/32 via [192.0.2.77]");
    assert!(node.handle.request_refresh(peer.address));
    assert_eq!(
        refreshed(&mut session).await.0,
        RouteRefreshSubtype::REQUEST
    );
    session.refresh(V4, RouteRefreshSubtype::BEGIN).await;
    session.announce(&["198.51.100.2/32"]).await;
    session.refresh(V4, RouteRefreshSubtype::END).await;
    assert_eq!(node.learns().await, "198.51.100.1/32 via []");
    assert_eq!(node.handle.peer_status()[0].accepted_prefixes, 1);
    // There is no such peer.
    assert!(!node.handle.request_refresh(node.address));
    node.stop().await;
}

#[tokio::test]
async fn routes_are_marked_as_about_to_go_without_touching_the_session() {
    let (node, peer, mut session) = session().await;
    let since = node.handle.peer_status()[0].since;
    node.handle.set_graceful_shutdown(true);
    let told = session.told().await;
    assert_eq!(told.announced, [net("203.0.113.1/32")]);
    assert!(told.going);
    // What comes later is marked, too.
    node.announce(&["203.0.113.2/32"]);
    assert!(session.told().await.going);
    node.handle.set_graceful_shutdown(false);
    let told = session.told().await;
    assert_eq!((told.announced.len(), told.going), (2, false));
    assert!(node.handle.set_peer_graceful_shutdown(peer.address, true));
    assert!(session.told().await.going);
    assert_eq!(node.handle.peer_status()[0].since, since);
    assert!(!node.handle.set_peer_graceful_shutdown(node.address, true));
    node.stop().await;
}

#[tokio::test]
async fn routes_that_are_about_to_go_are_used_while_there_is_nothing_else() {
    const PREFIX: &str = "198.51.100.1/32";
    let mut router = Plan::new(64512);
    let (mut one, mut other) = (Plan::new(64601), Plan::new(64602));
    introduce(&mut router, &mut one);
    introduce(&mut router, &mut other);
    let [one4, other4] = [&one, &other].map(|plan| plan.next_hops().v4.unwrap());
    let (mut router, one, other) = (router.start().await, one.start().await, other.start().await);
    router.established().await;
    one.announce(&[PREFIX]);
    assert_eq!(router.learns().await, format!("{PREFIX} via [{one4}]"));
    other.announce(&[PREFIX]);
    assert_eq!(
        router.learns().await,
        format!("{PREFIX} via [{one4} {other4}]")
    );
    one.handle.set_graceful_shutdown(true);
    assert_eq!(router.learns().await, format!("{PREFIX} via [{other4}]"));
    other.withdraw(PREFIX);
    assert_eq!(router.learns().await, format!("{PREFIX} via [{one4}]"));
    router.stop().await;
    one.stop().await;
    other.stop().await;
}
