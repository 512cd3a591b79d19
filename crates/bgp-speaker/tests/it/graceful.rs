//! Restarts of the peer and of ourselves, and what is left behind meanwhile.

use std::ops::Bound;
use std::time::Duration;

use bgp_fsm::State;
use bgp_speaker::{GracefulRestart, PeerSettings, Restarting};
use bgp_wire::{Capability, Family, MessageType, Notification, NotificationCode};
use bytes::BytesMut;
use tokio::io::AsyncReadExt;

use crate::node::{Node, Plan, introduce, net, soon};
use crate::raw_peer::Identity;

/// Both families, kept.
pub fn graceful(notification: bool) -> Capability {
    let mut capability = bgp_wire::GracefulRestart::new(60);
    capability.notification = notification;
    capability.families = [Family::IPV4_UNICAST, Family::IPV6_UNICAST]
        .map(|family| (family, true))
        .to_vec();
    Capability::GracefulRestart(capability)
}

/// Of each learned route, in their order, whether it is stale.
fn stale(node: &Node) -> Vec<bool> {
    let routes = node.handle.learned_page(Bound::Unbounded, 10);
    routes.iter().map(|route| route.stale).collect()
}

/// A speaker with one peer that connects to it.
async fn speaker(change: impl FnOnce(&mut Plan)) -> (Node, Identity) {
    let mut plan = Plan::new(64512);
    let peer = Identity::new(64513);
    peer.introduce(&mut plan);
    change(&mut plan);
    (plan.start().await, peer)
}

#[tokio::test]
async fn routes_of_a_lost_peer_stay_until_it_has_told_them_again() {
    let (mut node, peer) = speaker(|_| {}).await;
    let mut session = peer.connect_offering(node.address, &[graceful(true)]).await;
    session
        .announce(&["203.0.113.1/32", "203.0.113.2/32", "2001:db8:1::/48"])
        .await;
    session.end_of_rib().await;
    for route in [
        "203.0.113.1/32 via [192.0.2.77]",
        "203.0.113.2/32 via [192.0.2.77]",
        "2001:db8:1::/48 via [2001:db8::77]",
    ] {
        assert_eq!(node.learns().await, route);
    }
    drop(session);
    let status = node.peer(|peer| !peer.retained.is_empty()).await;
    assert_eq!(status.retained.len(), 2);
    assert!(status.retained_until.is_some());
    node.peer(|peer| peer.negotiated.is_none()).await;
    assert_eq!(node.handle.peer_status()[0].accepted_prefixes, 3);

    assert_eq!(stale(&node), [true, true, true]);

    let mut session = peer.connect_offering(node.address, &[graceful(true)]).await;
    session
        .announce(&["203.0.113.2/32", "203.0.113.3/32"])
        .await;
    // The first change is the new route: the others were never gone.
    assert_eq!(node.learns().await, "203.0.113.3/32 via [192.0.2.77]");
    assert_eq!(stale(&node), [true, false, false, true]);
    session.end_of_rib().await;
    assert_eq!(node.learns().await, "203.0.113.1/32 via []");
    assert_eq!(node.learns().await, "2001:db8:1::/48 via []");
    let status = node.peer(|peer| peer.retained.is_empty()).await;
    assert_eq!(status.retained_until, None);
    assert_eq!(status.accepted_prefixes, 2);
    assert_eq!(stale(&node), [false, false]);
    node.stop().await;
}

