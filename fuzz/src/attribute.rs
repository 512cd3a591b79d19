//! One attribute of any code.

use bgp_wire::{
    AttributeCode, AttributeFlags, Disposition, Family, MessageView, PathAttributes, UpdateView,
};
use bytes::{BufMut as _, BytesMut};

use crate::{check_notification, context};

/// ORIGIN, an empty AS_PATH and NEXT_HOP, on any session.
const GOOD: [u8; 14] = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 192, 0, 2, 1];

/// Judges one attribute in front of good ones. An input's first octet chooses
/// as in [`message`](crate::message), the second is the flags, the third the
/// code, the rest the value.
///
/// # Panics
///
/// On a finding: the attribute takes exactly the octets it has, what is wrong
/// is told with its octets, only MP attributes can end a session, and all that
/// is printed by name reads back.
pub fn attribute(data: &[u8]) {
    let &[choice, flags, code, ref value @ ..] = data else {
        return;
    };
    let ctx = context(choice);
    let flags = flags | AttributeFlags::EXTENDED_LENGTH;
    let lengths = (
        u16::try_from(value.len()),
        u16::try_from(4 + value.len() + GOOD.len()),
    );
    let (Ok(length), Ok(all)) = lengths else {
        return;
    };
    let mut body = BytesMut::new();
    body.put_u16(0);
    body.put_u16(all);
    body.put_slice(&[flags, code]);
    body.put_u16(length);
    body.put_slice(value);
    body.put_slice(&GOOD);
    // 0.0.0.0/0, with a path identifier where one is wanted.
    if ctx.path_ids.contains(Family::IPV4_UNICAST) {
        body.put_u32(7);
    }
    body.put_u8(0);

    let update = UpdateView::parse(&body).expect("the lengths agree");
    let mut attributes = update.path_attributes();
    let first = attributes.next().expect("it is there").expect("it fits");
    assert_eq!((first.code().0, first.value()), (code, value));
    let judgement = update.judge(ctx);
    if judgement.disposition() >= Some(Disposition::SessionReset) {
        let code = AttributeCode(code);
        let routes = [AttributeCode::MP_REACH_NLRI, AttributeCode::MP_UNREACH_NLRI];
        assert!(routes.contains(&code), "{code} ends the session");
    }
    for fault in update.faults(ctx) {
        check_notification(&fault.notification());
        // The good one is a duplicate if the first is of its code.
        let duplicate = GOOD
            .windows(fault.attribute.len())
            .any(|it| it == fault.attribute);
        assert!(fault.attribute == first.octets() || duplicate);
    }
    assert!(!update.display(ctx).to_string().is_empty());
    let tree = MessageView::Update(update).tree(ctx).to_string();
    assert!(!tree.is_empty());
    if let Some(owned) = judgement.attributes().to_path_attributes() {
        check_texts(&owned);
    }
}

/// What communities print is what they read.
fn check_texts(attributes: &PathAttributes) {
    for it in &attributes.communities {
        assert_eq!(it.to_string().parse(), Ok(*it));
    }
    for it in &attributes.extended_communities {
        assert_eq!(it.to_string().parse(), Ok(*it));
    }
    for it in &attributes.large_communities {
        assert_eq!(it.to_string().parse(), Ok(*it));
    }
}
