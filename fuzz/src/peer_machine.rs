//! Anything that may happen to one peer.

use std::net::Ipv4Addr;
use std::time::Duration;

use bgp_fsm::{Connection, PeerConfig, PrefixLimit, RestartConfig, Support};
use bgp_sim::{Operation, Oracle};
use bgp_wire::{
    Asn, Capability, Family, GracefulRestart, HoldTime, Notification, NotificationCode, Open,
    RouteRefresh, RouteRefreshSubtype, encode_end_of_rib, encode_keepalive,
};
use bytes::BytesMut;

/// Drives one peer. An input's first octet chooses its configuration: bit 0
/// is set for a passive peer, bit 1 for hold time zero, bit 2 for graceful
/// restart, bit 3 for one of our own that is going on, bit 4 for no N bit,
/// bit 5 for a limit of prefixes, bit 6 for a pause after it, bit 7 for a
/// delayed OPEN. The second is the seed, and from 128 on an Established session
/// takes part in collisions. Then come operations of two octets,
/// [`Operation`]s in their order in the low four bits of the first: bit 7 of
/// it means the incoming connection or IPv6, the second octet is a number or
/// choice. A message of odd octets takes as many more as that number says.
///
/// # Panics
///
/// On a finding: see [`Oracle`].
pub fn peer_machine(data: &[u8]) {
    let &[choice, seed, ref operations @ ..] = data else {
        return;
    };
    let mut config = config(choice);
    if seed >= 0x80 {
        config = config.collision_detect_established();
    }
    let mut oracle = Oracle::new(config, seed.into());
    let mut rest = operations;
    for _ in 0..MAX_OPERATIONS {
        let Some(operation) = take_operation(&mut rest) else {
            return;
        };
        oracle.step(&operation);
    }
}

fn config(choice: u8) -> PeerConfig {
    let bit = |number: u8| choice & (1 << number) != 0;
    let mut config = PeerConfig::new(LOCAL_AS, Ipv4Addr::new(192, 0, 2, 1).into(), PEER_AS)
        .expect("these are good")
        .idle_hold_time(Duration::from_secs(1), Duration::from_secs(8));
    if bit(0) {
        config = config.passive();
    }
    if bit(1) {
        config = config.hold_time(HoldTime::ZERO);
    }
    if bit(2) {
        let families = [Family::IPV4_UNICAST, Family::IPV6_UNICAST];
        let mut restart = RestartConfig::new(Duration::from_secs(120)).forwarding_kept(families);
        if bit(3) {
            restart = restart.restarting(Duration::from_secs(60));
        }
        if bit(4) {
            restart = restart.notification(Support::Unsupported);
        }
        config = config.graceful_restart(restart);
    }
    if bit(5) {
        let mut limit = PrefixLimit::new(100).warning_at(80);
        if bit(6) {
            limit = limit.restart_after(Duration::from_secs(30));
        }
        config = config.prefix_limit(Family::IPV4_UNICAST, limit);
    }
    if bit(7) {
        config = config.delay_open_time(Duration::from_secs(5));
    }
    config
}

fn take_operation(rest: &mut &[u8]) -> Option<Operation> {
    let (&[code, number], after) = rest.split_first_chunk::<2>()?;
    *rest = after;
    let (connection, family) = if code & 0x80 == 0 {
        (Connection::Outgoing, Family::IPV4_UNICAST)
    } else {
        (Connection::Incoming, Family::IPV6_UNICAST)
    };
    Some(match code & 0x0f {
        0 => Operation::Start,
        1 => Operation::Stop,
        2 => Operation::Reset(NotificationCode {
            code: 6,
            subcode: number,
        }),
        3 => Operation::Connected(connection),
        4 => Operation::Failed(connection),
        5 => {
            let (odd, after) = rest.split_at(usize::from(number).min(rest.len()));
            *rest = after;
            Operation::Received(connection, odd.to_vec())
        }
        6 => Operation::Received(connection, message(number)),
        7 => Operation::UpdateSent,
        8 => Operation::WriteBlocked(connection),
        9 => Operation::WriteProgress(connection),
        10 => Operation::InitialTableComplete,
        11 => Operation::EndOfRibSent(family),
        12 => Operation::RequestRefresh(family),
        13 => Operation::RefreshSent(family),
        14 => Operation::PrefixCount(family, number.into()),
        // Tenths of a second, or that many seconds.
        _ if code & 0x80 == 0 => Operation::Run(Duration::from_millis(u64::from(number) * 100)),
        _ => Operation::Run(Duration::from_secs(number.into())),
    })
}

/// One of the messages that lead somewhere.
fn message(number: u8) -> Vec<u8> {
    let mut buf = BytesMut::new();
    let family = if number & 0x80 == 0 {
        Family::IPV4_UNICAST
    } else {
        Family::IPV6_UNICAST
    };
    match number & 0x07 {
        0 | 1 => {
            let open = open(number);
            open.encode(&mut buf).expect("it has few capabilities");
        }
        2 | 3 => encode_keepalive(&mut buf),
        4 => encode_end_of_rib(&mut buf, family),
        5 => {
            let subtype = RouteRefreshSubtype(number >> 3 & 0x03);
            RouteRefresh { family, subtype }.encode(&mut buf);
        }
        6 => Notification::new(NotificationCode {
            code: 6,
            subcode: number >> 3 & 0x0f,
        })
        .encode(&mut buf),
        // An UPDATE whose lengths contradict each other.
        _ => {
            buf.extend_from_slice(&[0xff; 16]);
            buf.extend_from_slice(&[0, 23, 2, 0, 9, 0, 0]);
        }
    }
    buf.to_vec()
}

/// The peer's OPEN: bit 0 is set for graceful restart, bit 3 for the N bit,
/// bit 4 for the F bits, bit 5 for enhanced refresh, bit 6 for hold time zero,
/// bit 7 for the higher identifier.
fn open(number: u8) -> Open {
    let bit = |it: u8| number & (1 << it) != 0;
    let families = [Family::IPV4_UNICAST, Family::IPV6_UNICAST];
    let mut capabilities: Vec<_> = families.map(Capability::Multiprotocol).to_vec();
    capabilities.push(Capability::RouteRefresh);
    if bit(0) {
        let mut restart = GracefulRestart::new(60);
        restart.notification = bit(3);
        restart.families = families.map(|family| (family, bit(4))).to_vec();
        capabilities.push(Capability::GracefulRestart(restart));
    }
    if bit(5) {
        capabilities.push(Capability::EnhancedRouteRefresh);
    }
    Open {
        asn: PEER_AS,
        hold_time: if bit(6) {
            HoldTime::ZERO
        } else {
            HoldTime::default()
        },
        identifier: if bit(7) {
            Ipv4Addr::new(198, 51, 100, 1).into()
        } else {
            Ipv4Addr::new(10, 0, 0, 1).into()
        },
        capabilities,
    }
}

const LOCAL_AS: Asn = Asn::new(65001);
const PEER_AS: Asn = Asn::new(65002);

/// Bounds the time that one input takes.
const MAX_OPERATIONS: usize = 512;
