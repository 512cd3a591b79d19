//! What is learned from several peers at once.

use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

use bgp_speaker::{BesideBest, Import, NextHops, PeerSettings, RibChange};
use bgp_wire::{AsPath, Asn, NotificationCode, PathAttributes};

use crate::node::{Node, Plan, introduce, net, soon};

const PREFIX: &str = "198.51.100.1/32";

fn v4(plan: &Plan) -> String {
    plan.next_hops().v4.unwrap().to_string()
}

#[tokio::test]
async fn equal_paths_are_used_together_and_leave_one_by_one() {
    let mut router = Plan::new(64512);
    let mut hosts = [Plan::new(64601), Plan::new(64602), Plan::new(64603)];
    for host in &mut hosts {
        introduce(&mut router, host);
    }
    let [a, b, c] = hosts.each_ref().map(v4);
    let mut router = router.start().await;
    let [host_a, host_b, host_c] = hosts;
    let (host_a, host_b, host_c) = (
        host_a.start().await,
        host_b.start().await,
        host_c.start().await,
    );
    router.established().await;

    host_b.announce(&[PREFIX]);
    assert_eq!(router.learns().await, format!("{PREFIX} via [{b}]"));
    host_a.announce(&[PREFIX]);
    assert_eq!(router.learns().await, format!("{PREFIX} via [{a} {b}]"));
    host_c.announce(&[PREFIX]);
    assert_eq!(router.learns().await, format!("{PREFIX} via [{a} {b} {c}]"));
    host_a.withdraw(PREFIX);
    assert_eq!(router.learns().await, format!("{PREFIX} via [{b} {c}]"));
    host_b.stop().await;
    assert_eq!(router.learns().await, format!("{PREFIX} via [{c}]"));
    host_c.stop().await;
    assert_eq!(router.learns().await, format!("{PREFIX} via []"));

    // The speaker's end ends its readers.
    let mut learned = router.handle.learned();
    host_a.stop().await;
    router.stop().await;
    assert_eq!(soon(learned.recv()).await, None);
}

#[tokio::test]
async fn pages_show_every_candidate_and_which_of_them_are_used() {
    let mut router = Plan::new(64512);
    let mut hosts = [Plan::new(64601), Plan::new(64602), Plan::new(64603)];
    for host in &mut hosts {
        introduce(&mut router, host);
    }
    let router = router.start().await;
    let [a, b, c] = hosts;
    let (a, b, c) = (a.start().await, b.start().await, c.start().await);
    router.established().await;

    let other = "198.51.100.9/32";
    let longer = Arc::new(PathAttributes {
        as_path: AsPath::sequence([Asn::new(64700)]),
        med: Some(7),
        ..PathAttributes::originated()
    });
    a.announce(&[PREFIX, other]);
    b.announce(&[PREFIX]);
    c.handle.apply(&[RibChange::announce(net(PREFIX), longer)]);
    let told = |peers: &bgp_speaker::PeerStatuses| {
        let accepted: Vec<_> = peers.iter().map(|p| p.accepted_prefixes).collect();
        accepted == [2, 1, 1]
    };
    soon(router.handle.peers().wait_for(told)).await.unwrap();

    let show = |from| {
        let page = router.handle.learned_page(from, 1).into_iter();
        let mut page: Vec<_> = page
            .map(|it| (it.prefix, it.peer(), it.best, it.used, it.attributes().med))
            .collect();
        page.sort();
        page
    };
    let (first, second) = (net(PREFIX), net(other));
    let mut expected = vec![
        (first, a.address, true, true, None),
        (first, b.address, false, true, None),
        (first, c.address, false, false, Some(7)),
    ];
    let lowest = a.address.min(b.address);
    for route in &mut expected {
        route.2 = route.1 == lowest;
    }
    expected.sort();
    assert_eq!(show(Bound::Unbounded), expected);
    let expected = [(second, a.address, true, true, None)];
    assert_eq!(show(Bound::Excluded(first)), expected);
    assert_eq!(show(Bound::Excluded(second)), []);

    a.withdraw(PREFIX);
    let page = a.handle.announced_page(Bound::Unbounded, 9);
    let prefixes: Vec<_> = page.iter().map(|it| it.prefix).collect();
    assert_eq!(prefixes, [second]);
    stop([router, a, b, c]).await;
}

#[tokio::test]
async fn a_shorter_path_is_used_alone() {
    let mut router = Plan::new(64512);
    let (mut near, mut far) = (Plan::new(64601), Plan::new(64602));
    introduce(&mut router, &mut near);
    introduce(&mut router, &mut far);
    let (near4, far4) = (v4(&near), v4(&far));
    let (mut router, near, far) = (router.start().await, near.start().await, far.start().await);
    router.established().await;

    let longer = PathAttributes {
        as_path: AsPath::sequence([Asn::new(64700)]),
        ..PathAttributes::originated()
    };
    far.handle
        .apply(&[RibChange::announce(net(PREFIX), Arc::new(longer))]);
    assert_eq!(router.learns().await, format!("{PREFIX} via [{far4}]"));
    near.announce(&[PREFIX]);
    assert_eq!(router.learns().await, format!("{PREFIX} via [{near4}]"));
    near.withdraw(PREFIX);
    assert_eq!(router.learns().await, format!("{PREFIX} via [{far4}]"));
    stop([router, near, far]).await;
}

