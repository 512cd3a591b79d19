use bgp_wire::{AsWidth, Community, MessageView, PathAttributes, RawMessage, SessionKind};
use ipnet::IpNet;

use super::*;
use crate::RibChange;

fn host(number: u32) -> IpNet {
    let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number);
    IpNet::new(address.into(), 32).unwrap()
}

fn med(med: u32) -> Arc<PathAttributes> {
    Arc::new(PathAttributes {
        med: Some(med),
        ..PathAttributes::originated()
    })
}

/// A session towards an external peer, both families with a next hop.
struct Fixture {
    rib: Arc<RwLock<Rib>>,
    out: AdjRibOut,
}

impl Fixture {
    fn new() -> Self {
        let rib = Arc::new(RwLock::new(Rib::new(1)));
        let facts = SessionFacts {
            role: None,
            local_as: Asn::new(64512),
            identifier: std::net::Ipv4Addr::new(192, 0, 2, 1).into(),
            max_message_len: MaxMessageLen::STANDARD,
            context: DecodeContext::new(AsWidth::Four, SessionKind::External),
        };
        let families = [Family::IPV4_UNICAST, Family::IPV6_UNICAST];
        let mut out = AdjRibOut::new(0, Arc::clone(&rib), facts, families);
        out.allow_end_of_rib();
        Self { rib, out }
    }

    /// A session whose first transfer, of nothing, is over.
    fn established() -> Self {
        let mut fixture = Self::new();
        fixture.set_next_hops();
        assert_eq!(
            fixture.says(),
            ["end of ipv4-unicast", "end of ipv6-unicast"]
        );
        fixture
    }

    fn set_next_hops(&mut self) {
        self.next_hop_v4(Some("192.0.2.1"));
        let v6 = NextHop::v6("2001:db8::1".parse().unwrap());
        self.out.set_next_hop(Family::IPV6_UNICAST, Some(v6));
    }

    fn next_hop_v4(&mut self, address: Option<&str>) {
        let next_hop = address.map(|address| NextHop::V4(address.parse().unwrap()));
        self.out.set_next_hop(Family::IPV4_UNICAST, next_hop);
    }

    fn apply(&self, changes: &[RibChange]) -> u64 {
        self.rib.write().unwrap().apply(changes).0
    }

    fn announce(&self, hosts: impl IntoIterator<Item = (u32, u32)>) -> u64 {
        let changes = hosts
            .into_iter()
            .map(|(number, m)| RibChange::announce(host(number), med(m)));
        self.apply(&Vec::from_iter(changes))
    }

    /// The attributes of the one route that is said.
    fn sent_attributes(&mut self) -> PathAttributes {
        let mut octets = BytesMut::new();
        self.out.fill(&mut octets, usize::MAX);
        let message = RawMessage::split_from(&mut octets, MaxMessageLen::STANDARD);
        let message = message.unwrap().expect("something is said");
        assert!(octets.is_empty(), "one message is said");
        let MessageView::Update(update) = message.view().unwrap() else {
            panic!("{message:?}");
        };
        let judgement = update.judge(self.out.facts.context);
        assert_eq!(update.nlri().count(), 1);
        judgement.attributes().to_path_attributes().unwrap()
    }

    /// Everything that is to be said now, a line a message.
    fn says(&mut self) -> Vec<String> {
        let mut octets = BytesMut::new();
        let messages = self.out.fill(&mut octets, usize::MAX);
        let mut lines = Vec::new();
        while let Some(message) =
            RawMessage::split_from(&mut octets, MaxMessageLen::STANDARD).unwrap()
        {
            lines.push(describe(&message));
        }
        assert_eq!(lines.len(), messages);
        lines
    }
}

fn describe(message: &RawMessage) -> String {
    let MessageView::Update(update) = message.view().unwrap() else {
        panic!("{message:?}");
    };
    if let Some(family) = update.is_end_of_rib() {
        return format!("end of {family}");
    }
    let announced = update.nlri().count();
    let withdrawn = update.withdrawn_routes().count();
    let attributes = *update
        .judge(DecodeContext::new(AsWidth::Four, SessionKind::External))
        .attributes();
    match (attributes.next_hop(), attributes.med()) {
        (Some(next_hop), Some(med)) => {
            format!(
                "{announced} via {next_hop} path {} med {med}",
                attributes.as_path().unwrap()
            )
        }
        _ => format!("{withdrawn} withdrawn"),
    }
}

#[test]
fn prefixes_of_one_attribute_set_share_a_message_however_they_were_announced() {
    let mut session = Fixture::new();
    session.announce((0..20).map(|n| (n, n % 2)));
    session.set_next_hops();
    assert_eq!(
        session.says(),
        [
            "10 via 192.0.2.1 path 64512 med 0",
            "10 via 192.0.2.1 path 64512 med 1",
            "end of ipv4-unicast",
            "end of ipv6-unicast",
        ]
    );
    assert!(session.says().is_empty());
}

