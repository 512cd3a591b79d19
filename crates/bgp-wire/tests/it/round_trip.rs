//! Encode, then decode, is the identity.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use bgp_wire::{
    AddPathMode, Afi, Aggregator, AsPath, AsPathSegment, Asn, AttributeCode, AttributeFlags,
    BgpIdentifier, Capability, Community, DecodeError, ExtendedCommunity, Family, GracefulRestart,
    HoldTime, LargeCommunity, LongLivedFamily, MaxMessageLen, MessageView, NextHop, Nlri,
    Notification, NotificationCode, Open, Origin, OtherAttribute, PathAttributes, PathIds, Role,
    RouteRefresh, RouteRefreshSubtype, Safi, SegmentKind, SessionKind, UpdateView, UpdateWriter,
};
use bytes::{Bytes, BytesMut};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::{EXTERNAL, INTERNAL, OLD, message};

fn family() -> impl Strategy<Value = Family> {
    (any::<u16>(), any::<u8>()).prop_map(|(afi, safi)| Family {
        afi: Afi(afi),
        safi: Safi(safi),
    })
}

fn asn() -> impl Strategy<Value = Asn> {
    (1..=u32::MAX).prop_map(Asn::new)
}

fn capability() -> impl Strategy<Value = Capability> {
    prop_oneof![
        family().prop_map(Capability::Multiprotocol),
        Just(Capability::RouteRefresh),
        Just(Capability::ExtendedMessage),
        Just(Capability::EnhancedRouteRefresh),
        vec((family(), any::<u16>().prop_map(Afi)), 0..8).prop_map(Capability::ExtendedNextHop),
        vec((family(), any::<u8>().prop_map(AddPathMode::from)), 0..8)
            .prop_map(Capability::AddPath),
        (
            any::<bool>(),
            any::<bool>(),
            0..4096u16,
            vec((family(), any::<bool>()), 0..8)
        )
            .prop_map(|(restarted, notification, seconds, families)| {
                let mut it = GracefulRestart::new(seconds);
                it.restarted = restarted;
                it.notification = notification;
                it.families = families;
                Capability::GracefulRestart(it)
            }),
        any::<u8>().prop_map(|role| Capability::Role(Role(role))),
        vec((family(), any::<bool>(), 0..1u32 << 24), 0..8).prop_map(|list| {
            let list = list.into_iter().map(|(family, kept, seconds)| {
                let mut it = LongLivedFamily::new(family, seconds);
                it.forwarding_kept = kept;
                it
            });
            Capability::LongLivedGracefulRestart(list.collect())
        }),
        (128..=255u8, vec(any::<u8>(), 0..256)).prop_map(|(code, value)| Capability::Unknown {
            code,
            value: Bytes::from(value),
        }),
    ]
}

prop_compose! {
    /// Every OPEN that can be announced: large AS numbers have their
    /// capability.
    fn open()(
        asn in prop_oneof![(1..=65535u32).prop_map(Asn::new), asn()],
        hold_time in prop_oneof![Just(0u16), 3..=u16::MAX],
        identifier in 1..=u32::MAX,
        mut capabilities in vec(capability(), 0..10),
        say in any::<bool>(),
    ) -> Open {
        if say || asn.get() > 65535 {
            capabilities.push(Capability::FourOctetAs(asn));
        }
        Open {
            asn,
            hold_time: HoldTime::new(hold_time).unwrap(),
            identifier: BgpIdentifier::from(identifier),
            capabilities,
        }
    }
}

fn segment() -> impl Strategy<Value = AsPathSegment> {
    let kind = prop_oneof![Just(SegmentKind::Sequence), Just(SegmentKind::Set)];
    (kind, vec(asn(), 1..=255)).prop_map(|(kind, asns)| AsPathSegment { kind, asns })
}

prop_compose! {
    fn aggregator()(asn in asn(), identifier in any::<Ipv4Addr>()) -> Aggregator {
        Aggregator { asn, identifier }
    }
}

prop_compose! {
    fn large_community()(
        global in any::<u32>(),
        local_1 in any::<u32>(),
        local_2 in any::<u32>(),
    ) -> LargeCommunity {
        LargeCommunity { global, local_1, local_2 }
    }
}

