use bytes::{Bytes, BytesMut};

use super::*;
use crate::{AddPathMode, Afi, Family, GracefulRestart, MessageView, RawMessage};

/// `parameters` starts with the length octet.
fn body(my_as: u16, hold_time: u16, identifier: u32, parameters: &[u8]) -> Vec<u8> {
    let mut body = vec![4];
    body.extend(my_as.to_be_bytes());
    body.extend(hold_time.to_be_bytes());
    body.extend(identifier.to_be_bytes());
    body.extend(parameters);
    body
}

fn open(body: &[u8]) -> Result<Open, DecodeErrorKind> {
    OpenView::parse(body)
        .and_then(OpenView::to_open)
        .map_err(|error| error.kind())
}

fn round_trip(open: &Open) -> Open {
    let mut buf = BytesMut::new();
    open.encode(&mut buf).unwrap();
    let message = RawMessage::split_from(&mut buf, MaxMessageLen::STANDARD)
        .unwrap()
        .unwrap();
    assert!(buf.is_empty());
    let Ok(MessageView::Open(view)) = message.view() else {
        panic!("not an OPEN");
    };
    view.to_open().unwrap()
}

fn with(capabilities: Vec<Capability>) -> Open {
    Open {
        asn: Asn::new(64512),
        hold_time: HoldTime::default(),
        identifier: BgpIdentifier::from(0x0a00_0001),
        capabilities,
    }
}

#[test]
fn every_capability_survives_the_wire() {
    let mut graceful_restart = GracefulRestart::new(120);
    graceful_restart.restarted = true;
    graceful_restart.notification = true;
    graceful_restart.families = vec![(Family::IPV4_UNICAST, true), (Family::IPV6_UNICAST, false)];
    let open = with(vec![
        Capability::Multiprotocol(Family::IPV4_UNICAST),
        Capability::Multiprotocol(Family::IPV6_UNICAST),
        Capability::RouteRefresh,
        Capability::ExtendedNextHop(vec![(Family::IPV4_UNICAST, Afi::IPV6)]),
        Capability::ExtendedMessage,
        Capability::GracefulRestart(graceful_restart),
        Capability::FourOctetAs(Asn::new(64512)),
        Capability::AddPath(vec![(Family::IPV4_UNICAST, AddPathMode::BOTH)]),
        Capability::EnhancedRouteRefresh,
        Capability::Unknown {
            code: 200,
            value: Bytes::from_static(&[1, 2, 3]),
        },
    ]);
    assert_eq!(round_trip(&open), open);
}

#[test]
fn a_large_as_is_as_trans_in_the_field_and_whole_in_the_capability() {
    let mut open = with(vec![Capability::FourOctetAs(Asn::new(4_200_000_000))]);
    open.asn = Asn::new(4_200_000_000);
    let mut buf = BytesMut::new();
    open.encode(&mut buf).unwrap();
    assert_eq!(buf[20..22], 23456u16.to_be_bytes());
    assert_eq!(round_trip(&open), open);
}

#[test]
fn capabilities_that_fill_the_short_form_use_the_extended_one_only_beyond_it() {
    for (length, extended) in [(250, false), (251, true), (252, true), (255, true)] {
        let open = with(vec![Capability::Unknown {
            code: 200,
            value: Bytes::from(vec![7; length]),
        }]);
        let mut buf = BytesMut::new();
        open.encode(&mut buf).unwrap();
        assert_eq!(buf[28..30] == [255, 255], extended, "{length}");
        assert_eq!(round_trip(&open), open);
    }
}

#[test]
fn what_does_not_fit_an_open_is_refused_and_nothing_is_written() {
    let mut buf = BytesMut::from(&b"before"[..]);
    let unknown = |length| Capability::Unknown {
        code: 200,
        value: Bytes::from(vec![7; length]),
    };
    assert_eq!(
        with(vec![unknown(256)]).encode(&mut buf),
        Err(EncodeError::CapabilityTooLong(200))
    );
    let many = with(vec![unknown(255); 16]);
    assert_eq!(many.encode(&mut buf), Err(EncodeError::OpenTooLong(4147)));
    let huge = with(vec![unknown(255); 300]);
    assert!(matches!(
        huge.encode(&mut buf),
        Err(EncodeError::OpenTooLong(_))
    ));
    assert_eq!(buf, "before");
}

#[test]
fn fields_are_judged_in_the_rfcs_words() {
    use DecodeErrorKind as Kind;
    let four_octet_as = |asn: u32| [&[8, 2, 6, 65, 4][..], &asn.to_be_bytes()].concat();
    for (body, kind) in [
        (body(0, 90, 1, &[0]), Kind::BadPeerAs(0)),
        (body(23456, 90, 1, &four_octet_as(0)), Kind::BadPeerAs(0)),
        (body(100, 90, 1, &four_octet_as(200)), Kind::BadPeerAs(200)),
        (body(100, 1, 1, &[0]), Kind::UnacceptableHoldTime(1)),
        (body(100, 2, 1, &[0]), Kind::UnacceptableHoldTime(2)),
        (body(100, 90, 0, &[0]), Kind::BadBgpIdentifier),
        (
            body(100, 90, 1, &[3, 1, 1, 0]),
            Kind::UnsupportedOptionalParameter(1),
        ),
        (
            body(100, 90, 1, &[3, 2, 1, 1]),
            Kind::MalformedOptionalParameters,
        ),
        (
            body(100, 90, 1, &[5, 2, 3, 65, 1, 0]),
            Kind::MalformedCapability(65),
        ),
        (
            body(100, 90, 1, &[4, 2, 4, 2, 0]),
            Kind::MalformedOptionalParameters,
        ),
    ] {
        assert_eq!(open(&body), Err(kind), "{body:?}");
    }
}

#[test]
fn the_notification_for_a_version_says_which_would_be_fine() {
    let mut body = body(100, 90, 1, &[0]);
    body[0] = 3;
    let error = OpenView::parse(&body).unwrap_err();
    let notification = error.notification();
    assert_eq!(
        notification.to_string(),
        "OPEN Message Error / Unsupported Version Number (2/1), data 0004"
    );
}

#[test]
fn lengths_that_do_not_add_up_are_malformed() {
    let whole = body(100, 90, 1, &[4, 2, 2, 2, 0]);
    assert!(open(&whole).is_ok());
    for end in 1..whole.len() {
        assert_eq!(
            open(&whole[..end]),
            Err(DecodeErrorKind::MalformedOptionalParameters),
            "{end}"
        );
    }
    let trailing = [&whole[..], &[0]].concat();
    assert!(open(&trailing).is_err());
}

#[test]
fn an_extended_form_is_told_by_its_type_whatever_its_length_says() {
    // RFC 9072 section 2: the length octet should be 255, but need not.
    for length in [255, 1] {
        let parameters = [length, 255, 0, 5, 2, 0, 2, 2, 0];
        let open = open(&body(100, 90, 1, &parameters)).unwrap();
        assert_eq!(open.capabilities, [Capability::RouteRefresh]);
    }
}

#[test]
fn capabilities_of_several_parameters_are_one_list() {
    let parameters = [10, 2, 2, 2, 0, 2, 4, 70, 0, 6, 0];
    let open = open(&body(100, 90, 1, &parameters)).unwrap();
    assert_eq!(
        open.capabilities,
        [
            Capability::RouteRefresh,
            Capability::EnhancedRouteRefresh,
            Capability::ExtendedMessage
        ]
    );
}

#[test]
fn a_restart_time_is_lowered_to_what_twelve_bits_hold() {
    assert_eq!(GracefulRestart::new(u16::MAX).restart_seconds(), 4095);
}