#[test]
fn a_change_is_one_message_whatever_the_table_holds() {
    for size in [10, 10_000] {
        let mut session = Fixture::established();
        session.announce((0..size).map(|n| (n, 1)));
        session.says();
        session.announce([(3, 2)]);
        assert_eq!(session.says(), ["1 via 192.0.2.1 path 64512 med 2"]);
        session.apply(&[RibChange::withdraw(host(4))]);
        assert_eq!(session.says(), ["1 withdrawn"]);
    }
}

#[test]
fn a_large_table_is_packed_into_full_messages() {
    let mut session = Fixture::established();
    session.announce((0..10_000).map(|n| (n, 1)));
    let lines = session.says();
    // 5 octets a prefix and about 800 in a message of 4,096; every 4,096
    // prefixes end a batch.
    assert!(lines.len() < 25, "{}", lines.len());
}

#[test]
fn the_buffers_bound_is_kept_and_the_rest_follows() {
    let mut session = Fixture::established();
    session.announce((0..10_000).map(|n| (n, n)));
    let mut told = 0;
    let mut octets = BytesMut::new();
    while session.out.fill(&mut octets, 16 * 1024) > 0 {
        assert!(octets.len() < 16 * 1024 + 4096);
        while let Some(message) =
            RawMessage::split_from(&mut octets, MaxMessageLen::STANDARD).unwrap()
        {
            told += usize::from(!describe(&message).starts_with("end"));
        }
    }
    assert_eq!(told, 10_000);
}

#[test]
fn what_is_encoded_is_known_by_version() {
    let mut session = Fixture::established();
    let version = session.announce((0..2000).map(|n| (n, n)));
    let mut octets = BytesMut::new();
    session.out.fill(&mut octets, 1024);
    assert!(session.out.encoded() < version);
    session.out.fill(&mut octets, usize::MAX);
    assert_eq!(session.out.encoded(), version);
}

#[test]
fn a_lost_next_hop_takes_back_what_was_announced_and_a_new_one_returns_it() {
    let mut session = Fixture::established();
    session.announce((0..5).map(|n| (n, 1)));
    session.says();
    session.next_hop_v4(None);
    assert_eq!(session.says(), ["5 withdrawn"]);
    let version = session.announce([(9, 1)]);
    assert!(session.says().is_empty());
    assert_eq!(session.out.encoded(), version);
    session.next_hop_v4(Some("192.0.2.2"));
    assert_eq!(session.says(), ["6 via 192.0.2.2 path 64512 med 1"]);
    session.next_hop_v4(Some("192.0.2.2"));
    assert!(session.says().is_empty());
}

#[test]
fn a_withdrawal_is_not_lost_while_everything_is_sent_again() {
    let mut session = Fixture::established();
    session.announce((0..5).map(|n| (n, 1)));
    session.says();
    session.next_hop_v4(Some("192.0.2.2"));
    session.apply(&[RibChange::withdraw(host(3))]);
    assert_eq!(
        session.says(),
        ["1 withdrawn", "4 via 192.0.2.2 path 64512 med 1"]
    );
}

#[test]
fn an_attribute_set_that_fits_no_message_does_not_hold_up_the_others() {
    let mut session = Fixture::established();
    let huge = PathAttributes {
        communities: vec![Community::new(64512, 1); 2000],
        ..PathAttributes::originated()
    };
    session.apply(&[RibChange::announce(host(1), Arc::new(huge))]);
    let version = session.announce([(2, 1)]);
    assert_eq!(session.says()[0], "1 via 192.0.2.1 path 64512 med 1");
    assert_eq!(session.out.encoded(), version);
}

#[test]
fn an_internal_peer_gets_the_path_as_it_is() {
    let mut session = Fixture::established();
    session.out.facts.context.session = SessionKind::Internal;
    session.announce([(1, 1)]);
    assert_eq!(session.says()[0], "1 via 192.0.2.1 path  med 1");
}

#[test]
fn a_new_peer_gets_full_messages_of_sets_that_are_mixed_in_the_table() {
    let mut session = Fixture::new();
    session.announce((0..10_000).map(|n| (n, n % 10)));
    session.set_next_hops();
    let lines = session.says();
    let updates = lines.iter().filter(|line| !line.starts_with("end")).count();
    // Two messages for the 1,000 prefixes of a set, and what batches cut.
    assert!(updates <= 10 * 2 + 10_000 / stream::BATCH + 1, "{updates}");
}

#[test]
fn end_of_rib_waits_until_it_is_allowed() {
    let mut session = Fixture::new();
    session.out = AdjRibOut::new(
        0,
        Arc::clone(&session.rib),
        session.out.facts,
        [Family::IPV4_UNICAST, Family::IPV6_UNICAST],
    );
    session.set_next_hops();
    session.announce([(1, 1)]);
    let one = "1 via 192.0.2.1 path 64512 med 1";
    assert_eq!(session.says(), [one]);
    assert_eq!(session.out.take_finished(), None);
    // What is announced until then comes before it.
    session.announce([(2, 1)]);
    session.out.allow_end_of_rib();
    assert_eq!(
        session.says(),
        [one, "end of ipv4-unicast", "end of ipv6-unicast"]
    );
    let ends = [Family::IPV4_UNICAST, Family::IPV6_UNICAST].map(Finished::FirstTransfer);
    let finished = std::iter::from_fn(|| session.out.take_finished());
    assert!(finished.eq(ends));
}

