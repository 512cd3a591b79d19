//! Speakers of two octets, and what stands beside their paths: RFC 6793.

use serde_json::{Value, json};

use super::{kept, withdrawn};
use crate::harness::case::{At, Case, Expect};
use crate::harness::peer::Family;
use crate::harness::wire::{A, AS_PATH_2, B, NEXT_HOP, ORIGIN, Open, V4, V6, update};

pub fn cases() -> Vec<Case> {
    let session = || (Open::new(65001).capabilities(&[V4, V6, "0200"].concat()), Family::BOTH);
    let case = |id, clause, what, attributes: &str, expect: Expect| {
        let base = update("", &[ORIGIN, AS_PATH_2, NEXT_HOP].concat(), &[A, B].concat());
        let octets = [base, update("", attributes, A)].concat();
        let (open, families) = session();
        Case::new(id, clause, what, At::Established, octets, expect).open(open, families)
    };
    let path = |attribute: &str, twin: &str| [ORIGIN, attribute, NEXT_HOP, twin].concat();
    let accepts = |id, clause, what, attributes: String, members: Value| case(id, clause, what, &attributes, kept(members));
    let (merge, discard) = ("RFC 6793 4.2.3", "RFC 6793 6");
    // 65001 23456 65003
    let three = "400208 0203 fde9 5ba0 fdeb";
    let shown = |path: &str| json!({"as_path": path, "others": null});
    vec![
        accepts("A01", merge, "AS_PATH of two octets", path(AS_PATH_2, ""), shown("65001")),
        accepts("A02", merge, "AS4_PATH of the same length", path(three, "c0110e 0203 0000fde9 fa56ea00 0000fdeb"), shown("65001 4200000000 65003")),
        accepts("A03", merge, "AS4_PATH shorter by one", path(three, "c0110a 0202 fa56ea00 0000fdeb"), shown("65001 4200000000 65003")),
        accepts("A04", merge, "AS4_PATH longer than AS_PATH is ignored", path(AS_PATH_2, "c0110a 0202 0000fde9 fa56ea00"), shown("65001")),
        accepts("A05", merge, "AS_TRANS without AS4_PATH stays", path(three, ""), shown("65001 23456 65003")),
        accepts(
            "A06",
            merge,
            "AGGREGATOR and AS4_AGGREGATOR",
            path(AS_PATH_2, "c00706 5ba0 c0000201 c01208 fa56ea00 c0000202"),
            json!({"aggregator": {"as": 4_200_000_000_u32, "identifier": "192.0.2.2"}}),
        ),
        accepts(
            "A07",
            merge,
            "AGGREGATOR that is not AS_TRANS: both twins are ignored",
            path(three, "c00706 fde9 c0000201 c01108 0201 fa56ea00 c01208 fa56ea00 c0000202").replace("c01108", "c01106"),
            json!({"as_path": "65001 23456 65003", "aggregator": {"as": 65001, "identifier": "192.0.2.1"}}),
        ),
        accepts("A08", discard, "AS4_PATH with half a number", path(AS_PATH_2, "c01105 0201 0000fd"), shown("65001")),
        accepts("A09", discard, "AS4_PATH with a segment of type 0", path(AS_PATH_2, "c01106 0001 0000fde9"), shown("65001")),
        accepts("A10", discard, "AS4_PATH with a segment of no members", path(AS_PATH_2, "c01102 0200"), shown("65001")),
        accepts("A11", discard, "AS4_PATH of no octets", path(AS_PATH_2, "c01100"), shown("65001")),
        accepts("A12", discard, "AS4_PATH not optional", path(AS_PATH_2, "401106 0201 0000fde9"), shown("65001")),
        accepts(
            "A13",
            discard,
            "AS4_PATH's confederation segments are left out",
            path(three, "c01112 0301 0000fdf0 0203 0000fde9 fa56ea00 0000fdeb").replace("c01112", "c01114"),
            shown("65001 4200000000 65003"),
        ),
        accepts(
            "A14",
            discard,
            "AS4_AGGREGATOR of 7 octets",
            path(AS_PATH_2, "c00706 5ba0 c0000201 c01207 fa56ea00 c00002"),
            json!({"aggregator": {"as": 23456, "identifier": "192.0.2.1"}}),
        ),
        accepts(
            "A15",
            "RFC 7607 2",
            "AS4_AGGREGATOR with AS 0",
            path(AS_PATH_2, "c00706 5ba0 c0000201 c01208 00000000 c0000202"),
            json!({"aggregator": {"as": 23456, "identifier": "192.0.2.1"}}),
        ),
        accepts("A16", "RFC 7606 7.7", "AGGREGATOR of 8 octets", path(AS_PATH_2, "c00708 0000fde9 c0000201"), json!({"aggregator": null})),
        accepts("A17", "RFC 7607 2", "AS4_PATH with AS 0", path(AS_PATH_2, "c01106 0201 00000000"), shown("65001")),
        case("A18", "RFC 7606 7.2", "AS_PATH of four octets", &path("400206 0201 0000fde9", ""), withdrawn()),
        case("A19", "RFC 7607 2", "AS_PATH of two octets with AS 0", &path("400206 0202 fde9 0000", ""), withdrawn()),
        case("A20", "RFC 4271 9.1.2", "our own AS", &path("400206 0202 fde9 ffdc", ""), withdrawn()),
    ]
}