#[tokio::test]
async fn what_two_lost_sessions_have_left_stays_until_it_is_told_again() {
    let (mut node, peer) = speaker(|_| {}).await;
    let mut session = peer.connect_offering(node.address, &[graceful(true)]).await;
    session
        .announce(&["203.0.113.1/32", "203.0.113.2/32"])
        .await;
    session.end_of_rib().await;
    assert_eq!(node.learns().await, "203.0.113.1/32 via [192.0.2.77]");
    assert_eq!(node.learns().await, "203.0.113.2/32 via [192.0.2.77]");
    drop(session);
    node.peer(|peer| peer.negotiated.is_none() && !peer.retained.is_empty())
        .await;
    // It is lost again before it has told everything.
    let mut session = peer.connect_offering(node.address, &[graceful(true)]).await;
    session
        .announce(&["203.0.113.2/32", "203.0.113.3/32"])
        .await;
    assert_eq!(node.learns().await, "203.0.113.3/32 via [192.0.2.77]");
    drop(session);
    node.peer(|peer| peer.negotiated.is_none()).await;
    assert_eq!(stale(&node), [true, true, true]);
    let mut session = peer.connect_offering(node.address, &[graceful(true)]).await;
    session.announce(&["203.0.113.2/32"]).await;
    session.end_of_rib().await;
    // Nothing was heard of the second loss.
    let mut gone = [node.learns().await, node.learns().await];
    gone.sort();
    assert_eq!(gone, ["203.0.113.1/32 via []", "203.0.113.3/32 via []"]);
    assert_eq!(stale(&node), [false]);
    node.stop().await;
}

#[tokio::test]
async fn routes_of_a_peer_that_did_not_keep_them_go_when_it_is_back() {
    let (mut node, peer) = speaker(|_| {}).await;
    let mut session = peer.connect_offering(node.address, &[graceful(true)]).await;
    session.announce(&["203.0.113.1/32"]).await;
    assert_eq!(node.learns().await, "203.0.113.1/32 via [192.0.2.77]");
    drop(session);
    node.peer(|peer| !peer.retained.is_empty()).await;
    let session = peer.connect(node.address).await;
    assert_eq!(node.learns().await, "203.0.113.1/32 via []");
    drop(session);
    node.stop().await;
}

#[tokio::test]
async fn routes_of_a_peer_that_stays_away_go_when_its_time_is_over() {
    let (mut node, peer) = speaker(|plan| {
        plan.config.peers[0].graceful_restart = Some(GracefulRestart {
            stale_time: Duration::from_millis(100),
            ..GracefulRestart::default()
        });
    })
    .await;
    let mut session = peer.connect_offering(node.address, &[graceful(true)]).await;
    session.announce(&["203.0.113.1/32"]).await;
    assert_eq!(node.learns().await, "203.0.113.1/32 via [192.0.2.77]");
    drop(session);
    assert_eq!(node.learns().await, "203.0.113.1/32 via []");
    node.stop().await;
}

#[tokio::test]
async fn a_hard_reset_takes_the_routes_with_it_and_another_does_not() {
    let (mut node, peer) = speaker(|_| {}).await;
    for (code, stays) in [
        (NotificationCode::CEASE_ADMINISTRATIVE_RESET, true),
        (NotificationCode::CEASE_HARD_RESET, false),
    ] {
        let mut session = peer.connect_offering(node.address, &[graceful(true)]).await;
        session.announce(&["203.0.113.1/32"]).await;
        node.established().await;
        node.peer(|peer| peer.accepted_prefixes == 1).await;
        let mut octets = BytesMut::new();
        Notification::new(code).encode(&mut octets);
        session.send(&octets).await;
        let status = node.peer(|peer| peer.negotiated.is_none()).await;
        assert_eq!(status.accepted_prefixes == 1, stays, "{code}");
        let said = if stays { "192.0.2.77" } else { "" };
        assert_eq!(node.learns().await, format!("203.0.113.1/32 via [{said}]"));
    }
    node.stop().await;
}

#[tokio::test]
async fn without_graceful_restart_a_lost_peer_leaves_nothing() {
    let (mut node, peer) = speaker(|plan| plan.config.peers[0].graceful_restart = None).await;
    let mut session = peer.connect_offering(node.address, &[graceful(true)]).await;
    let said = |c: &Capability| matches!(c, Capability::GracefulRestart(_));
    assert!(!session.offered.iter().any(said));
    session.announce(&["203.0.113.1/32"]).await;
    assert_eq!(node.learns().await, "203.0.113.1/32 via [192.0.2.77]");
    drop(session);
    assert_eq!(node.learns().await, "203.0.113.1/32 via []");
    node.stop().await;
}

