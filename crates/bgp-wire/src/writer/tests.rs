use super::*;
use crate::attr::{AsPath, Community};
use crate::number::Asn;
use crate::update::{AsWidth, SessionKind, UpdateView};
use crate::{MessageView, RawMessage};

const EXTERNAL: DecodeContext = DecodeContext::new(AsWidth::Four, SessionKind::External);
const INTERNAL: DecodeContext = DecodeContext::new(AsWidth::Four, SessionKind::Internal);

fn v4_next_hop() -> NextHop {
    NextHop::V4([192, 0, 2, 1].into())
}

fn v6_next_hop() -> NextHop {
    NextHop::v6("2001:db8::1".parse().unwrap())
}

fn announced(family: Family, next_hop: NextHop, ctx: DecodeContext, prefix: &str) -> BytesMut {
    let mut attributes = PathAttributes::originated();
    if ctx.session == SessionKind::External {
        attributes.as_path = AsPath::sequence([Asn::new(64512)]);
    }
    let mut buf = BytesMut::new();
    let max = MaxMessageLen::STANDARD;
    let mut writer =
        UpdateWriter::announce(&mut buf, max, family, &next_hop, &attributes, ctx).unwrap();
    writer.push(prefix.parse().unwrap()).unwrap();
    assert_eq!(writer.finish(), buf.len());
    buf
}

fn check(buf: &BytesMut, ctx: DecodeContext, line: &str) {
    let mut buf = buf.clone();
    let message = RawMessage::split_from(&mut buf, MaxMessageLen::EXTENDED)
        .unwrap()
        .unwrap();
    assert!(buf.is_empty());
    let Ok(MessageView::Update(view)) = message.view() else {
        panic!("not an UPDATE");
    };
    assert_eq!(view.display(ctx).to_string(), line);
}

#[test]
fn ipv4_with_an_ipv4_next_hop_uses_the_fields_of_rfc_4271() {
    let buf = announced(
        Family::IPV4_UNICAST,
        v4_next_hop(),
        EXTERNAL,
        "10.0.0.101/32",
    );
    check(
        &buf,
        EXTERNAL,
        "UPDATE announce 10.0.0.101/32 next-hop 192.0.2.1 origin igp as-path [64512]",
    );
}

#[test]
fn ipv4_with_an_ipv6_next_hop_uses_mp_reach() {
    let buf = announced(
        Family::IPV4_UNICAST,
        v6_next_hop(),
        EXTERNAL,
        "10.0.0.101/32",
    );
    check(
        &buf,
        EXTERNAL,
        "UPDATE announce ipv4-unicast 10.0.0.101/32 next-hop 2001:db8::1 origin igp as-path [64512]",
    );
}

#[test]
fn mp_reach_comes_first_of_the_attributes() {
    let buf = announced(
        Family::IPV6_UNICAST,
        v6_next_hop(),
        EXTERNAL,
        "2001:db8:1::/48",
    );
    let update = UpdateView::parse(&buf[HEADER_LEN..]).unwrap();
    let codes: Vec<_> = update
        .path_attributes()
        .map(|it| it.unwrap().code())
        .collect();
    let expected = [
        AttributeCode::MP_REACH_NLRI,
        AttributeCode::ORIGIN,
        AttributeCode::AS_PATH,
    ];
    assert_eq!(codes, expected);
}

#[test]
fn both_ipv6_next_hops_are_said() {
    let next_hop = NextHop::V6 {
        global: "2001:db8::1".parse().unwrap(),
        link_local: Some("fe80::1".parse().unwrap()),
    };
    let buf = announced(
        Family::IPV6_UNICAST,
        next_hop,
        EXTERNAL,
        "2001:db8:1::1/128",
    );
    check(
        &buf,
        EXTERNAL,
        "UPDATE announce ipv6-unicast 2001:db8:1::1/128 next-hop 2001:db8::1 (fe80::1) origin igp as-path [64512]",
    );
}

#[test]
fn internal_peers_get_an_empty_path_and_a_local_pref() {
    let buf = announced(
        Family::IPV4_UNICAST,
        v4_next_hop(),
        INTERNAL,
        "10.0.0.101/32",
    );
    check(
        &buf,
        INTERNAL,
        "UPDATE announce 10.0.0.101/32 next-hop 192.0.2.1 origin igp as-path [] local-pref 100",
    );
    // AS_PATH is there, with a length of 0.
    let update = UpdateView::parse(&buf[HEADER_LEN..]).unwrap();
    let octets: Vec<_> = update
        .path_attributes()
        .map(|it| it.unwrap().octets())
        .collect();
    assert!(octets.contains(&&[0x40, 2, 0][..]));
}