#[tokio::test]
async fn without_relaxation_only_the_same_path_is_used_together() {
    let mut router = Plan::new(64512);
    router.config.multipath.beside_best = BesideBest::SamePath;
    let (mut a, mut b, mut c) = (Plan::new(64601), Plan::new(64601), Plan::new(64602));
    for host in [&mut a, &mut b, &mut c] {
        introduce(&mut router, host);
    }
    let (a4, b4) = (v4(&a), v4(&b));
    let (mut router, a, b, c) = (
        router.start().await,
        a.start().await,
        b.start().await,
        c.start().await,
    );
    router.established().await;
    a.announce(&[PREFIX]);
    assert_eq!(router.learns().await, format!("{PREFIX} via [{a4}]"));
    // Its identifier is the highest, so it is not the best one either.
    c.announce(&[PREFIX]);
    router_has_candidates(&router, 2).await;
    b.announce(&[PREFIX]);
    assert_eq!(router.learns().await, format!("{PREFIX} via [{a4} {b4}]"));
    stop([router, a, b, c]).await;
}

#[tokio::test]
async fn a_route_of_our_own_that_is_reflected_to_us_is_not_used() {
    let (mut router, mut host) = (Plan::new(64512), Plan::new(64512));
    introduce(&mut router, &mut host);
    let host4 = v4(&host);
    let (mut router, host) = (router.start().await, host.start().await);
    router.established().await;
    host.announce(&[PREFIX]);
    assert_eq!(router.learns().await, format!("{PREFIX} via [{host4}]"));
    let IpAddr::V4(identifier) = router.address else {
        unreachable!()
    };
    let reflected = Arc::new(PathAttributes {
        originator_id: Some(identifier),
        ..PathAttributes::originated()
    });
    host.handle
        .apply(&[RibChange::announce(net(PREFIX), reflected)]);
    assert_eq!(router.learns().await, format!("{PREFIX} via []"));
    stop([router, host]).await;
}

#[tokio::test]
async fn a_path_through_ourselves_is_not_used() {
    let mut router = Plan::new(64512);
    let mut host = Plan::new(64601);
    introduce(&mut router, &mut host);
    let host4 = v4(&host);
    let (mut router, host) = (router.start().await, host.start().await);
    router.established().await;
    host.announce(&[PREFIX]);
    assert_eq!(router.learns().await, format!("{PREFIX} via [{host4}]"));
    let looped = PathAttributes {
        as_path: AsPath::sequence([Asn::new(64512)]),
        ..PathAttributes::originated()
    };
    // It replaces what was announced before, so nothing is left.
    host.handle
        .apply(&[RibChange::announce(net(PREFIX), Arc::new(looped))]);
    assert_eq!(router.learns().await, format!("{PREFIX} via []"));
    stop([router, host]).await;
}

#[tokio::test]
async fn nothing_is_learned_from_a_peer_whose_routes_are_rejected() {
    let mut router = Plan::new(64512);
    let (mut rejected, mut accepted) = (Plan::new(64601), Plan::new(64602));
    let settings = router.peer(&rejected);
    router.add_peer(PeerSettings {
        import: Import::Reject,
        ..settings
    });
    rejected.add_peer(rejected.peer(&router));
    introduce(&mut router, &mut accepted);
    let accepted4 = v4(&accepted);
    let (mut router, rejected, accepted) = (
        router.start().await,
        rejected.start().await,
        accepted.start().await,
    );
    router.established().await;
    let version = rejected.announce(&["203.0.113.7/32"]);
    soon(rejected.handle.flushed(version)).await;
    accepted.announce(&[PREFIX]);
    assert_eq!(router.learns().await, format!("{PREFIX} via [{accepted4}]"));
    rejected.announce(&["203.0.113.8/32"]);
    accepted.withdraw(PREFIX);
    assert_eq!(router.learns().await, format!("{PREFIX} via []"));
    stop([router, rejected, accepted]).await;
}

#[tokio::test]
async fn a_next_hop_of_our_own_is_not_used() {
    let mut router = Plan::new(64512);
    let mut host = Plan::new(64601);
    router.addresses.links = vec![vec![net("192.0.2.250/24")]];
    router.add_peer(router.peer(&host));
    let settings = host.peer(&router);
    let ours = NextHops {
        v4: Some("192.0.2.250".parse().unwrap()),
        ..settings.next_hops
    };
    let host6 = settings.next_hops.v6.unwrap();
    host.add_peer(PeerSettings {
        next_hops: ours,
        ..settings
    });
    let (mut router, host) = (router.start().await, host.start().await);
    router.established().await;
    host.announce(&[PREFIX]);
    host.announce(&["2001:db8:100::/48"]);
    assert_eq!(
        router.learns().await,
        format!("2001:db8:100::/48 via [{host6}]")
    );
    stop([router, host]).await;
}

#[tokio::test]
async fn too_many_prefixes_end_the_session() {
    let mut router = Plan::new(64512);
    let mut host = Plan::new(64601);
    let settings = router.peer(&host);
    router.add_peer(PeerSettings {
        max_prefixes: 2,
        ..settings
    });
    host.add_peer(host.peer(&router));
    let (router, host) = (router.start().await, host.start().await);
    router.established().await;
    host.announce(&["198.51.100.1/32", "198.51.100.2/32", "198.51.100.3/32"]);
    let said = NotificationCode::CEASE_MAX_PREFIXES.to_string();
    let status = host.peer(|peer| {
        peer.last_error
            .as_ref()
            .is_some_and(|error| error.text.contains(&said))
    });
    status.await;
    stop([router, host]).await;
}

async fn router_has_candidates(router: &Node, wanted: usize) {
    let all = |peers: &bgp_speaker::PeerStatuses| {
        peers
            .iter()
            .map(|peer| peer.accepted_prefixes)
            .sum::<usize>()
            == wanted
    };
    soon(router.handle.peers().wait_for(all)).await.unwrap();
}

async fn stop<const N: usize>(nodes: [Node; N]) {
    for node in nodes {
        node.stop().await;
    }
}
