use proptest::prelude::*;

use super::*;

fn octets(hex: u64) -> ExtendedCommunity {
    ExtendedCommunity(hex.to_be_bytes())
}

#[test]
fn known_types_have_names() {
    for (hex, text) in [
        (0x0002_fc00_0000_0064, "target:64512:100"),
        (0x0102_c000_0201_0064, "target:192.0.2.1:100"),
        (0x0202_fa56_ea00_0064, "target:4200000000:100"),
        (0x0202_0000_fc00_0064, "target:64512L:100"),
        (0x0003_fc00_0000_0001, "origin:64512:1"),
        (0x0005_fc00_0000_0001, "ospf-domain:64512:1"),
        // A gigabit in octets.
        (0x4004_fc00_4cee_6b28, "link-bandwidth:64512:125000000"),
        (
            0x0004_fc00_4cee_6b28,
            "transitive-link-bandwidth:64512:125000000",
        ),
        (0x030b_0000_0000_0064, "color:100"),
        (0x030b_4000_0000_0064, "color:100:16384"),
        (0x030c_0000_0000_0008, "encapsulation:8"),
        (0x030d_0000_0000_0000, "default-gateway"),
        (0x4300_0000_0000_0002, "origin-validation:invalid"),
        (0x0600_0100_0000_0005, "0600010000000005"),
    ] {
        assert_eq!(octets(hex).to_string(), text);
        assert_eq!(text.parse(), Ok(octets(hex)), "{text}");
    }
}

#[test]
fn known_types_with_odd_values_stay_octets() {
    for hex in [
        // A rate of minus one, infinity, and no number.
        0x4004_fc00_bf80_0000,
        0x4004_fc00_7f80_0000,
        0x4004_fc00_7fc0_0000,
        0x030c_0000_0001_0008,
        0x030d_0000_0000_0001,
        0x4300_0000_0000_0003,
        // Route targets are always transitive.
        0x4002_fc00_0000_0064,
    ] {
        assert_eq!(octets(hex).value(), None);
        assert_eq!(octets(hex).to_string(), format!("{hex:016x}"));
    }
}

#[test]
fn constructors_say_what_they_are_asked_for() {
    let asn = Asn::new(64512);
    let text = |it: ExtendedCommunity| it.to_string();
    let administrator = Administrator::As2 {
        asn: 64512,
        local: 7,
    };
    assert_eq!(
        text(ExtendedCommunity::route_target(administrator)),
        "target:64512:7"
    );
    assert_eq!(
        text(ExtendedCommunity::route_origin(administrator)),
        "origin:64512:7"
    );
    assert_eq!(text(ExtendedCommunity::color(9)), "color:9");
    let own = ExtendedCommunity::link_bandwidth(asn, 1000.0);
    assert!(!own.is_transitive());
    assert_eq!(text(own), "link-bandwidth:64512:1000");
    let passed_on = ExtendedCommunity::transitive_link_bandwidth(Asn::new(4_200_000_000), 1.0);
    assert!(passed_on.is_transitive());
    assert_eq!(text(passed_on), "transitive-link-bandwidth:23456:1");
}

#[test]
fn rates_that_make_no_sense_are_not_written() {
    let rate = |rate| match ExtendedCommunity::link_bandwidth(Asn::new(1), rate).value() {
        Some(ExtendedValue::LinkBandwidth {
            octets_per_second, ..
        }) => octets_per_second,
        other => panic!("{other:?}"),
    };
    assert_eq!(rate(-1.0).to_bits(), 0);
    assert_eq!(rate(-0.0).to_bits(), 0);
    assert_eq!(rate(f32::NAN).to_bits(), 0);
    assert_eq!(rate(f32::INFINITY).to_bits(), f32::MAX.to_bits());
}

#[test]
fn what_is_no_extended_community_is_refused() {
    for text in [
        "",
        "target",
        "target:1",
        "target:64512:4294967296",
        "target:65536:65536",
        "target:192.0.2.1:65536",
        "target:64512:1:2",
        "link-bandwidth:64512:-1",
        "link-bandwidth:64512:inf",
        "link-bandwidth:65536:1",
        "origin-validation:maybe",
        "color:1:65536",
        "0002fc000000006",
        "+002fc0000000064",
        "rate:1:2",
    ] {
        let parsed = text.parse::<ExtendedCommunity>();
        assert_eq!(parsed, Err(InvalidCommunity), "{text:?}");
    }
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(
        kind in prop_oneof![Just(0u8), Just(1), Just(2), Just(3), Just(0x40), Just(0x43), any::<u8>()],
        subtype in prop_oneof![0..16u8, any::<u8>()],
        value in prop_oneof![any::<[u8; 6]>(), (0..4u8).prop_map(|it| [0, 0, 0, 0, 0, it])],
    ) {
        let [a, b, c, d, e, f] = value;
        let community = ExtendedCommunity([kind, subtype, a, b, c, d, e, f]);
        prop_assert_eq!(community.to_string().parse(), Ok(community));
    }
}
