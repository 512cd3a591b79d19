//! MP_REACH_NLRI and MP_UNREACH_NLRI: RFC 4760, RFC 7606 section 7.11, RFC
//! 2545.

use serde_json::{Value, json};

use super::notification;
use crate::harness::case::{At, Case, Expect};
use crate::harness::peer::Family;
use crate::harness::wire::{A, A_SHOWN, AS_PATH, AS4, NEXT_HOP, ORIGIN, Open, V4, V6_A, V6_A_SHOWN, V6_B, V6_B_SHOWN, hex, update};

use At::Established;

/// A next hop that another machine may have: 2001:db8::63.
const GLOBAL: &str = "20010db8 00000000 00000000 00000063";

pub fn cases() -> Vec<Case> {
    let mut cases = routes();
    cases.extend(faulty_routes());
    cases.extend(resets());
    cases.extend(other_families());
    cases
}

/// One attribute, whose length is counted.
fn attribute(flags_and_code: &str, value: &str) -> String {
    format!("{flags_and_code} {:02x} {value} ", hex(value).len())
}

fn reach(next_hop: &str, nlri: &str) -> String {
    let length = hex(next_hop).len();
    attribute("800e", &format!("0002 01 {length:02x} {next_hop} 00 {nlri}"))
}

fn unreach(nlri: &str) -> String {
    attribute("800f", &format!("0002 01 {nlri}"))
}

/// An UPDATE of what every route needs and this.
fn with(attributes: &str) -> Vec<u8> {
    update("", &[ORIGIN, AS_PATH, attributes].concat(), "")
}

fn base() -> Vec<u8> {
    with(&reach(GLOBAL, &[V6_A, V6_B].concat()))
}

fn case(id: &'static str, clause: &'static str, what: &'static str, octets: &[u8], expect: Expect) -> Case {
    let octets = [&base(), octets].concat();
    Case::new(id, clause, what, Established, octets, expect)
}

fn both() -> Expect {
    Expect::Routes(vec![json!({"prefix": V6_A_SHOWN}), json!({"prefix": V6_B_SHOWN})])
}

fn second() -> Expect {
    Expect::Routes(vec![json!({"prefix": V6_B_SHOWN})])
}

fn routes() -> Vec<Case> {
    let and = |more: Value| {
        let routes = [json!({"prefix": V6_A_SHOWN}), json!({"prefix": V6_B_SHOWN}), more];
        Expect::Routes(routes.into())
    };
    let link_local = "fe800000 00000000 00000000 00000063";
    let two = [GLOBAL, link_local].concat();
    let v4_route = json!({"prefix": A_SHOWN, "next_hop": "192.0.2.99"});
    let v4_as_well = update("", &[ORIGIN, AS_PATH, NEXT_HOP, &reach(GLOBAL, V6_A)].concat(), A);
    let v4_reach = attribute("800e", &format!("0001 01 04 c0000263 00 {A}"));
    let first_with = |members: Value| Expect::Routes(vec![members, json!({"prefix": V6_B_SHOWN})]);
    let global = json!({"prefix": V6_A_SHOWN, "next_hop": "2001:db8::63"});
    let multiprotocol = "RFC 4760 3";
    vec![
        case("M01", multiprotocol, "two IPv6 routes", &[], both()),
        case("M02", "RFC 4760 4", "one withdrawn", &update("", &unreach(V6_A), ""), second()),
        case("M03", "RFC 4760 4", "both withdrawn", &update("", &unreach(&[V6_A, V6_B].concat()), ""), Expect::Routes(vec![])),
        case("M04", "RFC 2545 3", "a global and a link-local next hop", &with(&reach(&two, V6_A)), first_with(global)),
        case("M05", multiprotocol, "routes of both families in one UPDATE", &v4_as_well, and(v4_route.clone())),
        case("M06", multiprotocol, "IPv4 routes in MP_REACH_NLRI", &with(&v4_reach), and(v4_route)),
        case("M07", multiprotocol, "a prefix of no bits", &with(&reach(GLOBAL, "00")), and(json!({"prefix": "::/0"}))),
        case("M08", multiprotocol, "a host", &with(&reach(GLOBAL, &["80", GLOBAL].concat())), and(json!({"prefix": "2001:db8::63/128"}))),
        case("M09", "RFC 4760 5", "bits behind the prefix do not count", &with(&reach(GLOBAL, "21 20010db8ff")), and(json!({"prefix": "2001:db8:8000::/33"}))),
        case("M10", multiprotocol, "a multicast prefix", &with(&reach(GLOBAL, "08 ff")), both()),
        case(
            "M11",
            "RFC 7606 5.1",
            "MP_REACH_NLRI behind other attributes",
            &with(&["800404 00000005", &reach(GLOBAL, V6_A)].concat()),
            first_with(json!({"prefix": V6_A_SHOWN, "med": 5})),
        ),
        case("M12", "RFC 4760 3", "a NEXT_HOP beside MP_REACH_NLRI is ignored", &with(&[NEXT_HOP, &reach(GLOBAL, V6_A)].concat()), both()),
        case("M13", "RFC 4724 2", "End-of-RIB changes nothing", &update("", &unreach(""), ""), both()),
        case("M14", "RFC 4760 3", "one route withdrawn and announced by one UPDATE", &with(&[reach(GLOBAL, V6_A), unreach(V6_A)].concat()), both()),
    ]
}

