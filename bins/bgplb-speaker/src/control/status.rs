//! Peers as JSON.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use bgp_speaker::{PeerStatus, RemoteAs};

mod bfd;

use self::bfd::BfdRow;
use bgp_wire::Asn;
use serde::Serialize;

/// The answer to `/v1/peers`.
#[derive(Serialize)]
pub(crate) struct Peers<'a> {
    version: u32,
    peers: Vec<PeerRow<'a>>,
}

impl<'a> Peers<'a> {
    pub(crate) fn new(version: u32, statuses: &'a [PeerStatus]) -> Self {
        let peers = statuses.iter().map(PeerRow::from).collect();
        Self { version, peers }
    }
}

#[derive(Serialize)]
struct PeerRow<'a> {
    /// What the commands call it.
    peer: String,
    address: IpAddr,
    interface: Option<&'a str>,
    neighbour: Option<IpAddr>,
    name: Option<&'a str>,
    dynamic: bool,
    /// Known from the configuration, or from the session.
    #[serde(rename = "as")]
    asn: Option<u32>,
    remote_as: String,
    state: String,
    /// Seconds since 1970.
    since: u64,
    administratively_down: bool,
    graceful_shutdown: bool,
    accepted_prefixes: usize,
    end_of_rib: Vec<String>,
    withheld: Vec<WithheldRow<'a>>,
    last_error: Option<ErrorRow<'a>>,
    session: Option<SessionRow>,
    bfd: Option<BfdRow<'a>>,
}

#[derive(Serialize)]
struct WithheldRow<'a> {
    family: String,
    reason: &'a str,
}

#[derive(Serialize)]
struct ErrorRow<'a> {
    /// Seconds since 1970.
    at: u64,
    text: &'a str,
}

#[derive(Serialize)]
struct SessionRow {
    local_address: Option<IpAddr>,
    identifier: String,
    hold_time: u16,
    families: Vec<String>,
    max_message: usize,
    capabilities: Vec<String>,
}

impl<'a> From<&'a PeerStatus> for PeerRow<'a> {
    fn from(peer: &'a PeerStatus) -> Self {
        let withheld = peer.withheld.iter().map(|(family, reason)| WithheldRow {
            family: family.to_string(),
            reason,
        });
        let asn = match peer.remote_as {
            RemoteAs::Number(asn) => Some(asn),
            _ => peer.negotiated.as_ref().map(|session| session.peer_as),
        };
        Self {
            peer: peer.key().to_string(),
            address: peer.address,
            interface: peer.interface.as_deref(),
            neighbour: peer.neighbour,
            name: peer.name.as_deref(),
            dynamic: peer.dynamic,
            asn: asn.map(Asn::get),
            remote_as: peer.remote_as.to_string(),
            state: peer.state.to_string(),
            since: seconds(peer.since),
            administratively_down: peer.administratively_down,
            graceful_shutdown: peer.graceful_shutdown,
            accepted_prefixes: peer.accepted_prefixes,
            end_of_rib: peer.end_of_rib.iter().map(ToString::to_string).collect(),
            withheld: withheld.collect(),
            last_error: peer.last_error.as_ref().map(|error| ErrorRow {
                at: seconds(error.at),
                text: &error.text,
            }),
            session: peer.negotiated.as_deref().map(|session| SessionRow {
                local_address: peer.local_address,
                identifier: session.peer_identifier.to_string(),
                hold_time: session.hold_time.seconds(),
                families: session.families.iter().map(ToString::to_string).collect(),
                max_message: session.max_message_len.get(),
                capabilities: session
                    .capabilities
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            }),
            bfd: peer.bfd.as_ref().map(BfdRow::from),
        }
    }
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs())
}
