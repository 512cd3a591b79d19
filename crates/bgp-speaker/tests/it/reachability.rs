//! Routes follow the ways to their next hops.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_speaker::SpeakerHandle;
use bgp_wire::{Asn, ExtendedCommunity};

use crate::node::{Plan, introduce, soon};

/// Says that these next hops can be reached at these distances.
fn tell(speaker: &SpeakerHandle, ways: &[(IpAddr, u32)]) {
    let ways = BTreeMap::from_iter(ways.iter().copied());
    speaker.set_reachable_next_hops(Arc::new(ways));
}

#[tokio::test]
async fn routes_follow_the_ways_to_their_next_hops() {
    let mut a = Plan::new(64512);
    let (mut b, mut c) = (Plan::new(64513), Plan::new(64514));
    introduce(&mut a, &mut b);
    introduce(&mut a, &mut c);
    a.config.track_next_hops = true;
    let [b4, c4] = [&b, &c].map(|plan| IpAddr::from(plan.next_hops().v4.unwrap()));
    let (mut a, b, c) = (a.start().await, b.start().await, c.start().await);
    b.announce(&["198.51.100.0/24"]);
    c.announce(&["198.51.100.0/24"]);

    // Both are known, and nothing is used before they can be reached.
    let mut asked = a.handle.next_hops();
    soon(asked.wait_for(|hops| hops.len() == 2)).await.unwrap();
    assert_eq!(a.learned.try_recv(), None);
    tell(&a.handle, &[(b4, 0)]);
    assert_eq!(a.learns().await, format!("198.51.100.0/24 via [{b4}]"));
    tell(&a.handle, &[(b4, 0), (c4, 0)]);
    let mut both = [b4, c4];
    both.sort_unstable();
    let [one, other] = both;
    assert_eq!(
        a.learns().await,
        format!("198.51.100.0/24 via [{one} {other}]")
    );
    tell(&a.handle, &[(b4, 5), (c4, 0)]);
    assert_eq!(a.learns().await, format!("198.51.100.0/24 via [{c4}]"));
    tell(&a.handle, &[]);
    assert_eq!(a.learns().await, "198.51.100.0/24 via []");

    // A next hop that nobody uses any more is not asked for.
    c.withdraw("198.51.100.0/24");
    soon(asked.wait_for(|hops| hops.len() == 1)).await.unwrap();
    tell(&a.handle, &[(b4, 0)]);
    assert_eq!(a.learns().await, format!("198.51.100.0/24 via [{b4}]"));
    for node in [a, b, c] {
        node.stop().await;
    }
}

#[tokio::test]
async fn link_bandwidth_makes_weights() {
    let mut a = Plan::new(64512);
    let (mut b, mut c) = (Plan::new(64513), Plan::new(64514));
    introduce(&mut a, &mut b);
    introduce(&mut a, &mut c);
    for (plan, rate) in [(&mut b, 100.0), (&mut c, 300.0)] {
        // Only the transitive form goes to an external peer.
        let said = ExtendedCommunity::transitive_link_bandwidth(Asn::new(64512), rate);
        plan.config.peers[0].export.extended_communities = vec![said];
    }
    let [b4, c4] = [&b, &c].map(|plan| IpAddr::from(plan.next_hops().v4.unwrap()));
    let (mut a, b, c) = (a.start().await, b.start().await, c.start().await);
    b.announce(&["198.51.100.0/24"]);
    c.announce(&["198.51.100.0/24"]);
    let mut both = [(b4, ""), (c4, " weight 3")];
    both.sort_unstable();
    let [(one, share), (other, rest)] = both;
    let expected = format!("198.51.100.0/24 via [{one}{share} {other}{rest}]");
    a.comes_to_learn(&expected).await;
    for node in [a, b, c] {
        node.stop().await;
    }
}
