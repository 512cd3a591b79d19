//! The codecs, each decoding a message and walking what is in it.
//!
//! All do what their documentation shows for a received UPDATE. Everybody checks the header,
//! decodes the attributes as far as the library does, and walks AS_PATH and the prefixes.

use bgp_wire::{MaxMessageLen, MessageView};
use bgpkit_parser::models::{AsPathSegment, AsnLength, BgpMessage, NetworkPrefix};
use ipnet::IpNet;
use netgauze_bgp_pkt::path_attribute::{AsPath, MpReach, MpUnreach, PathAttributeValue};
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput as _;
use routecore::bgp::aspath::Hop;
use routecore::bgp::message::UpdateMessage;
use routecore::bgp::message::update::SessionConfig;
use routecore::bgp::nlri::afisafi::{IsPrefix as _, Nlri};
use rustbgpd_wire::{Message as RustbgpdMessage, PathAttribute, Prefix};
use zettabgp::prelude::{
    BgpASitem, BgpAddrs, BgpAttrItem, BgpMessage as _, BgpMessageType, BgpSessionParams,
    BgpTransportMode, BgpUpdateMessage,
};

use crate::stream::Message;
use crate::walk::Walk;

/// A codec under its name.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// What was walked in all the messages; `None` if one was not taken.
    pub(crate) decode: Box<dyn Fn(&[Message]) -> Option<Walk>>,
}

/// Makes one of a function that adds what it walks, or returns `None`.
fn contender(
    name: &'static str,
    walk: impl Fn(&Message, &mut Walk) -> Option<()> + 'static,
) -> Contender {
    Contender {
        name,
        // The loop is inside, so that nobody pays for a call through a pointer.
        decode: Box::new(move |messages| {
            let mut total = Walk::default();
            for message in messages {
                walk(message, &mut total)?;
            }
            Some(total)
        }),
    }
}

/// All of them, bgp-wire first.
pub(crate) fn all() -> Vec<Contender> {
    let two = SessionConfig::legacy();
    let four = SessionConfig::modern();
    let mut zettabgp = BgpSessionParams::new(
        64512,
        180,
        BgpTransportMode::IPv4,
        [192, 0, 2, 1].into(),
        Vec::new(),
    );
    // It would guess whether there are path identifiers, which costs time.
    zettabgp.fuzzy_pathid = false;
    zettabgp.has_as32bit = false;
    let mut zettabgp_four = zettabgp.clone();
    zettabgp_four.has_as32bit = true;
    vec![
        contender("bgp-wire", bgp_wire),
        contender("rustbgpd-wire", rustbgpd_wire),
        contender("zettabgp", move |message, walk| {
            let session = if message.four_octets {
                &zettabgp_four
            } else {
                &zettabgp
            };
            zettabgp_(session, message, walk)
        }),
        contender("netgauze-bgp-pkt", netgauze_bgp_pkt),
        contender("bgpkit-parser", bgpkit_parser),
        contender("routecore", move |message, walk| {
            let session = if message.four_octets { &four } else { &two };
            routecore_(session, message, walk)
        }),
    ]
}

/// What the processor takes to look at every octet once.
pub(crate) fn sum(messages: &[Message]) -> u64 {
    messages
        .iter()
        .map(|it| it.octets.iter().map(|octet| u64::from(*octet)).sum::<u64>())
        .sum()
}

fn net(walk: &mut Walk, net: IpNet) {
    match net {
        IpNet::V4(net) => walk.v4(net.addr(), net.prefix_len()),
        IpNet::V6(net) => walk.v6(net.addr(), net.prefix_len()),
    }
}

fn bgp_wire(message: &Message, walk: &mut Walk) -> Option<()> {
    let mut octets = &*message.octets;
    let view = MessageView::split_from(&mut octets, MaxMessageLen::STANDARD).ok()??;
    let MessageView::Update(update) = view else {
        return None;
    };
    let judgement = update.judge(message.context());
    if judgement.disposition().is_some() {
        return None;
    }
    let attributes = judgement.attributes();
    if let Some(path) = attributes.as_path() {
        path.asns().for_each(|asn| walk.asn(asn.get()));
    }
    for prefix in update.withdrawn_routes() {
        let prefix = prefix.ok()?;
        walk.v4(prefix.addr(), prefix.prefix_len());
    }
    for prefix in update.nlri() {
        let prefix = prefix.ok()?;
        walk.v4(prefix.addr(), prefix.prefix_len());
    }
    if let Some(unreach) = attributes.mp_unreach() {
        for prefix in unreach.prefixes() {
            net(walk, prefix.ok()?);
        }
    }
    if let Some(reach) = attributes.mp_reach() {
        for prefix in reach.prefixes() {
            net(walk, prefix.ok()?);
        }
    }
    Some(())
}

