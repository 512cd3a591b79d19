//! RFC 7606 as a table: the fault, the session, what comes of it.
//!
//! Each row replaces or adds attributes of a good UPDATE that announces
//! 10.0.0.0/8, so that nothing but the row's fault is there to find.

use bgp_wire::{DecodeContext, Disposition, Family, UpdateView};

use crate::{EXTERNAL, INTERNAL, OLD, hex};

use Disposition::{AttributeDiscard, SessionReset, TreatAsWithdraw};

const ORIGIN: &str = "40 01 01 00";
const AS_PATH: &str = "40 02 06 02 01 0000fc00";
const AS_PATH_OLD: &str = "40 02 04 02 01 fc00";
const NEXT_HOP: &str = "40 03 04 c0000201";
const NLRI: &str = "08 0a";
const MP_REACH: &str = "80 0e 1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8";

/// Disposition and NOTIFICATION; `-` for a faultless UPDATE.
fn outcome(ctx: DecodeContext, withdrawn: &str, attributes: &str, nlri: &str) -> String {
    let (withdrawn, attributes) = (hex(withdrawn), hex(attributes));
    let length = |part: &[u8]| u16::try_from(part.len()).unwrap().to_be_bytes();
    let body = [
        &length(&withdrawn)[..],
        &withdrawn,
        &length(&attributes),
        &attributes,
        &hex(nlri),
    ]
    .concat();
    let judgement = UpdateView::parse(&body).unwrap().judge(ctx);
    match judgement.fault() {
        None => "-".to_owned(),
        Some(fault) => {
            let code = fault.notification().code;
            format!("{} {}/{}", fault.disposition, code.code, code.subcode)
        }
    }
}

fn path_of(ctx: DecodeContext) -> &'static str {
    if ctx == OLD { AS_PATH_OLD } else { AS_PATH }
}

/// Adds `attribute` to the good ones.
fn added(ctx: DecodeContext, attribute: &str) -> String {
    let attributes = format!("{ORIGIN}{}{NEXT_HOP}{attribute}", path_of(ctx));
    outcome(ctx, "", &attributes, NLRI)
}

/// Puts other attributes in the place of all good ones.
fn only(ctx: DecodeContext, attributes: &str) -> String {
    outcome(ctx, "", attributes, NLRI)
}

fn says(disposition: Disposition, code: &str) -> String {
    format!("{disposition} {code}")
}

#[test]
fn the_good_ones_are_good() {
    for ctx in [EXTERNAL, INTERNAL, OLD] {
        assert_eq!(added(ctx, ""), "-");
    }
}

#[test]
fn section_3_c_flags() {
    for (attributes, code) in [
        (format!("c0 01 01 00 {AS_PATH} {NEXT_HOP}"), "3/4"),
        (format!("00 01 01 00 {AS_PATH} {NEXT_HOP}"), "3/4"),
        (
            format!("{ORIGIN} {AS_PATH} {NEXT_HOP} 40 08 04 00010001"),
            "3/4",
        ),
        (
            format!("{ORIGIN} {AS_PATH} {NEXT_HOP} c0 04 04 00000001"),
            "3/4",
        ),
    ] {
        assert_eq!(
            only(EXTERNAL, &attributes),
            says(TreatAsWithdraw, code),
            "{attributes}"
        );
    }
    // Partial, Extended Length and the low bits make nothing malformed.
    for attribute in [
        "e0 08 04 00010001",
        "d0 08 0004 00010001",
        "cf 08 04 00010001",
    ] {
        assert_eq!(added(EXTERNAL, attribute), "-", "{attribute}");
    }
}

#[test]
fn section_3_d_mandatory_attributes() {
    for attributes in [
        format!("{AS_PATH} {NEXT_HOP}"),
        format!("{ORIGIN} {NEXT_HOP}"),
        format!("{ORIGIN} {AS_PATH}"),
    ] {
        let said = only(EXTERNAL, &attributes);
        assert_eq!(said, says(TreatAsWithdraw, "3/3"), "{attributes}");
    }
    // NEXT_HOP is for the NLRI field only.
    let attributes = format!("{MP_REACH} {ORIGIN} {AS_PATH}");
    assert_eq!(outcome(EXTERNAL, "", &attributes, ""), "-");
    assert_eq!(
        outcome(EXTERNAL, "", &format!("{MP_REACH} {ORIGIN}"), ""),
        says(TreatAsWithdraw, "3/3")
    );
    // Withdrawals need none.
    assert_eq!(outcome(EXTERNAL, "08 0a", "", ""), "-");
}

