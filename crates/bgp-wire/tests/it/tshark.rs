//! What we write, read by Wireshark's dissector where `tshark` is installed.

use std::fs;
use std::process::Command;

use bgp_wire::{
    AddPathMode, Administrator, Afi, Aggregator, AsPath, AsPathSegment, Asn, AttributeCode,
    AttributeFlags, BgpIdentifier, Capability, Community, ExtendedCommunity, Family,
    GracefulRestart, HoldTime, LargeCommunity, LongLivedFamily, MaxMessageLen, NextHop,
    Notification, NotificationCode, Open, OtherAttribute, PathAttributes, Role, RouteRefresh,
    SegmentKind, UpdateWriter, encode_end_of_rib, encode_keepalive,
};
use bytes::BytesMut;

use crate::corpora::say;
use crate::{EXTERNAL, INTERNAL, OLD};

/// Every capability there is.
fn open() -> Open {
    let asn = Asn::new(4_200_000_000);
    let mut restart = GracefulRestart::new(120);
    restart.notification = true;
    restart.families = vec![(Family::IPV4_UNICAST, true), (Family::IPV6_UNICAST, false)];
    Open {
        asn,
        hold_time: HoldTime::new(90).unwrap(),
        identifier: BgpIdentifier::from(0xc000_0201),
        capabilities: vec![
            Capability::Multiprotocol(Family::IPV4_UNICAST),
            Capability::Multiprotocol(Family::IPV6_UNICAST),
            Capability::RouteRefresh,
            Capability::ExtendedNextHop(vec![(Family::IPV4_UNICAST, Afi::IPV6)]),
            Capability::ExtendedMessage,
            Capability::Role(Role::CUSTOMER),
            Capability::GracefulRestart(restart),
            Capability::FourOctetAs(asn),
            Capability::AddPath(vec![(Family::IPV4_UNICAST, AddPathMode::BOTH)]),
            Capability::EnhancedRouteRefresh,
            Capability::LongLivedGracefulRestart(vec![LongLivedFamily::new(
                Family::IPV6_UNICAST,
                86400,
            )]),
        ],
    }
}

/// Every attribute that can be originated.
fn attributes() -> PathAttributes {
    let asn = Asn::new(4_200_000_000);
    let segment = |kind, asns: &[u32]| AsPathSegment {
        kind,
        asns: asns.iter().copied().map(Asn::new).collect(),
    };
    PathAttributes {
        as_path: AsPath {
            segments: vec![
                segment(SegmentKind::Sequence, &[64512, 4_200_000_000]),
                segment(SegmentKind::Set, &[64513, 64514]),
            ],
        },
        med: Some(50),
        local_pref: Some(200),
        atomic_aggregate: true,
        aggregator: Some(Aggregator {
            asn,
            identifier: [192, 0, 2, 9].into(),
        }),
        communities: vec![Community::GRACEFUL_SHUTDOWN, Community::new(64512, 100)],
        extended_communities: vec![
            ExtendedCommunity::route_target(Administrator::As4 { asn, local: 7 }),
            ExtendedCommunity::route_origin(Administrator::As2 {
                asn: 64512,
                local: 8,
            }),
            ExtendedCommunity::link_bandwidth(Asn::new(64512), 125e6),
            ExtendedCommunity::color(9),
        ],
        large_communities: vec![LargeCommunity {
            global: 4_200_000_000,
            local_1: 1,
            local_2: 2,
        }],
        originator_id: Some([192, 0, 2, 7].into()),
        cluster_list: vec![[192, 0, 2, 8].into()],
        only_to_customer: Some(Asn::new(64512)),
        others: OtherAttribute::new(
            AttributeCode(200),
            AttributeFlags(AttributeFlags::OPTIONAL | AttributeFlags::TRANSITIVE),
            vec![1, 2, 3],
        )
        .into_iter()
        .collect(),
        ..PathAttributes::originated()
    }
}

