//! Bodies of the fuzz targets, and their replay on stable.
//!
//! Inputs of [`message`] and [`round_trip`] are one octet that chooses and
//! then a message's body: bits 0 to 2 are the message type, bit 3 is set for
//! AS numbers of four octets, bit 4 for an internal session, bits 5 and 6 for
//! path identifiers in IPv4 and IPv6 unicast. An input of [`frame_stream`] is
//! one octet for the size of the pieces and then a stream, one of [`mrt`] is a
//! file, one of [`peer_machine`] says what happens to a peer, and one of
//! [`bfd_session`] is a list of operations, some followed by a packet.

mod attribute;
mod bfd;
mod mrt;
mod peer_machine;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bgp_wire::{
    AsPathSegment, AsWidth, DecodeContext, DecodeErrorKind, Disposition, Family, HEADER_LEN,
    MaxMessageLen, MessageView, NextHop, Nlri, Open, PathAttributes, PathIds, RawMessage,
    SessionKind, UpdateView, UpdateWriter,
};
use bytes::{BufMut as _, BytesMut};
use ipnet::IpNet;

pub use self::attribute::attribute;
pub use self::bfd::{bfd_packet, bfd_session};
pub use self::mrt::mrt;
pub use self::peer_machine::peer_machine;

/// Reads everything that can be read of a message.
///
/// # Panics
///
/// On a finding: reading is total, every line printed says something, and
/// every NOTIFICATION fits the shortest limit.
pub fn message(data: &[u8]) {
    let Some((raw, ctx)) = framed(data) else {
        return;
    };
    let view = match raw.view() {
        Ok(view) => view,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            check_notification(&error.notification_about(raw.octets()));
            return;
        }
    };
    assert!(!view.to_string().is_empty());
    match view {
        MessageView::Open(open) => {
            if let Err(error) = open.to_open() {
                check_notification(&error.notification());
            }
        }
        MessageView::Update(update) => {
            assert!(!update.display(ctx).to_string().is_empty());
            assert!(!view.tree(ctx).to_string().is_empty());
            let judgement = update.judge(ctx);
            if let Some(fault) = judgement.fault() {
                check_notification(&fault.notification());
            }
            if judgement.disposition() < Some(Disposition::SessionReset) {
                check_routes(update, ctx);
            }
        }
        MessageView::Notification(it) => check_notification(&it.to_notification()),
        _ => {}
    }
}

/// Splits a stream at once and in pieces.
///
/// # Panics
///
/// On a finding: both ways give the same messages, the same end and the same
/// rest.
pub fn frame_stream(data: &[u8]) {
    let Some((&size, stream)) = data.split_first() else {
        return;
    };
    let mut whole = BytesMut::from(stream);
    let mut expected = Vec::new();
    let end = split_all(&mut whole, &mut expected);

    let (mut buf, mut got, mut end_of_pieces) = (BytesMut::new(), Vec::new(), None);
    for piece in stream.chunks(usize::from(size).max(1)) {
        buf.put_slice(piece);
        if end_of_pieces.is_none() {
            end_of_pieces = split_all(&mut buf, &mut got);
        }
    }
    assert_eq!(got, expected);
    assert_eq!(end_of_pieces, end);
    assert_eq!(buf, whole);
    let octets: usize = got.iter().map(|raw| raw.octets().len()).sum();
    assert_eq!(octets + whole.len(), stream.len());
}

