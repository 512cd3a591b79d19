//! One function an attribute: what is sent, and what GoBGP, BIRD and FRR show of it, in this order
//! and in their words. GoBGP's attributes stand under their codes.

use std::net::Ipv4Addr;

use bgp_wire::{
    Administrator, Aggregator, AsPath, AsPathSegment, Asn, AttributeCode, AttributeFlags,
    Community, ExtendedCommunity, LargeCommunity, Origin, OtherAttribute, SegmentKind,
};
use serde_json::json;

use super::row::Row;
use super::sessions::EXTERNAL_AS;
use crate::lab::router::RouterKind::{Bird, Frr};

/// Type code of no known attribute.
pub(super) const UNKNOWN: AttributeCode = AttributeCode(200);

/// A number that needs four octets.
pub(super) const LARGE_AS: u32 = 4_200_000_000;

/// Every value a row without a change has, and the absence of all others.
pub(super) fn nothing_else(row: Row) -> Row {
    row.shows(
        json!({
            "1": {"value": 0}, "2": {"as_paths": [{"asns": [EXTERNAL_AS], "segment_type": 2}]},
            "4": null, "5": null, "6": null, "7": null, "8": null, "9": null, "10": null,
            "16": null, "17": null, "18": null, "25": null, "32": null, "35": null, "200": null,
        }),
        json!({
            "BGP.origin": "IGP", "BGP.as_path": "64513", "BGP.med": null,
            "BGP.atomic_aggr": null, "BGP.aggregator": null, "BGP.community": null,
            "BGP.originator_id": null, "BGP.cluster_list": null, "BGP.ext_community": null,
            "BGP.large_community": null, "BGP.otc": null, "BGP.c8 [t]": null,
        }),
        json!({
            "origin": "IGP", "aspath": {"string": "64513"}, "metric": null, "locPrf": null,
            "atomicAggregate": null, "aggregatorAs": null, "community": null,
            "originatorId": null, "clusterList": null, "extendedCommunity": null,
            "largeCommunity": null, "otc": null,
        }),
    )
}

pub(super) fn incomplete(row: Row) -> Row {
    row.sends(|it| it.origin = Origin::Incomplete).shows(
        json!({"1": {"value": 2}}),
        json!({"BGP.origin": "Incomplete"}),
        json!({"origin": "incomplete"}),
    )
}

/// `first`, a large number, a set.
pub(super) fn path_with_set(row: Row, first: u32) -> Row {
    let segment = |kind, asns: &[u32]| AsPathSegment {
        kind,
        asns: asns.iter().copied().map(Asn::new).collect(),
    };
    row.sends(|it| {
        it.as_path.segments = vec![
            segment(SegmentKind::Sequence, &[first, LARGE_AS]),
            segment(SegmentKind::Set, &[64600, 64601]),
        ];
    })
    .shows(
        json!({"2": {"as_paths": [
            {"asns": [first, LARGE_AS], "segment_type": 2},
            {"asns": [64600, 64601], "segment_type": 1},
        ]}, "17": null}),
        json!({"BGP.as_path": format!("{first} 4200000000 {{64600 64601}}")}),
        json!({"aspath": {"string": format!("{first} 4200000000 {{64600,64601}}")}}),
    )
}

/// More numbers than a segment holds: two segments, and a length of two octets.
pub(super) fn long_path(row: Row, first: u32) -> Row {
    let asns: Vec<u32> = [first].into_iter().chain(100_001..100_300).collect();
    let words: Vec<String> = asns.iter().map(u32::to_string).collect();
    let (front, back) = asns.split_at(255);
    let octets = [(255, front), (45, back)].map(|(count, asns)| {
        let numbers = asns.iter().flat_map(|asn| asn.to_be_bytes());
        [2, count].into_iter().chain(numbers).collect::<Vec<u8>>()
    });
    row.sends(|it| {
        it.as_path = AsPath::sequence(asns.iter().copied().map(Asn::new));
    })
    .shows(
        json!({"2": {"as_paths": [{"asns": front}, {"asns": back}]}}),
        json!({}),
        json!({"aspath": {"length": 300, "string": words.join(" ")}}),
    )
    .passed_on(Bird, AttributeCode::AS_PATH, octets.concat())
}