#[test]
fn external_peers_never_get_a_local_pref() {
    let mut attributes = PathAttributes::originated();
    attributes.local_pref = Some(200);
    for (ctx, sent) in [(EXTERNAL, false), (INTERNAL, true)] {
        let mut buf = BytesMut::new();
        attributes.put(&mut buf, None, ctx).unwrap();
        let octets = [0x40, 5, 4, 0, 0, 0, 200];
        assert_eq!(buf.windows(7).any(|it| it == octets), sent);
    }
}

#[test]
fn two_octet_peers_get_as_trans_and_the_truth_beside_it() {
    let ctx = DecodeContext::new(AsWidth::Two, SessionKind::External);
    let mut attributes = PathAttributes::originated();
    attributes.as_path = AsPath::sequence([Asn::new(4_200_000_000), Asn::new(64512)]);
    let mut buf = BytesMut::new();
    attributes.put(&mut buf, None, ctx).unwrap();
    let path = [0x40, 2, 6, 2, 2, 0x5b, 0xa0, 0xfc, 0x00];
    let as4_path = [0xc0, 17, 10, 2, 2, 0xfa, 0x56, 0xea, 0, 0, 0, 0xfc, 0];
    assert_eq!(buf[4..], [&path[..], &as4_path].concat());
}

#[test]
fn withdrawals_use_the_field_for_ipv4_and_mp_unreach_for_ipv6() {
    for (family, prefix, line) in [
        (
            Family::IPV4_UNICAST,
            "10.0.0.101/32",
            "UPDATE withdraw 10.0.0.101/32",
        ),
        (
            Family::IPV6_UNICAST,
            "2001:db8::101/128",
            "UPDATE withdraw ipv6-unicast 2001:db8::101/128",
        ),
    ] {
        let mut buf = BytesMut::new();
        let mut writer =
            UpdateWriter::withdraw(&mut buf, MaxMessageLen::STANDARD, family, EXTERNAL).unwrap();
        writer.push(prefix.parse().unwrap()).unwrap();
        writer.finish();
        check(&buf, EXTERNAL, line);
    }
}

#[test]
fn messages_are_filled_to_the_last_octet_that_fits() {
    let attributes = PathAttributes::originated();
    for max in [MaxMessageLen::STANDARD, MaxMessageLen::EXTENDED] {
        for (family, next_hop, largest) in [
            (Family::IPV4_UNICAST, v4_next_hop(), 5),
            (Family::IPV4_UNICAST, v6_next_hop(), 5),
            (Family::IPV6_UNICAST, v6_next_hop(), 17),
        ] {
            let prefix = |n: u32| -> IpNet {
                match family.afi {
                    Afi::IPV4 => format!("{}/32", core::net::Ipv4Addr::from_bits(n)),
                    _ => format!("2001:db8::{:x}:{:x}/128", n >> 16, n & 0xffff),
                }
                .parse()
                .unwrap()
            };
            let announce = |buf| {
                UpdateWriter::announce(buf, max, family, &next_hop, &attributes, INTERNAL).unwrap()
            };
            let (mut one, mut two) = (BytesMut::new(), BytesMut::new());
            let writers = [
                announce(&mut one),
                UpdateWriter::withdraw(&mut two, max, family, EXTERNAL).unwrap(),
            ];
            for mut writer in writers {
                let mut count = 0;
                while writer.push(prefix(count)).is_ok() {
                    count += 1;
                }
                assert_eq!(writer.push(prefix(count)), Err(PushError::Full));
                let length = writer.finish();
                assert!(
                    length <= max.get() && length + largest > max.get(),
                    "{length}"
                );
            }
            for buf in [&mut one, &mut two] {
                let message = RawMessage::split_from(buf, max).unwrap().unwrap();
                let Ok(MessageView::Update(view)) = message.view() else {
                    panic!("not an UPDATE");
                };
                assert_eq!(view.judge(INTERNAL).disposition(), None);
            }
        }
    }
}

