//! The same UPDATEs written again from the owned form that each library has for them.

use bgp_wire::{
    AsWidth, DecodeContext, Family, MaxMessageLen, MessageView, NextHop, PathAttributes,
    SessionKind, UpdateWriter,
};
use bgpkit_parser::models::{AsnLength, BgpMessage};
use bytes::{BufMut as _, BytesMut};
use ipnet::IpNet;
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;
use netgauze_parse_utils::WritablePdu as _;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput as _;
use rustbgpd_wire::update::Ipv4UnicastMode;
use rustbgpd_wire::{Message as RustbgpdMessage, ParsedUpdate, UpdateMessage};
use zettabgp::prelude::{BgpMessage as _, BgpMessageType, BgpUpdateMessage};

use crate::contenders::{legacy_zettabgp, walk_ours};
use crate::stream::Message;
use crate::walk::Walk;

type Encode = dyn Fn(&mut BytesMut) -> Option<usize>;
type CountWrong = dyn Fn(&[Message]) -> usize;

/// A library that writes all messages of the stream into one buffer, each over the last.
pub(crate) struct Encoder {
    pub(crate) name: &'static str,
    /// Octets written.
    pub(crate) encode: Box<Encode>,
    /// How many of the messages written do not say what those that were read said.
    pub(crate) wrong: Box<CountWrong>,
}

fn encoder<T: 'static>(
    name: &'static str,
    messages: &[Message],
    own: impl Fn(&Message) -> Option<T>,
    put: impl Fn(&T, &mut BytesMut) -> Option<usize> + Copy + 'static,
) -> Option<Encoder> {
    let owned: std::rc::Rc<[T]> = messages.iter().map(own).collect::<Option<Vec<T>>>()?.into();
    let again = std::rc::Rc::clone(&owned);
    Some(Encoder {
        name,
        encode: Box::new(move |buf| {
            let mut octets = 0;
            for message in &*owned {
                octets += put(message, buf)?;
            }
            Some(octets)
        }),
        wrong: Box::new(move |messages| {
            let mut buf = BytesMut::new();
            let written = again.iter().map(|it| {
                let length = put(it, &mut buf)?;
                let octets = buf.get(..length)?.to_vec().into();
                let four_octets = false;
                walked(&Message {
                    octets,
                    four_octets,
                })
            });
            let read = messages.iter().map(walked);
            written
                .zip(read)
                .filter(|(written, read)| written != read)
                .count()
        }),
    })
}

fn walked(message: &Message) -> Option<Walk> {
    let mut walk = Walk::default();
    walk_ours(message, &mut walk)?;
    Some(walk)
}

/// Whether it is one that all can write: IPv4 routes announced, AS numbers of two octets.
pub(crate) fn is_wanted(message: &Message) -> bool {
    let mut octets = &*message.octets;
    let view = MessageView::split_from(&mut octets, MaxMessageLen::STANDARD);
    let Ok(Some(MessageView::Update(update))) = view else {
        return false;
    };
    let judgement = update.judge(message.context());
    let attributes = judgement.attributes();
    !message.four_octets
        && update.withdrawn_routes().next().is_none()
        && update.nlri().next().is_some()
        && attributes.mp_reach().is_none()
        && attributes.mp_unreach().is_none()
}

/// All that can write, bgp-wire first. Those that can't write one of the messages are left out.
pub(crate) fn all(messages: &[Message]) -> Vec<Encoder> {
    let all = [
        encoder("bgp-wire", messages, ours, put_ours),
        encoder("rustbgpd-wire", messages, rustbgpd, put_rustbgpd),
        encoder("zettabgp", messages, zettabgp, put_zettabgp),
        encoder("netgauze-bgp-pkt", messages, netgauze, put_netgauze),
        encoder("bgpkit-parser", messages, bgpkit, put_bgpkit),
    ];
    all.into_iter().flatten().collect()
}

struct Ours {
    attributes: PathAttributes,
    next_hop: NextHop,
    prefixes: Vec<IpNet>,
    context: DecodeContext,
}