/// All messages, each with octets of its own.
fn messages() -> Vec<BytesMut> {
    let mut messages = Vec::new();
    let mut add = |fill: &mut dyn FnMut(&mut BytesMut)| {
        let mut buf = BytesMut::new();
        fill(&mut buf);
        messages.push(buf);
    };
    add(&mut |buf| open().encode(buf).unwrap());
    add(&mut encode_keepalive);
    let (v4, v6) = ("192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
    let (max, all) = (MaxMessageLen::STANDARD, attributes());
    for ctx in [EXTERNAL, INTERNAL, OLD] {
        for (family, next_hop, prefix) in [
            (Family::IPV4_UNICAST, NextHop::V4(v4), "198.51.100.7/32"),
            (Family::IPV4_UNICAST, NextHop::v6(v6), "198.51.100.0/25"),
            (Family::IPV6_UNICAST, NextHop::v6(v6), "2001:db8:1::/48"),
        ] {
            add(&mut |buf| {
                let mut writer =
                    UpdateWriter::announce(buf, max, family, &next_hop, &all, ctx).unwrap();
                writer.push(prefix.parse().unwrap()).unwrap();
                writer.finish();
            });
            add(&mut |buf| {
                let mut writer = UpdateWriter::withdraw(buf, max, family, ctx).unwrap();
                writer.push(prefix.parse().unwrap()).unwrap();
                writer.finish();
            });
        }
    }
    add(&mut |buf| encode_end_of_rib(buf, Family::IPV4_UNICAST));
    add(&mut |buf| encode_end_of_rib(buf, Family::IPV6_UNICAST));
    add(&mut |buf| RouteRefresh::request(Family::IPV6_UNICAST).encode(buf));
    add(&mut |buf| {
        let code = NotificationCode::CEASE_ADMINISTRATIVE_SHUTDOWN;
        Notification::with_shutdown_communication(code, "upgrade").encode(buf);
    });
    messages
}

/// A capture with one TCP segment of port 179 a message (pcap of raw IPv4).
fn capture(messages: &[BytesMut]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0002_0004, 0, 0, 65535, 101] {
        file.extend_from_slice(&word.to_be_bytes());
    }
    let mut sequence = 1_u32;
    for message in messages {
        let total = u32::try_from(40 + message.len()).unwrap();
        for word in [0, 0, total, total] {
            file.extend_from_slice(&u32::to_be_bytes(word));
        }
        for word in [
            0x4500_0000 | total,
            0,
            0x0106_0000,
            0xc000_0201,
            0xc000_0202,
        ] {
            file.extend_from_slice(&u32::to_be_bytes(word));
        }
        for word in [179 << 16 | 50000, sequence, 1, 0x5018_ffff, 0] {
            file.extend_from_slice(&u32::to_be_bytes(word));
        }
        file.extend_from_slice(message);
        sequence += total - 40;
    }
    file
}

#[test]
fn wireshark_has_no_complaint_about_what_we_write() {
    if Command::new("tshark").arg("--version").output().is_err() {
        say("skipped: tshark is not installed");
        return;
    }
    let messages = messages();
    let path = std::env::temp_dir().join(format!("bgp-wire-{}.pcap", std::process::id()));
    fs::write(&path, capture(&messages)).unwrap();
    let output = Command::new("tshark")
        .arg("-Vr")
        .arg(&path)
        .output()
        .unwrap();
    fs::remove_file(&path).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let read = text.matches("Border Gateway Protocol - ").count();
    assert_eq!(read, messages.len(), "{text}");
    for complaint in ["Malformed", "Expert Info (Error", "Expert Info (Warning"] {
        let mut lines = text.lines().filter(|line| line.contains(complaint));
        assert_eq!(lines.next(), None, "{text}");
    }
    for said in [
        "4200000000",
        "upgrade",
        "ORIGINATOR_ID: 192.0.2.7",
        "AS4_PATH",
    ] {
        assert!(text.contains(said), "{said} is not in {text}");
    }
}
