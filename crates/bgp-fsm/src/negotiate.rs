//! Two OPENs become what a session may use, or a NOTIFICATION.

use std::collections::BTreeSet;
use std::time::Duration;

use bgp_wire::{
    AsWidth, Asn, BgpIdentifier, Capability, DecodeContext, Family, HoldTime, MaxMessageLen,
    Notification, NotificationCode, OpenView, SessionKind,
};
use bytes::BytesMut;

use crate::config::{PeerConfig, Support};
use crate::error::Cause;
use crate::io::Connection;

/// What both ends agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Negotiated {
    /// The peer's AS, from the four-octet AS capability if it sent one.
    pub peer_as: Asn,
    /// The peer's BGP identifier.
    pub peer_identifier: BgpIdentifier,
    /// The lower of both hold times.
    pub hold_time: HoldTime,
    /// KeepaliveTime; zero if the hold time is.
    pub keepalive: Duration,
    /// The address families both support.
    pub families: BTreeSet<Family>,
    /// The longest message in either direction (RFC 8654).
    pub max_message_len: MaxMessageLen,
    /// How to read and write UPDATEs.
    pub decode: DecodeContext,
    /// The connection that carries the session.
    pub connection: Connection,
    /// Whether the peer may be asked for its routes again (RFC 2918).
    pub route_refresh: Support,
    /// All capabilities in the peer's OPEN, known or not.
    pub capabilities: Vec<Capability>,
}

/// An OPEN that is not accepted.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) notification: Notification,
    pub(crate) cause: Cause,
}

impl Refusal {
    fn new(code: NotificationCode, cause: Cause) -> Self {
        Self {
            notification: Notification::new(code),
            cause,
        }
    }
}

/// Checks the peer's OPEN (RFC 4271 section 6.2) and draws the conclusions.
pub(crate) fn negotiate(
    config: &PeerConfig,
    connection: Connection,
    view: OpenView<'_>,
) -> Result<Negotiated, Refusal> {
    let open = view.to_open().map_err(|error| Refusal {
        notification: error.notification(),
        cause: Cause::Decode(error),
    })?;
    let bad_as = match config.peer_as {
        Some(expected) if expected != open.asn => Some(Cause::BadPeerAs {
            expected,
            received: open.asn,
        }),
        None if config.local_as == open.asn => Some(Cause::NotExternal(open.asn)),
        _ => None,
    };
    if let Some(cause) = bad_as {
        return Err(Refusal::new(NotificationCode::OPEN_BAD_PEER_AS, cause));
    }
    let session = if config.local_as == open.asn {
        SessionKind::Internal
    } else {
        SessionKind::External
    };
    if session == SessionKind::Internal && open.identifier == config.identifier {
        return Err(Refusal::new(
            NotificationCode::OPEN_BAD_BGP_IDENTIFIER,
            Cause::SameBgpIdentifier(open.identifier),
        ));
    }
    let families = common_families(config, &open.capabilities);
    if families.is_empty() {
        return Err(no_common_family(config));
    }
    let hold_time = open.hold_time.min(config.hold_time);
    let has = |wanted: &Capability| open.capabilities.contains(wanted);
    let four_octet = open
        .capabilities
        .iter()
        .any(|c| matches!(c, Capability::FourOctetAs(_)));
    let extended =
        config.extended_message == Support::Supported && has(&Capability::ExtendedMessage);
    Ok(Negotiated {
        peer_as: open.asn,
        peer_identifier: open.identifier,
        hold_time,
        keepalive: keepalive(config, hold_time),
        families,
        max_message_len: if extended {
            MaxMessageLen::EXTENDED
        } else {
            MaxMessageLen::STANDARD
        },
        decode: DecodeContext::new(
            if four_octet {
                AsWidth::Four
            } else {
                AsWidth::Two
            },
            session,
        ),
        connection,
        route_refresh: if has(&Capability::RouteRefresh) {
            Support::Supported
        } else {
            Support::Unsupported
        },
        capabilities: open.capabilities,
    })
}

/// A peer without any multiprotocol capability has IPv4 unicast only
/// (RFC 4760 section 8).
fn common_families(config: &PeerConfig, capabilities: &[Capability]) -> BTreeSet<Family> {
    let offered: BTreeSet<_> = capabilities
        .iter()
        .filter_map(|c| match c {
            Capability::Multiprotocol(family) => Some(*family),
            _ => None,
        })
        .collect();
    if offered.is_empty() {
        let ipv4 = Family::IPV4_UNICAST;
        return config
            .families
            .contains(&ipv4)
            .then_some(ipv4)
            .into_iter()
            .collect();
    }
    config.families.intersection(&offered).copied().collect()
}

/// The data lists the capabilities one of which is needed, as in an OPEN
/// (RFC 5492 section 5).
fn no_common_family(config: &PeerConfig) -> Refusal {
    let mut data = BytesMut::new();
    for family in &config.families {
        Capability::Multiprotocol(*family)
            .encode(&mut data)
            .expect("a multiprotocol capability has four octets");
    }
    Refusal {
        notification: Notification::with_data(
            NotificationCode::OPEN_UNSUPPORTED_CAPABILITY,
            data.freeze(),
        ),
        cause: Cause::NoCommonFamily,
    }
}

/// A third of the hold time (RFC 4271 section 10), or less if configured.
fn keepalive(config: &PeerConfig, hold_time: HoldTime) -> Duration {
    let third = hold_time.as_duration() / 3;
    config.keepalive_time.map_or(third, |time| time.min(third))
}
