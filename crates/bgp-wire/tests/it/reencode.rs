//! What was read, written again: the same octets where the encoding is
//! canonical, the same meaning everywhere.

use std::path::Path;

use bgp_wire::{
    AttributeCode, AttributeFlags, DecodeContext, Family, MaxMessageLen, MessageView, NextHop,
    Nlri, PathAttributes, RawMessage, SessionKind, UpdateView, UpdateWriter,
};
use bytes::BytesMut;
use ipnet::IpNet;

use crate::context;
use crate::corpora::{corpora, folders, framed, lines, say, text, width};
use crate::hex;

/// All that an UPDATE of one kind of routes says.
#[derive(Debug, PartialEq)]
enum Said {
    Announced(Box<PathAttributes>, Family, NextHop, Vec<Nlri>),
    Withdrawn(Family, Vec<Nlri>),
}

fn v4(
    routes: impl Iterator<Item = Result<Nlri<ipnet::Ipv4Net>, bgp_wire::DecodeError>>,
) -> Vec<Nlri> {
    let wide = |it: Nlri<ipnet::Ipv4Net>| Nlri {
        path_id: it.path_id,
        prefix: IpNet::V4(it.prefix),
    };
    routes.flatten().map(wide).collect()
}

/// `None` for what this crate would say in two messages or not at all.
fn said(update: UpdateView<'_>, ctx: DecodeContext) -> Option<Said> {
    let judgement = update.judge(ctx);
    if judgement.fault().is_some() {
        return None;
    }
    let read = judgement.attributes();
    let gone = v4(update.withdrawn_nlri(ctx));
    let here = v4(update.announced_nlri(ctx));
    match (read.mp_reach(), read.mp_unreach(), &gone[..], &here[..]) {
        (None, None, [], [_, ..]) => Some(Said::Announced(
            Box::new(read.to_path_attributes()?),
            Family::IPV4_UNICAST,
            NextHop::V4(read.next_hop()?),
            here,
        )),
        (Some(reach), None, [], []) => {
            let routes: Vec<_> = reach.nlri().flatten().collect();
            let (attributes, next_hop) = (Box::new(read.to_path_attributes()?), reach.next_hop()?);
            (!routes.is_empty()).then_some(Said::Announced(
                attributes,
                reach.family(),
                next_hop,
                routes,
            ))
        }
        (None, None, [_, ..], []) => Some(Said::Withdrawn(Family::IPV4_UNICAST, gone)),
        (None, Some(unreach), [], []) => {
            let routes: Vec<_> = unreach.nlri().flatten().collect();
            (!routes.is_empty()).then_some(Said::Withdrawn(unreach.family(), routes))
        }
        _ => None,
    }
}

fn write(said: &Said, ctx: DecodeContext) -> BytesMut {
    let mut buf = BytesMut::new();
    let max = MaxMessageLen::EXTENDED;
    let (mut writer, routes) = match said {
        Said::Announced(attributes, family, next_hop, routes) => (
            UpdateWriter::announce(&mut buf, max, *family, next_hop, attributes, ctx).unwrap(),
            routes,
        ),
        Said::Withdrawn(family, routes) => (
            UpdateWriter::withdraw(&mut buf, max, *family, ctx).unwrap(),
            routes,
        ),
    };
    for route in routes {
        writer.push_nlri(*route).unwrap();
    }
    writer.finish();
    buf
}

/// Whether no bit behind a prefix' length is set.
fn is_trimmed(mut nlri: &[u8]) -> bool {
    while let [bits, rest @ ..] = nlri {
        let (prefix, behind) = rest.split_at(usize::from(bits.div_ceil(8)));
        let unused = bits.next_multiple_of(8) - bits;
        let last = prefix.last().copied().unwrap_or(0);
        if last & !(0xff_u8 << unused) != 0 {
            return false;
        }
        nlri = behind;
    }
    true
}

