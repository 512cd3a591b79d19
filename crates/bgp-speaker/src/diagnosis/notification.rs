//! What NOTIFICATIONs say, and what that means for who configures peers.

use bgp_fsm::{Cause, DownReason};
use bgp_wire::{Notification, NotificationCode};

use super::{Diagnosis, HostView};
use crate::PeerStatus;

pub(super) fn diagnose(peer: &PeerStatus, host: &HostView, reason: &DownReason) -> Diagnosis {
    match reason {
        DownReason::NotificationReceived(notification) => received(peer, host, notification),
        DownReason::NotificationSent {
            notification,
            cause,
        } => sent(peer, host, notification, cause),
        DownReason::SendHoldTimerExpired => told(
            peer,
            host,
            "stuck",
            format!(
                "{} stopped reading for the send hold time (RFC 9687)",
                peer.key()
            ),
            "look whether the peer's program hangs",
        ),
        other => told(
            peer,
            host,
            "session-ended",
            format!("the session ended: {other}"),
            "look into the peer's log",
        ),
    }
}

fn told(
    peer: &PeerStatus,
    host: &HostView,
    code: &'static str,
    text: String,
    mend: impl Into<String>,
) -> Diagnosis {
    peer.found(code, true, text, host.peers(), mend)
}

/// The peer ended it.
fn received(peer: &PeerStatus, host: &HostView, notification: &Notification) -> Diagnosis {
    let inside = notification.inside_hard_reset();
    let notification = inside.as_ref().unwrap_or(notification);
    let key = peer.key();
    let asn = peer.local_as;
    let reference = notification.code.reference();
    let said = format!("{key} says {notification} ({reference})");
    let (code, why, mend) = match notification.code {
        NotificationCode::OPEN_BAD_PEER_AS => (
            "our-as-refused",
            format!(": it expects another AS of us than {asn}"),
            format!("configure AS {asn} for us at the peer, or its expectation as our local AS"),
        ),
        NotificationCode::OPEN_BAD_BGP_IDENTIFIER => (
            "identifier-clash",
            ": our identifier is its own, or zero".to_owned(),
            "give each router an identifier of its own".to_owned(),
        ),
        NotificationCode::OPEN_UNACCEPTABLE_HOLD_TIME => (
            "hold-time-refused",
            format!(
                ": it does not accept our hold time of {}",
                peer.settings.hold_time
            ),
            "configure a hold time that the peer accepts".to_owned(),
        ),
        NotificationCode::OPEN_UNSUPPORTED_CAPABILITY => (
            "capability-missing",
            ": it needs a capability that we do not offer, often an address family".to_owned(),
            "configure the same address families on both sides".to_owned(),
        ),
        NotificationCode::OPEN_ROLE_MISMATCH => (
            "role-mismatch",
            ": the roles of both sides do not fit".to_owned(),
            "configure roles that belong together, as provider and customer".to_owned(),
        ),
        NotificationCode::HOLD_TIMER_EXPIRED => (
            "hold-timer-expired",
            ": it heard nothing from us for its hold time".to_owned(),
            "look whether packets to the peer are lost, large ones above all (MTU)".to_owned(),
        ),
        NotificationCode::CEASE_MAX_PREFIXES => (
            "prefix-limit",
            ": we announce more prefixes than it allows".to_owned(),
            "raise the peer's limit, clear the session there, or announce less".to_owned(),
        ),
        NotificationCode::CEASE_ADMINISTRATIVE_SHUTDOWN => (
            "peer-shut-down",
            ": its operator shut the session down".to_owned(),
            "ask who operates the peer".to_owned(),
        ),
        NotificationCode::CEASE_PEER_DECONFIGURED => (
            "peer-deconfigured",
            ": we are no longer configured there".to_owned(),
            "ask who operates the peer".to_owned(),
        ),
        NotificationCode::CEASE_CONNECTION_REJECTED => (
            "rejected",
            ": it does not want this connection".to_owned(),
            format!("configure our address with AS {asn} as a neighbour at the peer"),
        ),
        NotificationCode::CEASE_BFD_DOWN => (
            "bfd-down",
            ": it lost us by BFD".to_owned(),
            "look at the BFD session and the link".to_owned(),
        ),
        _ => (
            "ended-by-peer",
            String::new(),
            "look into the peer's log for the time of this".to_owned(),
        ),
    };
    told(peer, host, code, said + &why, mend)
}

/// We ended it.
fn sent(
    peer: &PeerStatus,
    host: &HostView,
    notification: &Notification,
    cause: &Cause,
) -> Diagnosis {
    let inside = notification.inside_hard_reset();
    let notification = inside.as_ref().unwrap_or(notification);
    let key = peer.key();
    let reference = notification.code.reference();
    let (code, text, mend) = match cause {
        Cause::BadPeerAs { expected, received } => (
            "wrong-as",
            format!(
                "{key} is in AS {received}, and AS {expected} is configured for it ({reference})"
            ),
            format!("configure AS {received} for the peer here, or AS {expected} there"),
        ),
        Cause::NotExternal(asn) => (
            "wrong-as",
            format!(
                "{key} is in our own AS {asn}, and is configured to be in another ({reference})"
            ),
            "configure the peer as an internal one, or give one side another AS".to_owned(),
        ),
        Cause::SameBgpIdentifier(identifier) => (
            "identifier-clash",
            format!("{key} has our own identifier {identifier} ({reference})"),
            "give each router an identifier of its own".to_owned(),
        ),
        Cause::NoCommonFamily => (
            "no-common-family",
            format!(
                "{key} takes part in none of the configured address families, {} ({reference})",
                families(peer)
            ),
            "configure the same address families on both sides".to_owned(),
        ),
        Cause::RoleMismatch { .. } => (
            "role-mismatch",
            format!("{key}: {cause} ({reference})"),
            "configure roles that belong together, as provider and customer".to_owned(),
        ),
        Cause::PrefixLimit { .. } => (
            "prefix-limit",
            format!("{key} announces too much: {cause} ({reference})"),
            "raise the limit here, or have the peer announce less".to_owned(),
        ),
        Cause::HoldTimerExpired => (
            "hold-timer-expired",
            format!("nothing was heard of {key} for the hold time ({reference})"),
            "look whether the peer hangs, or packets from it are lost".to_owned(),
        ),
        Cause::Reset if notification.code == NotificationCode::CEASE_BFD_DOWN => (
            "bfd-down",
            format!("BFD lost {key} ({reference})"),
            "look at the link and the peer; the session comes back with BFD".to_owned(),
        ),
        cause => (
            "ended-by-us",
            format!(
                "we ended the session with {key}: {} ({reference}): {cause}",
                notification.code
            ),
            "look into the log for the time of this".to_owned(),
        ),
    };
    told(peer, host, code, text, mend)
}

/// What is configured, in words.
fn families(peer: &PeerStatus) -> String {
    let words = peer.settings.families.iter().map(ToString::to_string);
    words.collect::<Vec<_>>().join(" and ")
}
