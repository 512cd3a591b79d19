//! The environment's settings, checked: docker-bgp-lb's nine names with their
//! defaults, and a few of our own.

mod password;
mod pools;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use bgp_speaker::BfdSettings;

use lb_plan::Pools;
use lb_status::{AddressError, StatusAddress};

pub(crate) use self::password::Password;

/// Everything the operator may set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// `ROUTER_ID`: BGP identifier and IPv4 next hop.
    pub(crate) identifier: Ipv4Addr,
    /// `ROUTER_PORT`: the port to accept sessions on; `None` for -1.
    pub(crate) listen_port: Option<u16>,
    /// `LOCAL_AS`.
    pub(crate) local_as: u32,
    /// `PEER_ADDRESS` and `PEER_AS`, one entry a router.
    pub(crate) peers: Vec<Peer>,
    /// `PEER_PASSWORD` or `PEER_PASSWORD_FILE`: TCP MD5 keys (RFC 2385), one
    /// entry a router.
    pub(crate) passwords: Vec<Option<Password>>,
    /// `PEER_BFD`: how BFD watches every router (RFC 5881).
    pub(crate) bfd: Option<BfdSettings>,
    /// `SIGUSR2_HANDLER` and `SIGUSR2_ACTION`.
    pub(crate) drain: DrainAction,
    /// `STOP_ACTION`.
    pub(crate) stop: StopAction,
    /// `GLOBAL_SCOPE`.
    pub(crate) scope: Scope,
    /// `NEXT_HOP_IPV6`: overrides the next hop found on the uplink.
    pub(crate) next_hop_v6: Option<Ipv6Addr>,
    /// `DOCKER_HOST`: the engine's socket, `unix://` only.
    pub(crate) docker_socket: Option<PathBuf>,
    /// `STATUS_SOCKET`: where the plugin says what it is doing, instead of beside
    /// its state.
    pub(crate) status_socket: Option<PathBuf>,
    /// `STATUS_LISTEN`: where it says so over TCP, too.
    pub(crate) status_listen: Option<StatusAddress>,
    /// `MEND_HOST`.
    pub(crate) mend_host: bool,
    /// `POOLS` and `POOLS_FILE`.
    pub(crate) pools: Pools,
    /// Values that were understood but have no effect; to be logged.
    pub(crate) warnings: Vec<String>,
}

/// One router to announce to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) remote_as: u32,
}

/// What SIGUSR2 to a container does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DrainAction {
    /// Nothing.
    Off,
    /// Withdraw, and leave stopping to whoever sent the signal.
    Withdraw,
    /// Withdraw, wait, then stop the container with SIGTERM.
    Stop,
}

/// What becomes of the routes when the plugin is told to stop. Docker tells it
/// the same way before an upgrade as for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopAction {
    /// They are withdrawn.
    Withdraw,
    /// They stay: the sessions end as by a crash, and routers that know of
    /// graceful restarts (RFC 4724) wait for the plugin to come back.
    Restart,
}

/// The scope the network driver tells Docker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Local,
    Global,
}

