//! Frames put together layer by layer.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A segment from port 50000 to 179 with this payload, options and flags.
pub(crate) fn tcp_octets(sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let ports = [50000u16.to_be_bytes(), 179u16.to_be_bytes()].concat();
    let header = [0, 0, 0, 0, 6 << 4, flags, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0];
    [&ports[..], &sequence.to_be_bytes(), &header, payload].concat()
}

pub(crate) fn ipv4_octets(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let begin = [0x45, 0, length[0], length[1], 0, 0, 0x40, 0, 64, 6, 0, 0];
    [&begin[..], &[10, 0, 0, 1, 10, 0, 0, 2], payload].concat()
}

fn ipv6_octets(next: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let addresses = ["2001:db8::1", "2001:db8::2"]
        .map(|it| it.parse::<Ipv6Addr>().unwrap().octets())
        .concat();
    let begin = [0x60, 0, 0, 0, length[0], length[1], next, 64];
    [&begin[..], &addresses, payload].concat()
}

pub(crate) fn ethernet_octets(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &ether_type.to_be_bytes(), payload].concat()
}

fn payload_of(link_type: u16, frame: &[u8]) -> Option<(String, Vec<u8>)> {
    let segment = segment(link_type, frame)?;
    assert_eq!(segment.sequence, 7);
    assert!(!segment.flags.is_syn() && !segment.flags.is_end());
    let ends = format!("{} > {}", segment.source, segment.destination);
    Some((ends, segment.payload.to_vec()))
}

#[test]
fn every_link_type_leads_to_the_segment() {
    let ip = ipv4_octets(&tcp_octets(7, 0x18, b"bgp"));
    let expected = Some(("10.0.0.1:50000 > 10.0.0.2:179".to_owned(), b"bgp".to_vec()));
    let tagged = [&[0, 5, 0x81, 0, 0, 6, 8, 0][..], &ip].concat();
    for (link_type, frame) in [
        (LINK_ETHERNET, ethernet_octets(0x0800, &ip)),
        (LINK_ETHERNET, ethernet_octets(0x88a8, &tagged)),
        (LINK_NULL, [&[2, 0, 0, 0][..], &ip].concat()),
        (LINK_LOOP, [&[0, 0, 0, 2][..], &ip].concat()),
        (LINK_RAW, ip.clone()),
        (LINK_IPV4, ip.clone()),
        (LINK_LINUX_SLL, [&[0; 14][..], &[8, 0], &ip].concat()),
        (LINK_LINUX_SLL2, [&[8, 0][..], &[0; 18], &ip].concat()),
    ] {
        assert_eq!(payload_of(link_type, &frame), expected, "{link_type}");
    }
    assert_eq!(payload_of(147, &ip), None);
    assert_eq!(
        payload_of(LINK_ETHERNET, &ethernet_octets(0x0806, &ip)),
        None
    );
}

#[test]
fn padding_of_the_link_is_no_payload() {
    let mut frame = ethernet_octets(0x0800, &ipv4_octets(&tcp_octets(7, 0x10, b"")));
    frame.extend_from_slice(&[0; 6]);
    assert_eq!(payload_of(LINK_ETHERNET, &frame).unwrap().1, b"");
    let mut frame = ipv6_octets(6, &tcp_octets(7, 0x10, b"x"));
    frame.push(0);
    assert_eq!(payload_of(LINK_IPV6, &frame).unwrap().1, b"x");
}

#[test]
fn a_length_of_zero_is_what_was_captured() {
    let mut ip = ipv4_octets(&tcp_octets(7, 0x10, b"offloaded"));
    ip[2..4].fill(0);
    assert_eq!(payload_of(LINK_RAW, &ip).unwrap().1, b"offloaded");
}

#[test]
fn ipv6_extension_headers_are_passed_over() {
    let tcp = tcp_octets(7, 0x10, b"bgp");
    let options = [&[43, 1][..], &[0; 14]].concat();
    let routing = [&[44, 0][..], &[0; 6]].concat();
    let fragment = [51, 0, 0, 0, 0, 0, 0, 1];
    let authentication = [&[6, 4][..], &[0; 22]].concat();
    let chain = [&options[..], &routing, &fragment, &authentication, &tcp].concat();
    let read = payload_of(LINK_RAW, &ipv6_octets(0, &chain)).unwrap();
    assert_eq!(read.0, "[2001:db8::1]:50000 > [2001:db8::2]:179");
    assert_eq!(read.1, b"bgp");
}

#[test]
fn fragments_and_other_protocols_are_left_out() {
    let ip = ipv4_octets(&tcp_octets(7, 0x10, b"bgp"));
    for (at, octet) in [(6, 0x20), (7, 1), (9, 17), (0, 0x55), (0, 0x44)] {
        let mut other = ip.clone();
        other[at] = octet;
        assert_eq!(payload_of(LINK_RAW, &other), None, "octet {at} is {octet}");
    }
    let fragment = [&[6, 0, 0, 1, 0, 0, 0, 1][..], &tcp_octets(7, 0x10, b"")].concat();
    assert_eq!(payload_of(LINK_RAW, &ipv6_octets(44, &fragment)), None);
}

#[test]
fn a_frame_cut_anywhere_is_no_panic() {
    let frame = ethernet_octets(0x0800, &ipv4_octets(&tcp_octets(7, 0x10, b"bgp")));
    for cut in 0..frame.len() {
        let segment = segment(LINK_ETHERNET, &frame[..cut]);
        // Headers of Ethernet, IPv4 and TCP with four octets of options.
        assert_eq!(segment.is_some(), cut >= 14 + 20 + 24, "{cut}");
    }
}

proptest! {
    #[test]
    fn any_frame(link_type in prop_oneof![Just(0u16), Just(1), Just(101), Just(276)],
                 frame in vec(prop_oneof![Just(6u8), Just(0x45), Just(0x60), any::<u8>()], 0..120)) {
        if let Some(segment) = segment(link_type, &frame) {
            prop_assert!(segment.payload.len() <= frame.len());
        }
    }
}