/// Whether each thing is said in the one way this crate says it: attributes in
/// the order of their codes behind MP_REACH_NLRI, exact flags, lengths no
/// longer than they must be but for MP attributes, which grow, no bits behind
/// prefixes, no AS4 attributes where none are needed.
fn is_canonical(raw: &RawMessage, update: UpdateView<'_>, said: &Said, ctx: DecodeContext) -> bool {
    let attributes: Vec<_> = update.path_attributes().flatten().collect();
    let key = |code: AttributeCode| match code {
        AttributeCode::MP_REACH_NLRI => 0,
        AttributeCode(code) => code,
    };
    let plain = attributes.iter().all(|it| {
        let mp = matches!(
            it.code(),
            AttributeCode::MP_REACH_NLRI | AttributeCode::MP_UNREACH_NLRI
        );
        let mut expected = it
            .code()
            .flags()
            .unwrap_or_else(|| AttributeFlags(it.flags().0 & !AttributeFlags::EXTENDED_LENGTH));
        if mp || it.value().len() > 255 {
            expected.0 |= AttributeFlags::EXTENDED_LENGTH;
        }
        let as4 = matches!(
            it.code(),
            AttributeCode::AS4_PATH | AttributeCode::AS4_AGGREGATOR
        );
        it.flags() == expected && !as4
    });
    let ordered = attributes.is_sorted_by_key(|it| key(it.code()));
    let body = raw.body();
    let field = |at: usize| usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
    let withdrawn = field(0);
    let nlri =
        &body[4 + withdrawn + attributes.iter().map(|it| it.octets().len()).sum::<usize>()..];
    let judgement = update.judge(ctx);
    let read = judgement.attributes();
    let mp_nlri = read
        .mp_reach()
        .map(|it| it.nlri_octets())
        .or_else(|| read.mp_unreach().map(|it| it.nlri_octets()));
    let trimmed = is_trimmed(&body[2..2 + withdrawn])
        && is_trimmed(nlri)
        && is_trimmed(mp_nlri.unwrap_or_default());
    let same_place = match said {
        // IPv4 unicast belongs into NLRI, and a withdrawal has no attributes.
        Said::Announced(attributes, family, next_hop, _) => {
            let in_mp = read.mp_reach().is_some();
            let fields = matches!(next_hop, NextHop::V4(_)) && *family == Family::IPV4_UNICAST;
            let preference =
                attributes.local_pref.is_some() || ctx.session == SessionKind::External;
            let clean = read.mp_reach().is_none_or(|it| {
                let octets = it.next_hop_octets().len();
                let reserved = attributes_of(update)[4 + octets];
                let shown = match next_hop {
                    NextHop::V4(_) => 4,
                    NextHop::V6 {
                        link_local: None, ..
                    } => 16,
                    NextHop::V6 { .. } => 32,
                };
                reserved == 0 && octets == shown
            });
            in_mp != fields && (!in_mp || read.next_hop().is_none()) && preference && clean
        }
        Said::Withdrawn(family, _) => {
            let in_mp = read.mp_unreach().is_some();
            in_mp != (*family == Family::IPV4_UNICAST) && attributes.len() == usize::from(in_mp)
        }
    };
    plain && ordered && trimmed && same_place
}

/// The value of MP_REACH_NLRI.
fn attributes_of(update: UpdateView<'_>) -> &[u8] {
    let mut attributes = update.path_attributes().flatten();
    attributes
        .find(|it| it.code() == AttributeCode::MP_REACH_NLRI)
        .unwrap()
        .value()
}

#[derive(Default)]
struct Count {
    written: usize,
    canonical: usize,
    identical: usize,
}

fn again(raw: &RawMessage, ctx: DecodeContext, count: &mut Count) {
    let Ok(MessageView::Update(update)) = raw.view() else {
        return;
    };
    let Some(first) = said(update, ctx) else {
        return;
    };
    let mut buf = write(&first, ctx);
    count.written += 1;
    let identical = buf[..] == *raw.octets();
    count.identical += usize::from(identical);
    let canonical = is_canonical(raw, update, &first, ctx);
    count.canonical += usize::from(canonical);
    assert!(identical || !canonical, "{:02x?}\n{buf:02x?}", raw.octets());
    let written = RawMessage::split_from(&mut buf, MaxMessageLen::EXTENDED);
    let written = written.unwrap().unwrap();
    let Ok(MessageView::Update(update)) = written.view() else {
        panic!("an UPDATE stays one");
    };
    let mut first = first;
    if let Said::Announced(attributes, ..) = &mut first
        && ctx.session == SessionKind::Internal
    {
        attributes
            .local_pref
            .get_or_insert(PathAttributes::DEFAULT_LOCAL_PREF);
    }
    assert_eq!(said(update, ctx), Some(first));
}

fn folder(folder: &Path) -> Count {
    let mut count = Count::default();
    for message in lines(folder, "messages.jsonl") {
        let octets = hex(text(&message, "hex"));
        let (Some(raw), "message") = (framed(&octets), text(&message, "kind")) else {
            continue;
        };
        for as_width in width(&message).iter().copied() {
            for session in [SessionKind::External, SessionKind::Internal] {
                again(&raw, context(as_width, session), &mut count);
            }
        }
    }
    count
}

#[test]
fn real_messages_are_written_as_they_were_read() {
    let Some(corpora) = corpora() else { return };
    for path in folders(&corpora) {
        let Count {
            written,
            canonical,
            identical,
        } = folder(&path);
        say(&format!(
            "{}: {written} readings written again, {identical} octet for octet, \
             {canonical} of them canonical",
            path.file_name().unwrap().display()
        ));
    }
}
