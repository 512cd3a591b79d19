//! After a restart of ours learned routes wait until the peers have told what
//! they have.

use std::ops::Bound;
use std::time::Duration;

use bgp_fsm::State;
use bgp_speaker::{Import, PeerSettings, PeerStatuses};
use bgp_wire::{Capability, Family};
use bytes::BytesMut;

use crate::graceful::{graceful, restarting};
use crate::node::{Node, Plan, introduce, soon};
use crate::raw_peer::{Identity, RawPeer};

const PREFIX: &str = "198.51.100.1/32";
/// Longer than any test.
const LONG: Duration = Duration::from_secs(3600);

/// A speaker that has restarted, with so many peers that connect to it.
async fn restarted<const N: usize>(change: impl FnOnce(&mut Plan)) -> (Node, [Identity; N]) {
    let mut plan = Plan::new(64512);
    restarting(LONG)(&mut plan);
    let peers = std::array::from_fn(|place| Identity::new(64513 + u32::try_from(place).unwrap()));
    peers.iter().for_each(|peer| peer.introduce(&mut plan));
    change(&mut plan);
    (plan.start().await, peers)
}

async fn ended(node: &Node, peer: usize, families: usize) {
    let mut peers = node.handle.peers();
    let so = |peers: &PeerStatuses| peers[peer].end_of_rib.len() == families;
    soon(peers.wait_for(so)).await.unwrap();
}

async fn over(node: &Node) {
    let mut deferred = node.handle.selection_deferred();
    soon(deferred.wait_for(|deferred| !deferred)).await.unwrap();
}

/// Nothing is read, shown as used, or on its way.
fn nothing_is_selected(node: &mut Node) -> bool {
    let page = node.handle.learned_page(Bound::Unbounded, 10);
    *node.handle.selection_deferred().borrow()
        && page.iter().all(|route| !route.best && !route.used)
        && node.learned.try_recv().is_none()
}

async fn tell(session: &mut RawPeer, prefix: &str) {
    session.announce(&[prefix]).await;
    session.end_of_rib().await;
}

/// The first peer tells all it has, and another one is waited for.
async fn told_in_vain(node: &mut Node, teller: &Identity) -> RawPeer {
    let mut session = teller
        .connect_offering(node.address, &[graceful(true)])
        .await;
    tell(&mut session, PREFIX).await;
    ended(node, 0, 2).await;
    assert!(nothing_is_selected(node));
    session
}

#[tokio::test]
async fn the_first_selection_is_made_with_the_routes_of_all_peers() {
    let mut late = Plan::new(64700);
    let (mut node, [early]) = restarted(|plan| introduce(plan, &mut late)).await;
    let by_late = late.next_hops().v4.unwrap();
    let mut session = early
        .connect_offering(node.address, &[graceful(true)])
        .await;
    tell(&mut session, PREFIX).await;
    ended(&node, 0, 2).await;
    // What is withdrawn before anybody heard of it is never heard of.
    assert!(nothing_is_selected(&mut node));
    assert_eq!(node.handle.learned_page(Bound::Unbounded, 10).len(), 1);

    let late = late.start_now();
    late.announce(&[PREFIX]);
    let mut both = [by_late.to_string(), "192.0.2.77".to_owned()];
    both.sort_by_key(|hop| hop.parse::<std::net::Ipv4Addr>().unwrap());
    let both = both.join(" ");
    assert_eq!(node.learns().await, format!("{PREFIX} via [{both}]"));
    over(&node).await;
    // From here on changes are heard of as ever.
    late.withdraw(PREFIX);
    assert_eq!(node.learns().await, format!("{PREFIX} via [192.0.2.77]"));
    late.stop().await;
    node.stop().await;
}

#[tokio::test]
async fn each_family_waits_for_its_own_end_of_rib() {
    let (mut node, [peer]) = restarted(|_| {}).await;
    let mut session = peer.connect_offering(node.address, &[graceful(true)]).await;
    session.announce(&[PREFIX, "2001:db8:1::/48"]).await;
    let mut octets = BytesMut::new();
    bgp_wire::encode_end_of_rib(&mut octets, Family::IPV4_UNICAST);
    session.send(&octets).await;
    assert_eq!(node.learns().await, format!("{PREFIX} via [192.0.2.77]"));
    assert!(nothing_is_selected_of_v6(&mut node));
    octets.clear();
    bgp_wire::encode_end_of_rib(&mut octets, Family::IPV6_UNICAST);
    session.send(&octets).await;
    assert_eq!(node.learns().await, "2001:db8:1::/48 via [2001:db8::77]");
    over(&node).await;
    node.stop().await;
}

fn nothing_is_selected_of_v6(node: &mut Node) -> bool {
    *node.handle.selection_deferred().borrow() && node.learned.try_recv().is_none()
}

#[tokio::test]
async fn peers_without_graceful_restart_and_those_that_restart_too_are_not_waited_for() {
    let mut again = bgp_wire::GracefulRestart::new(60);
    again.restarted = true;
    for capabilities in [&[][..], &[Capability::GracefulRestart(again)]] {
        let (mut node, [peer]) = restarted(|_| {}).await;
        assert!(nothing_is_selected(&mut node));
        let mut session = peer.connect_offering(node.address, capabilities).await;
        over(&node).await;
        session.announce(&[PREFIX]).await;
        assert_eq!(node.learns().await, format!("{PREFIX} via [192.0.2.77]"));
        node.stop().await;
    }
}

#[tokio::test]
async fn peers_that_are_down_by_an_operator_or_not_imported_from_are_not_waited_for() {
    let (mut node, [teller, down, ..]) = restarted::<3>(|plan| {
        plan.config.peers[2] = PeerSettings {
            import: Import::Reject,
            ..plan.config.peers[2].clone()
        };
    })
    .await;
    let _session = told_in_vain(&mut node, &teller).await;
    assert!(node.handle.set_peer_down(down.address, None));
    assert_eq!(node.learns().await, format!("{PREFIX} via [192.0.2.77]"));
    node.stop().await;
}

#[tokio::test]
async fn a_peer_that_is_no_longer_wanted_is_not_waited_for() {
    let (mut node, [teller, gone]) = restarted(|_| {}).await;
    let _session = told_in_vain(&mut node, &teller).await;
    assert!(node.handle.remove_peer(gone.address.into()).await.unwrap());
    assert_eq!(node.learns().await, format!("{PREFIX} via [192.0.2.77]"));
    node.stop().await;
}

#[tokio::test]
async fn a_speaker_that_stops_meanwhile_ends_its_readers() {
    let (mut node, [teller, _]) = restarted(|_| {}).await;
    let _session = told_in_vain(&mut node, &teller).await;
    node.peer(|peer| peer.state == State::Established).await;
    let mut learned = node.handle.learned();
    let mut deferred = node.handle.selection_deferred();
    node.stop().await;
    assert_eq!(soon(learned.recv()).await, None);
    soon(deferred.wait_for(|deferred| !deferred)).await.unwrap();
}
