use super::*;
use crate::number::Asn;
use crate::update::{AsWidth, SessionKind};

#[test]
fn attributes_are_walked_with_both_kinds_of_length() {
    let octets = [0x40, 1, 1, 0, 0xd0, 8, 0, 4, 1, 2, 3, 4, 0x40, 6, 0];
    let walked: Vec<_> = AttributeIter::new(&octets)
        .map(|it| it.map(|it| (it.code(), it.value(), it.octets().len())))
        .collect();
    assert_eq!(
        walked,
        [
            Ok((AttributeCode::ORIGIN, &[0][..], 4)),
            Ok((AttributeCode::COMMUNITIES, &[1, 2, 3, 4][..], 8)),
            Ok((AttributeCode::ATOMIC_AGGREGATE, &[][..], 3)),
        ]
    );
}

#[test]
fn the_walk_ends_with_an_attribute_that_overruns() {
    let whole = [0xd0, 8, 0, 4, 1, 2, 3, 4];
    for end in 1..whole.len() {
        let mut walk = AttributeIter::new(&whole[..end]);
        let error = DecodeErrorKind::AttributesOverrun.into();
        assert_eq!(walk.next(), Some(Err(error)), "{end}");
        assert_eq!(walk.next(), None);
    }
}

#[test]
fn a_path_prepends_to_its_sequence_or_starts_one() {
    let asn = Asn::new;
    let mut path = AsPath::empty();
    path.prepend(asn(3), 0);
    assert_eq!(path, AsPath::empty());
    path.prepend(asn(3), 1);
    path.prepend(asn(2), 2);
    assert_eq!(path, AsPath::sequence([2, 2, 3].map(asn)));
    path.segments[0].kind = SegmentKind::Set;
    path.prepend(asn(1), 1);
    assert_eq!(path.to_string(), "1 {2,2,3}");
    assert_eq!(path.path_len(), 2);
}

#[test]
fn a_received_path_answers_what_selection_asks() {
    let octets = [2, 2, 0, 1, 0, 2, 1, 2, 0, 3, 0, 4, 3, 1, 0, 5];
    AsPathView::check(&octets, AsWidth::Two, SessionKind::Internal).unwrap();
    let path = AsPathView::checked(&octets, AsWidth::Two);
    assert_eq!(path.to_string(), "1 2 {3,4} (5)");
    assert_eq!(path.to_as_path().to_string(), path.to_string());
    assert_eq!(path.path_len(), 3);
    assert_eq!(path.to_as_path().path_len(), 3);
    assert_eq!(path.first(), Some(Asn::new(1)));
    assert!(path.contains(Asn::new(5)) && !path.contains(Asn::new(6)));
    assert!(AsPathView::checked(&[], AsWidth::Four).is_empty());
}

#[test]
fn communities_read_what_they_print() {
    for text in ["64512:100", "graceful-shutdown", "no-export", "blackhole"] {
        assert_eq!(text.parse::<Community>().unwrap().to_string(), text);
    }
    for text in ["", "1", "1:2:3", "65536:1", "a:1"] {
        assert_eq!(text.parse::<Community>(), Err(InvalidCommunity), "{text:?}");
    }
    let large: LargeCommunity = "4200000000:1:2".parse().unwrap();
    assert_eq!(large.to_string(), "4200000000:1:2");
    for text in ["1:2", "1:2:3:4", "1:2:x", "4294967296:1:1"] {
        assert_eq!(text.parse::<LargeCommunity>(), Err(InvalidCommunity));
    }
}

#[test]
fn next_hops_that_no_host_has_are_told() {
    for (address, host) in [
        ("192.0.2.1", true),
        ("0.0.0.0", false),
        ("127.0.0.1", false),
        ("224.0.0.1", false),
        ("255.255.255.255", false),
    ] {
        assert_eq!(NextHop::V4(address.parse().unwrap()).is_host(), host);
    }
    for (address, host) in [
        ("2001:db8::1", true),
        ("fe80::1", true),
        ("::", false),
        ("::1", false),
        ("ff02::1", false),
        ("::ffff:192.0.2.1", false),
    ] {
        assert_eq!(NextHop::v6(address.parse().unwrap()).is_host(), host);
    }
}