#[test]
fn section_3_g_duplicates() {
    for attribute in [ORIGIN, NEXT_HOP, "c0 c8 01 00 c0 c8 01 00"] {
        let said = added(EXTERNAL, attribute);
        assert_eq!(said, says(AttributeDiscard, "3/1"), "{attribute}");
    }
    let attributes = format!("{MP_REACH} {MP_REACH} {ORIGIN} {AS_PATH}");
    let said = outcome(EXTERNAL, "", &attributes, "");
    assert_eq!(said, says(SessionReset, "3/1"));
    let unreach = "80 0f 03 0002 01";
    let said = added(EXTERNAL, &format!("{unreach} {unreach}"));
    assert_eq!(said, says(SessionReset, "3/1"));
}

#[test]
fn section_3_g_the_first_of_two_counts() {
    let body = hex(&format!(
        "0000 0018 {ORIGIN} {AS_PATH} {NEXT_HOP} 40 01 01 02 {NLRI}"
    ));
    let judgement = UpdateView::parse(&body).unwrap().judge(EXTERNAL);
    assert_eq!(judgement.disposition(), Some(AttributeDiscard));
    let origin = judgement.attributes().origin();
    assert_eq!(origin, Some(bgp_wire::Origin::Igp));
}

#[test]
fn section_3_h_the_strongest_wins() {
    let discard_then_withdraw = "40 06 01 00  80 04 03 000001";
    let said = added(EXTERNAL, discard_then_withdraw);
    assert_eq!(said, says(TreatAsWithdraw, "3/5"));
    let withdraw_then_reset = "80 04 03 000001  80 0f 02 0002";
    assert_eq!(
        added(EXTERNAL, withdraw_then_reset),
        says(SessionReset, "3/9")
    );
}

#[test]
fn section_4_attribute_lengths() {
    for attribute in [
        "80",
        "80 04",
        "80 04 05 00000001",
        "90 04 00",
        "c0 08 ff 00010001",
    ] {
        let said = added(EXTERNAL, attribute);
        assert_eq!(said, says(TreatAsWithdraw, "3/1"), "{attribute}");
    }
    // The lengths of the parts contradict the message's.
    for body in [
        "",
        "00",
        "0001",
        "0000",
        "0000 00",
        "0000 0001",
        "0002 00 0000",
    ] {
        let error = UpdateView::parse(&hex(body)).unwrap_err();
        let code = error.notification().code;
        assert_eq!((code.code, code.subcode), (3, 1), "{body}");
    }
}

#[test]
fn section_5_2_no_route_to_withdraw() {
    let bad_med = "80 04 03 000001";
    // Only attributes, or withdrawals with them: nobody knows what is hidden.
    let attributes = format!("{ORIGIN} {bad_med}");
    assert_eq!(
        outcome(EXTERNAL, "", &attributes, ""),
        says(SessionReset, "3/5")
    );
    assert_eq!(
        outcome(EXTERNAL, "08 0a", bad_med, ""),
        says(SessionReset, "3/5")
    );
    // What is only discarded stays so.
    let bad_atomic = "40 06 01 00";
    assert_eq!(
        outcome(EXTERNAL, "", bad_atomic, ""),
        says(AttributeDiscard, "3/5")
    );
    // MP_REACH_NLRI does announce something.
    let attributes = format!("{MP_REACH} {ORIGIN} {AS_PATH} {bad_med}");
    assert_eq!(
        outcome(EXTERNAL, "", &attributes, ""),
        says(TreatAsWithdraw, "3/5")
    );
}

#[test]
fn section_5_3_prefixes() {
    let good = format!("{ORIGIN} {AS_PATH} {NEXT_HOP}");
    for (withdrawn, nlri) in [
        ("", "21 0a00000000"),
        ("", "08"),
        ("", "20 0a0000"),
        ("21 0a00000000", NLRI),
        ("18 0a00", NLRI),
    ] {
        let said = outcome(EXTERNAL, withdrawn, &good, nlri);
        assert_eq!(said, says(SessionReset, "3/10"), "{withdrawn} {nlri}");
    }
    for attribute in [
        "80 0f 05 0002 01 81 20",
        "80 0f 05 0002 01 10 20",
        "80 0e 17 0002 01 10 20010db8000000000000000000000001 00 81 20",
    ] {
        let said = added(EXTERNAL, attribute);
        assert_eq!(said, says(SessionReset, "3/9"), "{attribute}");
    }
}

