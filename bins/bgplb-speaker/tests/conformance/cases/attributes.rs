//! Attributes of routes that are announced: what RFC 7606 treats as a
//! withdrawal, what it discards, and what has to be accepted.

use serde_json::{Value, json};

use super::{base, beside, kept, renewed, withdrawn};
use crate::harness::case::{At, Case};
use crate::harness::wire::{A, AS_PATH, EMPTY_PATH, LOCAL_PREF, NEXT_HOP, ORIGIN, hex, message, update};

use At::Established;

pub fn cases() -> Vec<Case> {
    let mut cases = faulty_paths_and_next_hops();
    cases.extend(faulty_others());
    cases.extend(missing_and_cut());
    cases.extend(discarded());
    cases.extend(accepted());
    cases.extend(internal());
    cases
}

/// The route with these attributes is taken back.
fn treated_as_withdrawn(id: &'static str, clause: &'static str, what: &'static str, attributes: &str) -> Case {
    Case::new(id, clause, what, Established, renewed(attributes), withdrawn())
}

/// The route with these attributes is kept, with these members.
fn accepts(id: &'static str, clause: &'static str, what: &'static str, attributes: &str, members: Value) -> Case {
    Case::new(id, clause, what, Established, renewed(attributes), kept(members))
}

fn faulty_paths_and_next_hops() -> Vec<Case> {
    let origin = |attribute: &str| [attribute, AS_PATH, NEXT_HOP].concat();
    let path = |attribute: &str| [ORIGIN, attribute, NEXT_HOP].concat();
    let next_hop = |attribute: &str| [ORIGIN, AS_PATH, attribute].concat();
    let (r1, r2, r3) = ("RFC 7606 7.1", "RFC 7606 7.2", "RFC 7606 7.3");
    let flags = "RFC 7606 3 c";
    let host = "RFC 4271 6.3";
    [
        ("U01", r1, "ORIGIN of no octets", origin("400100")),
        ("U02", r1, "ORIGIN of 2 octets", origin("400102 0000")),
        ("U03", r1, "ORIGIN 3", origin("400101 03")),
        ("U04", r1, "ORIGIN 255", origin("400101 ff")),
        ("U05", flags, "ORIGIN optional", origin("c00101 00")),
        ("U06", flags, "ORIGIN not transitive", origin("000101 00")),
        ("U10", r2, "AS_PATH with a segment of type 0", path("400206 0001 0000fde9")),
        ("U11", r2, "AS_PATH with a segment of type 5", path("400206 0501 0000fde9")),
        ("U12", r2, "AS_PATH with a segment of no members", path("400208 0201 0000fde9 0200")),
        ("U13", r2, "AS_PATH with a segment longer than itself", path("400206 0202 0000fde9")),
        ("U14", r2, "AS_PATH with an octet too many", path("400207 0201 0000fde9 02")),
        ("U15", r2, "AS_PATH with numbers of two octets", path("400204 0201 fde9")),
        ("U16", "RFC 7607 2", "AS_PATH with AS 0", path("40020a 0202 0000fde9 00000000")),
        ("U17", "RFC 7607 2", "AS_PATH with AS 0 in a set", path("40020c 0201 0000fde9 0101 00000000")),
        ("U18", flags, "AS_PATH optional", path("c00206 0201 0000fde9")),
        ("U19", flags, "AS_PATH not transitive", path("000206 0201 0000fde9")),
        ("U20", "RFC 5065 5", "AS_PATH with a confederation sequence, external", path("40020c 0301 0000fde9 0201 0000fde9")),
        ("U21", "RFC 5065 5", "AS_PATH with a confederation set, external", path("40020c 0201 0000fde9 0401 0000fde9")),
        ("U22", "RFC 4271 9.1.2", "AS_PATH with our own AS", path("40020a 0202 0000fde9 0000ffdc")),
        ("U23", "RFC 4271 9.1.2", "AS_PATH with our own AS in a set", path("40020c 0201 0000fde9 0101 0000ffdc")),
        ("U30", r3, "NEXT_HOP of 3 octets", next_hop("400303 c00002")),
        ("U31", r3, "NEXT_HOP of 5 octets", next_hop("400305 c000026300")),
        ("U32", r3, "NEXT_HOP of no octets", next_hop("400300")),
        ("U33", host, "NEXT_HOP 0.0.0.0", next_hop("400304 00000000")),
        ("U34", host, "NEXT_HOP 127.0.0.1", next_hop("400304 7f000001")),
        ("U35", host, "NEXT_HOP 224.0.0.1", next_hop("400304 e0000001")),
        ("U36", host, "NEXT_HOP 240.0.0.1", next_hop("400304 f0000001")),
        ("U37", host, "NEXT_HOP 255.255.255.255", next_hop("400304 ffffffff")),
        ("U38", host, "NEXT_HOP is our own address", next_hop("400304 7f4e0001")),
        ("U39", flags, "NEXT_HOP optional", next_hop("c00304 c0000263")),
    ]
    .map(|(id, clause, what, attributes)| treated_as_withdrawn(id, clause, what, &attributes))
    .into()
}

