//! Segments in any order.

use std::time::Duration;

use bgp_wire::encode_keepalive;
use bytes::BytesMut;
use proptest::prelude::*;

use super::super::packet;
use super::super::packet::tests::{ipv4_octets, tcp_octets};
use super::*;

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const FIN: u8 = 0x11;
const RAW: u16 = 101;

/// What is printed for these segments: number, flags, payload.
fn lines(segments: &[(u32, u8, &[u8])]) -> Vec<String> {
    let mut out = Vec::new();
    let mut report = Report::new(&mut out, AsWidth::Four, false);
    let mut connections = Connections::default();
    for (number, (sequence, flags, payload)) in segments.iter().enumerate() {
        let frame = ipv4_octets(&tcp_octets(*sequence, *flags, payload));
        let segment = packet::segment(RAW, &frame).unwrap();
        let time = Utc(Duration::from_secs(u64::try_from(number).unwrap()));
        connections.segment(time, segment, &mut report).unwrap();
    }
    connections.end(&mut report).unwrap();
    report.flush().unwrap();
    drop(report);
    let text = String::from_utf8(out).unwrap();
    let behind_head = |line: &str| line.split_once(":179 ").unwrap().1.to_owned();
    text.lines().map(behind_head).collect()
}

fn keepalives(count: usize) -> Vec<u8> {
    let mut buf = BytesMut::new();
    (0..count).for_each(|_| encode_keepalive(&mut buf));
    buf.to_vec()
}

#[test]
fn early_and_repeated_segments_make_the_stream() {
    let octets = keepalives(3);
    let printed = lines(&[
        (99, SYN, b""),
        (120, ACK, &octets[20..40]),
        (140, ACK, &octets[40..]),
        (100, ACK, &octets[..10]),
        (100, ACK, &octets[..10]),
        (105, ACK, &octets[5..25]),
        (120, ACK, &octets[20..40]),
    ]);
    assert_eq!(printed, ["KEEPALIVE"; 3]);
}

#[test]
fn numbers_wrap() {
    let octets = keepalives(2);
    let first = u32::MAX - 9;
    let printed = lines(&[
        (first.wrapping_sub(1), SYN, b""),
        (first.wrapping_add(20), ACK, &octets[20..]),
        (first, ACK, &octets[..20]),
    ]);
    assert_eq!(printed, ["KEEPALIVE"; 2]);
}

#[test]
fn what_never_comes_is_told_and_the_next_message_found() {
    let octets = keepalives(4);
    let printed = lines(&[
        (99, SYN, b""),
        (100, ACK, &octets[..19]),
        (129, ACK, &octets[29..]),
        (176, FIN, b""),
    ]);
    let expected = [
        "KEEPALIVE",
        "<octets missing: 10>",
        "<marker is not all ones>",
        "<octets skipped: 9>",
        "KEEPALIVE",
        "KEEPALIVE",
    ];
    assert_eq!(printed, expected);
}

#[test]
fn a_capture_may_begin_within_a_message() {
    let octets = keepalives(2);
    let printed = lines(&[(500, ACK, &octets[17..])]);
    let expected = [
        "<marker is not all ones>",
        "<octets skipped: 2>",
        "KEEPALIVE",
    ];
    assert_eq!(printed, expected);
}

#[test]
fn the_end_of_a_capture_tells_what_is_not_whole() {
    let octets = keepalives(1);
    let printed = lines(&[(500, ACK, &octets[..18])]);
    assert_eq!(printed, ["<octets that are no whole message: 18>"]);
}

#[test]
fn a_second_syn_is_a_second_connection_unless_it_repeats_the_first() {
    let octets = keepalives(1);
    let printed = lines(&[
        (99, SYN, b""),
        (99, SYN, b""),
        (100, ACK, &octets),
        (99, SYN, b""),
        (100, ACK, &octets),
        (7000, SYN, b""),
        (7001, ACK, &octets),
    ]);
    assert_eq!(printed, ["KEEPALIVE"; 2]);
}

