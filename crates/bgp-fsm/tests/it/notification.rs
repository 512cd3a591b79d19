//! NOTIFICATIONs, sent and received: code, subcode and data.

use bgp_fsm::{PeerConfig, State};
use bgp_sim::Solo;
use bgp_wire::{Capability, NotificationCode};
use expect_test::{Expect, expect};

use crate::support::*;

/// What `octets` lead to on the peer's one connection.
#[track_caller]
fn check_answer(mut solo: Solo, octets: &[u8], expected: Expect) {
    let connection = if solo.peer().accepts_incoming() {
        Outgoing
    } else {
        Incoming
    };
    solo.receive(connection, octets);
    assert_eq!(solo.peer().state(), State::Idle);
    check_solo(&mut solo, expected);
}

#[track_caller]
fn check_open(octets: &[u8], expected: Expect) {
    check_answer(open_sent(a(), Outgoing), octets, expected);
}

const ID: [u8; 4] = [192, 0, 2, 2];

#[test]
fn an_unsupported_version_is_answered_with_ours() {
    check_open(
        &raw_open(3, 65002, 90, ID, &[]),
        expect![[r#"
            0.000    a < outgoing OPEN (version 3 is not supported)
            0.000    a > outgoing NOTIFICATION OPEN Message Error / Unsupported Version Number (2/1), data 0004
            0.000    a close outgoing
            0.000    a OpenSent -> Idle
            0.000    a down: sent OPEN Message Error / Unsupported Version Number (2/1): version 3 is not supported
        "#]],
    );
}

#[test]
fn a_wrong_as_is_refused_and_both_numbers_are_told() {
    check_open(
        &raw_open(4, 65003, 90, ID, &[]),
        expect![[r#"
            0.000    a < outgoing OPEN as=65003 hold=90 id=192.0.2.2
            0.000    a > outgoing NOTIFICATION OPEN Message Error / Bad Peer AS (2/2)
            0.000    a close outgoing
            0.000    a OpenSent -> Idle
            0.000    a down: sent OPEN Message Error / Bad Peer AS (2/2): peer is in AS 65003, configured is AS 65002
        "#]],
    );
}

#[test]
fn as_zero_is_refused() {
    check_open(
        &raw_open(4, 0, 90, ID, &[]),
        expect![[r#"
            0.000    a < outgoing OPEN as=0 hold=90 id=192.0.2.2
            0.000    a > outgoing NOTIFICATION OPEN Message Error / Bad Peer AS (2/2)
            0.000    a close outgoing
            0.000    a OpenSent -> Idle
            0.000    a down: sent OPEN Message Error / Bad Peer AS (2/2): as number 0 is not valid here
        "#]],
    );
}

#[test]
fn as_numbers_that_contradict_each_other_are_refused() {
    // The capability says 65002, the field 65009.
    let parameters = [2, 6, 65, 4, 0, 0, 0xfd, 0xea];
    check_open(
        &raw_open(4, 65009, 90, ID, &parameters),
        expect![[r#"
            0.000    a < outgoing OPEN as=65009 hold=90 id=192.0.2.2
            0.000    a > outgoing NOTIFICATION OPEN Message Error / Bad Peer AS (2/2)
            0.000    a close outgoing
            0.000    a OpenSent -> Idle
            0.000    a down: sent OPEN Message Error / Bad Peer AS (2/2): as number 65002 is not valid here
        "#]],
    );
}

#[test]
fn hold_times_of_one_and_two_seconds_are_refused() {
    check_open(
        &raw_open(4, 65002, 1, ID, &[]),
        expect![[r#"
            0.000    a < outgoing OPEN as=65002 hold=1 id=192.0.2.2
            0.000    a > outgoing NOTIFICATION OPEN Message Error / Unacceptable Hold Time (2/6)
            0.000    a close outgoing
            0.000    a OpenSent -> Idle
            0.000    a down: sent OPEN Message Error / Unacceptable Hold Time (2/6): hold time of 1 s is not allowed
        "#]],
    );
    check_open(
        &raw_open(4, 65002, 2, ID, &[]),
        expect![[r#"
            0.000    a < outgoing OPEN as=65002 hold=2 id=192.0.2.2
            0.000    a > outgoing NOTIFICATION OPEN Message Error / Unacceptable Hold Time (2/6)
            0.000    a close outgoing
            0.000    a OpenSent -> Idle
            0.000    a down: sent OPEN Message Error / Unacceptable Hold Time (2/6): hold time of 2 s is not allowed
        "#]],
    );
}

#[test]
fn identifier_zero_is_refused() {
    check_open(
        &raw_open(4, 65002, 90, [0; 4], &[]),
        expect![[r#"
            0.000    a < outgoing OPEN as=65002 hold=90 id=0.0.0.0
            0.000    a > outgoing NOTIFICATION OPEN Message Error / Bad BGP Identifier (2/3)
            0.000    a close outgoing
            0.000    a OpenSent -> Idle
            0.000    a down: sent OPEN Message Error / Bad BGP Identifier (2/3): bgp identifier is zero
        "#]],
    );
}

#[test]
fn our_own_identifier_is_refused_inside_an_as() {
    let config = config([192, 0, 2, 2], B, B);
    check_answer(
        open_sent(config, Incoming),
        &raw_open(4, 65002, 90, ID, &[]),
        expect![[r#"
            0.000    a < incoming OPEN as=65002 hold=90 id=192.0.2.2
            0.000    a > incoming NOTIFICATION OPEN Message Error / Bad BGP Identifier (2/3)
            0.000    a close incoming
            0.000    a OpenSent -> Idle
            0.000    a down: sent OPEN Message Error / Bad BGP Identifier (2/3): peer has our own BGP identifier 192.0.2.2 on an internal session
        "#]],
    );
}

#[test]
fn our_own_identifier_is_fine_between_ases() {
    let mut solo = open_sent(config([192, 0, 2, 2], A, B), Outgoing);
    solo.receive(Outgoing, &bytes_of(&open_of_b()));
    assert_eq!(solo.peer().state(), State::OpenConfirm);
}

#[test]
fn an_unknown_optional_parameter_is_refused() {
    check_open(
        &raw_open(4, 65002, 90, ID, &[1, 1, 0]),
        expect![[r#"
            0.000    a < outgoing OPEN as=65002 hold=90 id=192.0.2.2
            0.000    a > outgoing NOTIFICATION OPEN Message Error / Unsupported Optional Parameter (2/4)
            0.000    a close outgoing
            0.000    a OpenSent -> Idle
            0.000    a down: sent OPEN Message Error / Unsupported Optional Parameter (2/4): optional parameter 1 is not supported
        "#]],
    );
}

#[test]
fn an_open_whose_lengths_contradict_each_other_is_refused() {
    check_open(
        &raw_open(4, 65002, 90, ID, &[2, 9, 1]),
        expect![[r#"
            0.000    a < outgoing OPEN as=65002 hold=90 id=192.0.2.2
            0.000    a > outgoing NOTIFICATION OPEN Message Error (2/0)
            0.000    a close outgoing
            0.000    a OpenSent -> Idle
            0.000    a down: sent OPEN Message Error (2/0): optional parameters are malformed
        "#]],
    );
}

#[test]
fn a_wrong_marker_is_noticed_at_its_first_octet() {
    check_open(
        b"S",
        expect![[r#"
            0.000    a < outgoing 1 odd octets
            0.000    a > outgoing NOTIFICATION Message Header Error / Connection Not Synchronized (1/1)
            0.000    a close outgoing
            0.000    a OpenSent -> Idle
            0.000    a down: sent Message Header Error / Connection Not Synchronized (1/1): marker is not all ones
        "#]],
    );
}

#[test]
fn lengths_out_of_range_are_told() {
    let mut too_short = keepalive();
    too_short[17] = 18;
    check_open(
        &too_short,
        expect![[r#"
            0.000    a < outgoing 19 odd octets
            0.000    a > outgoing NOTIFICATION Message Header Error / Bad Message Length (1/2), data 0012
            0.000    a close outgoing
            0.000    a OpenSent -> Idle
            0.000    a down: sent Message Header Error / Bad Message Length (1/2): message length 18 is out of range
        "#]],
    );
    let mut too_long = keepalive();
    too_long[16..18].copy_from_slice(&4097_u16.to_be_bytes());
    too_long[18] = 2;
    check_open(
        &too_long,
        expect![[r#"
            0.000    a < outgoing 19 odd octets
            0.000    a > outgoing NOTIFICATION Message Header Error / Bad Message Length (1/2), data 1001
            0.000    a close outgoing
            0.000    a OpenSent -> Idle
            0.000    a down: sent Message Header Error / Bad Message Length (1/2): message length 4097 is out of range
        "#]],
    );
    check_answer(
        open_confirm(a(), Outgoing),
        &message(4, &[0]),
        expect![[r#"
            0.000    a < outgoing 20 odd octets
            0.000    a > outgoing NOTIFICATION Message Header Error / Bad Message Length (1/2), data 0014
            0.000    a close outgoing
            0.000    a OpenConfirm -> Idle
            0.000    a down: sent Message Header Error / Bad Message Length (1/2): message length 20 is out of range
        "#]],
    );
}

#[test]
fn messages_above_4096_octets_are_refused_unless_agreed() {
    let mut long_update = vec![0; 4100 - 19];
    long_update[0..2].copy_from_slice(&0_u16.to_be_bytes());
    // An attribute nobody knows fills the message.
    let attributes = u16::try_from(long_update.len() - 4).unwrap();
    long_update[2..4].copy_from_slice(&attributes.to_be_bytes());
    long_update[4..6].copy_from_slice(&[0xd0, 250]);
    long_update[6..8].copy_from_slice(&(attributes - 4).to_be_bytes());
    let long_update = message(2, &long_update);

    let mut solo = established(a(), Outgoing);
    solo.receive(Outgoing, &long_update);
    assert_eq!(solo.peer().state(), State::Established);

    let mut solo = open_sent(a(), Outgoing);
    solo.receive(Outgoing, &open_with(both_families()));
    solo.receive(Outgoing, &keepalive());
    assert_eq!(solo.peer().state(), State::Established);
    let _ = solo.transcript().take();
    check_answer(
        solo,
        &long_update[..19],
        expect![[r#"
            0.000    a < outgoing 19 odd octets
            0.000    a > outgoing NOTIFICATION Message Header Error / Bad Message Length (1/2), data 1004
            0.000    a close outgoing
            0.000    a Established -> Idle
            0.000    a down: sent Message Header Error / Bad Message Length (1/2): message length 4100 is out of range
        "#]],
    );
}

#[test]
fn an_unknown_message_type_is_told() {
    check_open(
        &message(77, &[]),
        expect![[r#"
            0.000    a < outgoing 19 odd octets
            0.000    a > outgoing NOTIFICATION Message Header Error / Bad Message Type (1/3), data 4d
            0.000    a close outgoing
            0.000    a OpenSent -> Idle
            0.000    a down: sent Message Header Error / Bad Message Type (1/3): message type 77 is unknown
        "#]],
    );
}

#[test]
fn what_open_sent_does_not_take_is_named() {
    check_open(
        &keepalive(),
        expect![[r#"
            0.000    a < outgoing KEEPALIVE
            0.000    a > outgoing NOTIFICATION Finite State Machine Error / Unexpected Message in OpenSent State (5/1), data 04
            0.000    a close outgoing
            0.000    a OpenSent -> Idle
            0.000    a down: sent Finite State Machine Error / Unexpected Message in OpenSent State (5/1): KEEPALIVE received in OpenSent
        "#]],
    );
    check_open(
        &end_of_rib(),
        expect![[r#"
            0.000    a < outgoing UPDATE of 23 octets
            0.000    a > outgoing NOTIFICATION Finite State Machine Error / Unexpected Message in OpenSent State (5/1), data 02
            0.000    a close outgoing
            0.000    a OpenSent -> Idle
            0.000    a down: sent Finite State Machine Error / Unexpected Message in OpenSent State (5/1): UPDATE received in OpenSent
        "#]],
    );
}

#[test]
fn what_open_confirm_does_not_take_is_named() {
    let open = bytes_of(&open_of_b());
    check_answer(
        open_confirm(a(), Outgoing),
        &open,
        expect![[r#"
            0.000    a < outgoing OPEN as=65002 hold=90 id=192.0.2.2
            0.000    a > outgoing NOTIFICATION Finite State Machine Error / Unexpected Message in OpenConfirm State (5/2), data 01
            0.000    a close outgoing
            0.000    a OpenConfirm -> Idle
            0.000    a down: sent Finite State Machine Error / Unexpected Message in OpenConfirm State (5/2): OPEN received in OpenConfirm
        "#]],
    );
    check_answer(
        open_confirm(a(), Incoming),
        &end_of_rib(),
        expect![[r#"
            0.000    a < incoming UPDATE of 23 octets
            0.000    a > incoming NOTIFICATION Finite State Machine Error / Unexpected Message in OpenConfirm State (5/2), data 02
            0.000    a close incoming
            0.000    a OpenConfirm -> Idle
            0.000    a down: sent Finite State Machine Error / Unexpected Message in OpenConfirm State (5/2): UPDATE received in OpenConfirm
        "#]],
    );
}

#[test]
fn what_established_does_not_take_is_named() {
    let open = bytes_of(&open_of_b());
    check_answer(
        established(a(), Outgoing),
        &open,
        expect![[r#"
            0.000    a < outgoing OPEN as=65002 hold=90 id=192.0.2.2
            0.000    a > outgoing NOTIFICATION Finite State Machine Error / Unexpected Message in Established State (5/3), data 01
            0.000    a close outgoing
            0.000    a Established -> Idle
            0.000    a down: sent Finite State Machine Error / Unexpected Message in Established State (5/3): OPEN received in Established
        "#]],
    );
}

#[test]
fn an_update_that_cannot_be_read_ends_the_session() {
    // The withdrawn routes are longer than the message.
    check_answer(
        established(a(), Outgoing),
        &message(2, &[0, 9, 0, 0]),
        expect![[r#"
            0.000    a < outgoing UPDATE (lengths of the update contradict each other)
            0.000    a > outgoing NOTIFICATION UPDATE Message Error / Malformed Attribute List (3/1)
            0.000    a close outgoing
            0.000    a Established -> Idle
            0.000    a down: sent UPDATE Message Error / Malformed Attribute List (3/1): lengths of the update contradict each other
        "#]],
    );
    // MP_REACH_NLRI twice (RFC 7606 section 3 g).
    let mp_reach = [
        0x80, 14, 25, 0, 2, 1, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 24,
        0x20, 1, 0xd,
    ];
    let mut body = vec![0, 0, 0, 56];
    body.extend(mp_reach);
    body.extend(mp_reach);
    check_answer(
        established(a(), Outgoing),
        &message(2, &body),
        expect![[r#"
            0.000    a < outgoing UPDATE of 79 octets
            0.000    a > outgoing NOTIFICATION UPDATE Message Error / Malformed Attribute List (3/1)
            0.000    a close outgoing
            0.000    a Established -> Idle
            0.000    a down: sent UPDATE Message Error / Malformed Attribute List (3/1): MP_REACH_NLRI occurs more than once
        "#]],
    );
}

#[test]
fn an_update_that_is_only_withdrawn_is_handed_out() {
    let mut solo = established(a(), Outgoing);
    // ORIGIN 9 with a prefix: treat-as-withdraw is the driver's.
    let body = [0, 0, 0, 4, 0x40, 1, 1, 9, 24, 203, 0, 113];
    solo.receive(Outgoing, &message(2, &body));
    assert_eq!(solo.peer().state(), State::Established);
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < outgoing UPDATE of 31 octets
            0.000    a has UPDATE of 31 octets
        "#]],
    );
}

#[test]
fn route_refresh_is_passed_on_for_agreed_families_only() {
    let mut solo = open_sent(a(), Outgoing);
    solo.receive(
        Outgoing,
        &open_with(vec![Capability::Multiprotocol(
            bgp_wire::Family::IPV6_UNICAST,
        )]),
    );
    solo.receive(Outgoing, &keepalive());
    let _ = solo.transcript().take();
    solo.receive(Outgoing, &message(5, &[0, 2, 0, 1]));
    solo.receive(Outgoing, &message(5, &[0, 1, 0, 1]));
    // Begin of an enhanced refresh, which was not agreed.
    solo.receive(Outgoing, &message(5, &[0, 2, 1, 1]));
    assert_eq!(solo.peer().state(), State::Established);
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < outgoing ROUTE-REFRESH request ipv6-unicast
            0.000    a asked for ipv6-unicast
            0.000    a < outgoing ROUTE-REFRESH request ipv4-unicast
            0.000    a < outgoing ROUTE-REFRESH begin ipv6-unicast
        "#]],
    );
}

#[test]
fn the_peers_words_are_kept() {
    let bye = bgp_wire::Notification::with_shutdown_communication(
        NotificationCode::CEASE_ADMINISTRATIVE_SHUTDOWN,
        "maintenance until 14:00",
    );
    let mut buf = bytes::BytesMut::new();
    bye.encode(&mut buf);
    check_answer(
        established(a(), Incoming),
        &buf,
        expect![[r#"
            0.000    a < incoming NOTIFICATION Cease / Administrative Shutdown (6/2): maintenance until 14:00
            0.000    a close incoming
            0.000    a Established -> Idle
            0.000    a down: received Cease / Administrative Shutdown (6/2): maintenance until 14:00
        "#]],
    );
}

#[test]
fn a_notification_ends_every_state() {
    let bye = notification(NotificationCode::CEASE_CONNECTION_REJECTED);
    let states: [fn(PeerConfig, bgp_fsm::Connection) -> Solo; 3] =
        [open_sent, open_confirm, established];
    for state in states {
        for connection in [Outgoing, Incoming] {
            let mut solo = state(a(), connection);
            solo.receive(connection, &bye);
            assert_eq!(solo.peer().state(), State::Idle);
            assert!(
                !solo.transcript().as_str().contains(" a > "),
                "{}",
                solo.transcript()
            );
        }
    }
}

#[test]
fn what_follows_an_error_in_one_read_is_thrown_away() {
    let mut solo = open_sent(a(), Outgoing);
    let mut octets = message(77, &[]);
    octets.extend(bytes_of(&open_of_b()));
    solo.receive(Outgoing, &octets);
    assert_eq!(solo.buffered(Outgoing), 0);
    assert_eq!(solo.peer().state(), State::Idle);
}
