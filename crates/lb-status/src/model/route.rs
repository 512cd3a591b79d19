//! Routes, learned and advertised, with their attributes.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The answer to `/v1/routes/learned`, whole. It is served and read row by row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct LearnedRoutes {
    /// [`VERSION`](super::VERSION).
    pub version: u32,
    /// In the order of the prefixes, IPv4 first.
    pub routes: Vec<LearnedRoute>,
}

/// The answer to `/v1/routes/advertised`, whole. It is served and read row by
/// row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AdvertisedRoutes {
    /// [`VERSION`](super::VERSION).
    pub version: u32,
    /// In the order of the prefixes, IPv4 first.
    pub routes: Vec<AdvertisedRoute>,
}

/// A route accepted from a peer, with the attributes as the peer sent them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct LearnedRoute {
    /// The prefix.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub prefix: IpNet,
    /// The peer it came from.
    pub peer: IpAddr,
    /// Whether the decision process prefers it (RFC 4271 section 9.1.2).
    pub best: bool,
    /// Whether packets take it, as the best one or beside that.
    pub used: bool,
    /// Whether it is left from a session that was lost (RFC 4724).
    #[serde(default)]
    pub stale: bool,
    /// Where packets go.
    pub next_hop: IpAddr,
    /// What is said of it.
    #[serde(flatten)]
    pub attributes: Attributes,
}

/// A route of our own as it stands in the table: the next hop, and the own AS
/// at the front of an external peer's AS_PATH, are added for each session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AdvertisedRoute {
    /// The prefix.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub prefix: IpNet,
    /// The peers that are told of it, each as [`Peer::peer`](super::Peer::peer).
    pub peers: Vec<String>,
    /// What is said of it.
    #[serde(flatten)]
    pub attributes: Attributes,
}

/// Attributes by their RFCs' names; what a route does not have is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Attributes {
    /// `igp`, `egp`, `incomplete`.
    pub origin: String,
    /// `64500 64501 {64502,64503}`: sets in braces.
    pub as_path: String,
    /// MULTI_EXIT_DISC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub med: Option<u32>,
    /// LOCAL_PREF.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_pref: Option<u32>,
    /// ATOMIC_AGGREGATE.
    #[serde(default, skip_serializing_if = "is_false")]
    pub atomic_aggregate: bool,
    /// AGGREGATOR.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregator: Option<Aggregator>,
    /// Communities (RFC 1997).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub communities: Vec<String>,
    /// Extended communities (RFC 4360).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extended_communities: Vec<String>,
    /// Large communities (RFC 8092).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub large_communities: Vec<String>,
    /// ORIGINATOR_ID (RFC 4456).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub originator_id: Option<Ipv4Addr>,
    /// CLUSTER_LIST (RFC 4456).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster_list: Vec<Ipv4Addr>,
    /// ONLY_TO_CUSTOMER (RFC 9234).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_to_customer: Option<u32>,
    /// Any other attribute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<OtherAttribute>,
}

/// Who put routes together (AGGREGATOR).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Aggregator {
    /// Its autonomous system.
    #[serde(rename = "as")]
    pub asn: u32,
    /// Its BGP identifier.
    pub identifier: Ipv4Addr,
}

/// An attribute without a name, in octets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct OtherAttribute {
    /// Its type code.
    pub code: u8,
    /// Its flags in hexadecimal.
    pub flags: String,
    /// Its value in hexadecimal.
    pub value: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_false(value: &bool) -> bool {
    !*value
}