/// Encodes what was read without a fault and reads it again.
///
/// # Panics
///
/// On a finding: the second reading says the same as the first.
pub fn round_trip(data: &[u8]) {
    let Some((raw, ctx)) = framed(data) else {
        return;
    };
    let mut buf = BytesMut::new();
    match raw.view() {
        Ok(MessageView::Open(view)) => {
            if let Ok(open) = view.to_open() {
                open.encode(&mut buf).expect("what fitted an OPEN fits one");
                assert_eq!(open_of(&split_one(&mut buf)), Some(open));
            }
        }
        Ok(MessageView::Update(view)) => update_round_trip(view, ctx),
        Ok(MessageView::Notification(view)) => {
            let sent = view.to_notification();
            sent.encode(&mut buf);
            let raw = split_one(&mut buf);
            let Ok(MessageView::Notification(view)) = raw.view() else {
                panic!("a NOTIFICATION stays one");
            };
            assert_eq!(view.to_notification(), sent);
        }
        Ok(MessageView::RouteRefresh(view)) => {
            let sent = view.to_route_refresh();
            sent.encode(&mut buf);
            let raw = split_one(&mut buf);
            let Ok(MessageView::RouteRefresh(view)) = raw.view() else {
                panic!("a ROUTE-REFRESH stays one");
            };
            assert_eq!(view.to_route_refresh(), sent);
        }
        _ => {}
    }
}

/// The body of a fuzz target.
pub type Target = fn(&[u8]);

/// Runs `target` on every file given as an argument, or in a folder given.
///
/// # Errors
///
/// A file or folder can't be read, or none was given.
pub fn replay(target: Target) -> io::Result<()> {
    let paths: Vec<_> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let mut count = 0;
    for path in &paths {
        count += replay_path(path, target)?;
    }
    if count == 0 {
        return Err(io::Error::other(
            "no input: name files or folders to replay",
        ));
    }
    writeln!(io::stdout(), "replayed {count} inputs")
}

fn replay_path(path: &Path, target: Target) -> io::Result<usize> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if !path.is_dir() {
        target(&fs::read(path).map_err(named)?);
        return Ok(1);
    }
    let mut count = 0;
    for entry in fs::read_dir(path).map_err(named)? {
        count += replay_path(&entry.map_err(named)?.path(), target)?;
    }
    Ok(count)
}

/// The context an input's first octet asks for.
fn context(choice: u8) -> DecodeContext {
    let as_width = if choice & 8 == 0 {
        AsWidth::Two
    } else {
        AsWidth::Four
    };
    let session = if choice & 16 == 0 {
        SessionKind::External
    } else {
        SessionKind::Internal
    };
    let mut path_ids = PathIds::NONE;
    if choice & 32 != 0 {
        path_ids = path_ids.with(Family::IPV4_UNICAST);
    }
    if choice & 64 != 0 {
        path_ids = path_ids.with(Family::IPV6_UNICAST);
    }
    DecodeContext::new(as_width, session).with_path_ids(path_ids)
}

/// The message and context an input asks for, if it can be framed.
fn framed(data: &[u8]) -> Option<(RawMessage, DecodeContext)> {
    let (&choice, body) = data.split_first()?;
    let ctx = context(choice);
    let mut buf = BytesMut::from(&[0xff; 16][..]);
    buf.put_u16(u16::try_from(HEADER_LEN + body.len()).ok()?);
    buf.put_u8(choice & 7);
    buf.put_slice(body);
    let raw = RawMessage::split_from(&mut buf, MaxMessageLen::STANDARD).ok()??;
    assert!(buf.is_empty(), "a message takes the octets it has");
    Some((raw, ctx))
}

fn split_one(buf: &mut BytesMut) -> RawMessage {
    let split = RawMessage::split_from(buf, MaxMessageLen::EXTENDED);
    let raw = split.expect("ours is well-formed").expect("ours is whole");
    assert!(buf.is_empty(), "ours is one message");
    raw
}

/// Splits until more octets are wanted (`None`) or an error ends it.
fn split_all(buf: &mut BytesMut, messages: &mut Vec<RawMessage>) -> Option<DecodeErrorKind> {
    loop {
        match RawMessage::split_from(buf, MaxMessageLen::STANDARD) {
            Ok(Some(raw)) => messages.push(raw),
            Ok(None) => return None,
            Err(error) => return Some(error.kind()),
        }
    }
}

fn open_of(raw: &RawMessage) -> Option<Open> {
    match raw.view() {
        Ok(MessageView::Open(view)) => view.to_open().ok(),
        _ => None,
    }
}