fn rustbgpd_wire(message: &Message, walk: &mut Walk) -> Option<()> {
    let mut octets = message.octets.clone();
    let RustbgpdMessage::Update(update) =
        rustbgpd_wire::decode_message(&mut octets, rustbgpd_wire::MAX_MESSAGE_LEN).ok()?
    else {
        return None;
    };
    let parsed = update
        .parse_revised(message.four_octets, true, false, &[])
        .ok()?;
    if !parsed.malformed.is_empty() {
        return None;
    }
    let prefix = |prefix: Prefix, walk: &mut Walk| match prefix {
        Prefix::V4(it) => walk.v4(it.addr, it.len),
        Prefix::V6(it) => walk.v6(it.addr, it.len),
    };
    for attribute in &parsed.update.attributes {
        match attribute {
            PathAttribute::AsPath(path) => {
                for segment in &path.segments {
                    let (rustbgpd_wire::AsPathSegment::AsSet(asns)
                    | rustbgpd_wire::AsPathSegment::AsSequence(asns)) = segment;
                    asns.iter().for_each(|asn| walk.asn(*asn));
                }
            }
            PathAttribute::MpReachNlri(reach) => {
                reach
                    .announced
                    .iter()
                    .for_each(|it| prefix(it.prefix, walk));
            }
            PathAttribute::MpUnreachNlri(unreach) => {
                unreach
                    .withdrawn
                    .iter()
                    .for_each(|it| prefix(it.prefix, walk));
            }
            _ => {}
        }
    }
    for entry in parsed
        .update
        .withdrawn
        .iter()
        .chain(&parsed.update.announced)
    {
        walk.v4(entry.prefix.addr, entry.prefix.len);
    }
    Some(())
}

fn zettabgp_(session: &BgpSessionParams, message: &Message, walk: &mut Walk) -> Option<()> {
    let (BgpMessageType::Update, length) = session.decode_message_head(&message.octets).ok()?
    else {
        return None;
    };
    let mut update = BgpUpdateMessage::new();
    update
        .decode_from(session, message.octets.get(19..19 + length)?)
        .ok()?;
    let addresses = |addresses: &BgpAddrs, walk: &mut Walk| match addresses {
        BgpAddrs::IPV4U(all) | BgpAddrs::IPV4M(all) => {
            all.iter().for_each(|it| walk.v4(it.addr, it.prefixlen));
        }
        BgpAddrs::IPV6U(all) | BgpAddrs::IPV6M(all) => {
            all.iter().for_each(|it| walk.v6(it.addr, it.prefixlen));
        }
        _ => {}
    };
    for attribute in &update.attrs {
        match attribute {
            BgpAttrItem::ASPath(path) => {
                for item in &path.value {
                    match item {
                        BgpASitem::Seq(asns) => asns.value.iter().for_each(|it| walk.asn(it.value)),
                        BgpASitem::Set(asns) => asns.value.iter().for_each(|it| walk.asn(it.value)),
                    }
                }
            }
            BgpAttrItem::MPUpdates(reach) => addresses(&reach.addrs, walk),
            BgpAttrItem::MPWithdraws(unreach) => addresses(&unreach.addrs, walk),
            _ => {}
        }
    }
    addresses(&update.withdraws, walk);
    addresses(&update.updates, walk);
    Some(())
}