/// A setting that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("{name} is not set: give {accepted}")]
    Missing {
        name: &'static str,
        accepted: &'static str,
    },
    #[error("{name}={value} can't be used: give {accepted}")]
    Invalid {
        name: &'static str,
        value: String,
        accepted: &'static str,
    },
    #[error(
        "PEER_AS names {ases} autonomous systems for the {peers} addresses of PEER_ADDRESS: give one for all, or one for each"
    )]
    PeerCount { peers: usize, ases: usize },
    #[error("{name}: {reason}")]
    Password { name: String, reason: String },
    #[error("STATUS_LISTEN: {0}")]
    StatusListen(#[from] AddressError),
    #[error("{name}: {reason}")]
    Pools { name: &'static str, reason: String },
}

const ASN: &str = "a number from 1 to 4294967295";

impl Settings {
    /// Reads the settings of this process.
    pub(crate) fn of_environment() -> Result<Self, SettingsError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads the settings through `get`; an empty value counts as not set.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let get = |name: &str| {
            get(name)
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
        };
        let mut warnings = Vec::new();
        let peers = peers(get("PEER_ADDRESS"), get("PEER_AS"))?;
        let settings = Self {
            identifier: identifier(get("ROUTER_ID"))?,
            listen_port: listen_port(get("ROUTER_PORT"))?,
            local_as: get("LOCAL_AS").map_or(Ok(64512), |value| asn("LOCAL_AS", &value))?,
            passwords: password::read(
                get("PEER_PASSWORD").as_deref(),
                get("PEER_PASSWORD_FILE").as_deref(),
                peers.len(),
                &mut warnings,
            )?,
            peers,
            bfd: bfd(get("PEER_BFD"))?,
            drain: match (
                exactly_true("SIGUSR2_HANDLER", get("SIGUSR2_HANDLER"), &mut warnings),
                get("SIGUSR2_ACTION").as_deref(),
            ) {
                (false, _) => DrainAction::Off,
                (true, None | Some("stop")) => DrainAction::Stop,
                (true, Some(_)) => DrainAction::Withdraw,
            },
            stop: stop_action(get("STOP_ACTION"))?,
            scope: if exactly_true("GLOBAL_SCOPE", get("GLOBAL_SCOPE"), &mut warnings) {
                Scope::Global
            } else {
                Scope::Local
            },
            mend_host: exactly_true("MEND_HOST", get("MEND_HOST"), &mut warnings),
            next_hop_v6: next_hop_v6(get("NEXT_HOP_IPV6"))?,
            docker_socket: docker_socket(get("DOCKER_HOST"))?,
            status_socket: status_socket(get(STATUS_SOCKET))?,
            status_listen: get(STATUS_LISTEN).as_deref().map(str::parse).transpose()?,
            pools: pools::read(get("POOLS").as_deref(), get("POOLS_FILE").as_deref())?,
            warnings,
        };
        settings.check_pools()?;
        Ok(settings)
    }

    fn check_pools(&self) -> Result<(), SettingsError> {
        let peers = self.peers.iter().map(|peer| ("PEER_ADDRESS", peer.address));
        let own = [("ROUTER_ID", self.identifier.into())];
        let next_hop = self
            .next_hop_v6
            .map(|next_hop| ("NEXT_HOP_IPV6", next_hop.into()));
        pools::check_apart(&self.pools, own.into_iter().chain(peers).chain(next_hop))
    }
}

fn identifier(value: Option<String>) -> Result<Ipv4Addr, SettingsError> {
    const NAME: &str = "ROUTER_ID";
    const ACCEPTED: &str = "this host's IPv4 address towards its routers, such as 192.168.8.40 (never an IPv6 address)";
    let value = value.ok_or(SettingsError::Missing {
        name: NAME,
        accepted: ACCEPTED,
    })?;
    match value.parse::<Ipv4Addr>() {
        Ok(address) if lb_plan::check_service_address(address.into()).is_ok() => Ok(address),
        _ => Err(SettingsError::Invalid {
            name: NAME,
            value,
            accepted: ACCEPTED,
        }),
    }
}

fn listen_port(value: Option<String>) -> Result<Option<u16>, SettingsError> {
    let Some(value) = value else { return Ok(None) };
    match value.parse::<i32>() {
        Ok(-1) => Ok(None),
        Ok(0) => Ok(Some(179)),
        Ok(port) if u16::try_from(port).is_ok() => Ok(u16::try_from(port).ok()),
        _ => Err(SettingsError::Invalid {
            name: "ROUTER_PORT",
            value,
            accepted: "-1 to accept no sessions, 0 for port 179, or a port from 1 to 65535",
        }),
    }
}

fn asn(name: &'static str, value: &str) -> Result<u32, SettingsError> {
    match value.parse::<u32>() {
        // 0 is reserved (RFC 7607), 23456 stands in for others (RFC 6793).
        Ok(number) if number != 0 && number != 23456 => Ok(number),
        _ => Err(SettingsError::Invalid {
            name,
            value: value.to_owned(),
            accepted: ASN,
        }),
    }
}

fn peers(addresses: Option<String>, ases: Option<String>) -> Result<Vec<Peer>, SettingsError> {
    const ADDRESS: &str = "the address of your router, or several separated by commas";
    let addresses = addresses.ok_or(SettingsError::Missing {
        name: "PEER_ADDRESS",
        accepted: ADDRESS,
    })?;
    let ases = ases.ok_or(SettingsError::Missing {
        name: "PEER_AS",
        accepted: ASN,
    })?;
    let ases = ases
        .split(',')
        .map(|value| asn("PEER_AS", value.trim()))
        .collect::<Result<Vec<_>, _>>()?;
    let addresses = addresses
        .split(',')
        .map(|value| peer_address(value.trim(), ADDRESS))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(twice) = addresses
        .iter()
        .enumerate()
        .find_map(|(i, a)| addresses[..i].contains(a).then_some(a))
    {
        return Err(SettingsError::Invalid {
            name: "PEER_ADDRESS",
            value: twice.to_string(),
            accepted: "every router once",
        });
    }
    if ases.len() != 1 && ases.len() != addresses.len() {
        return Err(SettingsError::PeerCount {
            peers: addresses.len(),
            ases: ases.len(),
        });
    }
    Ok(addresses
        .into_iter()
        .enumerate()
        .map(|(i, address)| Peer {
            address,
            remote_as: ases[if ases.len() == 1 { 0 } else { i }],
        })
        .collect())
}

