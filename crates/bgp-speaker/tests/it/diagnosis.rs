//! What is wrong with a peer is named: each fault is made for real, in a
//! network namespace of its own, where the kernel's counters are its own too.

use std::net::IpAddr;

use bgp_fsm::State;
use bgp_speaker::{
    BfdSettings, Diagnosis, HostView, Initiation, NextHops, PeerSettings, Secret, Ttl, Way,
};
use bgp_wire::{Asn, Family};
use tokio::net::TcpListener;

use crate::link_local::{in_namespace, ip};
use crate::node::{Node, PORT, Plan, address, soon};

const V4: Family = Family::IPV4_UNICAST;
const V6: Family = Family::IPV6_UNICAST;

/// Runs `test` where nobody else is.
fn alone<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    in_namespace(move || {
        ip("link set lo up");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(test());
    });
}

fn host() -> HostView {
    HostView::of("bgplb-speaker")
}

/// Waits until the first peer is told to have this, and gives it.
async fn diagnosed(node: &Node, code: &str) -> Diagnosis {
    let of = |found: Vec<Diagnosis>| found.into_iter().find(|it| it.code == code);
    let status = node.peer(|peer| of(peer.diagnose(&host())).is_some()).await;
    let found = of(status.diagnose(&host())).unwrap();
    assert!(
        !found.show.is_empty() && !found.mend.is_empty(),
        "{found:?}"
    );
    assert!(!found.text.ends_with('.'), "{found}");
    found
}

/// Two speakers of AS 64512 and 64513 whose settings for each other are
/// changed before they start.
async fn pair(change: impl FnOnce(&mut PeerSettings, &mut PeerSettings)) -> (Node, Node) {
    let (mut a, mut b) = (Plan::new(64512), Plan::new(64513));
    let (mut to_b, mut to_a) = (a.peer(&b), b.peer(&a));
    change(&mut to_b, &mut to_a);
    a.add_peer(to_b);
    b.add_peer(to_a);
    (a.start().await, b.start().await)
}

/// One speaker with a peer at `address`.
async fn single(address: IpAddr, change: impl FnOnce(&mut PeerSettings)) -> Node {
    let mut plan = Plan::new(64512);
    let mut settings = plan.peer_at(address, Asn::new(64513));
    change(&mut settings);
    plan.add_peer(settings);
    plan.start().await
}

#[test]
fn a_session_that_does_all_it_should_has_nothing_wrong() {
    alone(|| async {
        let (a, _b) = pair(|_, _| {}).await;
        let status = a.peer(|peer| peer.state == State::Established).await;
        assert_eq!(status.diagnose(&host()), []);
    });
}

#[test]
fn a_peer_that_does_not_listen_refuses() {
    alone(|| async {
        let node = single(address(), |_| {}).await;
        let found = diagnosed(&node, "refused").await;
        assert!(found.blocks);
        assert!(found.text.contains("refuses connections"), "{found}");
    });
}

#[test]
fn a_local_address_that_this_host_does_not_have_is_named() {
    alone(|| async {
        let elsewhere = "198.51.100.1".parse().unwrap();
        let node = single(address(), |peer| peer.local_address = Some(elsewhere)).await;
        let found = diagnosed(&node, "no-such-address").await;
        assert!(found.blocks);
        assert!(found.text.contains("198.51.100.1"), "{found}");
    });
}

#[test]
fn a_peer_without_a_route_to_it_is_told_from_one_that_is_silent() {
    alone(|| async {
        let elsewhere = "198.51.100.1".parse().unwrap();
        let node = single(elsewhere, |peer| peer.local_address = None).await;
        diagnosed(&node, "no-route").await;
    });
}