/// An attribute of any code that has no field.
fn other() -> impl Strategy<Value = OtherAttribute> {
    let code = prop_oneof![11..=13u8, 19..=31u8, 33..=34u8, 36..=255u8];
    (code, any::<u8>(), vec(any::<u8>(), 0..300)).prop_filter_map(
        "IPv6 extended communities have a shape",
        |(code, flags, value)| {
            let flags = AttributeFlags(flags | AttributeFlags::OPTIONAL);
            let code = AttributeCode(code);
            let shaped = code == AttributeCode::IPV6_EXTENDED_COMMUNITIES;
            OtherAttribute::new(code, flags, value).filter(|_| !shaped)
        },
    )
}

prop_compose! {
    fn attributes()(
        origin in prop_oneof![Just(Origin::Igp), Just(Origin::Egp), Just(Origin::Incomplete)],
        segments in vec(segment(), 0..3),
        med in option::of(any::<u32>()),
        local_pref in option::of(any::<u32>()),
        atomic_aggregate in any::<bool>(),
        aggregator in option::of(aggregator()),
        communities in vec(any::<u32>().prop_map(Community), 0..70),
        extended_communities in vec(any::<[u8; 8]>().prop_map(ExtendedCommunity), 0..40),
        large_communities in vec(large_community(), 0..30),
        reflection in (option::of(any::<Ipv4Addr>()), vec(any::<Ipv4Addr>(), 0..4)),
        only_to_customer in option::of(any::<u32>().prop_map(Asn::new)),
        others in vec(other(), 0..4),
    ) -> PathAttributes {
        PathAttributes {
            origin,
            as_path: AsPath { segments },
            med,
            local_pref,
            atomic_aggregate,
            aggregator,
            communities,
            extended_communities,
            large_communities,
            originator_id: reflection.0,
            cluster_list: reflection.1,
            only_to_customer,
            others: others
                .into_iter()
                .map(|it| (it.code(), it))
                .collect::<BTreeMap<_, _>>()
                .into_values()
                .collect(),
        }
    }
}

prop_compose! {
    fn ipv4()(address in any::<Ipv4Addr>(), bits in 0..=32u8) -> IpNet {
        IpNet::V4(Ipv4Net::new(address, bits).unwrap().trunc())
    }
}

prop_compose! {
    fn ipv6()(address in any::<Ipv6Addr>(), bits in 0..=128u8) -> IpNet {
        IpNet::V6(Ipv6Net::new(address, bits).unwrap().trunc())
    }
}

fn v6_next_hop() -> impl Strategy<Value = NextHop> {
    let global = any::<[u8; 14]>().prop_map(|rest| {
        let mut octets = [0x20; 16];
        octets[2..].copy_from_slice(&rest);
        Ipv6Addr::from(octets)
    });
    let link_local = any::<u64>().prop_map(|low| Ipv6Addr::from(0xfe80 << 112 | u128::from(low)));
    (global, option::of(link_local))
        .prop_map(|(global, link_local)| NextHop::V6 { global, link_local })
}

/// A family with a next hop and prefixes that fit it.
fn routes() -> impl Strategy<Value = (Family, NextHop, Vec<IpNet>)> {
    let v4_next_hop = (1..=126u8, any::<[u8; 3]>())
        .prop_map(|(first, [b, c, d])| NextHop::V4(Ipv4Addr::new(first, b, c, d)));
    let v4_next_hop = prop_oneof![v4_next_hop, v6_next_hop()];
    prop_oneof![
        (Just(Family::IPV4_UNICAST), v4_next_hop, vec(ipv4(), 1..50)),
        (
            Just(Family::IPV6_UNICAST),
            v6_next_hop(),
            vec(ipv6(), 1..50)
        ),
    ]
}

fn wide(read: Result<Nlri<Ipv4Net>, DecodeError>) -> Nlri {
    let Nlri { path_id, prefix } = read.unwrap();
    Nlri {
        path_id,
        prefix: IpNet::V4(prefix),
    }
}