fn peer_address(value: &str, accepted: &'static str) -> Result<IpAddr, SettingsError> {
    let invalid = || SettingsError::Invalid {
        name: "PEER_ADDRESS",
        value: value.to_owned(),
        accepted,
    };
    let address: IpAddr = value.parse().map_err(|_| invalid())?;
    if address.is_unspecified() || address.is_multicast() {
        return Err(invalid());
    }
    Ok(address)
}

fn bfd(value: Option<String>) -> Result<Option<BfdSettings>, SettingsError> {
    let Some(value) = value else { return Ok(None) };
    match value.as_str() {
        "false" => return Ok(None),
        "true" => return Ok(Some(BfdSettings::default())),
        _ => {}
    }
    let numbers = value.split_once('x');
    let numbers = numbers.and_then(|(interval, multiplier)| {
        let interval = interval
            .parse()
            .ok()
            .filter(|it| BFD_INTERVALS.contains(it));
        let multiplier = multiplier.parse().ok().filter(|it| *it > 0);
        interval.zip(multiplier)
    });
    match numbers {
        Some((interval, multiplier)) => {
            let interval = Duration::from_millis(interval);
            Ok(Some(BfdSettings::default().every(interval, multiplier)))
        }
        None => Err(SettingsError::Invalid {
            name: "PEER_BFD",
            value,
            accepted: "true, false, or milliseconds between packets (10 to 60000) and how many \
                may be lost (1 to 255), such as 300x3",
        }),
    }
}

/// Milliseconds. The plugin's thread may not run in real time: what is shorter
/// than this would cause false alarms.
const BFD_INTERVALS: RangeInclusive<u64> = 10..=60_000;

/// docker-bgp-lb turns a switch on for exactly `true`; other words are kept
/// off as there, but no longer silently.
fn exactly_true(name: &str, value: Option<String>, warnings: &mut Vec<String>) -> bool {
    match value.as_deref() {
        Some("true") => true,
        None | Some("false") => false,
        Some(other) => {
            warnings.push(format!("{name}={other} counts as off: only `true` is on"));
            false
        }
    }
}

fn stop_action(value: Option<String>) -> Result<StopAction, SettingsError> {
    match value.as_deref() {
        None | Some("withdraw") => Ok(StopAction::Withdraw),
        Some("restart") => Ok(StopAction::Restart),
        Some(other) => Err(SettingsError::Invalid {
            name: "STOP_ACTION",
            value: other.to_owned(),
            accepted: "withdraw, or restart for routers to keep the routes until the plugin is back",
        }),
    }
}

fn next_hop_v6(value: Option<String>) -> Result<Option<Ipv6Addr>, SettingsError> {
    let Some(value) = value else { return Ok(None) };
    match value.parse::<Ipv6Addr>() {
        Ok(address) if lb_plan::check_service_address(address.into()).is_ok() => Ok(Some(address)),
        _ => Err(SettingsError::Invalid {
            name: "NEXT_HOP_IPV6",
            value,
            accepted: "a global IPv6 address of this host",
        }),
    }
}

fn docker_socket(value: Option<String>) -> Result<Option<PathBuf>, SettingsError> {
    let Some(value) = value else { return Ok(None) };
    match value.strip_prefix("unix://") {
        Some(path) if path.starts_with('/') => Ok(Some(PathBuf::from(path))),
        _ => Err(SettingsError::Invalid {
            name: "DOCKER_HOST",
            value,
            accepted: "a unix socket such as unix:///var/run/docker.sock",
        }),
    }
}

fn status_socket(value: Option<String>) -> Result<Option<PathBuf>, SettingsError> {
    match value {
        None => Ok(None),
        Some(path) if path.starts_with('/') => Ok(Some(PathBuf::from(path))),
        Some(value) => Err(SettingsError::Invalid {
            name: STATUS_SOCKET,
            value,
            accepted: "the path of a socket to make, from / on",
        }),
    }
}

/// The command line reads it, too.
pub(crate) const STATUS_SOCKET: &str = "STATUS_SOCKET";

const STATUS_LISTEN: &str = "STATUS_LISTEN";

#[cfg(test)]
mod tests;
