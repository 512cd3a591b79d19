//! Captures put together block by block.

use std::io::Cursor;

use bgp_wire::{AsWidth, encode_keepalive};
use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::packet::tests::{ethernet_octets, ipv4_octets, tcp_octets};
use super::*;

/// A frame with one KEEPALIVE.
fn frame() -> Vec<u8> {
    let mut buf = BytesMut::new();
    encode_keepalive(&mut buf);
    ethernet_octets(0x0800, &ipv4_octets(&tcp_octets(1, 0x18, &buf)))
}

/// What is printed, and what is wrong with the file.
fn read(file: &[u8]) -> (String, Option<Fault>) {
    let mut out = Vec::new();
    let mut report = Report::new(&mut out, AsWidth::Four, false);
    let input = Input::new("file", Box::new(Cursor::new(file.to_vec())));
    let fault = match walk(input, &mut report) {
        Ok(()) => None,
        Err(Failure::Data { fault, .. }) => Some(fault),
        Err(other) => panic!("{other}"),
    };
    report.flush().unwrap();
    drop(report);
    (String::from_utf8(out).unwrap(), fault)
}

impl Order {
    fn put16(self, number: u16) -> [u8; 2] {
        match self {
            Self::Big => number.to_be_bytes(),
            Self::Little => number.to_le_bytes(),
        }
    }

    fn put(self, number: u32) -> [u8; 4] {
        match self {
            Self::Big => number.to_be_bytes(),
            Self::Little => number.to_le_bytes(),
        }
    }

    fn put_all(self, numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|it| self.put(*it)).collect()
    }

    fn length(self, octets: &[u8]) -> u32 {
        u32::try_from(octets.len()).unwrap()
    }
}

fn pcap(order: Order, magic: u32, link_type: u32, fraction: u32) -> Vec<u8> {
    let frame = frame();
    let length = order.length(&frame);
    [
        order.put_all(&[magic, 0, 0, 0, 262_144, link_type]),
        order.put_all(&[1_700_000_000, fraction, length, length]),
        frame,
    ]
    .concat()
}

fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = order.length(&body) + 12;
    let begin = order.put_all(&[kind, length]);
    [&begin[..], &body, &order.put(length)].concat()
}

/// A section with one interface that has these options, and one packet at
/// this time.
fn pcapng(order: Order, options: &[u8], time: u64) -> Vec<u8> {
    let frame = frame();
    let length = order.length(&frame);
    let section = order.put_all(&[BYTE_ORDER, 1, u32::MAX, u32::MAX]);
    let interface = [&order.put16(1)[..], &[0; 6], options].concat();
    let high = u32::try_from(time >> 32).unwrap();
    let low = u32::try_from(time & 0xffff_ffff).unwrap();
    let packet = order.put_all(&[0, high, low, length, length]);
    [
        block(order, SECTION_HEADER, &section),
        block(order, INTERFACE_DESCRIPTION, &interface),
        block(order, 0x0bad, b"unknown"),
        block(order, ENHANCED_PACKET, &[packet, frame].concat()),
    ]
    .concat()
}

const LINE: &str = "2023-11-14T22:13:20.250000Z 10.0.0.1:50000 > 10.0.0.2:179 KEEPALIVE\n";

#[test]
fn both_orders_and_both_units_of_pcap_are_read() {
    for order in [Order::Big, Order::Little] {
        let micros = pcap(order, 0xa1b2_c3d4, 1, 250_000);
        assert_eq!(read(&micros), (LINE.to_owned(), None));
        // The frame check sequence's length is above the link type.
        let nanos = pcap(order, 0xa1b2_3c4d, 0xf400_0001, 250_000_999);
        assert_eq!(read(&nanos), (LINE.to_owned(), None));
    }
}

#[test]
fn sections_of_pcapng_have_their_own_order_and_interfaces() {
    let micros = 1_700_000_000_250_000;
    for order in [Order::Big, Order::Little] {
        let file = pcapng(order, &[], micros);
        assert_eq!(read(&file), (LINE.to_owned(), None));
    }
    // The second packet is a repetition of the first.
    let both = [
        pcapng(Order::Big, &[], micros),
        pcapng(Order::Little, &[], micros),
    ];
    assert_eq!(read(&both.concat()), (LINE.to_owned(), None));
}