#[test]
fn a_peer_that_drops_what_comes_gives_no_answer() {
    alone(|| async {
        ip("link add silent up type veth peer name other");
        ip("link set other up");
        ip("address add 198.51.100.2/24 dev silent");
        ip("neigh add 198.51.100.1 lladdr 02:00:00:00:00:01 dev silent");
        let elsewhere = "198.51.100.1".parse().unwrap();
        let node = single(elsewhere, |peer| peer.local_address = None).await;
        let found = diagnosed(&node, "no-answer").await;
        assert!(found.text.contains("it has a password for us"), "{found}");
    });
}

#[test]
fn a_peer_whose_address_nobody_has_is_no_neighbour() {
    alone(|| async {
        ip("link add empty up type veth peer name other");
        ip("link set other up");
        ip("address add 198.51.100.2/24 dev empty");
        let elsewhere = "198.51.100.1".parse().unwrap();
        let node = single(elsewhere, |peer| {
            peer.local_address = None;
            // The kernel asks three times, a second each.
            peer.connect_retry = None;
        })
        .await;
        diagnosed(&node, "no-neighbour").await;
    });
}

#[test]
fn another_as_than_configured_is_named_with_both_numbers_on_both_sides() {
    alone(|| async {
        let (a, b) = pair(|to_b, _| to_b.remote_as = Asn::new(64599).into()).await;
        let found = diagnosed(&a, "wrong-as").await;
        assert!(
            found
                .text
                .contains("is in AS 64513, and AS 64599 is configured")
        );
        assert!(found.text.contains("RFC 4271 section 6.2"), "{found}");
        let found = diagnosed(&b, "our-as-refused").await;
        assert!(
            found.text.contains("another AS of us than 64513"),
            "{found}"
        );
    });
}

#[test]
fn two_routers_with_one_identifier_clash() {
    alone(|| async {
        let (mut a, mut b) = (Plan::new(64512), Plan::new(64512));
        b.config.identifier = a.config.identifier;
        let (to_b, to_a) = (a.peer(&b), b.peer(&a));
        a.add_peer(to_b);
        b.add_peer(to_a);
        let (a, _b) = (a.start().await, b.start().await);
        diagnosed(&a, "identifier-clash").await;
    });
}

#[test]
fn a_peer_that_closes_without_a_word_does_not_know_us() {
    alone(|| async {
        let stranger = address();
        let listener = TcpListener::bind((stranger, PORT)).await.unwrap();
        tokio::spawn(async move { while listener.accept().await.is_ok() {} });
        let node = single(stranger, |_| {}).await;
        let found = diagnosed(&node, "rejected").await;
        assert!(found.text.contains("not configured for a neighbour"));
        assert!(found.mend.contains("AS 64512"), "{}", found.mend);
    });
}

#[test]
fn a_family_that_the_peer_does_not_offer_is_named() {
    alone(|| async {
        let (a, _b) = pair(|_, to_a| to_a.families = vec![V4]).await;
        let found = diagnosed(&a, "family-not-negotiated").await;
        assert!(!found.blocks);
        assert!(found.text.contains(&V6.to_string()), "{found}");
        assert!(found.text.contains(&format!("it offers {V4}")), "{found}");
    });
}

#[test]
fn no_family_in_common_is_named() {
    alone(|| async {
        let (a, _b) = pair(|to_b, to_a| {
            to_b.families = vec![V6];
            to_a.families = vec![V4];
        })
        .await;
        let status = a.peer(|peer| {
            let found = peer.diagnose(&host());
            found
                .iter()
                .any(|it| ["no-common-family", "capability-missing"].contains(&it.code))
        });
        status.await;
    });
}

#[test]
fn passwords_that_differ_or_are_missing_are_told_apart_by_the_kernels_counters() {
    let secret = |text: &str| Some(Secret::from(text));
    for (here, there, code) in [
        (secret("one"), secret("other"), "password-differs"),
        (secret("one"), None, "password-missing-there"),
        (None, secret("other"), "password-missing-here"),
    ] {
        alone(move || async move {
            let (a, _b) = pair(|to_b, to_a| {
                to_b.password = here;
                to_a.password = there;
            })
            .await;
            let found = diagnosed(&a, code).await;
            assert!(found.text.contains("RFC 2385"), "{found}");
        });
    }
}