#[test]
fn section_7_1_origin() {
    for (origin, code) in [
        ("40 01 00", "3/5"),
        ("40 01 02 0000", "3/5"),
        ("40 01 01 03", "3/6"),
    ] {
        let attributes = format!("{origin} {AS_PATH} {NEXT_HOP}");
        assert_eq!(
            only(EXTERNAL, &attributes),
            says(TreatAsWithdraw, code),
            "{origin}"
        );
    }
}

#[test]
fn section_7_2_as_path() {
    for path in [
        "40 02 01 02",
        "40 02 02 02 00",
        "40 02 06 02 02 0000fc00",
        "40 02 07 02 01 0000fc00 02",
        "40 02 06 05 01 0000fc00",
        "40 02 06 00 01 0000fc00",
        "40 02 06 02 01 00000000",
        // Confederation members of another AS (RFC 5065 section 5).
        "40 02 06 03 01 0000fc00",
    ] {
        let attributes = format!("{ORIGIN} {path} {NEXT_HOP}");
        assert_eq!(
            only(EXTERNAL, &attributes),
            says(TreatAsWithdraw, "3/11"),
            "{path}"
        );
    }
    for path in [
        "40 02 00",
        "40 02 06 03 01 0000fc00",
        "40 02 06 01 01 0000fc00",
    ] {
        assert_eq!(
            only(INTERNAL, &format!("{ORIGIN} {path} {NEXT_HOP}")),
            "-",
            "{path}"
        );
    }
}

#[test]
fn section_7_3_next_hop() {
    for (next_hop, code) in [
        ("40 03 03 c00002", "3/5"),
        ("40 03 05 c000020100", "3/5"),
        ("40 03 04 00000000", "3/8"),
        ("40 03 04 7f000001", "3/8"),
        ("40 03 04 e0000001", "3/8"),
    ] {
        let attributes = format!("{ORIGIN} {AS_PATH} {next_hop}");
        assert_eq!(
            only(EXTERNAL, &attributes),
            says(TreatAsWithdraw, code),
            "{next_hop}"
        );
    }
}

/// Rows of a session, an added attribute and what comes of it.
fn check(rows: &[(DecodeContext, &str, &str)]) {
    for (ctx, attribute, expected) in rows {
        assert_eq!(added(*ctx, attribute), *expected, "{attribute} {ctx:?}");
    }
}

#[test]
fn section_7_4_multi_exit_disc() {
    check(&[
        (EXTERNAL, "80 04 04 00000001", "-"),
        (EXTERNAL, "80 04 03 000001", "treat-as-withdraw 3/5"),
        (EXTERNAL, "80 04 05 0000000100", "treat-as-withdraw 3/5"),
        (INTERNAL, "80 04 00", "treat-as-withdraw 3/5"),
    ]);
}

#[test]
fn section_7_5_local_pref() {
    // From another AS it is discarded, whatever is wrong with it.
    check(&[
        (EXTERNAL, "40 05 04 00000064", "attribute-discard 3/9"),
        (EXTERNAL, "40 05 03 000064", "attribute-discard 3/9"),
        (EXTERNAL, "c0 05 04 00000064", "attribute-discard 3/9"),
        (INTERNAL, "40 05 04 00000064", "-"),
        (INTERNAL, "40 05 03 000064", "treat-as-withdraw 3/5"),
        (INTERNAL, "40 05 00", "treat-as-withdraw 3/5"),
    ]);
}

#[test]
fn section_7_6_atomic_aggregate() {
    check(&[
        (EXTERNAL, "40 06 00", "-"),
        (EXTERNAL, "40 06 01 00", "attribute-discard 3/5"),
    ]);
}

#[test]
fn section_7_7_aggregator() {
    // The length goes by what the session's AS numbers have.
    check(&[
        (EXTERNAL, "c0 07 08 0000fc00 c0000201", "-"),
        (EXTERNAL, "c0 07 06 fc00 c0000201", "attribute-discard 3/5"),
        (EXTERNAL, "c0 07 00", "attribute-discard 3/5"),
        (OLD, "c0 07 06 fc00 c0000201", "-"),
        (OLD, "c0 07 08 0000fc00 c0000201", "attribute-discard 3/5"),
    ]);
}

