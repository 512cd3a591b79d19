//! No session: the connection, or the words that ended it.

use bgp_fsm::{DownReason, State};

use super::{Diagnosis, HostView, Way, notification};
use crate::{Initiation, PeerStatus, Trouble, Ttl};

pub(super) fn diagnose(peer: &PeerStatus, host: &HostView, found: &mut Vec<Diagnosis>) {
    let signatures = signatures(peer, host);
    let known = signatures.is_some();
    found.extend(signatures);
    found.extend(distance(peer, host));
    let Some(error) = &peer.last_error else {
        if found.is_empty() && peer.state != State::Idle {
            found.push(waiting(peer));
        }
        return;
    };
    if let Some(notified) = &peer.notified
        && let Trouble::Ended(reason) = &notified.trouble
    {
        found.push(Diagnosis {
            since: notified.at,
            ..notification::diagnose(peer, host, reason)
        });
    }
    let told = match &error.trouble {
        Trouble::Connect(errno) => Some(unconnected(peer, host, *errno)),
        Trouble::Ended(DownReason::ConnectTimedOut) => {
            // What the kernel drops explains the silence.
            (!known).then(|| unanswered(peer))
        }
        Trouble::Ended(_) if error.is_notification() => None,
        // What was said before says why.
        Trouble::Lost { .. } if peer.notified.is_some() => None,
        Trouble::Lost { state, .. } => Some(lost(peer, *state, &error.text)),
        Trouble::Ended(reason) => Some(notification::diagnose(peer, host, reason)),
        Trouble::Other => Some(peer.found(
            "failed",
            true,
            error.text.clone(),
            host.peers(),
            "see what it says",
        )),
    };
    found.extend(told.map(|told| Diagnosis {
        since: error.at,
        ..told
    }));
}

/// What the kernel's counters of signatures tell.
fn signatures(peer: &PeerStatus, host: &HostView) -> Option<Diagnosis> {
    let dropped = peer.dropped(host);
    let ours = peer.settings.password.is_some();
    let show = "nstat -az 'TcpExtTCPMD5*'; dmesg | grep -i md5";
    let (code, text, mend) = if ours && dropped.signed_otherwise > 0 {
        (
            "password-differs",
            format!(
                "{} with another MD5 password than ours, and the kernel drops that (RFC 2385)",
                came(dropped.signed_otherwise)
            ),
            "give both sides the same password",
        )
    } else if ours && dropped.unsigned > 0 {
        (
            "password-missing-there",
            format!(
                "{} without the MD5 signature that our password asks for, and the kernel drops that (RFC 2385)",
                came(dropped.unsigned)
            ),
            "give the peer our password, or take ours away",
        )
    } else if !ours && dropped.signed > 0 {
        (
            "password-missing-here",
            format!(
                "{} with an MD5 signature, and no password is configured for the peer: the kernel drops that (RFC 2385)",
                came(dropped.signed)
            ),
            "configure the peer's password here",
        )
    } else {
        return None;
    };
    Some(peer.found(code, true, text, show, mend))
}

/// How many segments the kernel has dropped.
fn came(segments: u64) -> String {
    match segments {
        1 => "one segment came".to_owned(),
        _ => format!("{segments} segments came"),
    }
}

/// What can't come here, or there, for the number of routers between.
fn distance(peer: &PeerStatus, host: &HostView) -> Option<Diagnosis> {
    let key = peer.key();
    let show = format!("ip route get {}", peer.address);
    if let Ttl::Security { hops } = peer.settings.ttl {
        let dropped = peer.dropped(host).too_far;
        let text = format!(
            "{} from farther away than {hops} {}, or from a peer that does not send with TTL 255, and the kernel drops that (RFC 5082)",
            came(dropped),
            if hops == 1 { "hop" } else { "hops" },
        );
        let mend = "have the peer use TTL security too, or allow more hops";
        return (dropped > 0).then(|| {
            peer.found(
                "ttl-too-low",
                true,
                text,
                "nstat -az TcpExtTCPMinTTLDrop",
                mend,
            )
        });
    }
    let external = peer.settings.remote_as.is_external(peer.local_as);
    let single = match peer.settings.ttl {
        Ttl::Automatic => external,
        Ttl::Hops(hops) => hops == 1,
        Ttl::Security { .. } => false,
    };
    match host.way {
        Some(Way::By(router)) if single => Some(peer.found(
            "multihop",
            true,
            format!("{key} is behind the router {router}, and packets to it are sent with TTL 1"),
            show,
            "set the peer's ttl to the number of hops (multihop), or use its address on a link of ours",
        )),
        Some(Way::None) => Some(peer.found(
            "no-route",
            true,
            format!("there is no route to {key}"),
            show,
            "give this host an address in the peer's network, or a route to it",
        )),
        _ => None,
    }
}