#[test]
fn a_peer_beyond_ttl_security_is_too_far() {
    alone(|| async {
        let (a, _b) = pair(|to_b, to_a| {
            to_b.ttl = Ttl::Security { hops: 1 };
            to_a.ttl = Ttl::Hops(1);
        })
        .await;
        let found = diagnosed(&a, "ttl-too-low").await;
        assert!(found.text.contains("RFC 5082"), "{found}");
    });
}

#[test]
fn a_peer_behind_a_router_needs_more_hops() {
    alone(|| async {
        let node = single(address(), |_| {}).await;
        let status = node.peer(|peer| peer.last_error.is_some()).await;
        let way = Way::By("192.0.2.1".parse().unwrap());
        let found = status.diagnose(&host().with_way(Some(way)));
        assert_eq!(found[0].code, "multihop");
        assert!(found[0].text.contains("behind the router 192.0.2.1"));
        let direct = status.diagnose(&host().with_way(Some(Way::OnLink)));
        assert!(direct.iter().all(|it| it.code != "multihop"));
    });
}

#[test]
fn a_peer_that_is_to_connect_is_waited_for() {
    alone(|| async {
        let node = single(address(), |peer| peer.initiation = Initiation::Passive).await;
        let found = diagnosed(&node, "waiting").await;
        assert!(found.text.contains("to connect"), "{found}");
    });
}

#[test]
fn too_many_prefixes_are_named_on_both_sides() {
    alone(|| async {
        let (a, b) = pair(|to_b, _| to_b.max_prefixes = 1).await;
        b.announce(&["203.0.113.1/32", "203.0.113.2/32"]);
        let found = diagnosed(&a, "prefix-limit").await;
        assert!(found.text.contains("1 are allowed"), "{found}");
        let found = diagnosed(&b, "prefix-limit").await;
        assert!(found.text.contains("we announce more"), "{found}");
    });
}

#[test]
fn an_operator_on_either_side_who_wants_no_session_is_named() {
    alone(|| async {
        let (a, b) = pair(|_, _| {}).await;
        a.established().await;
        b.established().await;
        b.handle
            .set_peer_down(a.address, Some("new cables".to_owned()));
        let found = diagnosed(&a, "peer-shut-down").await;
        assert!(found.text.contains("new cables"), "{found}");
        let found = diagnosed(&b, "administratively-down").await;
        assert!(
            found.mend.starts_with("bgplb-speaker up "),
            "{}",
            found.mend
        );
    });
}

#[test]
fn bfd_that_the_peer_does_not_speak_is_named() {
    alone(|| async {
        let (a, _b) = pair(|to_b, _| to_b.bfd = Some(BfdSettings::default())).await;
        let found = diagnosed(&a, "bfd-down").await;
        assert!(found.text.contains("sends no BFD packets"), "{found}");
    });
}

#[test]
fn a_family_without_a_next_hop_is_named() {
    alone(|| async {
        let (a, _b) = pair(|to_b, _| {
            to_b.next_hops = NextHops {
                v6: None,
                ..to_b.next_hops
            };
        })
        .await;
        a.announce(&["2001:db8:1::1/128"]);
        let found = diagnosed(&a, "next-hop-unknown").await;
        assert!(found.text.contains(&V6.to_string()), "{found}");
    });
}

#[test]
fn what_was_wrong_is_forgotten_with_the_next_session() {
    alone(|| async {
        let (a, b) = pair(|_, _| {}).await;
        a.established().await;
        b.handle.set_peer_down(a.address, None);
        diagnosed(&a, "peer-shut-down").await;
        b.handle.set_peer_up(a.address);
        let again = |peer: &bgp_speaker::PeerStatus| {
            peer.state == State::Established && peer.diagnose(&host()).is_empty()
        };
        soon(a.peer(again)).await;
    });
}