#[test]
fn a_writer_that_is_dropped_or_empty_leaves_the_buffer_as_it_was() {
    let mut buf = BytesMut::from(&b"before"[..]);
    let max = MaxMessageLen::STANDARD;
    let mut writer = UpdateWriter::withdraw(&mut buf, max, Family::IPV4_UNICAST, EXTERNAL).unwrap();
    writer.push("10.0.0.0/8".parse().unwrap()).unwrap();
    drop(writer);
    assert_eq!(buf, "before");
    let writer = UpdateWriter::withdraw(&mut buf, max, Family::IPV4_UNICAST, EXTERNAL).unwrap();
    assert!(writer.is_empty());
    assert_eq!(writer.finish(), 0);
    assert_eq!(buf, "before");
}

#[test]
fn attributes_that_leave_no_room_are_refused_at_the_start() {
    let max = MaxMessageLen::STANDARD;
    let mut attributes = PathAttributes::originated();
    let mut refused_at = None;
    for count in 900..1100 {
        attributes.communities = vec![Community::new(64512, 1); count];
        let mut buf = BytesMut::new();
        let family = Family::IPV6_UNICAST;
        let next_hop = v6_next_hop();
        let length =
            UpdateWriter::announce(&mut buf, max, family, &next_hop, &attributes, EXTERNAL).map(
                |mut writer| {
                    writer.push("2001:db8::1/128".parse().unwrap()).unwrap();
                    writer.finish()
                },
            );
        match length {
            Ok(length) => assert!(refused_at.is_none() && length <= max.get()),
            Err(error) => {
                assert!(matches!(error, EncodeError::AttributesTooLong(_)));
                assert!(buf.is_empty());
                refused_at = refused_at.or(Some(count));
            }
        }
    }
    assert!(refused_at.is_some());
    // More than any attribute's length can say.
    attributes.communities = vec![Community::new(64512, 1); 20_000];
    let mut buf = BytesMut::new();
    let family = Family::IPV4_UNICAST;
    let max = MaxMessageLen::EXTENDED;
    let refused =
        UpdateWriter::announce(&mut buf, max, family, &v4_next_hop(), &attributes, EXTERNAL);
    assert_eq!(refused.err(), Some(EncodeError::AttributesTooLong(80_000)));
    assert!(buf.is_empty());
}

#[test]
fn families_that_do_not_fit_are_refused() {
    let mut buf = BytesMut::new();
    let max = MaxMessageLen::STANDARD;
    let attributes = PathAttributes::originated();
    let family = Family::IPV6_UNICAST;
    let refused =
        UpdateWriter::announce(&mut buf, max, family, &v4_next_hop(), &attributes, EXTERNAL);
    assert_eq!(refused.err(), Some(EncodeError::NextHopFamily(family)));
    let vpn = Family {
        afi: Afi::IPV4,
        safi: crate::Safi(128),
    };
    let refused = UpdateWriter::withdraw(&mut buf, max, vpn, EXTERNAL);
    assert_eq!(refused.err(), Some(EncodeError::UnsupportedFamily(vpn)));
    let mut writer = UpdateWriter::withdraw(&mut buf, max, family, EXTERNAL).unwrap();
    let pushed = writer.push("10.0.0.0/8".parse().unwrap());
    assert_eq!(pushed, Err(PushError::WrongFamily(family)));
    drop(writer);
    assert!(buf.is_empty());
}

#[test]
fn end_of_rib_is_told_for_both_families() {
    for (family, octets) in [(Family::IPV4_UNICAST, 23), (Family::IPV6_UNICAST, 29)] {
        let mut buf = BytesMut::new();
        encode_end_of_rib(&mut buf, family);
        assert_eq!(buf.len(), octets);
        let update = UpdateView::parse(&buf[HEADER_LEN..]).unwrap();
        assert_eq!(update.is_end_of_rib(), Some(family));
        assert_eq!(update.judge(EXTERNAL).disposition(), None);
    }
}

#[test]
fn a_long_sequence_is_split_and_a_long_set_refused() {
    let asns: Vec<_> = (1..=600).map(Asn::new).collect();
    let path = AsPath::sequence(asns.iter().copied());
    let mut buf = BytesMut::new();
    path.put(&mut buf, AsWidth::Four);
    assert_eq!(path.encoded_len(AsWidth::Four), Ok(buf.len()));
    crate::AsPathView::check(&buf, AsWidth::Four, SessionKind::External).unwrap();
    let view = crate::AsPathView::checked(&buf, AsWidth::Four);
    assert_eq!(view.segments().count(), 3);
    assert!(view.asns().eq(asns.iter().copied()));
    let mut set = path;
    set.segments[0].kind = crate::SegmentKind::Set;
    assert_eq!(
        set.encoded_len(AsWidth::Four),
        Err(EncodeError::AsSetTooLarge(600))
    );
}