fn unconnected(peer: &PeerStatus, host: &HostView, errno: Option<i32>) -> Diagnosis {
    let key = peer.key();
    let endpoint = peer.endpoint();
    match errno {
        Some(libc::ECONNREFUSED) => peer.found(
            "refused",
            true,
            format!(
                "{endpoint} refuses connections: nobody listens there, or a packet filter rejects them"
            ),
            format!("nc -vz {} {}", peer.address, peer.settings.port),
            "start the BGP program of the peer, have it listen on that address and port, and let its packet filter pass it",
        ),
        Some(libc::EHOSTUNREACH) if host.way != Some(Way::None) => peer.found(
            "no-neighbour",
            true,
            format!("{key} can't be reached: nobody answers for its address, or a router says so"),
            format!("ip neigh show {}", peer.address),
            "check the peer's address, its link and the VLAN",
        ),
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH) => peer.found(
            "no-route",
            true,
            format!("there is no route to {key}"),
            format!("ip route get {}", peer.address),
            "give this host an address in the peer's network, or a route to it",
        ),
        Some(libc::EADDRNOTAVAIL) => peer.found(
            "no-such-address",
            true,
            peer.last_error
                .as_ref()
                .map(|it| it.text.clone())
                .unwrap_or_default(),
            "ip address show",
            "configure a local address that this host has",
        ),
        Some(libc::ETIMEDOUT) => unanswered(peer),
        _ => peer.found(
            "not-connected",
            true,
            peer.last_error
                .as_ref()
                .map(|it| it.text.clone())
                .unwrap_or_default(),
            format!("nc -vz {} {}", peer.address, peer.settings.port),
            "see what it says",
        ),
    }
}

fn unanswered(peer: &PeerStatus) -> Diagnosis {
    let endpoint = peer.endpoint();
    let password = match peer.settings.password {
        Some(_) => "it has another password for us or none",
        None => "it has a password for us",
    };
    peer.found(
        "no-answer",
        true,
        format!(
            "{endpoint} does not answer: it is down, a packet filter drops what we send, or {password}"
        ),
        format!(
            "ping -c 3 {}; ss -tno dst {}",
            peer.address,
            peer.endpoint()
        ),
        "start the peer, let packet filters pass TCP port 179, and compare the passwords",
    )
}

fn lost(peer: &PeerStatus, state: State, text: &str) -> Diagnosis {
    let key = peer.key();
    let (address, asn) = (peer.settings.local_address, peer.local_as);
    let from = address.map_or_else(|| "our address".to_owned(), |it| it.to_string());
    match state {
        State::OpenSent | State::Connect | State::Active => peer.found(
            "rejected",
            true,
            format!(
                "{key} closes the connection before it says anything: it is not configured for a neighbour {from} of AS {asn}"
            ),
            format!("tcpdump -ni any tcp port {}", peer.settings.port),
            format!("configure {from} with AS {asn} as a neighbour at the peer"),
        ),
        _ => peer.found(
            "connection-lost",
            true,
            format!("the session broke off: {text}"),
            format!("ss -tno dst {}", peer.endpoint()),
            "look into the peer's log; it ended or was restarted without a word",
        ),
    }
}

/// Nothing went wrong so far.
fn waiting(peer: &PeerStatus) -> Diagnosis {
    let endpoint = peer.endpoint();
    let text = match peer.settings.initiation {
        Initiation::Passive => {
            format!("it is for {endpoint} to connect, and it has not done so")
        }
        Initiation::Active => format!("{endpoint} has not answered so far"),
    };
    peer.found(
        "waiting",
        true,
        text,
        format!("tcpdump -ni any host {} and tcp", peer.address),
        "have the peer connect to us, and let packet filters pass that",
    )
}