#[test]
fn early_segments_are_bounded_by_number_and_by_octets() {
    let octets = keepalives(1);
    let many: Vec<(u32, u8, &[u8])> = (0..10 * MAX_EARLY_SEGMENTS)
        .map(|n| (1_000 + 20 * u32::try_from(n).unwrap(), ACK, &octets[..]))
        .collect();
    let begin: (u32, u8, &[u8]) = (99, SYN, b"");
    let printed = lines(&[&[begin][..], &many].concat());
    // Each lacks an octet behind it.
    let messages = printed.iter().filter(|it| *it == "KEEPALIVE").count();
    assert_eq!(messages, many.len());
    let mut direction = Direction::default();
    direction.begin(0);
    let large = [0; 60_000];
    direction.push(1, &large);
    assert!(!direction.is_full());
    direction.push(2, &large);
    assert!(direction.is_full());
}

#[test]
fn on_another_port_a_connection_is_one_that_begins_with_a_message() {
    let mut out = Vec::new();
    let mut report = Report::new(&mut out, AsWidth::Four, false);
    let mut connections = Connections::default();
    let octets = keepalives(2);
    let mut send = |port: u16, sequence, payload: &[u8]| {
        let mut tcp = tcp_octets(sequence, ACK, payload);
        tcp[2..4].copy_from_slice(&port.to_be_bytes());
        let frame = ipv4_octets(&tcp);
        let segment = packet::segment(RAW, &frame).unwrap();
        let now = Utc(Duration::ZERO);
        connections.segment(now, segment, &mut report).unwrap();
    };
    send(80, 1, b"GET / HTTP/1.1");
    send(1790, 1, &octets[..19]);
    send(1790, 20, &octets[19..25]);
    send(1790, 26, &octets[25..]);
    assert_eq!(connections.connections.len(), 1);
    report.flush().unwrap();
    drop(report);
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.matches(":1790 KEEPALIVE").count(), 2, "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn the_oldest_connection_is_forgotten_first() {
    let mut out = Vec::new();
    let mut report = Report::new(&mut out, AsWidth::Four, false);
    let mut connections = Connections::default();
    for port in 0..=u16::try_from(MAX_CONNECTIONS).unwrap() {
        let mut tcp = tcp_octets(1, ACK, &[0xff; 5]);
        tcp[..2].copy_from_slice(&port.to_be_bytes());
        let frame = ipv4_octets(&tcp);
        let segment = packet::segment(RAW, &frame).unwrap();
        connections
            .segment(Utc(Duration::ZERO), segment, &mut report)
            .unwrap();
    }
    assert_eq!(connections.connections.len(), MAX_CONNECTIONS);
    report.flush().unwrap();
    drop(report);
    let text = String::from_utf8(out).unwrap();
    assert_eq!(
        text,
        "1970-01-01T00:00:00.000000Z 10.0.0.1:0 > 10.0.0.2:179 <octets that are no whole message: 5>\n"
    );
}

proptest! {
    #[test]
    fn any_order_of_segments_gives_the_same_messages(
        first in any::<u32>(),
        cuts in prop::collection::vec(1..40usize, 1..12),
        order in Just((0..12usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let octets = keepalives(6);
        let (mut rest, mut at, mut pieces) = (&octets[..], first, Vec::new());
        for cut in cuts {
            let (piece, behind) = rest.split_at(cut.min(rest.len()));
            pieces.push((at, ACK, piece));
            at = at.wrapping_add(u32::try_from(piece.len()).unwrap());
            rest = behind;
        }
        pieces.push((at, ACK, rest));
        let mut segments: Vec<(u32, u8, &[u8])> = vec![(first.wrapping_sub(1), SYN, b"")];
        segments.extend(order.iter().filter_map(|n| pieces.get(*n)));
        segments.extend(pieces.last());
        prop_assert_eq!(lines(&segments), ["KEEPALIVE"; 6]);
    }

    #[test]
    fn any_segments_end(segments in prop::collection::vec((0..300u32, any::<u8>(), prop::collection::vec(any::<u8>(), 0..60)), 0..40)) {
        let segments: Vec<_> = segments.iter().map(|(at, flags, it)| (*at, *flags, &it[..])).collect();
        lines(&segments);
    }
}