fn faulty_routes() -> Vec<Case> {
    let clause = "RFC 7606 7.11";
    let value = format!("0002 01 10 {GLOBAL} 00 {V6_A}");
    let mapped = "00000000 00000000 0000ffff c0000263";
    let bare = |attributes: &str| update("", attributes, "");
    let first = || reach(GLOBAL, V6_A);
    vec![
        case("M20", "RFC 7606 3 c", "MP_REACH_NLRI transitive", &with(&attribute("c00e", &value)), second()),
        case("M21", clause, "next hop ::", &with(&reach("00000000 00000000 00000000 00000000", V6_A)), second()),
        case("M22", clause, "next hop ::1", &with(&reach("00000000 00000000 00000000 00000001", V6_A)), second()),
        case("M23", clause, "next hop ff02::1", &with(&reach("ff020000 00000000 00000000 00000001", V6_A)), second()),
        case("M24", "RFC 4291 2.5.5", "next hop ::ffff:192.0.2.99", &with(&reach(mapped, V6_A)), second()),
        case("M25", "RFC 7606 3 d", "no ORIGIN", &bare(&[AS_PATH, &first()].concat()), second()),
        case("M26", "RFC 7606 3 d", "no AS_PATH", &bare(&[ORIGIN, &first()].concat()), second()),
        case("M27", "RFC 7606 7.1", "ORIGIN 3", &bare(&["400101 03", AS_PATH, &first()].concat()), second()),
        case("M28", "RFC 7606 7.8", "COMMUNITIES of 3 octets", &with(&["c00803 000000", &first()].concat()), second()),
        case("M29", "RFC 4271 9.1.2", "our own AS", &bare(&[ORIGIN, "40020a 0202 0000fde9 0000ffdc", &first()].concat()), second()),
        case(
            "M30",
            "RFC 7606 3 c",
            "MP_UNREACH_NLRI transitive, with routes announced",
            &update("", &[ORIGIN, AS_PATH, NEXT_HOP, &unreach(V6_A).replacen("80", "c0", 1)].concat(), A),
            second(),
        ),
    ]
}

fn resets() -> Vec<Case> {
    let case = |id, clause, what, attributes: &str, subcode, data: &str| case(id, clause, what, &with(attributes), subcode_of(subcode, data));
    let subject = |value: &str| attribute("800e", value);
    let shown = |id, clause, what, attribute: &str| case(id, clause, what, attribute, 9, attribute);
    let (nlri, next_hop) = ("RFC 7606 5.3", "RFC 7606 7.11");
    let twice = [reach(GLOBAL, V6_A), reach(GLOBAL, V6_B)].concat();
    let withdrawn_twice = [unreach(V6_A), unreach(V6_B)].concat();
    vec![
        shown("M40", nlri, "a prefix of 129 bits", &reach(GLOBAL, &["81", GLOBAL, "00"].concat())),
        shown("M41", nlri, "a prefix longer than the attribute", &reach(GLOBAL, "30 20010d")),
        shown("M42", nlri, "a withdrawn prefix of 129 bits", &unreach(&["81", GLOBAL, "00"].concat())),
        shown("M43", nlri, "a withdrawn prefix longer than the attribute", &unreach("30 2001")),
        shown("M44", next_hop, "a next hop of 15 octets", &reach(&GLOBAL[2..], V6_A)),
        shown("M45", next_hop, "a next hop of no octets", &reach("", V6_A)),
        shown("M46", next_hop, "a next hop longer than the attribute", &subject("0002 01 20 20010db8")),
        shown("M47", next_hop, "MP_REACH_NLRI of 4 octets", &subject("0002 01 00")),
        shown("M48", next_hop, "MP_REACH_NLRI of no octets", &subject("")),
        shown("M49", "RFC 4760 4", "MP_UNREACH_NLRI of 2 octets", &attribute("800f", "0002")),
        case("M50", "RFC 7606 3 g", "MP_REACH_NLRI twice", &twice, 1, ""),
        case("M51", "RFC 7606 3 g", "MP_UNREACH_NLRI twice", &withdrawn_twice, 1, ""),
    ]
}

fn subcode_of(subcode: u8, data: &str) -> Expect {
    notification(3, subcode, data)
}

fn other_families() -> Vec<Case> {
    let clause = "RFC 4760 6";
    let only_v4 = |case: Case| {
        let open = Open::new(65001).capabilities(&[V4, "0200", AS4].concat());
        case.open(open, &[Family::V4])
    };
    let evpn = attribute("800e", "0019 46 04 c0000263 00 0203aabbcc");
    let odd = attribute("800e", "4242 f0 03 010203 00 ffffff");
    let gone = attribute("800f", "0019 46 0203aabbcc");
    let none = || Expect::Routes(vec![]);
    vec![
        case("M60", clause, "routes of a family nobody agreed on", &with(&evpn), both()),
        case("M61", clause, "routes of a family nobody has", &with(&odd), both()),
        case("M62", clause, "withdrawals of a family nobody agreed on", &update("", &gone, ""), both()),
        only_v4(Case::new("M63", clause, "IPv6 routes in a session of IPv4", Established, base(), none())),
        only_v4(Case::new("M64", clause, "IPv6 withdrawals in a session of IPv4", Established, update("", &unreach(V6_A), ""), none())),
    ]
}