pub(super) fn med(row: Row, med: u32) -> Row {
    row.sends(|it| it.med = Some(med)).shows(
        json!({"4": {"metric": med}}),
        json!({"BGP.med": med.to_string()}),
        json!({"metric": med}),
    )
}

pub(super) fn local_pref(row: Row) -> Row {
    row.sends(|it| it.local_pref = Some(4_000_000_000)).shows(
        json!({"5": {"value": 4_000_000_000_u32}}),
        json!({"BGP.local_pref": "4000000000"}),
        json!({"locPrf": 4_000_000_000_u32}),
    )
}

pub(super) fn atomic_aggregate(row: Row) -> Row {
    row.sends(|it| it.atomic_aggregate = true).shows(
        json!({"6": {}}),
        json!({"BGP.atomic_aggr": ""}),
        json!({"atomicAggregate": true}),
    )
}

pub(super) fn aggregator(row: Row, asn: u32) -> Row {
    let identifier = Ipv4Addr::new(192, 0, 2, 10);
    let asn_of = Asn::new(asn);
    row.sends(|it| {
        it.aggregator = Some(Aggregator {
            asn: asn_of,
            identifier,
        })
    })
    .shows(
        json!({"7": {"as": asn, "address": "192.0.2.10"}, "18": null}),
        json!({"BGP.aggregator": format!("192.0.2.10 AS{asn}")}),
        json!({"aggregatorAs": asn, "aggregatorId": "192.0.2.10"}),
    )
}

pub(super) fn reflected(row: Row) -> Row {
    row.sends(|it| {
        it.originator_id = Some(Ipv4Addr::new(192, 0, 2, 7));
        it.cluster_list = vec![Ipv4Addr::new(192, 0, 2, 8), Ipv4Addr::new(192, 0, 2, 9)];
    })
    .shows(
        json!({"9": {"value": "192.0.2.7"}, "10": {"value": ["192.0.2.8", "192.0.2.9"]}}),
        json!({"BGP.originator_id": "192.0.2.7", "BGP.cluster_list": "192.0.2.8 192.0.2.9"}),
        json!({"originatorId": "192.0.2.7", "clusterList": {"list": ["192.0.2.8", "192.0.2.9"]}}),
    )
}

pub(super) fn communities(row: Row) -> Row {
    row.sends(|it| it.communities = vec![Community::new(64513, 100), Community::NO_PEER])
        .shows(
            json!({"8": {"communities": [64513_u32 << 16 | 100, 0xffff_ff04_u32]}}),
            json!({"BGP.community": "(64513,100) (65535,65284)"}),
            json!({"community": {"string": "64513:100 no-peer"}}),
        )
}

pub(super) fn many_communities(row: Row) -> Row {
    let all = |show: fn(u16) -> String| (1..=100).map(show).collect::<Vec<_>>().join(" ");
    row.sends(|it| it.communities = (1..=100).map(|n| Community::new(64513, n)).collect())
        .shows(
            json!({"8": {"communities": (1..=100).map(|n| 64513_u32 << 16 | n).collect::<Vec<_>>()}}),
            json!({"BGP.community": all(|n| format!("(64513,{n})"))}),
            json!({"community": {"string": all(|n| format!("64513:{n}"))}}),
        )
}