/// The graceful restart capability that the speaker offers.
fn offered(capabilities: &[Capability]) -> &bgp_wire::GracefulRestart {
    let found = capabilities.iter().find_map(|c| match c {
        Capability::GracefulRestart(it) => Some(it),
        _ => None,
    });
    found.expect("graceful restart is offered")
}

pub fn restarting(deferral_time: Duration) -> impl FnOnce(&mut Plan) {
    move |plan| {
        plan.config.restarting = Some(Restarting {
            deferral_time,
            forwarding_kept: true,
        });
    }
}

#[tokio::test]
async fn after_a_restart_end_of_rib_waits_for_the_whole_table() {
    let (node, peer) = speaker(restarting(Duration::from_secs(3600))).await;
    node.announce(&["203.0.113.1/32"]);
    let mut session = peer.connect_offering(node.address, &[graceful(true)]).await;
    let said = offered(&session.offered);
    assert!(said.restarted && said.notification);
    assert_eq!(said.restart_seconds(), 120);
    let both = [Family::IPV4_UNICAST, Family::IPV6_UNICAST];
    assert_eq!(said.families, both.map(|family| (family, true)));

    assert_eq!(session.told().await.announced, [net("203.0.113.1/32")]);
    node.announce(&["203.0.113.2/32"]);
    assert_eq!(session.told().await.announced, [net("203.0.113.2/32")]);
    node.announce(&["203.0.113.3/32"]);
    node.handle.initial_table_complete();
    assert_eq!(session.first_transfer().await, [net("203.0.113.3/32")]);
    drop(session);

    // From now on it has not restarted.
    node.peer(|peer| peer.negotiated.is_none()).await;
    let mut session = peer.connect_offering(node.address, &[graceful(true)]).await;
    assert!(!offered(&session.offered).restarted);
    assert_eq!(session.first_transfer().await.len(), 3);
    node.stop().await;
}

#[tokio::test]
async fn end_of_rib_does_not_wait_for_ever() {
    let (node, peer) = speaker(restarting(Duration::from_millis(200))).await;
    let mut session = peer.connect(node.address).await;
    assert_eq!(session.first_transfer().await, []);
    node.stop().await;
}

#[tokio::test]
async fn a_speaker_that_has_not_restarted_says_so() {
    let (node, peer) = speaker(|_| {}).await;
    let session = peer.connect(node.address).await;
    assert!(!offered(&session.offered).restarted);
    node.stop().await;
}

#[tokio::test]
async fn a_planned_stop_withdraws_first_and_resets_hard() {
    let (node, peer) = speaker(|_| {}).await;
    node.announce(&["203.0.113.1/32", "2001:db8:1::/48"]);
    let mut session = peer.connect_offering(node.address, &[graceful(true)]).await;
    session.first_transfer().await;
    let why = Some("maintenance".to_owned());
    node.handle.set_shutdown_communication(why);
    let (told, ()) = tokio::join!(
        async {
            let mut withdrawn = session.told().await.withdrawn;
            withdrawn.extend(session.told().await.withdrawn);
            let notification = session.notified().await;
            drop(session);
            (withdrawn, notification)
        },
        node.stop()
    );
    let (withdrawn, notification) = told;
    assert_eq!(withdrawn, [net("203.0.113.1/32"), net("2001:db8:1::/48")]);
    assert_eq!(notification.code, NotificationCode::CEASE_HARD_RESET);
    // What is inside says it is a shutdown.
    assert_eq!(notification.data[..], b"\x06\x02\x0bmaintenance"[..]);
}

#[tokio::test]
async fn a_stop_for_a_restart_leaves_without_a_word() {
    let (mut node, peer) = speaker(|_| {}).await;
    node.announce(&["203.0.113.1/32"]);
    let mut session = peer.connect_offering(node.address, &[graceful(true)]).await;
    session.first_transfer().await;
    session.announce(&["198.51.100.1/32"]).await;
    assert_eq!(node.learns().await, "198.51.100.1/32 via [192.0.2.77]");
    let mut learned = node.handle.learned();
    assert!(learned.try_recv().is_some());
    node.handle.set_restarting(true);
    let (rest, ()) = tokio::join!(
        async {
            let mut rest = Vec::new();
            soon(session.stream.read_to_end(&mut rest)).await.unwrap();
            drop(session);
            rest
        },
        node.stop()
    );
    assert_eq!(rest, []);
    // What was learned stays in use, as far as anybody knows.
    assert_eq!(soon(learned.recv()).await, None);
}