fn check_notification(notification: &bgp_wire::Notification) {
    assert!(!notification.to_string().is_empty());
    let mut buf = BytesMut::new();
    notification.encode(&mut buf);
    assert!(buf.len() <= MaxMessageLen::STANDARD.get());
}

/// Without a reset, every route can be told: that is what withdrawing them
/// takes (RFC 7606 section 3 j).
fn check_routes(update: UpdateView<'_>, ctx: DecodeContext) {
    assert!(update.announced_nlri(ctx).all(|it| it.is_ok()));
    assert!(update.withdrawn_nlri(ctx).all(|it| it.is_ok()));
    let judgement = update.judge(ctx);
    let attributes = judgement.attributes();
    let mut reach = attributes.mp_reach().into_iter().flat_map(|it| it.nlri());
    let mut unreach = attributes.mp_unreach().into_iter().flat_map(|it| it.nlri());
    assert!(reach.all(|it| it.is_ok()) && unreach.all(|it| it.is_ok()));
}

/// The announced routes of an UPDATE with their family and next hop.
type Announced = (Family, NextHop, Vec<Nlri>);

fn announced(update: UpdateView<'_>, ctx: DecodeContext) -> Option<(PathAttributes, Announced)> {
    let judgement = update.judge(ctx);
    if judgement.fault().is_some() {
        return None;
    }
    let read = judgement.attributes();
    let prefixes: Vec<_> = update
        .announced_nlri(ctx)
        .flatten()
        .map(|it| Nlri {
            path_id: it.path_id,
            prefix: IpNet::V4(it.prefix),
        })
        .collect();
    let routes = match (read.mp_reach(), read.next_hop()) {
        (None, Some(next_hop)) if !prefixes.is_empty() => {
            (Family::IPV4_UNICAST, NextHop::V4(next_hop), prefixes)
        }
        (Some(reach), _) if prefixes.is_empty() => {
            let prefixes: Vec<_> = reach.nlri().flatten().collect();
            (reach.family(), reach.next_hop()?, prefixes)
        }
        _ => return None,
    };
    Some((read.to_path_attributes()?, routes))
}

fn update_round_trip(view: UpdateView<'_>, ctx: DecodeContext) {
    let Some((mut attributes, (family, next_hop, prefixes))) = announced(view, ctx) else {
        return;
    };
    // AS4_PATH has no confederation segments, so with them a path of two
    // octets does not say the same again (RFC 6793 section 4.2.2).
    let confederation = |it: &AsPathSegment| it.kind.is_confederation();
    let lossy =
        ctx.as_width == AsWidth::Two && attributes.as_path.segments.iter().any(confederation);
    if prefixes.is_empty() || lossy {
        return;
    }
    let mut buf = BytesMut::new();
    // The other length, so that what is rewritten in a longer form fits.
    let max = MaxMessageLen::EXTENDED;
    let mut writer = UpdateWriter::announce(&mut buf, max, family, &next_hop, &attributes, ctx)
        .expect("attributes that were read can be written");
    for prefix in &prefixes {
        writer.push_nlri(*prefix).expect("there is room");
    }
    assert!(writer.finish() <= max.get());
    let raw = split_one(&mut buf);
    let Ok(MessageView::Update(view)) = raw.view() else {
        panic!("an UPDATE stays one");
    };
    if ctx.session == SessionKind::Internal {
        attributes
            .local_pref
            .get_or_insert(PathAttributes::DEFAULT_LOCAL_PREF);
    }
    let again = announced(view, ctx);
    assert_eq!(again, Some((attributes, (family, next_hop, prefixes))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_inputs_find_nothing() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        let targets: [(&str, Target); 8] = [
            ("message", message),
            ("attribute", attribute),
            ("frame_stream", frame_stream),
            ("round_trip", round_trip),
            ("mrt", mrt),
            ("peer_machine", peer_machine),
            ("bfd_packet", bfd_packet),
            ("bfd_session", bfd_session),
        ];
        for (name, target) in targets {
            let count = replay_path(&corpus.join(name), target).expect("the corpus is readable");
            assert!(count > 0, "{name} has inputs");
        }
    }
}
