//! Reading is total: whatever octets come, it ends in a value or an error.

use bgp_wire::{
    AsWidth, DecodeContext, Disposition, Family, HEADER_LEN, MaxMessageLen, MessageView, PathIds,
    RawMessage, SessionKind, UpdateView,
};
use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::context;

/// Touches everything that can be asked of a message.
pub(crate) fn walk(raw: &RawMessage) {
    assert_eq!(raw.octets().len(), raw.body().len() + HEADER_LEN);
    let view = match raw.view() {
        Ok(view) => view,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            let mut buf = BytesMut::new();
            error.notification_about(raw.octets()).encode(&mut buf);
            assert!(buf.len() <= MaxMessageLen::STANDARD.get());
            return;
        }
    };
    assert!(!view.to_string().is_empty());
    match view {
        MessageView::Open(open) => drop(open.to_open()),
        MessageView::Update(update) => {
            for as_width in [AsWidth::Two, AsWidth::Four] {
                for session in [SessionKind::External, SessionKind::Internal] {
                    let ctx = context(as_width, session);
                    assert!(!update.display(ctx).to_string().is_empty());
                    let judgement = update.judge(ctx);
                    let ids = [Family::IPV4_UNICAST, Family::IPV6_UNICAST];
                    for ctx in [ctx, ctx.with_path_ids(PathIds::from_iter(ids))] {
                        check_faults(update, ctx);
                        assert!(!view.tree(ctx).to_string().ends_with('\n'));
                    }
                    drop(judgement.attributes().to_path_attributes());
                    let mut buf = BytesMut::new();
                    if let Some(fault) = judgement.fault() {
                        fault.notification().encode(&mut buf);
                    }
                    assert!(buf.len() <= MaxMessageLen::STANDARD.get());
                }
            }
        }
        MessageView::Notification(it) => drop(it.to_notification()),
        _ => {}
    }
}

/// All faults together say no less than the judgement, and no more but for
/// messages without a route that could be withdrawn.
fn check_faults(update: UpdateView<'_>, ctx: DecodeContext) {
    let judgement = update.judge(ctx);
    let worst = update.faults(ctx).map(|it| it.disposition).max();
    assert_eq!(worst.is_some(), judgement.fault().is_some());
    assert!(worst <= judgement.disposition());
    if worst != judgement.disposition() {
        assert_eq!(worst, Some(Disposition::TreatAsWithdraw));
        assert_eq!(judgement.disposition(), Some(Disposition::SessionReset));
    }
    if judgement.fault().is_some_and(|it| it.family.is_some()) {
        assert_eq!(judgement.disposition(), Some(Disposition::SessionReset));
    }
    // Without a reset, every route can be told.
    if judgement.disposition() < Some(Disposition::SessionReset) {
        assert!(update.announced_nlri(ctx).all(|it| it.is_ok()));
        assert!(update.withdrawn_nlri(ctx).all(|it| it.is_ok()));
    }
}

/// A message of any type with a header that fits it.
fn framed() -> impl Strategy<Value = Vec<u8>> {
    (0..=6u8, vec(any::<u8>(), 0..400)).prop_map(|(message_type, body)| {
        let length = u16::try_from(HEADER_LEN + body.len()).unwrap();
        let header = [&[0xff; 16][..], &length.to_be_bytes(), &[message_type]].concat();
        [header, body].concat()
    })
}

/// An UPDATE with attributes that are whole but hold anything.
fn update() -> impl Strategy<Value = Vec<u8>> {
    let code = prop_oneof![1..=18u8, Just(25), Just(32), Just(35), any::<u8>()];
    let attribute =
        (any::<u8>(), code, vec(any::<u8>(), 0..40)).prop_map(|(flags, code, value)| {
            let length = u8::try_from(value.len()).unwrap();
            [&[flags & !0x10, code, length][..], &value].concat()
        });
    let nlri = vec(any::<u8>(), 0..12);
    (vec(attribute, 0..12), nlri).prop_map(|(attributes, nlri)| {
        let attributes = attributes.concat();
        let length = |octets: usize| u16::try_from(octets).unwrap().to_be_bytes();
        [
            &[0xff; 16][..],
            &length(HEADER_LEN + 4 + attributes.len() + nlri.len()),
            &[2, 0, 0],
            &length(attributes.len()),
            &attributes,
            &nlri,
        ]
        .concat()
    })
}

fn split_all(buf: &mut BytesMut, max: MaxMessageLen) -> Vec<RawMessage> {
    let mut messages = Vec::new();
    while let Ok(Some(raw)) = RawMessage::split_from(buf, max) {
        messages.push(raw);
    }
    messages
}

proptest! {
    #[test]
    fn any_octets(octets in vec(any::<u8>(), 0..200)) {
        let mut buf = BytesMut::from(&octets[..]);
        split_all(&mut buf, MaxMessageLen::EXTENDED).iter().for_each(walk);
    }

    #[test]
    fn any_body(octets in framed()) {
        let mut buf = BytesMut::from(&octets[..]);
        split_all(&mut buf, MaxMessageLen::STANDARD).iter().for_each(walk);
    }

    #[test]
    fn any_attributes(octets in update()) {
        let mut buf = BytesMut::from(&octets[..]);
        let messages = split_all(&mut buf, MaxMessageLen::STANDARD);
        prop_assert_eq!(messages.len(), 1);
        messages.iter().for_each(walk);
    }

    #[test]
    fn pieces_give_the_same_messages(stream in vec(framed(), 0..6), cuts in vec(1..50usize, 1..20)) {
        let stream = stream.concat();
        let mut whole = BytesMut::from(&stream[..]);
        let expected = split_all(&mut whole, MaxMessageLen::STANDARD);
        let (mut buf, mut got, mut rest) = (BytesMut::new(), Vec::new(), &stream[..]);
        for cut in cuts.iter().cycle() {
            let (piece, behind) = rest.split_at((*cut).min(rest.len()));
            buf.extend_from_slice(piece);
            got.extend(split_all(&mut buf, MaxMessageLen::STANDARD));
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(got, expected);
        prop_assert_eq!(buf, whole);
    }
}
