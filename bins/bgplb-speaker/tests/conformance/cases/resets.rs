//! Faults of an UPDATE that end the session: RFC 4271 section 6.3, RFC 7606
//! sections 3, 4 and 5.

use super::{base, notification};
use crate::harness::case::{At, Case};
use crate::harness::wire::{AS_PATH, NEXT_HOP, ORIGIN, hex, message, update};

pub fn cases() -> Vec<Case> {
    let mut cases = lengths();
    cases.extend(prefixes());
    cases.extend(without_routes());
    cases
}

fn case(id: &'static str, clause: &'static str, what: &'static str, octets: &[u8], subcode: u8, data: &str) -> Case {
    // What was announced before goes with the session.
    let octets = [&base(), octets].concat();
    let expect = notification(3, subcode, data);
    Case::new(id, clause, what, At::Established, octets, expect)
}

fn lengths() -> Vec<Case> {
    let clause = "RFC 7606 3 b";
    let raw = |body: &str| message(2, &hex(body));
    vec![
        case("N01", clause, "withdrawn routes longer than the message", &raw("0005 0000"), 1, ""),
        case("N02", clause, "withdrawn routes that leave no room for a length", &raw("0001 0000"), 1, ""),
        case("N03", clause, "attributes longer than the message", &raw("0000 0001"), 1, ""),
        case("N04", clause, "attributes of 65535 octets", &raw("0000 ffff 400101 00"), 1, ""),
        case("N05", clause, "both lengths 65535", &raw("ffff ffff"), 1, ""),
    ]
}

fn prefixes() -> Vec<Case> {
    let clause = "RFC 7606 5.3";
    let good = [ORIGIN, AS_PATH, NEXT_HOP].concat();
    let announced = |nlri: &str| update("", &good, nlri);
    let withdrawn = |routes: &str| update(routes, "", "");
    vec![
        case("N10", clause, "a prefix of 33 bits", &announced("21 0a0000000a"), 10, ""),
        case("N11", clause, "a prefix of 255 bits", &announced("ff 0a000000"), 10, ""),
        case("N12", clause, "a prefix longer than the message", &announced("18 0a01"), 10, ""),
        case("N13", clause, "a prefix's length alone", &announced("18"), 10, ""),
        case("N14", clause, "a good prefix and a bad one", &announced("18 0a0300 21 0a0000000a"), 10, ""),
        case("N15", clause, "a withdrawn prefix of 33 bits", &withdrawn("21 0a0000000a"), 10, ""),
        case("N16", clause, "a withdrawn prefix longer than its field", &withdrawn("18 0a01"), 10, ""),
    ]
}

/// Where no route is announced nobody knows what a fault has hidden.
fn without_routes() -> Vec<Case> {
    let clause = "RFC 7606 5.2";
    let case = |id, what, attribute: &str, subcode, data: &str| case(id, clause, what, &update("", attribute, ""), subcode, data);
    vec![
        case("N20", "ORIGIN 3 without routes", "400101 03", 6, "400101 03"),
        case("N21", "ORIGIN of 2 octets without routes", "400102 0000", 5, "400102 0000"),
        case("N22", "ORIGIN optional without routes", "c00101 00", 4, "c00101 00"),
        case("N23", "AS_PATH malformed without routes", "400206 0001 0000fde9", 11, ""),
        case("N24", "NEXT_HOP 224.0.0.1 without routes", "400304 e0000001", 8, "400304 e0000001"),
        case("N25", "MULTI_EXIT_DISC of 3 octets without routes", "800403 000000", 5, "800403 000000"),
        case("N26", "COMMUNITIES of 3 octets without routes", "c00803 000000", 5, "c00803 000000"),
        case("N27", "an unknown well-known attribute without routes", "406301 00", 2, "406301 00"),
        case("N28", "an attribute longer than the field without routes", "800405 00000000", 1, ""),
        case("N29", "AS_PATH with AS 0 without routes", "400206 0201 00000000", 11, ""),
        case("N30", "extended length in the data", "d0080003 000000", 5, "d0080003 000000"),
    ]
}