fn faulty_others() -> Vec<Case> {
    let flags = "RFC 7606 3 c";
    [
        ("U50", "RFC 7606 7.4", "MULTI_EXIT_DISC of 3 octets", "800403 000000"),
        ("U51", "RFC 7606 7.4", "MULTI_EXIT_DISC of 5 octets", "800405 0000000000"),
        ("U52", "RFC 7606 7.4", "MULTI_EXIT_DISC of no octets", "800400"),
        ("U53", flags, "MULTI_EXIT_DISC transitive", "c00404 00000000"),
        ("U54", flags, "MULTI_EXIT_DISC not optional", "000404 00000000"),
        ("U55", flags, "ATOMIC_AGGREGATE optional", "c00600"),
        ("U56", flags, "AGGREGATOR not optional", "400708 0000fde9 c0000201"),
        ("U57", "RFC 7606 7.8", "COMMUNITIES of 3 octets", "c00803 fde900"),
        ("U58", "RFC 7606 7.8", "COMMUNITIES of 5 octets", "c00805 fde9000100"),
        ("U59", "RFC 7606 7.8", "COMMUNITIES of no octets", "c00800"),
        ("U60", flags, "COMMUNITIES not optional", "400804 fde90001"),
        ("U61", flags, "COMMUNITIES not transitive", "800804 fde90001"),
        ("U62", "RFC 7606 7.14", "EXTENDED_COMMUNITIES of 7 octets", "c01007 0002fde9000000"),
        ("U63", "RFC 7606 7.14", "EXTENDED_COMMUNITIES of no octets", "c01000"),
        ("U64", flags, "EXTENDED_COMMUNITIES not optional", "401008 0002fde900000001"),
        ("U65", "RFC 7606 7.15", "IPV6_EXTENDED_COMMUNITIES of 19 octets", "c01913 00022001 0db80000 00000000 00000000 000001"),
        ("U66", "RFC 7606 7.15", "IPV6_EXTENDED_COMMUNITIES of no octets", "c01900"),
        ("U67", "RFC 8092 6", "LARGE_COMMUNITIES of 11 octets", "c0200b 0000fde9 00000001 000000"),
        ("U68", "RFC 8092 6", "LARGE_COMMUNITIES of no octets", "c02000"),
        ("U69", flags, "LARGE_COMMUNITIES not optional", "40200c 0000fde9 00000001 00000002"),
        ("U70", "RFC 9234 5", "ONLY_TO_CUSTOMER of 3 octets", "c02303 00fde9"),
        // The choice of this speaker: RFC 4271 6.3 resets the session, which
        // lets one AS far away take down sessions.
        ("U71", "RFC 7606 2", "an unknown well-known attribute", "406301 00"),
    ]
    .map(|(id, clause, what, attribute)| treated_as_withdrawn(id, clause, what, &beside(attribute)))
    .into()
}

fn missing_and_cut() -> Vec<Case> {
    let missing = "RFC 7606 3 d";
    let cut = "RFC 7606 4";
    let mut cases: Vec<_> = [
        ("U80", missing, "no ORIGIN", [AS_PATH, NEXT_HOP].concat()),
        ("U81", missing, "no AS_PATH", [ORIGIN, NEXT_HOP].concat()),
        ("U82", missing, "no NEXT_HOP", [ORIGIN, AS_PATH].concat()),
        ("U83", missing, "no attributes", String::new()),
        ("U84", cut, "the last attribute is longer than the field", beside("800405 00000000")),
        ("U85", cut, "one octet behind the attributes", beside("80")),
        ("U86", cut, "two octets behind the attributes", beside("8004")),
        ("U87", cut, "half an extended length", beside("900400")),
        ("U88", "RFC 7606 3 h", "a fault to discard and one to withdraw", beside("400601 00 800403 000000")),
    ]
    .map(|(id, clause, what, attributes)| treated_as_withdrawn(id, clause, what, &attributes))
    .into();
    // Several faults at once, and the withdrawn routes are withdrawn too.
    let both = update(A, &[ORIGIN, NEXT_HOP].concat(), "18 0a0900");
    let octets = [base(), both].concat();
    let what = "a faulty announcement beside a withdrawal";
    cases.push(Case::new("U89", "RFC 7606 2", what, Established, octets, withdrawn()));
    cases
}

