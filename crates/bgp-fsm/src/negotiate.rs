//! Two OPENs become what a session may use, or a NOTIFICATION.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bgp_wire::{
    AsWidth, Asn, BgpIdentifier, Capability, DecodeContext, Family, HoldTime, MaxMessageLen,
    Notification, NotificationCode, OpenView, Role, SessionKind,
};
use bytes::BytesMut;

use crate::config::{PeerConfig, RoleCheck, Support};
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
    /// Whether the answers to such questions have a begin and an end (RFC
    /// 7313).
    pub enhanced_refresh: Support,
    /// What the peer said of its restarts; `None` unless both ends offer
    /// graceful restart (RFC 4724).
    pub graceful_restart: Option<PeerRestart>,
    /// What the peer is to us, if it says (RFC 9234).
    pub peer_role: Option<Role>,
    /// All capabilities in the peer's OPEN, known or not.
    pub capabilities: Vec<Capability>,
}

/// What a peer says of its restarts (RFC 4724 section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerRestart {
    /// How long it wants to be waited for.
    pub restart_time: Duration,
    /// The R bit: it has restarted, and does not wait for our End-of-RIB.
    pub restarted: bool,
    /// Whether NOTIFICATIONs count as restarts: both ends set the N bit (RFC
    /// 8538).
    pub notification: Support,
    /// The agreed families whose routes it wants to be kept, with the F bit:
    /// whether it has kept its forwarding state since the session before.
    pub families: BTreeMap<Family, bool>,
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
    let peer_role = check_role(config, &open.capabilities)?;
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
        graceful_restart: peer_restart(config, &open.capabilities, &families),
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
        route_refresh: support(has(&Capability::RouteRefresh)),
        enhanced_refresh: support(has(&Capability::EnhancedRouteRefresh)),
        peer_role,
        capabilities: open.capabilities,
    })
}

const fn support(supported: bool) -> Support {
    if supported {
        Support::Supported
    } else {
        Support::Unsupported
    }
}

/// Of several instances of the capability the last one counts (RFC 4724
/// section 3).
fn peer_restart(
    config: &PeerConfig,
    capabilities: &[Capability],
    agreed: &BTreeSet<Family>,
) -> Option<PeerRestart> {
    let ours = config.restart.as_ref()?;
    let theirs = capabilities.iter().rev().find_map(|c| match c {
        Capability::GracefulRestart(restart) => Some(restart),
        _ => None,
    })?;
    let families = theirs.families.iter().copied();
    Some(PeerRestart {
        restart_time: Duration::from_secs(theirs.restart_seconds().into()),
        restarted: theirs.restarted,
        notification: support(theirs.notification && ours.notification == Support::Supported),
        families: families.filter(|(f, _)| agreed.contains(f)).collect(),
    })
}

/// Roles that do not fit, or differ among themselves, are refused (RFC 9234
/// section 4.2).
fn check_role(config: &PeerConfig, capabilities: &[Capability]) -> Result<Option<Role>, Refusal> {
    let mut told = capabilities.iter().filter_map(|c| match c {
        Capability::Role(role) => Some(*role),
        _ => None,
    });
    let Some((local, check)) = config.external_role() else {
        return Ok(told.next());
    };
    let mut received = told.next();
    let fits = match received {
        // Several have to be the same one, and the one that differs is told.
        Some(first) => {
            received = told.find(|other| *other != first).or(received);
            received == Some(first) && local.fits(first)
        }
        None => check == RoleCheck::Lenient,
    };
    if fits {
        return Ok(received);
    }
    Err(Refusal::new(
        NotificationCode::OPEN_ROLE_MISMATCH,
        Cause::RoleMismatch { local, received },
    ))
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
