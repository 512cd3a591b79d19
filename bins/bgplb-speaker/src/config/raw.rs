//! The configuration file exactly as it is written.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use bgp_wire::{Asn, BgpIdentifier, Community, HoldTime};
use ipnet::IpNet;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RawConfig {
    pub(crate) local: RawLocal,
    #[serde(default)]
    pub(crate) peers: Vec<RawPeer>,
    #[serde(default)]
    pub(crate) announce: Vec<RawAnnounce>,
    #[serde(default)]
    pub(crate) kernel: RawKernel,
    #[serde(default)]
    pub(crate) control: RawControl,
}

/// `[control]`: how the running program is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RawControl {
    pub(crate) socket: Option<PathBuf>,
}

/// `[local]`: ourselves.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RawLocal {
    #[serde(rename = "as", deserialize_with = "asn")]
    pub(crate) asn: Asn,
    #[serde(deserialize_with = "router_id")]
    pub(crate) router_id: BgpIdentifier,
    #[serde(default)]
    pub(crate) listen: Vec<SocketAddr>,
}

/// `[[peers]]`: one peer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RawPeer {
    pub(crate) address: IpAddr,
    #[serde(rename = "as", deserialize_with = "asn")]
    pub(crate) asn: Asn,
    pub(crate) name: Option<String>,
    pub(crate) port: Option<u16>,
    #[serde(default)]
    pub(crate) passive: bool,
    pub(crate) password: Option<Hidden>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) local_address: Option<IpAddr>,
    #[serde(default, deserialize_with = "hold_time")]
    pub(crate) hold_time: Option<HoldTime>,
    pub(crate) families: Option<Vec<RawFamily>>,
    pub(crate) next_hop_v4: Option<Ipv4Addr>,
    pub(crate) next_hop_v6: Option<Ipv6Addr>,
    pub(crate) ttl: Option<u8>,
    #[serde(default)]
    pub(crate) import: RawImport,
    pub(crate) bfd: Option<RawBfd>,
}

/// `[peers.bfd]`: times in milliseconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RawBfd {
    pub(crate) min_tx: Option<u32>,
    pub(crate) min_rx: Option<u32>,
    pub(crate) multiplier: Option<u8>,
    #[serde(default)]
    pub(crate) multihop: bool,
}

/// `[[announce]]`: one prefix.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RawAnnounce {
    pub(crate) prefix: IpNet,
    #[serde(default, deserialize_with = "communities")]
    pub(crate) communities: Vec<Community>,
    pub(crate) med: Option<u32>,
    pub(crate) local_pref: Option<u32>,
}

/// `[kernel]`: what becomes of learned routes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct RawKernel {
    pub(crate) install: bool,
    #[serde(deserialize_with = "metric")]
    pub(crate) metric: u32,
    pub(crate) protocol: u8,
    pub(crate) table: u32,
}

impl Default for RawKernel {
    fn default() -> Self {
        Self {
            install: false,
            metric: 30,
            protocol: 186,
            table: 254,
        }
    }
}

/// A family by its name.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawFamily {
    Ipv4Unicast,
    Ipv6Unicast,
}

/// What becomes of a peer's routes.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawImport {
    Accept,
    #[default]
    Reject,
}

/// A text that debug output does not show.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Hidden(String);

impl Hidden {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

fn asn<'de, D: Deserializer<'de>>(from: D) -> Result<Asn, D::Error> {
    match u32::deserialize(from)? {
        0 => Err(D::Error::custom("AS 0 is reserved (RFC 7607)")),
        number => Ok(Asn::new(number)),
    }
}

fn router_id<'de, D: Deserializer<'de>>(from: D) -> Result<BgpIdentifier, D::Error> {
    let text = String::deserialize(from)?;
    match text.parse::<Ipv4Addr>() {
        Ok(address) if !address.is_unspecified() => Ok(address.into()),
        _ => {
            let what = "an IPv4 address other than 0.0.0.0";
            Err(D::Error::custom(format!(
                "router-id `{text}` is not {what}"
            )))
        }
    }
}

fn hold_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<HoldTime>, D::Error> {
    let seconds = u16::deserialize(from)?;
    HoldTime::new(seconds).map(Some).map_err(D::Error::custom)
}

fn communities<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Community>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let parsed = texts.iter().map(|text| text.parse());
    parsed.collect::<Result<_, _>>().map_err(D::Error::custom)
}

/// FRR's zebra deletes routes of protocol 186 with its own metric, 20, when it
/// starts.
fn metric<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    match u32::deserialize(from)? {
        20 => Err(D::Error::custom(
            "metric 20 is FRR's own, which deletes such routes at its start; use another",
        )),
        metric => Ok(metric),
    }
}