#[test]
fn the_resolution_and_offset_of_an_interface_count() {
    for (resolution, time) in [
        (3, 1_700_000_000_250),
        (9, 1_700_000_000_250_000_999),
        (0x82, 1_700_000_000 * 4 + 1),
        (0xa0, (1_700_000_000 << 32) + (1 << 30)),
    ] {
        let order = Order::Little;
        let option = [&order.put16(9)[..], &order.put16(1), &[resolution, 0, 0, 0]].concat();
        let name = [&order.put16(2)[..], &order.put16(3), b"eth\0"].concat();
        let options = [&name[..], &option, &[0; 4]].concat();
        let file = pcapng(order, &options, time);
        assert_eq!(read(&file), (LINE.to_owned(), None));
    }
    let order = Order::Big;
    let seconds = 1_600_000_000u64.to_be_bytes();
    let option = [&order.put16(14)[..], &order.put16(8), &seconds].concat();
    let file = pcapng(order, &option, 100_000_000_250_000);
    assert_eq!(read(&file), (LINE.to_owned(), None));
}

#[test]
fn what_was_read_before_a_fault_is_printed() {
    let whole = pcapng(Order::Little, &[], 1_700_000_000_250_000);
    let at = u64::try_from(whole.len()).unwrap();
    let bad_packet = block(Order::Little, ENHANCED_PACKET, &[9; 20]);
    let order = Order::Little;
    for (more, fault) in [
        (&whole[..7], Fault::Truncated(at)),
        (&whole[..27], Fault::Truncated(at)),
        (&bad_packet, Fault::Malformed(at)),
        (&order.put_all(&[3, 8, 8]), Fault::Malformed(at)),
        (&order.put_all(&[3, 13, 13]), Fault::Malformed(at)),
        (
            &order.put_all(&[SECTION_HEADER, 28, 0]),
            Fault::Malformed(at),
        ),
        (
            &order.put_all(&[3, 0xffff_fffc, 0]),
            Fault::TooLong {
                at,
                length: 0xffff_fffc,
            },
        ),
    ] {
        let file = [&whole[..], more].concat();
        assert_eq!(read(&file), (LINE.to_owned(), Some(fault)));
    }
    let cut = pcap(Order::Big, 0xa1b2_c3d4, 1, 0);
    let (printed, fault) = read(&cut[..cut.len() - 1]);
    assert_eq!((&*printed, fault), ("", Some(Fault::Truncated(24))));
}

#[test]
fn other_files_are_no_captures() {
    for file in [&b""[..], b"abc", b"abcdefgh"] {
        assert_eq!(read(file), (String::new(), Some(Fault::NotACapture)));
    }
}

#[test]
fn units_that_no_number_holds_are_no_panic() {
    for resolution in 0..=u8::MAX {
        let interface = Interface {
            link_type: 1,
            units: units(resolution),
            offset: u64::MAX,
        };
        assert!(interface.time(u64::MAX) >= Duration::from_secs(u64::MAX));
    }
}

proptest! {
    #[test]
    fn any_damage_ends(
        is_ng in any::<bool>(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut file = match is_ng {
            true => pcapng(Order::Little, &[9, 0, 1, 0, 6, 0, 0, 0], 1),
            false => pcap(Order::Little, 0xa1b2_c3d4, 1, 1),
        };
        for (at, octet) in damage {
            let at = at.index(file.len());
            file[at] = octet;
        }
        file.truncate(file.len() - cut.index(file.len()) / 2);
        read(&file);
    }

    #[test]
    fn any_octets_end(is_ng in any::<bool>(), octets in vec(any::<u8>(), 0..200)) {
        let begin = match is_ng {
            true => SECTION_HEADER.to_be_bytes(),
            false => 0xa1b2_c3d4u32.to_be_bytes(),
        };
        read(&[&begin[..], &octets].concat());
    }
}