fn netgauze_bgp_pkt(message: &Message, walk: &mut Walk) -> Option<()> {
    use netgauze_bgp_pkt::BgpMessage;

    // It is made for a session; without entries it owns no memory.
    let mut context = BgpParsingContext::asn2_default();
    context.set_asn4(message.four_octets);
    let mut reader = SliceReader::new(&message.octets);
    let BgpMessage::Update(update) = BgpMessage::parse(&mut reader, &mut context).ok()? else {
        return None;
    };
    for attribute in update.path_attributes() {
        match attribute.value() {
            PathAttributeValue::AsPath(AsPath::As2PathSegments(segments)) => {
                for segment in segments {
                    segment
                        .as_numbers()
                        .iter()
                        .for_each(|asn| walk.asn(u32::from(*asn)));
                }
            }
            PathAttributeValue::AsPath(AsPath::As4PathSegments(segments)) => {
                for segment in segments {
                    segment.as_numbers().iter().for_each(|asn| walk.asn(*asn));
                }
            }
            PathAttributeValue::MpReach(reach) => match reach {
                MpReach::Ipv4Unicast { nlri, .. } => {
                    nlri.iter()
                        .for_each(|it| net(walk, it.network().address().into()));
                }
                MpReach::Ipv4Multicast { nlri, .. } => {
                    nlri.iter()
                        .for_each(|it| net(walk, it.network().address().into()));
                }
                MpReach::Ipv6Unicast { nlri, .. } => {
                    nlri.iter()
                        .for_each(|it| net(walk, it.network().address().into()));
                }
                MpReach::Ipv6Multicast { nlri, .. } => {
                    nlri.iter()
                        .for_each(|it| net(walk, it.network().address().into()));
                }
                _ => {}
            },
            PathAttributeValue::MpUnreach(unreach) => match unreach {
                MpUnreach::Ipv4Unicast { nlri } => {
                    nlri.iter()
                        .for_each(|it| net(walk, it.network().address().into()));
                }
                MpUnreach::Ipv4Multicast { nlri } => {
                    nlri.iter()
                        .for_each(|it| net(walk, it.network().address().into()));
                }
                MpUnreach::Ipv6Unicast { nlri } => {
                    nlri.iter()
                        .for_each(|it| net(walk, it.network().address().into()));
                }
                MpUnreach::Ipv6Multicast { nlri } => {
                    nlri.iter()
                        .for_each(|it| net(walk, it.network().address().into()));
                }
                _ => {}
            },
            _ => {}
        }
    }
    for prefix in update.withdraw_routes().iter().chain(update.nlri()) {
        net(walk, prefix.network().address().into());
    }
    Some(())
}

fn bgpkit_parser(message: &Message, walk: &mut Walk) -> Option<()> {
    let width = match message.four_octets {
        true => AsnLength::Bits32,
        false => AsnLength::Bits16,
    };
    let mut octets = message.octets.clone();
    let parsed = bgpkit_parser::parser::bgp::parse_bgp_message(&mut octets, false, &width);
    let BgpMessage::Update(update) = parsed.ok()? else {
        return None;
    };
    let attributes = &update.attributes;
    for segment in attributes
        .as_path()
        .into_iter()
        .flat_map(|it| it.iter_segments())
    {
        let (AsPathSegment::AsSequence(asns)
        | AsPathSegment::AsSet(asns)
        | AsPathSegment::ConfedSequence(asns)
        | AsPathSegment::ConfedSet(asns)) = segment;
        asns.iter().for_each(|asn| walk.asn(asn.to_u32()));
    }
    let mut prefixes = |prefixes: &[NetworkPrefix]| {
        prefixes.iter().for_each(|it| net(walk, it.prefix));
    };
    prefixes(&update.withdrawn_prefixes);
    prefixes(&update.announced_prefixes);
    for nlri in [
        attributes.get_reachable_nlri(),
        attributes.get_unreachable_nlri(),
    ] {
        prefixes(nlri.map_or(&[], |it| &it.prefixes));
    }
    Some(())
}

fn routecore_(session: &SessionConfig, message: &Message, walk: &mut Walk) -> Option<()> {
    let update = UpdateMessage::from_octets(&*message.octets, session).ok()?;
    for hop in update.aspath().ok()?.iter().flat_map(|it| it.hops()) {
        match hop {
            Hop::Asn(asn) => walk.asn(asn.into_u32()),
            Hop::Segment(segment) => segment.asns().for_each(|it| walk.asn(it.into_u32())),
        }
    }
    for nlri in update
        .withdrawals()
        .ok()?
        .chain(update.announcements().ok()?)
    {
        let prefix = match nlri.ok()? {
            Nlri::Ipv4Unicast(it) => it.prefix(),
            Nlri::Ipv4Multicast(it) => it.prefix(),
            Nlri::Ipv6Unicast(it) => it.prefix(),
            Nlri::Ipv6Multicast(it) => it.prefix(),
            _ => continue,
        };
        match prefix.addr() {
            std::net::IpAddr::V4(address) => walk.v4(address, prefix.len()),
            std::net::IpAddr::V6(address) => walk.v6(address, prefix.len()),
        }
    }
    Some(())
}
