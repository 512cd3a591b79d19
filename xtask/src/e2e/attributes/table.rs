//! All routes: by whom they are sent, with which attributes, and who does not show all of them.

use bgp_wire::{Asn, AttributeCode, NextHop, Origin};
use serde_json::json;

use super::row::{HOP_V6, Row};
use super::sessions::{EXTERNAL_AS, OLD_AS, Sender};
use super::values::{
    LARGE_AS, UNKNOWN, aggregator, atomic_aggregate, color, communities, extended_communities,
    incomplete, ipv6_extended_communities, large_communities, local_pref, long_path,
    many_communities, med, nothing_else, only_to_customer, other, path_with_set, reflected,
    unknown,
};
use crate::lab::router::RouterKind::{Bird, Frr, Gobgp};

/// All rows; no two have the same prefix.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = mandatory();
    rows.extend(next_hops());
    rows.extend(optional());
    rows.extend(internal());
    rows.extend(two_octets());
    rows.extend(everything());
    rows
}

fn external(name: &'static str, prefix: &'static str) -> Row {
    Row::new(name, Sender::External, prefix)
}

fn mandatory() -> Vec<Row> {
    vec![
        nothing_else(external("mandatory_attributes_alone", "10.1.0.0/16")),
        incomplete(external("origin_incomplete", "10.1.1.0/24")),
        external("origin_egp", "10.1.2.0/25")
            .sends(|it| it.origin = Origin::Egp)
            .shows(
                json!({"1": {"value": 1}}),
                json!({"BGP.origin": "EGP"}),
                json!({"origin": "EGP"}),
            ),
        path_with_set(external("as_path_with_a_set", "10.1.3.0/24"), EXTERNAL_AS),
        long_path(
            external("as_path_of_300_numbers", "10.1.4.0/24"),
            EXTERNAL_AS,
        ),
        Row::new("as_path_without_a_number", Sender::Internal, "10.1.5.0/24").shows(
            json!({"2": {"as_paths": []}}),
            json!({"BGP.as_path": ""}),
            json!({"aspath": {"length": 0, "string": "Local"}}),
        ),
    ]
}

fn next_hops() -> Vec<Row> {
    let third = NextHop::V4([192, 168, 8, 99].into());
    let both = NextHop::V6 {
        global: HOP_V6,
        link_local: Some("fe80::50".parse().expect("it is an address")),
    };
    vec![
        external("ipv4_default_route", "0.0.0.0/0"),
        external("ipv4_host_route", "10.2.0.1/32"),
        external("ipv4_by_a_third_party", "10.2.1.0/24").next_hop(third),
        external("ipv4_by_an_ipv6_next_hop", "10.2.2.0/24").next_hop(NextHop::v6(HOP_V6)),
        external("ipv6", "2001:db8:2:1::/64"),
        external("ipv6_default_route", "::/0"),
        external("ipv6_host_route", "2001:db8:2:2::1/128"),
        external(
            "ipv6_by_a_next_hop_with_its_link_local_address",
            "2001:db8:2:3::/64",
        )
        .next_hop(both)
        .unseen(Gobgp, "shows the global address alone"),
    ]
}

fn optional() -> Vec<Row> {
    vec![
        med(external("med", "10.3.1.0/24"), u32::MAX),
        med(external("med_of_zero", "10.3.2.0/24"), 0),
        atomic_aggregate(external("atomic_aggregate", "10.3.3.0/24")),
        aggregator(external("aggregator", "10.3.4.0/24"), LARGE_AS),
        communities(external("communities", "10.3.5.0/24")),
        many_communities(external(
            "communities_of_more_than_255_octets",
            "10.3.6.0/24",
        )),
        extended_communities(external("extended_communities", "10.3.7.0/24")),
        color(external("extended_community_of_a_color", "10.3.8.0/24")),
        large_communities(external("large_communities", "10.3.9.0/24")),
        only_to_customer(external("only_to_customer", "10.3.10.0/24")),
        ipv6_extended_communities(external("ipv6_extended_communities", "10.3.11.0/24")),
        unknown(external("unknown_transitive_attribute", "10.3.12.0/24")),
        external("unknown_attribute_of_more_than_255_octets", "10.3.13.0/24")
            .sends(|it| it.others = vec![other(UNKNOWN, 0xc0, &[7; 256])])
            .passed_on(Gobgp, UNKNOWN, [7; 256])
            .passed_on(Bird, UNKNOWN, [7; 256])
            .passed_on(Frr, UNKNOWN, [7; 256]),
        external("unknown_attribute_that_is_not_transitive", "10.3.14.0/24")
            .sends(|it| it.others = vec![other(AttributeCode(201), 0x80, &[1, 2, 3])])
            .shows(
                json!({"201": {"flags": 0x80, "value": "AQID"}}),
                json!({"BGP.c9": "01 02 03"}),
                json!({}),
            )
            .unseen(
                Frr,
                "forgets such attributes, as it may (RFC 4271 section 5)",
            ),
    ]
}