#[test]
fn section_7_8_communities() {
    check(&[
        (EXTERNAL, "c0 08 08 00010001 00010002", "-"),
        (EXTERNAL, "c0 08 00", "treat-as-withdraw 3/5"),
        (EXTERNAL, "c0 08 05 0001000100", "treat-as-withdraw 3/5"),
    ]);
}

#[test]
fn section_7_9_originator_id() {
    check(&[
        (EXTERNAL, "80 09 04 c0000201", "attribute-discard 3/9"),
        (INTERNAL, "80 09 04 c0000201", "-"),
        (INTERNAL, "80 09 03 c00002", "treat-as-withdraw 3/5"),
        (INTERNAL, "80 09 05 c000020100", "treat-as-withdraw 3/5"),
    ]);
}

#[test]
fn section_7_10_cluster_list() {
    check(&[
        (EXTERNAL, "80 0a 04 c0000201", "attribute-discard 3/9"),
        (INTERNAL, "80 0a 04 c0000201", "-"),
        (INTERNAL, "80 0a 00", "treat-as-withdraw 3/5"),
        (INTERNAL, "80 0a 05 c000020100", "treat-as-withdraw 3/5"),
    ]);
}

#[test]
fn section_7_13_traffic_engineering_is_an_unknown_attribute_here() {
    // RFC 5543 has no length that would be wrong.
    check(&[(INTERNAL, "80 18 02 0102", "-")]);
}

#[test]
fn section_7_14_extended_communities() {
    check(&[
        (EXTERNAL, "c0 10 08 0002000100000001", "-"),
        (EXTERNAL, "c0 10 00", "treat-as-withdraw 3/5"),
        (EXTERNAL, "c0 10 07 00020001000000", "treat-as-withdraw 3/5"),
        // Types and values nobody knows are no fault.
        (EXTERNAL, "c0 10 08 ffffffffffffffff", "-"),
    ]);
}

#[test]
fn section_7_15_ipv6_extended_communities() {
    let octets = "00000000000000000000000000000000000000";
    check(&[
        (EXTERNAL, &format!("c0 19 14 00{octets}"), "-"),
        (
            EXTERNAL,
            &format!("c0 19 13 {octets}"),
            "treat-as-withdraw 3/5",
        ),
        (EXTERNAL, "c0 19 00", "treat-as-withdraw 3/5"),
    ]);
}

#[test]
fn section_7_16_attr_set_is_an_unknown_attribute_here() {
    // Reading it belongs to RFC 6368, which this crate does not cover; it is
    // passed on as it came.
    check(&[(EXTERNAL, "c0 80 02 0000", "-")]);
}

#[test]
fn section_8_attributes_nobody_has_defined() {
    // Unknown optional attributes are nobody's fault.
    check(&[
        (EXTERNAL, "c0 c8 03 010203", "-"),
        (EXTERNAL, "80 c8 00", "-"),
        (EXTERNAL, "e0 c8 00", "-"),
    ]);
}

#[test]
fn an_unknown_well_known_attribute_costs_its_routes_only() {
    // A choice: RFC 4271 section 6.3 resets the session, RFC 7606 does not
    // name the case, and speakers differ (BIRD withdraws, FRR resets). What
    // the sender of the attribute did wrong may be several ASes away, and
    // RFC 7606 exists so that such a one can't take sessions down.
    check(&[
        (EXTERNAL, "40 c8 01 00", "treat-as-withdraw 3/2"),
        (INTERNAL, "40 c8 01 00", "treat-as-withdraw 3/2"),
        // Well-known and not transitive contradicts itself just the same.
        (EXTERNAL, "00 c8 01 00", "treat-as-withdraw 3/2"),
    ]);
}

#[test]
fn rfc_8092_section_6_large_communities() {
    check(&[
        (EXTERNAL, "c0 20 0c 000000010000000200000003", "-"),
        (EXTERNAL, "c0 20 00", "treat-as-withdraw 3/5"),
        (
            EXTERNAL,
            "c0 20 0b 0000000000000000000000",
            "treat-as-withdraw 3/5",
        ),
    ]);
}

