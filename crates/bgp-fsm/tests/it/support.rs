//! Peers, messages and times that the scenarios share.

use std::net::Ipv4Addr;
use std::time::Duration;

use bgp_fsm::{Connection, PeerConfig};
use bgp_sim::{Sim, Solo};
use bgp_wire::{
    Asn, Capability, Family, HoldTime, Notification, NotificationCode, Open, RouteRefresh,
    RouteRefreshSubtype, encode_keepalive,
};
use bytes::{BufMut as _, BytesMut};
use expect_test::Expect;

pub(crate) use bgp_fsm::Connection::{Incoming, Outgoing};

pub(crate) const A: u32 = 65001;
pub(crate) const B: u32 = 65002;

/// 192.0.2.1 in AS 65001, whose peer is in AS 65002.
pub(crate) fn a() -> PeerConfig {
    config([192, 0, 2, 1], A, B)
}

/// 192.0.2.2 in AS 65002, whose peer is in AS 65001.
pub(crate) fn b() -> PeerConfig {
    config([192, 0, 2, 2], B, A)
}

pub(crate) fn config(identifier: [u8; 4], local: u32, peer: u32) -> PeerConfig {
    PeerConfig::new(
        Asn::new(local),
        Ipv4Addr::from(identifier).into(),
        Asn::new(peer),
    )
    .unwrap()
}

pub(crate) fn hold(seconds: u16) -> HoldTime {
    HoldTime::new(seconds).unwrap()
}

pub(crate) fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The transcript since the last check.
#[track_caller]
pub(crate) fn check(sim: &mut Sim, expected: Expect) {
    expected.assert_eq(&sim.transcript().take());
}

/// The transcript since the last check.
#[track_caller]
pub(crate) fn check_solo(solo: &mut Solo, expected: Expect) {
    expected.assert_eq(&solo.transcript().take());
}

/// What `b` would send to `a`.
pub(crate) fn open_of_b() -> Open {
    b().open()
}

pub(crate) fn bytes_of(open: &Open) -> Vec<u8> {
    let mut buf = BytesMut::new();
    open.encode(&mut buf).unwrap();
    buf.to_vec()
}

pub(crate) fn keepalive() -> Vec<u8> {
    let mut buf = BytesMut::new();
    encode_keepalive(&mut buf);
    buf.to_vec()
}

pub(crate) fn notification(code: NotificationCode) -> Vec<u8> {
    let mut buf = BytesMut::new();
    Notification::new(code).encode(&mut buf);
    buf.to_vec()
}

/// A message with any type and body.
pub(crate) fn message(message_type: u8, body: &[u8]) -> Vec<u8> {
    let mut buf = BytesMut::new();
    buf.put_bytes(0xff, 16);
    buf.put_u16(u16::try_from(19 + body.len()).unwrap());
    buf.put_u8(message_type);
    buf.put_slice(body);
    buf.to_vec()
}

/// An UPDATE without anything in it: End-of-RIB for IPv4 unicast.
pub(crate) fn end_of_rib() -> Vec<u8> {
    message(2, &[0, 0, 0, 0])
}

/// The same for any family (RFC 4724 section 2).
pub(crate) fn end_of_rib_of(family: Family) -> Vec<u8> {
    let mut buf = BytesMut::new();
    bgp_wire::encode_end_of_rib(&mut buf, family);
    buf.to_vec()
}

/// A ROUTE-REFRESH with any subtype.
pub(crate) fn refresh(family: Family, subtype: u8) -> Vec<u8> {
    let mut buf = BytesMut::new();
    let subtype = RouteRefreshSubtype(subtype);
    RouteRefresh { family, subtype }.encode(&mut buf);
    buf.to_vec()
}

/// An OPEN with these fields and raw optional parameters.
pub(crate) fn raw_open(
    version: u8,
    my_as: u16,
    hold: u16,
    id: [u8; 4],
    parameters: &[u8],
) -> Vec<u8> {
    let mut body = BytesMut::new();
    body.put_u8(version);
    body.put_u16(my_as);
    body.put_u16(hold);
    body.put_slice(&id);
    body.put_u8(u8::try_from(parameters.len()).unwrap());
    body.put_slice(parameters);
    message(1, &body)
}

/// An open of `b` with these capabilities only.
pub(crate) fn open_with(capabilities: Vec<Capability>) -> Vec<u8> {
    let mut open = open_of_b();
    open.capabilities = capabilities;
    bytes_of(&open)
}

pub(crate) fn both_families() -> Vec<Capability> {
    [Family::IPV4_UNICAST, Family::IPV6_UNICAST]
        .map(Capability::Multiprotocol)
        .to_vec()
}

/// A peer in Established with `b` over this connection; its transcript is
/// taken already.
pub(crate) fn established(config: PeerConfig, connection: Connection) -> Solo {
    let mut solo = open_confirm(config, connection);
    solo.receive(connection, &keepalive());
    forget(&mut solo);
    solo
}

/// The same in OpenConfirm.
pub(crate) fn open_confirm(config: PeerConfig, connection: Connection) -> Solo {
    let mut solo = open_sent(config, connection);
    solo.receive(connection, &bytes_of(&open_of_b()));
    forget(&mut solo);
    solo
}

/// The same in OpenSent.
pub(crate) fn open_sent(config: PeerConfig, connection: Connection) -> Solo {
    let mut solo = Solo::new(config, 1);
    solo.start();
    if connection == Incoming && solo.peer().state() == bgp_fsm::State::Connect {
        solo.fail(Outgoing);
    }
    solo.connect(connection);
    forget(&mut solo);
    solo
}

fn forget(solo: &mut Solo) {
    let _ = solo.transcript().take();
    let _ = solo.take_outputs();
}
