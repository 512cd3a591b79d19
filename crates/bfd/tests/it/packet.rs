//! What control packets look like, and which are refused.

use std::time::Duration;

use bfd::{ControlPacket, Diagnostic, Discriminator, PACKET_LEN, PacketError, State};
use expect_test::expect;
use proptest::prelude::*;

/// Up, poll, control plane independent, multiplier 5, 1 s and 50 ms.
const SOUND: [u8; PACKET_LEN] = [
    0x20, 0xe8, 5, 24, 0, 0, 0, 7, 0, 0, 0, 9, 0, 0x0f, 0x42, 0x40, 0, 0, 0xc3, 0x50, 0, 0, 0, 0,
];

fn with(changes: &[(usize, u8)]) -> Vec<u8> {
    let mut octets = SOUND.to_vec();
    for (at, value) in changes {
        octets[*at] = *value;
    }
    octets
}

fn refused(octets: &[u8]) -> PacketError {
    ControlPacket::parse(octets).expect_err("this must not pass")
}

#[test]
fn a_packet_says_in_one_line_what_it_carries() {
    let packet = ControlPacket::parse(&SOUND).unwrap();
    expect!["Up P C my=0x00000007 your=0x00000009 mult=5 tx=1s rx=50ms"]
        .assert_eq(&packet.to_string());
    assert_eq!(packet.encode(), SOUND);
}

#[test]
fn octets_behind_the_packet_do_not_count() {
    let mut octets = SOUND.to_vec();
    octets.extend([1, 2, 3]);
    assert!(ControlPacket::parse(&octets).is_ok());
}

#[test]
fn each_check_of_section_6_8_6_refuses_its_fault() {
    assert_eq!(refused(&[]), PacketError::Truncated(0));
    assert_eq!(refused(&SOUND[..23]), PacketError::Truncated(23));
    assert_eq!(refused(&with(&[(0, 0x00)])), PacketError::Version(0));
    assert_eq!(refused(&with(&[(0, 0x40)])), PacketError::Version(2));
    let length = |length, received| PacketError::Length { length, received };
    assert_eq!(refused(&with(&[(3, 23)])), length(23, 24));
    assert_eq!(refused(&with(&[(3, 25)])), length(25, 24));
    assert_eq!(refused(&with(&[(1, 0xc4)])), length(24, 24));
    let zero = PacketError::DetectMultiplierZero;
    assert_eq!(refused(&with(&[(2, 0)])), zero);
    assert_eq!(refused(&with(&[(1, 0xc1)])), PacketError::Multipoint);
    assert_eq!(refused(&with(&[(7, 0)])), PacketError::MyDiscriminatorZero);
    let no_name = refused(&with(&[(11, 0)]));
    assert_eq!(no_name, PacketError::YourDiscriminatorZero(State::Up));
    let init = refused(&with(&[(1, 0x80), (11, 0)]));
    assert_eq!(init, PacketError::YourDiscriminatorZero(State::Init));
}

#[test]
fn of_several_faults_the_first_in_the_order_of_the_standard_counts() {
    let mut faults = vec![(0, 0), (3, 0), (2, 0), (1, 0xc1), (7, 0), (11, 0)];
    let mut names = Vec::new();
    while !faults.is_empty() {
        names.push(refused(&with(&faults)).to_string());
        faults.remove(0);
    }
    expect![[r#"
        version 0, only 1 is known
        length 0 of 24 octets received, out of range
        Detect Mult is zero
        the Multipoint bit is set
        My Discriminator is zero
        Your Discriminator is zero in state Up"#]]
    .assert_eq(&names.join("\n"));
}

#[test]
fn a_packet_that_names_no_session_may_be_down_or_admin_down() {
    for (bits, state) in [(0x40, State::Down), (0x00, State::AdminDown)] {
        let packet = ControlPacket::parse(&with(&[(1, bits), (11, 0)])).unwrap();
        assert_eq!((packet.state, packet.your_discriminator), (state, None));
    }
}

#[test]
fn an_authenticated_packet_is_recognised() {
    let mut octets = with(&[(1, 0xc4), (3, 28)]);
    octets.extend([1, 4, 0, b'x']);
    assert!(ControlPacket::parse(&octets).unwrap().authenticated);
}

#[test]
fn the_diagnostics_have_their_names() {
    let names: Vec<_> = (0..10)
        .map(|code| Diagnostic::from_bits(code).to_string())
        .collect();
    expect![[r#"
        No Diagnostic
        Control Detection Time Expired
        Echo Function Failed
        Neighbor Signaled Session Down
        Forwarding Plane Reset
        Path Down
        Concatenated Path Down
        Administratively Down
        Reverse Concatenated Path Down
        diagnostic 9"#]]
    .assert_eq(&names.join("\n"));
}

#[test]
fn a_time_too_long_for_a_packet_is_cut_off() {
    let mut packet = ControlPacket::parse(&SOUND).unwrap();
    packet.required_min_echo_rx = Duration::from_secs(100_000);
    let read = ControlPacket::parse(&packet.encode()).unwrap();
    assert_eq!(read.required_min_echo_rx, ControlPacket::MAX_INTERVAL);
}

prop_compose! {
    fn any_packet()(
        numbers in any::<[u32; 5]>(),
        bits in any::<[bool; 4]>(),
        state in 0..4_u8,
        diagnostic in 0..32_u8,
        detect_multiplier in 1..=255_u8,
    ) -> ControlPacket {
        let [mine, yours, tx, rx, echo] = numbers;
        let yours = if state < 2 { yours } else { yours.max(1) };
        let time = |number: u32| Duration::from_micros(number.into());
        ControlPacket {
            diagnostic: Diagnostic::from_bits(diagnostic),
            state: State::from_bits(state),
            poll: bits[0],
            is_final: bits[1],
            control_plane_independent: bits[2],
            authenticated: false,
            demand: bits[3],
            detect_multiplier,
            my_discriminator: Discriminator::new(mine.max(1)).unwrap(),
            your_discriminator: Discriminator::new(yours),
            desired_min_tx: time(tx),
            required_min_rx: time(rx),
            required_min_echo_rx: time(echo),
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(packet in any_packet()) {
        prop_assert_eq!(ControlPacket::parse(&packet.encode()), Ok(packet));
    }

    #[test]
    fn reading_is_total(octets in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(packet) = ControlPacket::parse(&octets) {
            prop_assert!(!packet.to_string().is_empty());
        }
    }
}