#[test]
fn rfc_9234_section_5_only_to_customer() {
    check(&[
        (EXTERNAL, "c0 23 04 0000fc00", "-"),
        (EXTERNAL, "e0 23 04 0000fc00", "-"),
        (EXTERNAL, "c0 23 03 00fc00", "treat-as-withdraw 3/5"),
        (EXTERNAL, "c0 23 05 0000fc0000", "treat-as-withdraw 3/5"),
        (EXTERNAL, "c0 23 00", "treat-as-withdraw 3/5"),
        // Its AS number has four octets on every session.
        (OLD, "c0 23 04 0000fc00", "-"),
        (OLD, "c0 23 02 fc00", "treat-as-withdraw 3/5"),
        (EXTERNAL, "80 23 04 0000fc00", "treat-as-withdraw 3/4"),
    ]);
}

#[test]
fn rfc_7607_as_0() {
    check(&[
        (
            EXTERNAL,
            "c0 07 08 00000000 c0000201",
            "attribute-discard 3/9",
        ),
        (OLD, "c0 11 06 02 01 00000000", "attribute-discard 3/9"),
        (OLD, "c0 12 08 00000000 c0000201", "attribute-discard 3/9"),
    ]);
    let path = "40 02 0a 02 02 0000fc00 00000000";
    let said = only(EXTERNAL, &format!("{ORIGIN} {path} {NEXT_HOP}"));
    assert_eq!(said, says(TreatAsWithdraw, "3/11"));
}

#[test]
fn sections_7_11_and_7_12_mp_reach_and_unreach() {
    let address = "20010db8000000000000000000000001";
    for attribute in [
        "80 0e 00".to_owned(),
        "80 0e 04 0002 01 10".to_owned(),
        // Next hops of 15, 4 and 0 octets for IPv6.
        format!("80 0e 14 0002 01 0f {} 00", &address[2..]),
        "80 0e 09 0002 01 04 c0000201 00".to_owned(),
        "80 0e 05 0002 01 00 00".to_owned(),
        // The reserved octet is missing.
        format!("80 0e 14 0002 01 10 {address}"),
        "80 0f 00".to_owned(),
        "80 0f 02 0002".to_owned(),
    ] {
        let said = added(EXTERNAL, &attribute);
        assert_eq!(said, says(SessionReset, "3/9"), "{attribute}");
    }
    // Strange families are not ours to judge; 32 octets are two next hops.
    for attribute in [
        "80 0e 0b 0019 46 04 c0000201 00 ffff".to_owned(),
        format!("80 0e 25 0002 01 20 {address} fe800000000000000000000000000001 00"),
    ] {
        assert_eq!(added(EXTERNAL, &attribute), "-", "{attribute}");
    }
    let multicast = "80 0e 15 0002 01 10 ff020000000000000000000000000001 00";
    assert_eq!(added(EXTERNAL, multicast), says(TreatAsWithdraw, "3/8"));
}

#[test]
fn rfc_6793_as4_attributes() {
    for (ctx, attribute, outcome) in [
        (
            EXTERNAL,
            "c0 11 06 02 01 0000fc00",
            says(AttributeDiscard, "3/9"),
        ),
        (
            EXTERNAL,
            "c0 12 08 0000fc00 c0000201",
            says(AttributeDiscard, "3/9"),
        ),
        (OLD, "c0 11 06 02 01 0000fc00", "-".to_owned()),
        (OLD, "c0 11 05 02 01 00fc00", says(AttributeDiscard, "3/9")),
        (OLD, "c0 11 00", says(AttributeDiscard, "3/9")),
        (
            OLD,
            "40 11 06 02 01 0000fc00",
            says(AttributeDiscard, "3/4"),
        ),
        (OLD, "c0 12 08 0000fc00 c0000201", "-".to_owned()),
        (
            OLD,
            "c0 12 07 0000fc00 c00002",
            says(AttributeDiscard, "3/5"),
        ),
    ] {
        assert_eq!(added(ctx, attribute), outcome, "{attribute}");
    }
}

#[test]
fn a_reset_shows_the_attribute_at_fault() {
    let bad = "80 0f 02 0002";
    let body = hex(&format!("0000 0005 {bad}"));
    let judgement = UpdateView::parse(&body).unwrap().judge(EXTERNAL);
    let notification = judgement.fault().unwrap().notification();
    assert_eq!(notification.data, hex(bad));
}