/// All kinds of administrators, and the link bandwidth. FRR sorts them.
pub(super) fn extended_communities(row: Row) -> Row {
    let as2 = |local| Administrator::As2 { asn: 64513, local };
    let (asn, address) = (Asn::new(LARGE_AS), [192, 0, 2, 1].into());
    row.sends(|it| {
        it.extended_communities = vec![
            ExtendedCommunity::route_target(as2(70_000)),
            ExtendedCommunity::route_target(Administrator::V4 { address, local: 5 }),
            ExtendedCommunity::route_target(Administrator::As4 { asn, local: 7 }),
            ExtendedCommunity::route_origin(as2(8)),
            ExtendedCommunity::link_bandwidth(Asn::new(64513), 125e6),
        ];
    })
    .shows(
        json!({"16": {"value": [
            {"type": 0, "subtype": 2, "value": "64513:70000"},
            {"type": 1, "subtype": 2, "value": "192.0.2.1:5"},
            {"type": 2, "subtype": 2, "value": "64086.59904:7"},
            {"type": 0, "subtype": 3, "value": "64513:8"},
            {"type": 0x40, "subtype": 4, "asn": 64513, "bandwidth": 125_000_000},
        ]}}),
        // The bandwidth is the octets of a floating point number.
        json!({"BGP.ext_community": format!("(rt, 64513, 70000) (rt, 192.0.2.1, 5) \
            (rt, 4200000000, 7) (ro, 64513, 8) (unknown 0x4004, 64513, {})", 125e6_f32.to_bits())}),
        json!({"extendedCommunity": {"string": "RT:64513:70000 SoO:64513:8 RT:192.0.2.1:5 \
            RT:4200000000:7 LB:64513:125000000 (1.000 Gbps)"}}),
    )
}

pub(super) fn color(row: Row) -> Row {
    row.sends(|it| it.extended_communities = vec![ExtendedCommunity::color(9)])
        .shows(
            json!({"16": {"value": [{"type": 3, "subtype": 11, "color": 9}]}}),
            json!({"BGP.ext_community": "(generic, 0x30b0000, 0x9)"}),
            json!({}),
        )
        .passed_on(
            Frr,
            AttributeCode::EXTENDED_COMMUNITIES,
            [3, 11, 0, 0, 0, 0, 0, 9],
        )
}

/// FRR sorts them.
pub(super) fn large_communities(row: Row) -> Row {
    let community = |global, local_1, local_2| LargeCommunity {
        global,
        local_1,
        local_2,
    };
    row.sends(|it| {
        it.large_communities = vec![community(LARGE_AS, 1, u32::MAX), community(64513, 0, 2)];
    })
    .shows(
        json!({"32": {"value": [
            {"ASN": LARGE_AS, "LocalData1": 1, "LocalData2": u32::MAX},
            {"ASN": 64513, "LocalData1": 0, "LocalData2": 2},
        ]}}),
        json!({"BGP.large_community": "(4200000000, 1, 4294967295) (64513, 0, 2)"}),
        json!({"largeCommunity": {"string": "64513:0:2 4200000000:1:4294967295"}}),
    )
}

/// GoBGP does not know it and shows its octets in base64.
pub(super) fn only_to_customer(row: Row) -> Row {
    row.sends(|it| it.only_to_customer = Some(Asn::new(LARGE_AS)))
        .shows(
            json!({"35": {"flags": 0xc0, "value": "+lbqAA=="}}),
            json!({"BGP.otc": "4200000000"}),
            json!({"otc": LARGE_AS}),
        )
}

/// A route target of an IPv6 address and a number of two octets (RFC 5701).
const IPV6_ROUTE_TARGET: [u8; 20] = [
    0, 2, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 9,
];

pub(super) fn ipv6_extended_communities(row: Row) -> Row {
    let code = AttributeCode::IPV6_EXTENDED_COMMUNITIES;
    row.sends(|it| it.others.push(other(code, 0xc0, &IPV6_ROUTE_TARGET)))
        .shows(
            json!({"25": {"value": [{"type": 0, "subtype": 2, "value": "2001:db8::1:9"}]}}),
            json!({"BGP.19 [t]": "00 02 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01 00 09"}),
            json!({}),
        )
        .unseen(
            Frr,
            "neither shows nor passes on communities of IPv6 addresses",
        )
}

/// BIRD names it by its code in hexadecimal digits.
pub(super) fn unknown(row: Row) -> Row {
    row.sends(|it| it.others.push(other(UNKNOWN, 0xc0, &[1, 2, 3])))
        .shows(
            json!({"200": {"flags": 0xc0, "value": "AQID"}}),
            json!({"BGP.c8 [t]": "01 02 03"}),
            json!({}),
        )
        .passed_on(Frr, UNKNOWN, [1, 2, 3])
}

pub(super) fn other(code: AttributeCode, flags: u8, value: &[u8]) -> OtherAttribute {
    OtherAttribute::new(code, AttributeFlags(flags), value.to_vec())
        .expect("its code has no field of its own")
}