#[test]
fn a_refresh_is_finished_when_everything_was_said_again() {
    let mut session = Fixture::established();
    while session.out.take_finished().is_some() {}
    session.announce((1..=3000).map(|number| (number, number)));
    session.says();
    session.out.resend(Family::IPV4_UNICAST);
    let mut octets = BytesMut::new();
    session.out.fill(&mut octets, 1000);
    assert_eq!(session.out.take_finished(), None);
    assert!(session.says().len() > 2900);
    let finished = Some(Finished::Refresh(Family::IPV4_UNICAST));
    assert_eq!(session.out.take_finished(), finished);
    assert_eq!(session.out.take_finished(), None);
}

#[test]
fn a_refresh_of_an_empty_table_is_finished_at_once() {
    let mut session = Fixture::established();
    while session.out.take_finished().is_some() {}
    session.out.resend(Family::IPV6_UNICAST);
    assert_eq!(session.says(), [""; 0]);
    let finished = Some(Finished::Refresh(Family::IPV6_UNICAST));
    assert_eq!(session.out.take_finished(), finished);
}

#[test]
fn routes_that_are_about_to_go_are_marked_and_unmarked() {
    for kind in [SessionKind::External, SessionKind::Internal] {
        let mut session = Fixture::established();
        session.out.facts.context.session = kind;
        session.announce([(1, 1)]);
        let before = session.sent_attributes();
        session.out.set_shutting_down(true);
        let marked = session.sent_attributes();
        assert_eq!(marked.communities, [Community::GRACEFUL_SHUTDOWN]);
        let internal = kind == SessionKind::Internal;
        assert_eq!(marked.local_pref == Some(0), internal);
        // Nothing is new, and nothing is said.
        session.out.set_shutting_down(true);
        assert_eq!(session.says(), [""; 0]);
        session.out.set_shutting_down(false);
        assert_eq!(session.sent_attributes(), before);
    }
}

#[test]
fn leaving_withdraws_everything() {
    let mut session = Fixture::established();
    session.announce([(1, 1), (2, 2)]);
    session.says();
    assert!(!session.out.is_silent());
    session.out.withdraw_all();
    assert_eq!(session.says(), ["2 withdrawn"]);
    assert!(session.out.is_silent());
    // It stays so.
    session.announce([(3, 1)]);
    assert_eq!(session.says(), [""; 0]);
}

#[test]
fn a_peer_that_is_left_out_has_no_such_route() {
    let key = |last: u8| PeerKey::from(std::net::IpAddr::from([192, 0, 2, last]));
    let mut session = Fixture::established();
    session.out = session.out.for_peer(&key(9));
    let only_to = |last: u8| Arc::new(std::collections::BTreeSet::from([key(last)]));
    let announce = |number, to| RibChange::announce(host(number), med(1)).only_to(to);
    session.apply(&[announce(1, only_to(9))]);
    assert_eq!(session.says(), ["1 via 192.0.2.1 path 64512 med 1"]);
    // Equal attributes for others are another set.
    session.apply(&[announce(2, only_to(8))]);
    assert_eq!(session.says(), ["1 withdrawn"]);
    // From one audience to another and back.
    session.apply(&[announce(1, only_to(8))]);
    assert_eq!(session.says(), ["1 withdrawn"]);
    session.apply(&[RibChange::announce(host(1), med(1))]);
    assert_eq!(session.says(), ["1 via 192.0.2.1 path 64512 med 1"]);
    session.apply(&[RibChange::withdraw(host(1))]);
    assert_eq!(session.says(), ["1 withdrawn"]);
}

#[test]
fn prefixes_that_are_said_are_counted_by_family_and_change() {
    let mut fixture = Fixture::established();
    let counters = Arc::new(PeerCounters::default());
    let Fixture { rib, out } = fixture;
    fixture = Fixture {
        rib,
        out: out.counted_by(Arc::clone(&counters)),
    };
    let v4 = |counts: &crate::PrefixCounts| counts.by_family()[0].1;
    let v6 = |counts: &crate::PrefixCounts| counts.by_family()[1].1;
    fixture.announce((0..3000).map(|number| (number, 1)));
    fixture.apply(&[RibChange::announce(
        "2001:db8::/32".parse().unwrap(),
        med(1),
    )]);
    fixture.says();
    let told = (v4(counters.announced()), v6(counters.announced()));
    assert_eq!((told, v4(counters.withdrawn())), ((3000, 1), 0));
    // One that is said again counts again.
    fixture.announce([(7, 2)]);
    fixture.apply(&[RibChange::withdraw(host(8)), RibChange::withdraw(host(9))]);
    fixture.says();
    assert_eq!(v4(counters.announced()), 3001);
    assert_eq!(v4(counters.withdrawn()), 2);
    assert_eq!(v6(counters.withdrawn()), 0);
}
