//! Roles and ONLY_TO_CUSTOMER (RFC 9234 section 5), rule by rule.

use std::ops::Bound;
use std::sync::Arc;

use bgp_speaker::RibChange;
use bgp_wire::{Asn, NotificationCode, PathAttributes, Role};

use crate::node::{Node, Plan, net};
use crate::raw_peer::{Identity, RawPeer};

const US: u32 = 64512;
const THEM: u32 = 64513;
const OTHER: u32 = 64999;
const PREFIX: &str = "203.0.113.1/32";
/// Tells when everything before it was heard.
const LAST: &str = "203.0.113.255/32";

/// A session with a peer to which we are this.
async fn as_a(role: Role) -> (Node, RawPeer) {
    let mut plan = Plan::new(US);
    let peer = Identity::new(THEM);
    peer.introduce(&mut plan);
    plan.config.peers[0].role = Some(role);
    let node = plan.start().await;
    let session = peer.connect(node.address).await;
    (node, session)
}

fn only_to_customer(asn: Option<u32>) -> PathAttributes {
    PathAttributes {
        only_to_customer: asn.map(Asn::new),
        ..PathAttributes::originated()
    }
}

/// What a route that came in with `received` is held with; `None` if it is not
/// used at all.
async fn held(role: Role, received: Option<u32>) -> Option<Option<u32>> {
    let (mut node, mut session) = as_a(role).await;
    session
        .announce_as(only_to_customer(received), &[PREFIX])
        .await;
    // From a customer it is no leak, and from all others it is ours to mark.
    let harmless = match role {
        Role::CUSTOMER | Role::ROUTE_SERVER_CLIENT => Some(OTHER),
        _ => None,
    };
    session
        .announce_as(only_to_customer(harmless), &[LAST])
        .await;
    node.comes_to_learn(&format!("{LAST} via [192.0.2.77]"))
        .await;
    let routes = node.handle.learned_page(Bound::Unbounded, 10);
    let mut routes = routes.iter().filter(|route| route.prefix == net(PREFIX));
    let found = routes.next().map(|route| {
        let held = route.attributes().only_to_customer;
        held.map(Asn::get)
    });
    node.stop().await;
    found
}

#[tokio::test]
async fn a_marked_route_from_a_customer_is_a_leak() {
    assert_eq!(held(Role::PROVIDER, Some(OTHER)).await, None);
    assert_eq!(held(Role::PROVIDER, Some(THEM)).await, None);
    assert_eq!(held(Role::PROVIDER, None).await, Some(None));
}

#[tokio::test]
async fn a_marked_route_from_a_route_servers_client_is_a_leak() {
    assert_eq!(held(Role::ROUTE_SERVER, Some(OTHER)).await, None);
    assert_eq!(held(Role::ROUTE_SERVER, None).await, Some(None));
}

#[tokio::test]
async fn a_route_from_a_peer_that_somebody_else_marked_is_a_leak() {
    assert_eq!(held(Role::PEER, Some(OTHER)).await, None);
    assert_eq!(held(Role::PEER, Some(THEM)).await, Some(Some(THEM)));
}

#[tokio::test]
async fn an_unmarked_route_from_above_or_beside_is_marked_with_the_senders_as() {
    for role in [Role::CUSTOMER, Role::PEER, Role::ROUTE_SERVER_CLIENT] {
        assert_eq!(held(role, None).await, Some(Some(THEM)), "{role}");
    }
    // A mark that is there is kept.
    assert_eq!(held(Role::CUSTOMER, Some(OTHER)).await, Some(Some(OTHER)));
}

#[tokio::test]
async fn a_leak_takes_the_place_of_what_the_peer_announced_before() {
    let (mut node, mut session) = as_a(Role::PROVIDER).await;
    session.announce(&[PREFIX]).await;
    assert_eq!(node.learns().await, format!("{PREFIX} via [192.0.2.77]"));
    session
        .announce_as(only_to_customer(Some(OTHER)), &[PREFIX])
        .await;
    assert_eq!(node.learns().await, format!("{PREFIX} via []"));
    // The session is none the worse for it.
    session.announce(&[PREFIX]).await;
    assert_eq!(node.learns().await, format!("{PREFIX} via [192.0.2.77]"));
    node.stop().await;
}

fn announce(node: &Node, prefix: &str, marked: Option<u32>) {
    let attributes = Arc::new(only_to_customer(marked));
    node.handle
        .apply(&[RibChange::announce(net(prefix), attributes)]);
}

#[tokio::test]
async fn an_unmarked_route_to_below_or_beside_is_marked_with_our_as() {
    for (role, marked) in [
        (Role::PROVIDER, Some(US)),
        (Role::PEER, Some(US)),
        (Role::ROUTE_SERVER, Some(US)),
        (Role::CUSTOMER, None),
        (Role::ROUTE_SERVER_CLIENT, None),
    ] {
        let (node, mut session) = as_a(role).await;
        announce(&node, PREFIX, None);
        let sent = session.attributes().await.only_to_customer;
        assert_eq!(sent.map(Asn::get), marked, "{role}");
        node.stop().await;
    }
}

#[tokio::test]
async fn a_marked_route_goes_to_customers_only() {
    for (role, goes) in [
        (Role::PROVIDER, true),
        (Role::ROUTE_SERVER, true),
        (Role::CUSTOMER, false),
        (Role::PEER, false),
        (Role::ROUTE_SERVER_CLIENT, false),
    ] {
        let (node, mut session) = as_a(role).await;
        session.first_transfer().await;
        announce(&node, PREFIX, Some(OTHER));
        if goes {
            let sent = session.attributes().await.only_to_customer;
            assert_eq!(sent.map(Asn::get), Some(OTHER), "{role}");
        } else {
            announce(&node, LAST, None);
            let mut told = session.told().await;
            // A withdrawal of what was never announced does no harm.
            while told.announced.is_empty() {
                told = session.told().await;
            }
            assert_eq!(told.announced, [net(LAST)], "{role}");
        }
        node.stop().await;
    }
}

#[tokio::test]
async fn a_route_that_comes_to_be_marked_is_withdrawn_from_a_provider() {
    let (node, mut session) = as_a(Role::CUSTOMER).await;
    session.first_transfer().await;
    announce(&node, PREFIX, None);
    assert_eq!(session.told().await.announced, [net(PREFIX)]);
    announce(&node, PREFIX, Some(OTHER));
    assert_eq!(session.told().await.withdrawn, [net(PREFIX)]);
    node.stop().await;
}

#[tokio::test]
async fn a_peer_that_tells_no_role_is_refused_only_if_that_is_asked_for() {
    let mut plan = Plan::new(US);
    let peer = Identity::new(THEM);
    peer.introduce(&mut plan);
    plan.config.peers[0].role = Some(Role::PROVIDER);
    plan.config.peers[0].role_strict = true;
    let node = plan.start().await;
    let said = peer.refused(node.address).await;
    assert_eq!(said.code, NotificationCode::OPEN_ROLE_MISMATCH);
    let words = node.peer(|peer| peer.last_error.is_some()).await;
    let words = words.last_error.unwrap().text;
    assert!(words.contains("tells no role"), "{words}");
    node.stop().await;
}
