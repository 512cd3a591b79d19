//! What two OPENs make of a session.

use bgp_fsm::{Negotiated, PeerConfig, Support};
use bgp_sim::Sim;
use bgp_wire::{AsWidth, Asn, Capability, Family, HoldTime, MaxMessageLen};
use expect_test::expect;

use crate::support::*;

/// What `config` agrees on with a peer that sends `open`, or the transcript.
fn agree(config: PeerConfig, open: &[u8]) -> Result<Negotiated, String> {
    let mut solo = open_sent(config, Outgoing);
    solo.receive(Outgoing, open);
    solo.receive(Outgoing, &keepalive());
    match solo.peer().negotiated() {
        Some(negotiated) => Ok(negotiated.clone()),
        None => Err(solo.transcript().take()),
    }
}

#[test]
fn the_lower_hold_time_counts() {
    for (ours, theirs, agreed) in [
        (90, 180, 90),
        (180, 90, 90),
        (3, 90, 3),
        (90, 0, 0),
        (0, 90, 0),
    ] {
        let mut open = open_of_b();
        open.hold_time = hold(theirs);
        let negotiated = agree(a().hold_time(hold(ours)), &bytes_of(&open)).unwrap();
        assert_eq!(negotiated.hold_time, hold(agreed));
        assert_eq!(negotiated.keepalive, hold(agreed).as_duration() / 3);
    }
}

#[test]
fn a_configured_keepalive_time_only_shortens() {
    for (configured, agreed) in [(s(10), s(10)), (s(50), s(30)), (ms(1), s(1))] {
        let config = a().keepalive_time(configured);
        let negotiated = agree(config, &bytes_of(&open_of_b())).unwrap();
        assert_eq!(negotiated.keepalive, agreed);
    }
    let config = a().keepalive_time(s(10)).hold_time(HoldTime::ZERO);
    let negotiated = agree(config, &bytes_of(&open_of_b())).unwrap();
    assert_eq!(negotiated.keepalive, s(0));
}

#[test]
fn a_peer_without_any_capability_is_a_two_octet_ipv4_speaker() {
    let negotiated = agree(a(), &raw_open(4, 65002, 90, [192, 0, 2, 2], &[])).unwrap();
    assert_eq!(negotiated.families, [Family::IPV4_UNICAST].into());
    assert_eq!(negotiated.decode.as_width, AsWidth::Two);
    assert_eq!(negotiated.route_refresh, Support::Unsupported);
    assert_eq!(negotiated.max_message_len, MaxMessageLen::STANDARD);
    assert_eq!(negotiated.capabilities, []);
}

#[test]
fn families_are_those_of_both() {
    let ipv6 = Family::IPV6_UNICAST;
    let config = a().families([ipv6]).unwrap();
    let negotiated = agree(config, &bytes_of(&open_of_b())).unwrap();
    assert_eq!(negotiated.families, [ipv6].into());

    let open = open_with(vec![Capability::Multiprotocol(ipv6)]);
    assert_eq!(agree(a(), &open).unwrap().families, [ipv6].into());
}

#[test]
fn without_a_common_family_the_needed_capabilities_are_told() {
    let config = a().families([Family::IPV6_UNICAST]).unwrap();
    let transcript = agree(config, &open_with(Vec::new())).unwrap_err();
    expect![[r#"
        0.000    a < outgoing OPEN as=65002 hold=90 id=192.0.2.2
        0.000    a > outgoing NOTIFICATION OPEN Message Error / Unsupported Capability (2/7), data 010400020001
        0.000    a close outgoing
        0.000    a OpenSent -> Idle
        0.000    a down: sent OPEN Message Error / Unsupported Capability (2/7): peer supports none of the configured address families
        0.000    a < outgoing KEEPALIVE
    "#]].assert_eq(&transcript);
}

#[test]
fn a_large_as_number_hides_behind_as_trans() {
    let large = config([192, 0, 2, 2], 4_200_000_001, A).open();
    let config = config([192, 0, 2, 1], A, 4_200_000_001);
    let negotiated = agree(config, &bytes_of(&large)).unwrap();
    assert_eq!(negotiated.peer_as, Asn::new(4_200_000_001));
    assert_eq!(negotiated.decode.as_width, AsWidth::Four);
}

#[test]
fn extended_messages_need_both() {
    let open = bytes_of(&open_of_b());
    let without = open_with(both_families());
    let off = a().extended_message(Support::Unsupported);
    let len = |config, open: &[u8]| agree(config, open).unwrap().max_message_len;
    assert_eq!(len(a(), &open), MaxMessageLen::EXTENDED);
    assert_eq!(len(a(), &without), MaxMessageLen::STANDARD);
    assert_eq!(len(off.clone(), &open), MaxMessageLen::STANDARD);
    assert!(
        !off.open()
            .capabilities
            .contains(&Capability::ExtendedMessage)
    );
}

#[test]
fn capabilities_nobody_knows_are_kept_and_do_no_harm() {
    let mut capabilities = both_families();
    let unknown = Capability::Unknown {
        code: 250,
        value: bytes::Bytes::from_static(&[1, 2, 3]),
    };
    capabilities.push(unknown.clone());
    let negotiated = agree(a(), &open_with(capabilities)).unwrap();
    assert!(negotiated.capabilities.contains(&unknown));
    assert_eq!(negotiated.families.len(), 2);
}

#[test]
fn an_open_in_pieces_is_as_good_as_a_whole_one() {
    let mut sim = Sim::new();
    let (a, b) = sim.pair(("a", a()), ("b", b()));
    sim.pieces_of(1);
    sim.start(a);
    sim.start(b);
    sim.run_for(s(5));
    assert!(sim.peer(a).negotiated().is_some());
    assert!(sim.peer(b).negotiated().is_some());
}