fn discarded() -> Vec<Case> {
    [
        ("U100", "RFC 7606 7.5", "LOCAL_PREF, external", "400504 000003e8", json!({"local_pref": null})),
        ("U101", "RFC 7606 7.5", "LOCAL_PREF of 3 octets, external", "400503 000000", json!({"local_pref": null})),
        ("U102", "RFC 7606 7.6", "ATOMIC_AGGREGATE of 1 octet", "400601 00", json!({"atomic_aggregate": null})),
        ("U103", "RFC 7606 7.7", "AGGREGATOR of 6 octets", "c00706 fde9 c0000201", json!({"aggregator": null})),
        ("U104", "RFC 7606 7.7", "AGGREGATOR of 9 octets", "c00709 0000fde9 c0000201 00", json!({"aggregator": null})),
        ("U105", "RFC 7607 2", "AGGREGATOR with AS 0", "c00708 00000000 c0000201", json!({"aggregator": null})),
        ("U106", "RFC 7606 7.9", "ORIGINATOR_ID, external", "800904 c0000209", json!({"originator_id": null})),
        ("U107", "RFC 7606 7.9", "ORIGINATOR_ID of 3 octets, external", "800903 c00002", json!({"originator_id": null})),
        ("U108", "RFC 7606 7.10", "CLUSTER_LIST, external", "800a04 c0000209", json!({"cluster_list": null})),
        ("U109", "RFC 7606 7.10", "CLUSTER_LIST of 5 octets, external", "800a05 c000020900", json!({"cluster_list": null})),
        ("U110", "RFC 6793 4.1", "AS4_PATH from a speaker of four octets", "c01106 0201 0000fdea", json!({"as_path": "65001", "others": null})),
        ("U111", "RFC 6793 4.1", "AS4_AGGREGATOR from a speaker of four octets", "c01208 0000fde9 c0000201", json!({"aggregator": null, "others": null})),
        ("U112", "RFC 7606 3 g", "MULTI_EXIT_DISC twice: the first counts", "800404 00000005 800404 00000006", json!({"med": 5})),
        ("U113", "RFC 7606 3 g", "ORIGIN again, and that one faulty", "400101 07", json!({"origin": "igp"})),
        ("U114", "RFC 7606 3 g", "an unknown attribute twice: the first counts", "c06301 01 c06301 02", json!({"others": [{"code": 99, "flags": "c0", "value": "01"}]})),
    ]
    .map(|(id, clause, what, attribute, members)| accepts(id, clause, what, &beside(attribute), members))
    .into()
}