#[tokio::test]
async fn a_restart_is_not_seen_by_who_uses_the_routes() {
    let (mut a, mut b) = (Plan::new(64512), Plan::new(64513));
    introduce(&mut a, &mut b);
    let b4 = b.next_hops().v4.unwrap();
    let mut again = Plan {
        address: b.address,
        config: b.config.clone(),
        addresses: b.addresses.clone(),
    };
    restarting(Duration::from_secs(3600))(&mut again);
    let (mut a, b) = (a.start().await, b.start().await);
    b.announce(&["198.51.100.1/32", "198.51.100.2/32"]);
    assert_eq!(a.learns().await, format!("198.51.100.1/32 via [{b4}]"));
    assert_eq!(a.learns().await, format!("198.51.100.2/32 via [{b4}]"));
    b.handle.set_restarting(true);
    b.stop().await;
    a.peer(|peer| peer.state != State::Established && !peer.retained.is_empty())
        .await;

    let b = again.start().await;
    b.announce(&["198.51.100.1/32"]);
    a.established().await;
    b.announce(&["198.51.100.3/32"]);
    // Nothing has changed before this.
    assert_eq!(a.learns().await, format!("198.51.100.3/32 via [{b4}]"));
    b.handle.initial_table_complete();
    assert_eq!(a.learns().await, "198.51.100.2/32 via []");
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn a_peer_that_lost_an_accepted_session_unheard_gets_another() {
    let (node, peer) = speaker(|_| {}).await;
    let mut session = peer.connect_offering(node.address, &[graceful(true)]).await;
    session.announce(&["203.0.113.1/32"]).await;
    node.peer(|peer| peer.accepted_prefixes == 1).await;
    // A young session is not given up; this would be two that dial at once.
    let mut second = soon(peer.dial(node.socket(), None)).await.unwrap();
    assert!(matches!(
        soon(second.read(&mut [0; 1])).await,
        Ok(0) | Err(_)
    ));
    assert_eq!(node.handle.peer_status()[0].state, State::Established);
    drop(session);
    node.stop().await;
}

#[tokio::test]
async fn a_peer_with_too_many_prefixes_is_left_alone_for_a_while() {
    let (node, peer) = speaker(|plan| {
        let settings = plan.config.peers[0].clone();
        plan.config.peers[0] = PeerSettings {
            max_prefixes: 1,
            max_prefixes_pause: Duration::from_millis(500),
            ..settings
        };
    })
    .await;
    let mut session = peer.connect(node.address).await;
    // The limit is of each family.
    session
        .announce(&["203.0.113.1/32", "2001:db8:1::/48"])
        .await;
    node.peer(|peer| peer.accepted_prefixes == 2).await;
    session.announce(&["203.0.113.2/32"]).await;
    let notification = session.notified().await;
    assert_eq!(notification.code, NotificationCode::CEASE_MAX_PREFIXES);
    assert_eq!(notification.data[..], [0, 1, 1, 0, 0, 0, 1]);
    let status = node.peer(|peer| peer.negotiated.is_none()).await;
    assert_eq!(status.accepted_prefixes, 0);
    let mut refused = soon(peer.dial(node.socket(), None)).await.unwrap();
    assert!(matches!(
        soon(refused.read(&mut [0; 1])).await,
        Ok(0) | Err(_)
    ));
    // Passive again, it takes connections.
    node.peer(|peer| peer.state == State::Active).await;
    let mut session = peer.connect(node.address).await;
    assert_eq!(session.next().await.message_type(), MessageType::UPDATE);
    node.stop().await;
}