proptest! {
    #[test]
    fn open_is_what_was_encoded(open in open()) {
        let mut buf = BytesMut::new();
        open.encode(&mut buf).unwrap();
        let raw = message(&buf);
        let Ok(MessageView::Open(view)) = raw.view() else { panic!("not an OPEN") };
        prop_assert_eq!(view.to_open(), Ok(open));
    }

    #[test]
    fn notification_is_what_was_encoded(
        code in any::<u8>(),
        subcode in any::<u8>(),
        data in vec(any::<u8>(), 0..4075),
    ) {
        let sent = Notification::with_data(NotificationCode { code, subcode }, data);
        let mut buf = BytesMut::new();
        sent.encode(&mut buf);
        let raw = message(&buf);
        let Ok(MessageView::Notification(view)) = raw.view() else { panic!("not one") };
        prop_assert_eq!(view.to_notification(), sent);
    }

    #[test]
    fn shutdown_communication_is_a_prefix_of_what_was_said(text in "\\PC{0,200}") {
        let code = NotificationCode::CEASE_ADMINISTRATIVE_RESET;
        let sent = Notification::with_shutdown_communication(code, &text);
        let heard = sent.shutdown_communication().unwrap_or_default();
        prop_assert!(text.starts_with(heard));
        prop_assert!(heard.len() == text.len() || heard.len() > 255 - 4);
    }

    #[test]
    fn route_refresh_is_what_was_encoded(family in family(), subtype in any::<u8>()) {
        let sent = RouteRefresh { family, subtype: RouteRefreshSubtype(subtype) };
        let mut buf = BytesMut::new();
        sent.encode(&mut buf);
        let raw = message(&buf);
        let Ok(MessageView::RouteRefresh(view)) = raw.view() else { panic!("not one") };
        prop_assert_eq!(view.to_route_refresh(), sent);
    }

    #[test]
    fn announcement_is_what_was_encoded(
        mut attributes in attributes(),
        (family, next_hop, prefixes) in routes(),
        ctx in prop_oneof![Just(INTERNAL), Just(EXTERNAL), Just(OLD)],
    ) {
        let mut buf = BytesMut::new();
        let max = MaxMessageLen::EXTENDED;
        let mut writer =
            UpdateWriter::announce(&mut buf, max, family, &next_hop, &attributes, ctx).unwrap();
        for prefix in &prefixes {
            writer.push(*prefix).unwrap();
        }
        prop_assert_eq!(writer.finish(), buf.len());

        let raw = message(&buf);
        let Ok(MessageView::Update(view)) = raw.view() else { panic!("not an UPDATE") };
        let judgement = view.judge(ctx);
        prop_assert_eq!(judgement.fault(), None);
        let read = judgement.attributes();
        attributes.local_pref = match ctx.session {
            SessionKind::Internal => attributes.local_pref.or(Some(100)),
            SessionKind::External => None,
        };
        if ctx.session == SessionKind::External {
            attributes.originator_id = None;
            attributes.cluster_list.clear();
        }
        prop_assert_eq!(read.to_path_attributes(), Some(attributes));
        let reached: Vec<_> = match read.mp_reach() {
            Some(reach) => {
                prop_assert_eq!(reach.family(), family);
                prop_assert_eq!(reach.next_hop(), Some(next_hop));
                reach.prefixes().map(Result::unwrap).collect()
            }
            None => {
                prop_assert_eq!(read.next_hop().map(NextHop::V4), Some(next_hop));
                view.nlri().map(|it| IpNet::V4(it.unwrap())).collect()
            }
        };
        prop_assert_eq!(reached, prefixes);
    }

    #[test]
    fn paths_are_told_apart_both_ways(
        (family, next_hop, prefixes) in routes(),
        ids in vec(any::<u32>(), 50),
    ) {
        let ctx = EXTERNAL.with_path_ids(PathIds::NONE.with(family));
        let routes: Vec<_> = prefixes
            .iter()
            .zip(ids)
            .map(|(prefix, id)| Nlri { path_id: Some(id), prefix: *prefix })
            .collect();
        let max = MaxMessageLen::EXTENDED;
        let attributes = PathAttributes::originated();
        for announce in [true, false] {
            let mut buf = BytesMut::new();
            let mut writer = if announce {
                UpdateWriter::announce(&mut buf, max, family, &next_hop, &attributes, ctx).unwrap()
            } else {
                UpdateWriter::withdraw(&mut buf, max, family, ctx).unwrap()
            };
            for route in &routes {
                writer.push_nlri(*route).unwrap();
            }
            prop_assert_eq!(writer.finish(), buf.len());
            let raw = message(&buf);
            let Ok(MessageView::Update(view)) = raw.view() else { panic!("not an UPDATE") };
            let judgement = view.judge(ctx);
            prop_assert_eq!(judgement.fault(), None);
            let read = judgement.attributes();
            let told: Vec<Nlri> = match (read.mp_reach(), read.mp_unreach(), announce) {
                (Some(reach), ..) => reach.nlri().map(Result::unwrap).collect(),
                (None, Some(unreach), _) => unreach.nlri().map(Result::unwrap).collect(),
                (None, None, true) => view.announced_nlri(ctx).map(wide).collect(),
                (None, None, false) => view.withdrawn_nlri(ctx).map(wide).collect(),
            };
            prop_assert_eq!(told, routes.clone());
        }
    }

    #[test]
    fn communities_read_as_they_print(value in any::<u32>(), large in large_community()) {
        prop_assert_eq!(Community(value).to_string().parse(), Ok(Community(value)));
        prop_assert_eq!(large.to_string().parse(), Ok(large));
    }

    #[test]
    fn a_merged_path_is_as_long_as_the_one_it_came_with(
        two in vec(segment(), 0..4),
        four in vec(segment(), 1..4),
    ) {
        let (two, four) = (AsPath { segments: two }, AsPath { segments: four });
        let attribute = |code: u8, path: &AsPath, octets: usize| {
            let mut value = Vec::new();
            for it in &path.segments {
                value.push(if it.kind == SegmentKind::Set { 1 } else { 2 });
                value.push(u8::try_from(it.asns.len()).unwrap());
                for asn in &it.asns {
                    // The low octets may be 0, which no AS number may be.
                    let number = asn.get() | 1;
                    value.extend_from_slice(&number.to_be_bytes()[4 - octets..]);
                }
            }
            let length = u16::try_from(value.len()).unwrap().to_be_bytes();
            let flags = if code == 2 { 0x50 } else { 0xd0 };
            [&[flags, code][..], &length, &value].concat()
        };
        let attributes = [
            &[0x40, 1, 1, 0, 0x40, 3, 4, 192, 0, 2, 1][..],
            &attribute(2, &two, 2),
            &attribute(17, &four, 4),
        ]
        .concat();
        let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
        let body = [&[0, 0][..], &length, &attributes, &[0]].concat();
        let judgement = UpdateView::parse(&body).unwrap().judge(OLD);
        prop_assert_eq!(judgement.fault(), None);
        let merged = judgement.attributes().as_path().unwrap();
        prop_assert_eq!(merged.path_len(), two.path_len());
        prop_assert_eq!(merged.to_as_path().path_len(), two.path_len());
        if four.path_len() <= two.path_len() {
            let tail: Vec<_> = merged.asns().collect();
            let said: Vec<_> = four.segments.iter().flat_map(|it| &it.asns).collect();
            let tail = &tail[tail.len() - said.len()..];
            prop_assert!(tail.iter().zip(said).all(|(a, b)| a.get() == b.get() | 1));
        }
    }

    #[test]
    fn withdrawal_is_what_was_encoded((family, _, prefixes) in routes()) {
        let mut buf = BytesMut::new();
        let mut writer = UpdateWriter::withdraw(&mut buf, MaxMessageLen::STANDARD, family, EXTERNAL).unwrap();
        for prefix in &prefixes {
            writer.push(*prefix).unwrap();
        }
        prop_assert_eq!(writer.finish(), buf.len());
        let raw = message(&buf);
        let Ok(MessageView::Update(view)) = raw.view() else { panic!("not an UPDATE") };
        let judgement = view.judge(EXTERNAL);
        prop_assert_eq!(judgement.fault(), None);
        let withdrawn: Vec<_> = match judgement.attributes().mp_unreach() {
            Some(unreach) => unreach.prefixes().map(Result::unwrap).collect(),
            None => view.withdrawn_routes().map(|it| IpNet::V4(it.unwrap())).collect(),
        };
        prop_assert_eq!(withdrawn, prefixes);
    }
}