#[test]
fn withdrawn_attributes_still_tell_the_routes() {
    let attributes = format!("{MP_REACH} {ORIGIN} {AS_PATH} 80 04 03 000001");
    let body = hex(&format!("0000 {:04x} {attributes}", hex(&attributes).len()));
    let judgement = UpdateView::parse(&body).unwrap().judge(EXTERNAL);
    assert_eq!(judgement.disposition(), Some(TreatAsWithdraw));
    let reach = judgement.attributes().mp_reach().unwrap();
    assert_eq!(reach.prefixes().count(), 1);
}

#[test]
fn wrong_flags_on_mp_attributes_withdraw_the_routes_they_name() {
    // Section 3 c asks for treat-as-withdraw, which is of no use if the
    // routes are not told.
    let reach = MP_REACH.replacen("80", "c0", 1);
    let attributes = format!("{reach} {ORIGIN} {AS_PATH} c0 0f 07 0002 01 18 20010d");
    let body = hex(&format!("0000 {:04x} {attributes}", hex(&attributes).len()));
    let judgement = UpdateView::parse(&body).unwrap().judge(EXTERNAL);
    let fault = judgement.fault().unwrap();
    assert_eq!(fault.disposition, TreatAsWithdraw);
    assert_eq!(fault.attribute, hex(&reach));
    let read = judgement.attributes();
    assert_eq!(read.mp_reach().unwrap().prefixes().count(), 1);
    assert_eq!(read.mp_unreach().unwrap().prefixes().count(), 1);
    // The stronger of the two faults of one attribute counts.
    assert_eq!(added(EXTERNAL, "c0 0f 02 0002"), says(SessionReset, "3/9"));
}

/// The family a session could do without instead of ending (sections 5.3 and
/// 7.11).
fn confined(attributes: &str) -> Option<Family> {
    let attributes = hex(&format!("{ORIGIN} {AS_PATH} {attributes}"));
    let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
    let body = [&[0, 0][..], &length, &attributes].concat();
    let judgement = UpdateView::parse(&body).unwrap().judge(EXTERNAL);
    let fault = judgement.fault().unwrap();
    assert_eq!(fault.disposition, SessionReset, "{attributes:02x?}");
    fault.family
}

#[test]
fn a_fault_in_an_mp_attribute_is_confined_to_its_family() {
    for attribute in [
        // The next hop's length is wrong.
        "80 0e 09 0002 01 04 c0000201 00",
        // A prefix can't be read.
        "80 0e 17 0002 01 10 20010db8000000000000000000000001 00 81 20",
        "80 0f 05 0002 01 81 20",
    ] {
        assert_eq!(confined(attribute), Some(Family::IPV6_UNICAST));
    }
}

#[test]
fn a_fault_beyond_one_family_is_confined_to_none() {
    let six = "80 0e 09 0002 01 04 c0000201 00";
    for attributes in [
        // The octets don't say which family.
        "80 0f 02 0002".to_owned(),
        // Two families at once.
        format!("{six} 80 0f 05 0001 02 81 20"),
        // Two attributes of a kind (section 3 g).
        format!("{MP_REACH} {MP_REACH}"),
        format!("{six} {MP_REACH}"),
        // Nothing is announced that the other fault could withdraw.
        "80 0f 05 0002 01 81 20 80 04 01 00".to_owned(),
    ] {
        assert_eq!(confined(&attributes), None, "{attributes}");
    }
    // One family twice is still one.
    let both = format!("{six} 80 0f 05 0002 01 81 20");
    assert_eq!(confined(&both), Some(Family::IPV6_UNICAST));
}

#[test]
fn all_faults_are_told_one_by_one() {
    let attributes = hex(&format!("40 01 01 07 {AS_PATH} 40 06 01 00 40 05 00"));
    let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
    let body = [&[0, 0][..], &length, &attributes, &hex("21 0a00000000")].concat();
    let update = UpdateView::parse(&body).unwrap();
    let faults: Vec<_> = update
        .faults(EXTERNAL)
        .map(|it| {
            let code = it.notification().code;
            (it.disposition, code.subcode, it.attribute.len())
        })
        .collect();
    assert_eq!(
        faults,
        [
            (TreatAsWithdraw, 6, 4),
            (AttributeDiscard, 5, 4),
            (AttributeDiscard, 9, 3),
            (SessionReset, 10, 0),
            (TreatAsWithdraw, 3, 0),
        ]
    );
}
