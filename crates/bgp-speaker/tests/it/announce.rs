//! What a peer hears of what is announced.

use std::sync::Arc;

use bgp_fsm::State;
use bgp_speaker::{LocalAddresses, NextHops, PeerSettings, RibChange};
use bgp_wire::{Family, RouteRefresh};
use bytes::BytesMut;

use crate::node::{Plan, introduce, net, originated};
use crate::raw_peer::Identity;

#[tokio::test]
async fn two_speakers_exchange_both_families() {
    let (mut a, mut b) = (Plan::new(64512), Plan::new(4_200_000_001));
    introduce(&mut a, &mut b);
    let [a4, a6] = next_hops(&a);
    let [b4, _] = next_hops(&b);
    let (mut a, mut b) = (a.start().await, b.start().await);

    a.announce(&["198.51.100.0/24", "2001:db8:100::/48"]);
    b.announce(&["203.0.113.7/32"]);
    b.comes_to_learn(&format!("198.51.100.0/24 via [{a4}]"))
        .await;
    b.comes_to_learn(&format!("2001:db8:100::/48 via [{a6}]"))
        .await;
    a.comes_to_learn(&format!("203.0.113.7/32 via [{b4}]"))
        .await;

    a.withdraw("2001:db8:100::/48");
    assert_eq!(b.learns().await, "2001:db8:100::/48 via []");
    a.withdraw("198.51.100.0/24");
    assert_eq!(b.learns().await, "198.51.100.0/24 via []");
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn the_first_transfer_ends_with_end_of_rib_of_both_families() {
    let mut speaker = Plan::new(64512);
    let peer = Identity::new(64513);
    peer.introduce(&mut speaker);
    let speaker = speaker.start().await;
    speaker.announce(&["198.51.100.0/24", "203.0.113.7/32", "2001:db8:100::/48"]);

    let mut session = peer.connect(speaker.address).await;
    let all = [
        net("198.51.100.0/24"),
        net("203.0.113.7/32"),
        net("2001:db8:100::/48"),
    ];
    assert_eq!(session.first_transfer().await, all);

    // Afterwards there are changes alone, each told once.
    speaker.announce(&["203.0.113.7/32", "203.0.113.8/32"]);
    assert_eq!(session.told().await.announced, [net("203.0.113.8/32")]);
    speaker.withdraw("203.0.113.7/32");
    assert_eq!(session.told().await.withdrawn, [net("203.0.113.7/32")]);
    speaker.stop().await;
}

#[tokio::test]
async fn a_new_session_gets_everything_again_and_nothing_old() {
    let mut speaker = Plan::new(64512);
    let peer = Identity::new(64513);
    peer.introduce(&mut speaker);
    let speaker = speaker.start().await;
    speaker.announce(&["198.51.100.0/24", "203.0.113.7/32"]);

    let mut first = peer.connect(speaker.address).await;
    assert_eq!(first.first_transfer().await.len(), 2);
    drop(first);
    speaker.peer(|peer| peer.negotiated.is_none()).await;
    speaker.withdraw("203.0.113.7/32");
    speaker.announce(&["2001:db8:100::/48"]);

    // The state machine pauses after a failure, and refuses for as long.
    speaker.peer(|peer| peer.state == State::Active).await;
    let mut second = peer.connect(speaker.address).await;
    let now = [net("198.51.100.0/24"), net("2001:db8:100::/48")];
    assert_eq!(second.first_transfer().await, now);
    speaker.stop().await;
}

#[tokio::test]
async fn route_refresh_repeats_one_family() {
    let mut speaker = Plan::new(64512);
    let peer = Identity::new(64513);
    peer.introduce(&mut speaker);
    let speaker = speaker.start().await;
    speaker.announce(&["198.51.100.0/24", "2001:db8:100::/48"]);
    let mut session = peer.connect(speaker.address).await;
    session.first_transfer().await;

    let mut refresh = BytesMut::new();
    RouteRefresh::request(Family::IPV6_UNICAST).encode(&mut refresh);
    session.send(&refresh).await;
    assert_eq!(session.told().await.announced, [net("2001:db8:100::/48")]);
    speaker.withdraw("198.51.100.0/24");
    assert_eq!(session.told().await.withdrawn, [net("198.51.100.0/24")]);
    speaker.stop().await;
}

#[tokio::test]
async fn ipv6_waits_for_a_next_hop_and_follows_it() {
    let mut speaker = Plan::new(64512);
    let peer = Identity::new(64513);
    let settings = speaker.peer_at(peer.address, peer.asn);
    speaker.add_peer(PeerSettings {
        initiation: bgp_speaker::Initiation::Passive,
        next_hops: NextHops {
            v6: None,
            ..settings.next_hops
        },
        ..settings
    });
    let local = speaker.address;
    let speaker = speaker.start().await;
    speaker.announce(&["198.51.100.0/24", "2001:db8:100::/48"]);
    let mut session = peer.connect(local).await;
    // An empty table has an end, too.
    assert_eq!(session.first_transfer().await, [net("198.51.100.0/24")]);
    let status = speaker.peer(|peer| !peer.withheld.is_empty()).await;
    let (family, reason) = &status.withheld[0];
    assert_eq!(*family, Family::IPV6_UNICAST);
    assert!(reason.ends_with("has no global IPv6 address"), "{reason}");

    let link = |addresses: &[&str]| {
        let here = std::iter::once(format!("{local}/8").parse().unwrap());
        let addresses = here.chain(addresses.iter().map(|a| net(a))).collect();
        Arc::new(LocalAddresses {
            links: vec![addresses],
        })
    };
    speaker.addresses.send_replace(link(&["2001:db8::1/64"]));
    assert_eq!(session.told().await.announced, [net("2001:db8:100::/48")]);
    speaker.peer(|peer| peer.withheld.is_empty()).await;
    speaker.addresses.send_replace(link(&["2001:db8::2/64"]));
    assert_eq!(session.told().await.announced, [net("2001:db8:100::/48")]);
    // Without a next hop the routes would lead nowhere.
    speaker.addresses.send_replace(link(&[]));
    assert_eq!(session.told().await.withdrawn, [net("2001:db8:100::/48")]);
    speaker.stop().await;
}

#[tokio::test]
async fn changes_that_change_nothing_make_no_version() {
    let speaker = Plan::new(64512).start().await;
    let first = speaker.announce(&["198.51.100.0/24"]);
    assert_eq!(speaker.announce(&["198.51.100.0/24"]), first);
    assert_eq!(speaker.withdraw("203.0.113.7/32"), first);
    // Host bits do not make another prefix.
    let same = RibChange::announce(net("198.51.100.9/24"), originated());
    assert_eq!(speaker.handle.apply(&[same]), first);
    assert!(speaker.withdraw("198.51.100.0/24") > first);
    speaker.stop().await;
}

fn next_hops(plan: &Plan) -> [String; 2] {
    let NextHops { v4, v6 } = plan.next_hops();
    [v4.unwrap().to_string(), v6.unwrap().to_string()]
}
