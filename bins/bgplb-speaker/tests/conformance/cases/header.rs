//! The message header: RFC 4271 section 6.1, RFC 8654.

use serde_json::json;

use super::{base, notification};
use crate::harness::case::{At, Case, Expect};
use crate::harness::wire::{A, A_SHOWN, AS_PATH, AS4, EXTENDED_MESSAGE, NEXT_HOP, ORIGIN, Open, V4, V6, header, hex, keepalive, message, update};

use At::{Established, OpenConfirm, OpenSent};

pub fn cases() -> Vec<Case> {
    let mut cases = wrong_markers();
    cases.extend(wrong_lengths());
    cases.extend(wrong_types());
    cases.extend(long_messages());
    cases
}

fn wrong_markers() -> Vec<Case> {
    let wrong = |place: usize| {
        let mut octets = keepalive();
        octets[place] = 0;
        octets
    };
    [
        ("H01", "marker's first octet 0, in OpenSent", OpenSent, 0),
        ("H02", "marker's first octet 0, in OpenConfirm", OpenConfirm, 0),
        ("H03", "marker's first octet 0, in Established", Established, 0),
        ("H04", "marker's last octet 0, in Established", Established, 15),
    ]
    .into_iter()
    .map(|(id, what, at, place)| {
        let expect = notification(1, 1, "");
        Case::new(id, "RFC 4271 6.1", what, at, wrong(place), expect)
    })
    .collect()
}

fn wrong_lengths() -> Vec<Case> {
    [
        ("H10", "KEEPALIVE of length 18", Established, 18, 4),
        ("H11", "KEEPALIVE of length 20", Established, 20, 4),
        ("H12", "KEEPALIVE of length 20, in OpenConfirm", OpenConfirm, 20, 4),
        ("H13", "KEEPALIVE of length 0", Established, 0, 4),
        ("H14", "UPDATE of length 22", Established, 22, 2),
        ("H15", "UPDATE of length 4097", Established, 4097, 2),
        ("H16", "UPDATE of length 65535", Established, 65535, 2),
        ("H17", "OPEN of length 28", OpenSent, 28, 1),
        ("H18", "OPEN of length 4097", OpenSent, 4097, 1),
        ("H19", "NOTIFICATION of length 20", Established, 20, 3),
        ("H20", "NOTIFICATION of length 20, in OpenSent", OpenSent, 20, 3),
        ("H21", "ROUTE-REFRESH of length 19", Established, 19, 5),
        ("H22", "ROUTE-REFRESH of length 4097", Established, 4097, 5),
    ]
    .into_iter()
    .map(|(id, what, at, length, kind): (_, _, _, u16, _)| {
        let expect = Expect::Notification(1, 2, length.to_be_bytes().to_vec());
        Case::new(id, "RFC 4271 6.1", what, at, header(length, kind), expect)
    })
    .collect()
}

fn wrong_types() -> Vec<Case> {
    [
        ("H30", "message type 0", Established, 0),
        ("H31", "message type 6", Established, 6),
        ("H32", "message type 255", Established, 255),
        ("H33", "message type 6, in OpenSent", OpenSent, 6),
        ("H34", "message type 6, in OpenConfirm", OpenConfirm, 6),
    ]
    .into_iter()
    .map(|(id, what, at, kind)| {
        let expect = Expect::Notification(1, 3, vec![kind]);
        Case::new(id, "RFC 4271 6.1", what, at, message(kind, &[]), expect)
    })
    .collect()
}

/// An UPDATE of exactly this length: communities, and an unknown attribute to
/// fill the rest.
fn update_of(length: usize) -> Vec<u8> {
    let bare = update("", &[ORIGIN, AS_PATH, NEXT_HOP].concat(), A).len();
    // Flags, code and two octets of length.
    let filling = length - bare - 4;
    let attribute = format!("d063 {filling:04x} {}", "00".repeat(filling));
    let octets = update("", &[ORIGIN, AS_PATH, NEXT_HOP, &attribute].concat(), A);
    assert_eq!(octets.len(), length);
    octets
}

fn long_messages() -> Vec<Case> {
    let extended = |case: Case| {
        let capabilities = [V4, V6, "0200", EXTENDED_MESSAGE, AS4].concat();
        let families = case.families;
        case.open(Open::new(65001).capabilities(&capabilities), families)
    };
    let announced = || Expect::Routes(vec![json!({"prefix": A_SHOWN})]);
    let accepted = |id, what, octets| Case::new(id, "RFC 8654 4", what, Established, octets, announced());
    let refused = |id, what, length: u16, kind| {
        let expect = Expect::Notification(1, 2, length.to_be_bytes().to_vec());
        let octets = header(length, kind);
        extended(Case::new(id, "RFC 8654 4", what, Established, octets, expect))
    };
    let mut long_notification = hex("0602");
    long_notification.resize(5000, 0);
    let with_capability = Open::new(65001).capabilities(&[V4, EXTENDED_MESSAGE, AS4].concat());
    vec![
        accepted("H40", "UPDATE of 4096 octets", update_of(4096)),
        extended(accepted("H41", "UPDATE of 4097 octets, as agreed", update_of(4097))),
        extended(accepted("H42", "UPDATE of 65535 octets, as agreed", update_of(65535))),
        extended(Case::new("H43", "RFC 8654 4", "NOTIFICATION of 5021 octets, as agreed", Established, message(3, &long_notification), Expect::Close)),
        refused("H44", "KEEPALIVE of length 20 with extended messages", 20, 4),
        refused("H45", "OPEN of length 4097 with extended messages", 4097, 1),
        Case::new("H46", "RFC 8654 4", "KEEPALIVE of length 20 with extended messages, in OpenConfirm", OpenConfirm, header(20, 4), notification(1, 2, "0014"))
            .open(with_capability, &[]),
        Case::new("H47", "RFC 4271 4.1", "many messages in one segment", Established, [keepalive(), base(), keepalive(), keepalive()].concat(), super::kept(json!({}))),
    ]
}