fn accepted() -> Vec<Case> {
    let path = |attribute: &str| [ORIGIN, attribute, NEXT_HOP].concat();
    let communities = json!(["65001:1", "no-export"]);
    let reversed = [NEXT_HOP, AS_PATH, ORIGIN].concat();
    [
        (
            "U120",
            "RFC 4271 5.1",
            "MULTI_EXIT_DISC, ATOMIC_AGGREGATE, AGGREGATOR",
            beside("800404 00000007 400600 c00708 0000fdea c0000201"),
            json!({"med": 7, "atomic_aggregate": true, "aggregator": {"as": 65002, "identifier": "192.0.2.1"}}),
        ),
        ("U121", "RFC 1997", "COMMUNITIES", beside("c00808 fde90001 ffffff01"), json!({"communities": communities})),
        ("U122", "RFC 8092 3", "LARGE_COMMUNITIES", beside("c0200c 0000fde9 00000001 00000002"), json!({"large_communities": ["65001:1:2"]})),
        ("U123", "RFC 4360 2", "EXTENDED_COMMUNITIES of an unknown type", beside("c01008 3f3f000000000001"), json!({"communities": null})),
        ("U124", "RFC 4271 5", "an unknown optional transitive attribute", beside("c06303 010203"), json!({"others": [{"code": 99, "flags": "c0", "value": "010203"}]})),
        ("U125", "RFC 4271 5", "an unknown optional attribute, not transitive", beside("806301 01"), json!({"as_path": "65001"})),
        ("U126", "RFC 4271 5", "an unknown attribute that is partial", beside("e06301 01"), json!({"others": [{"code": 99, "flags": "e0", "value": "01"}]})),
        ("U127", "RFC 7606 3 c", "ORIGIN partial", ["600101 00", AS_PATH, NEXT_HOP].concat(), json!({"origin": "igp"})),
        ("U128", "RFC 4271 4.3", "unused flags are set", ["4e0101 02", AS_PATH, NEXT_HOP].concat(), json!({"origin": "incomplete"})),
        ("U129", "RFC 4271 4.3", "an extended length for one octet", ["50010001 02", AS_PATH, NEXT_HOP].concat(), json!({"origin": "incomplete"})),
        ("U130", "RFC 4271 5", "attributes in another order", reversed, json!({"origin": "igp", "as_path": "65001"})),
        ("U131", "RFC 4271 4.3", "AS_PATH with a set", path("400210 0201 0000fde9 0102 0000fdea 0000fdeb"), json!({"as_path": "65001 {65002,65003}"})),
        ("U132", "RFC 4271 4.3", "AS_PATH of two sequences", path("40020c 0201 0000fde9 0201 0000fdea"), json!({})),
        ("U133", "RFC 6793 4.1", "AS_PATH with numbers above 65535", path("40020a 0202 0000fde9 fa56ea00"), json!({"as_path": "65001 4200000000"})),
        ("U134", "RFC 9234 5", "ONLY_TO_CUSTOMER", beside("c02304 0000fde9"), json!({"only_to_customer": 65001})),
    ]
    .map(|(id, clause, what, attributes, members)| accepts(id, clause, what, &attributes, members))
    .into()
}

/// What has a meaning within an AS only.
fn internal() -> Vec<Case> {
    let route = |attribute: &str| {
        let base = [ORIGIN, EMPTY_PATH, NEXT_HOP, LOCAL_PREF].concat();
        let needed = [ORIGIN, EMPTY_PATH, NEXT_HOP].concat();
        let first = update("", &base, "18 0a0100 18 0a0200");
        [first, update("", &[&needed, attribute].concat(), A)].concat()
    };
    let faulty = |id, clause, what, attribute: &str| Case::new(id, clause, what, Established, route(attribute), withdrawn()).internal();
    let fine = |id, clause, what, attribute: &str, members| Case::new(id, clause, what, Established, route(attribute), kept(members)).internal();
    let reflected = json!({"originator_id": "192.0.2.9", "cluster_list": ["192.0.2.9", "192.0.2.10"]});
    let with_preference = |attribute: &str| [LOCAL_PREF, attribute].concat();
    vec![
        faulty("U140", "RFC 7606 7.5", "LOCAL_PREF of 3 octets, internal", "400503 000000"),
        faulty("U141", "RFC 7606 7.5", "LOCAL_PREF of no octets, internal", "400500"),
        faulty("U142", "RFC 7606 3 c", "LOCAL_PREF optional, internal", "c00504 00000064"),
        faulty("U143", "RFC 7606 7.9", "ORIGINATOR_ID of 3 octets, internal", &with_preference("800903 c00002")),
        faulty("U144", "RFC 7606 7.10", "CLUSTER_LIST of 5 octets, internal", &with_preference("800a05 c000020900")),
        faulty("U145", "RFC 7606 7.10", "CLUSTER_LIST of no octets, internal", &with_preference("800a00")),
        fine("U146", "RFC 4271 5.1.5", "LOCAL_PREF, internal", "400504 000000c8", json!({"local_pref": 200, "as_path": ""})),
        fine("U147", "RFC 4456 8", "ORIGINATOR_ID and CLUSTER_LIST, internal", &with_preference("800904 c0000209 800a08 c0000209 c000020a"), reflected),
        faulty("U148", "RFC 4456 8", "ORIGINATOR_ID is our own identifier", &with_preference("800904 c0000201")),
        Case::new("U149", "RFC 4271 4.3", "an UPDATE with empty fields", Established, [base(), message(2, &hex("00000000"))].concat(), kept(json!({}))),
    ]
}
