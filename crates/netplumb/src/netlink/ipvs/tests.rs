use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::super::message::{Attrs, write_attr};
use super::{decode, encode, family};
use crate::ipvs::{
    DestinationSpec, Forward, Protocol, Scheduler, SchedulerFlags, ServiceKey, ServiceSpec,
    Statistics,
};

fn key(address: &str) -> ServiceKey {
    ServiceKey {
        protocol: Protocol::Udp,
        address: address.parse().unwrap(),
        port: 53,
    }
}

fn full(address: &str) -> ServiceSpec {
    ServiceSpec {
        flags: SchedulerFlags {
            fallback: true,
            port: false,
        },
        persistence: Some(Duration::from_secs(300)),
        one_packet: true,
        ..ServiceSpec::new(key(address), Scheduler::Mh)
    }
}

/// What the kernel would send: a header of generic netlink and the attributes.
fn message(attrs: &[u8]) -> Vec<u8> {
    [&[1, 1, 0, 0], attrs].concat()
}

/// The same object with more attributes in it.
fn with(attrs: &[u8], more: &[(u16, &[u8])]) -> Vec<u8> {
    let (kind, inner) = Attrs(attrs).last().unwrap();
    let mut inner = inner.to_vec();
    for (kind, octets) in more {
        write_attr(&mut inner, *kind, octets).unwrap();
    }
    let mut attrs = Vec::new();
    write_attr(&mut attrs, kind, &inner).unwrap();
    message(&attrs)
}

#[test]
fn a_service_is_read_as_it_was_written() {
    for address in ["192.0.2.53", "2001:db8::53"] {
        for spec in [full(address), ServiceSpec::new(key(address), Scheduler::Rr)] {
            let state = decode::service(&message(&encode::service(&spec).unwrap())).unwrap();
            assert!(state.satisfies(&spec), "{state:?}");
        }
    }
}

#[test]
fn an_address_is_the_first_octets_of_sixteen() {
    let attrs = encode::service(&full("192.0.2.53")).unwrap();
    let mut octets = [0xee; 16];
    octets[..4].copy_from_slice(&[192, 0, 2, 99]);
    let state = decode::service(&with(&attrs, &[(encode::SVC_ADDR, &octets)])).unwrap();
    assert_eq!(state.spec.key.address, IpAddr::from([192, 0, 2, 99]));
}

#[test]
fn what_nobody_can_want_is_told() {
    let attrs = encode::service(&full("2001:db8::53")).unwrap();
    let plain = |more: &[(u16, &[u8])]| decode::service(&with(&attrs, more)).unwrap().plain;
    let flags = |flags: u32| [flags.to_ne_bytes(), [0xff; 4]].concat();
    assert!(plain(&[]));
    assert!(plain(&[(encode::SVC_FLAGS, &flags(0x1f))]), "HASHED");
    assert!(!plain(&[(encode::SVC_FLAGS, &flags(0x20))]));
    assert!(!plain(&[(11, b"sip\0")]));
    assert!(!plain(&[(encode::SVC_NETMASK, &64_u32.to_ne_bytes())]));

    let spec = DestinationSpec::new("2001:db8::7".parse().unwrap(), 53, Forward::Tunnel);
    let attrs = encode::destination(&key("2001:db8::53"), &spec).unwrap();
    let plain = |more: &[(u16, &[u8])]| {
        let state = decode::destination(&with(&attrs, more), true);
        state.unwrap().plain
    };
    assert!(plain(&[]));
    assert!(!plain(&[(encode::DEST_U_THRESH, &7_u32.to_ne_bytes())]));
    assert!(!plain(&[(encode::DEST_TUN_TYPE, &[1])]));
}

#[test]
fn a_service_of_a_firewall_mark_is_left_out() {
    let mut inner = Vec::new();
    for (kind, octets) in [
        (encode::SVC_AF, &2_u16.to_ne_bytes()[..]),
        (5, &7_u32.to_ne_bytes()),
        (encode::SVC_SCHED_NAME, b"rr\0"),
    ] {
        write_attr(&mut inner, kind, octets).unwrap();
    }
    let mut attrs = Vec::new();
    write_attr(&mut attrs, encode::CMD_SERVICE, &inner).unwrap();
    assert_eq!(decode::service(&message(&attrs)), None);
}

#[test]
fn a_destination_is_read_as_it_was_written() {
    for (service, address, forward) in [
        ("192.0.2.53", "10.0.0.7", Forward::Masquerade),
        ("2001:db8::53", "2001:db8::7", Forward::DirectRoute),
        ("192.0.2.53", "2001:db8::7", Forward::Tunnel),
    ] {
        let spec = DestinationSpec::new(address.parse().unwrap(), 53, forward).with_weight(9);
        let attrs = encode::destination(&key(service), &spec).unwrap();
        let ipv6 = service.contains("::");
        let state = decode::destination(&message(&attrs), ipv6).unwrap();
        assert!(state.satisfies(&spec), "{state:?}");
    }
}

#[test]
fn counters_of_64_bits_count_before_those_of_32() {
    let mut narrow = Vec::new();
    let mut wide = Vec::new();
    for kind in 1..=10_u16 {
        write_attr(&mut narrow, kind, &u32::from(kind).to_ne_bytes()).unwrap();
        let counter = u64::from(kind) << 32;
        write_attr(&mut wide, kind, &counter.to_ne_bytes()).unwrap();
    }
    let attrs = encode::service(&full("192.0.2.53")).unwrap();
    let read = |more: &[(u16, &[u8])]| decode::service(&with(&attrs, more)).unwrap().statistics;
    let counted = |shift: u32| Statistics {
        connections: 1 << shift,
        packets_in: 2 << shift,
        packets_out: 3 << shift,
        octets_in: 4 << shift,
        octets_out: 5 << shift,
    };
    assert_eq!(read(&[(10, &narrow)]), counted(0));
    assert_eq!(read(&[(12, &wide), (10, &narrow)]), counted(32));
}

proptest! {
    #[test]
    fn any_answer_is_survived(
        head in prop::collection::vec(0..12_u8, 0..24),
        tail in prop::collection::vec(prop_oneof![0..24_u8, any::<u8>()], 0..200),
    ) {
        let payload = [head, tail].concat();
        _ = decode::service(&payload);
        _ = decode::destination(&payload, false);
        _ = family::read(&payload);
    }

    #[test]
    fn a_cut_or_damaged_object_is_survived(
        at in any::<prop::sample::Index>(),
        octet in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let key = key("2001:db8::53");
        let spec = DestinationSpec::new("2001:db8::7".parse().unwrap(), 53, Forward::Tunnel);
        for attrs in [
            encode::service(&full("2001:db8::53")).unwrap(),
            encode::destination(&key, &spec).unwrap(),
        ] {
            let mut payload = message(&attrs);
            let at = at.index(payload.len());
            payload[at] = octet;
            payload.truncate(cut.index(payload.len() + 1));
            _ = decode::service(&payload);
            _ = decode::destination(&payload, true);
        }
    }
}