fn internal() -> Vec<Row> {
    let row = |name, prefix| Row::new(name, Sender::Internal, prefix);
    vec![
        local_pref(row("local_pref", "10.4.1.0/24")),
        row("local_pref_by_default", "10.4.2.0/24").shows(
            json!({"5": {"value": 100}}),
            json!({"BGP.local_pref": "100"}),
            json!({"locPrf": 100}),
        ),
        reflected(row("originator_id_and_cluster_list", "10.4.3.0/24")),
    ]
}

/// AS numbers in two octets; what is merged must have left nothing behind (RFC 6793).
fn two_octets() -> Vec<Row> {
    let row = |name, prefix| Row::new(name, Sender::Old, prefix);
    vec![
        row("as_path_in_two_octets", "10.5.1.0/24")
            .sends(|it| it.as_path.prepend(Asn::new(OLD_AS), 1))
            .shows(
                json!({"2": {"as_paths": [{"asns": [OLD_AS, OLD_AS]}]}, "17": null}),
                json!({"BGP.as_path": "64514 64514"}),
                json!({"aspath": {"string": "64514 64514"}}),
            ),
        path_with_set(row("as4_path", "10.5.2.0/24"), OLD_AS),
        long_path(row("as4_path_of_300_numbers", "10.5.5.0/24"), OLD_AS),
        aggregator(row("aggregator_in_two_octets", "10.5.3.0/24"), OLD_AS),
        aggregator(row("as4_aggregator", "10.5.4.0/24"), LARGE_AS),
    ]
}

/// All attributes that a kind of peer may get, in one message.
fn everything() -> Vec<Row> {
    let all = |row: Row, first| {
        let row = path_with_set(incomplete(row), first);
        let row = aggregator(atomic_aggregate(med(row, 50)), LARGE_AS);
        let row = large_communities(extended_communities(communities(row)));
        unknown(ipv6_extended_communities(only_to_customer(row)))
    };
    let outside = |name, prefix| {
        let no_preference = json!({"5": null, "9": null, "10": null});
        let nothing = json!({"locPrf": null, "originatorId": null, "clusterList": null});
        // What is for internal peers only is there to be left out.
        all(local_pref(reflected(external(name, prefix))), EXTERNAL_AS).shows(
            no_preference,
            json!({"BGP.local_pref": "100", "BGP.originator_id": null, "BGP.cluster_list": null}),
            nothing,
        )
    };
    let inside = |name, prefix| {
        let row = Row::new(name, Sender::Internal, prefix);
        all(local_pref(reflected(row)), EXTERNAL_AS)
    };
    let old = |name, prefix| all(Row::new(name, Sender::Old, prefix), OLD_AS);
    vec![
        outside("everything_to_an_external_peer", "10.6.1.0/24"),
        outside(
            "everything_to_an_external_peer_by_ipv6",
            "2001:db8:6:1::/64",
        ),
        inside("everything_to_an_internal_peer", "10.6.2.0/24"),
        inside(
            "everything_to_an_internal_peer_by_ipv6",
            "2001:db8:6:2::/64",
        ),
        inside("everything_with_ipv4_by_an_ipv6_next_hop", "10.6.3.0/24")
            .next_hop(NextHop::v6(HOP_V6)),
        old("everything_in_two_octets", "10.6.4.0/24"),
        old("everything_in_two_octets_by_ipv6", "2001:db8:6:4::/64"),
    ]
}