fn ours(message: &Message) -> Option<Ours> {
    let mut octets = &*message.octets;
    let view = MessageView::split_from(&mut octets, MaxMessageLen::STANDARD).ok()??;
    let MessageView::Update(update) = view else {
        return None;
    };
    let judgement = update.judge(message.context());
    let prefixes = update.nlri().map(|it| it.map(IpNet::V4));
    Some(Ours {
        attributes: judgement.attributes().to_path_attributes()?,
        next_hop: NextHop::V4(judgement.attributes().next_hop()?),
        prefixes: prefixes.collect::<Result<_, _>>().ok()?,
        // As it was received: LOCAL_PREF would be added within an AS.
        context: DecodeContext::new(AsWidth::Two, SessionKind::External),
    })
}

fn put_ours(message: &Ours, buf: &mut BytesMut) -> Option<usize> {
    buf.clear();
    let mut writer = UpdateWriter::announce(
        buf,
        MaxMessageLen::STANDARD,
        Family::IPV4_UNICAST,
        &message.next_hop,
        &message.attributes,
        message.context,
    )
    .ok()?;
    for prefix in &message.prefixes {
        writer.push(*prefix).ok()?;
    }
    Some(writer.finish())
}

fn rustbgpd(message: &Message) -> Option<ParsedUpdate> {
    let mut octets = message.octets.clone();
    match rustbgpd_wire::decode_message(&mut octets, rustbgpd_wire::MAX_MESSAGE_LEN).ok()? {
        RustbgpdMessage::Update(update) => update.parse(false, false, &[]).ok(),
        _ => None,
    }
}

fn put_rustbgpd(message: &ParsedUpdate, buf: &mut BytesMut) -> Option<usize> {
    buf.clear();
    let update = UpdateMessage::try_build(
        &message.announced,
        &message.withdrawn,
        &message.attributes,
        false,
        false,
        Ipv4UnicastMode::Body,
    );
    update.ok()?.encode(buf).ok()?;
    Some(buf.len())
}

fn zettabgp(message: &Message) -> Option<(zettabgp::BgpSessionParams, BgpUpdateMessage)> {
    let session = legacy_zettabgp();
    let mut update = BgpUpdateMessage::new();
    update
        .decode_from(&session, message.octets.get(19..)?)
        .ok()?;
    Some((session, update))
}

fn put_zettabgp(
    (session, message): &(zettabgp::BgpSessionParams, BgpUpdateMessage),
    buf: &mut BytesMut,
) -> Option<usize> {
    // It writes into octets that are there.
    if buf.len() < 4096 {
        buf.resize(4096, 0);
    }
    let length = message.encode_to(session, buf.get_mut(19..)?).ok()?;
    session
        .prepare_message_buf(buf, BgpMessageType::Update, length)
        .ok()
}

fn netgauze(message: &Message) -> Option<netgauze_bgp_pkt::BgpMessage> {
    let mut reader = SliceReader::new(&message.octets);
    netgauze_bgp_pkt::BgpMessage::parse(&mut reader, &mut BgpParsingContext::asn2_default()).ok()
}

fn put_netgauze(message: &netgauze_bgp_pkt::BgpMessage, buf: &mut BytesMut) -> Option<usize> {
    buf.clear();
    message.write(&mut (&mut *buf).writer()).ok()?;
    Some(buf.len())
}

fn bgpkit(message: &Message) -> Option<BgpMessage> {
    let mut octets = message.octets.clone();
    bgpkit_parser::parser::bgp::parse_bgp_message(&mut octets, false, &AsnLength::Bits16).ok()
}

fn put_bgpkit(message: &BgpMessage, buf: &mut BytesMut) -> Option<usize> {
    let octets = message.encode(AsnLength::Bits16).ok()?;
    // It gives a buffer of its own; what is measured of the copy is next to nothing.
    buf.clear();
    buf.put_slice(&octets);
    Some(buf.len())
}
