//! ORIGIN, AS_PATH and NEXT_HOP at the front are read by a short cut, which
//! must not say anything else than the long way.

use bgp_wire::{AsWidth, PathAttributes, SessionKind, UpdateView};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::context;

/// An attribute nobody knows; in front of the others it makes the long way
/// necessary.
const STRANGER: [u8; 4] = [0xc0, 200, 1, 0];

fn body(attributes: &[&[u8]], nlri: &[u8]) -> Vec<u8> {
    let attributes = attributes.concat();
    let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
    [&[0, 0], &length[..], &attributes, nlri].concat()
}

/// The usual three, mostly right.
fn usual() -> impl Strategy<Value = Vec<u8>> {
    let origin = prop_oneof![9 => 0..3u8, 1 => any::<u8>()];
    let segment = (1..=5u8, vec(any::<[u8; 2]>(), 1..5)).prop_map(|(kind, asns)| {
        let count = u8::try_from(asns.len()).unwrap();
        [&[kind, count][..], &asns.concat()].concat()
    });
    let next_hop = prop_oneof![9 => Just([192, 0, 2, 1]), 1 => any::<[u8; 4]>()];
    let damage =
        prop_oneof![3 => Just(None), 1 => any::<(prop::sample::Index, u8)>().prop_map(Some)];
    (origin, vec(segment, 0..3), next_hop, damage).prop_map(|(origin, path, next_hop, damage)| {
        let path = path.concat();
        let length = u8::try_from(path.len()).unwrap();
        let mut octets = [
            &[0x40, 1, 1, origin, 0x40, 2, length][..],
            &path,
            &[0x40, 3, 4],
            &next_hop,
        ]
        .concat();
        if let Some((place, octet)) = damage {
            *place.get_mut(&mut octets) = octet;
        }
        octets
    })
}

/// Two octets of flags and code, then a short value.
fn others() -> impl Strategy<Value = Vec<u8>> {
    let attribute =
        (any::<u8>(), 1..20u8, vec(any::<u8>(), 0..9)).prop_map(|(flags, code, value)| {
            let length = u8::try_from(value.len()).unwrap();
            [&[flags & !0x10, code, length][..], &value].concat()
        });
    vec(attribute, 0..4).prop_map(|it| it.concat())
}

proptest! {
    #[test]
    fn the_usual_front_is_judged_as_in_any_other_place(
        usual in usual(),
        others in others(),
        four in any::<bool>(),
        external in any::<bool>(),
    ) {
        let width = if four { AsWidth::Four } else { AsWidth::Two };
        let session = if external { SessionKind::External } else { SessionKind::Internal };
        let ctx = context(width, session);
        let nlri = [8, 10];
        let short = body(&[&usual, &others], &nlri);
        let long = body(&[&STRANGER, &usual, &others], &nlri);
        let short = UpdateView::parse(&short).unwrap().judge(ctx);
        let long = UpdateView::parse(&long).unwrap().judge(ctx);
        let what = |it: bgp_wire::Judgement<'_>| it.fault().map(|it| (it.error, it.disposition));
        prop_assert_eq!(what(short), what(long));
        let without_stranger = |it: PathAttributes| PathAttributes {
            others: it.others.into_iter().filter(|it| it.code().0 != STRANGER[1]).collect(),
            ..it
        };
        prop_assert_eq!(
            short.attributes().to_path_attributes().map(without_stranger),
            long.attributes().to_path_attributes().map(without_stranger),
        );
        prop_assert_eq!(short.attributes().next_hop(), long.attributes().next_hop());
    }
}
