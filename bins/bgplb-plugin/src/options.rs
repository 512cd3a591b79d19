//! What an operator may say of one network by `docker network create -o`.

mod gateway;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bgp_speaker::PeerKey;
use bgp_wire::{Asn, Community, ExtendedCommunity, LargeCommunity, PathAttributes};
use lb_plan::{Announcement, HoldDown};

pub(crate) use self::gateway::{GATEWAY, Gateway};
use self::text::{hold_down, list, number, time};
use crate::settings::Peer;

/// How all of them begin. Others are not ours to judge.
const PREFIX: &str = "bgplb.";

/// One network's options; the default is what a network without any has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServiceOptions {
    communities: Vec<Community>,
    large_communities: Vec<LargeCommunity>,
    med: Option<u32>,
    local_preference: Option<u32>,
    prepend: u8,
    peers: Option<BTreeSet<IpAddr>>,
    /// How it leaves when it is drained.
    pub(crate) drain: Drain,
    /// How long a drain takes; `None` for the plugin's own time.
    pub(crate) drain_time: Option<Duration>,
    /// How long a container is healthy before it takes traffic.
    pub(crate) min_healthy_time: Duration,
    /// When it stays away because it comes and goes too often.
    pub(crate) hold_down: Option<HoldDown>,
    /// What one container can take, in Mbit/s.
    link_bandwidth: Option<u32>,
}

/// How the last container of a network leaves when it is drained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Drain {
    /// Withdrawn at once.
    #[default]
    Immediate,
    /// First announced with GRACEFUL_SHUTDOWN (RFC 8326).
    GracefulShutdown,
    /// First announced with the highest MED.
    Med,
    /// First announced with a longer path.
    Prepend,
}

impl Drain {
    /// Whether it is announced as about to go before it is withdrawn.
    pub(crate) fn is_marked(self) -> bool {
        self != Self::Immediate
    }
}

/// What else decides whether an option can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) local_as: u32,
    pub(crate) peers: Vec<Peer>,
}

/// An option that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OptionError {
    #[error("there is no option {name}: bgplb has {known}", known = known())]
    Unknown { name: String },
    #[error("{name}={value} can't be used: give {accepted}")]
    Invalid {
        name: &'static str,
        value: String,
        accepted: &'static str,
    },
    #[error(
        "{name}={value} can't be used: {address} is no router of this plugin; those of PEER_ADDRESS are {peers}"
    )]
    NotAPeer {
        name: &'static str,
        value: String,
        address: IpAddr,
        peers: String,
    },
    #[error(
        "{name}={value} can't be used with the router {address}, which is in our own AS {asn} and drops paths that contain it: leave it out by bgplb.peers, or take bgplb.local-preference"
    )]
    InternalPeer {
        name: &'static str,
        value: String,
        address: IpAddr,
        asn: u32,
    },
}

type Setter = fn(&mut ServiceOptions, &str) -> Option<()>;

/// An option: its name, what it takes, and where that goes.
struct Known {
    name: &'static str,
    accepted: &'static str,
    set: Setter,
}

const PEERS: &str = "bgplb.peers";
const PREPEND: &str = "bgplb.prepend";
const DRAIN: &str = "bgplb.drain";

const KNOWN: [Known; 12] = [
    Known {
        name: "bgplb.communities",
        accepted: "communities such as 65000:1 or no-export, separated by commas, at most 32",
        set: |to, text| list(text).map(|them| to.communities = them),
    },
    Known {
        name: "bgplb.large-communities",
        accepted: "large communities such as 65000:1:2, separated by commas, at most 32",
        set: |to, text| list(text).map(|them| to.large_communities = them),
    },
    Known {
        name: "bgplb.med",
        accepted: "a number from 0 to 4294967295",
        set: |to, text| number(text).map(|med| to.med = Some(med)),
    },
    Known {
        name: "bgplb.local-preference",
        accepted: "a number from 0 to 4294967295, for routers of our own AS",
        set: |to, text| number(text).map(|it| to.local_preference = Some(it)),
    },
    Known {
        name: PREPEND,
        accepted: "how often our AS is added to the path, from 1 to 16",
        set: |to, text| {
            let times = number(text).filter(|times| (1..=16).contains(times))?;
            to.prepend = times;
            Some(())
        },
    },
    Known {
        name: PEERS,
        accepted: "addresses of PEER_ADDRESS, separated by commas",
        set: |to, text| list(text).map(|them| to.peers = Some(them.into_iter().collect())),
    },
    Known {
        name: DRAIN,
        accepted: "immediate, graceful-shutdown, med or prepend",
        set: |to, text| {
            to.drain = match text {
                "immediate" => Drain::Immediate,
                "graceful-shutdown" => Drain::GracefulShutdown,
                "med" => Drain::Med,
                "prepend" => Drain::Prepend,
                _ => return None,
            };
            Some(())
        },
    },
    Known {
        name: "bgplb.drain-time",
        accepted: "a time such as 500ms, 30s or 5m, at most 1h",
        set: |to, text| time(text).map(|time| to.drain_time = Some(time)),
    },
    Known {
        name: "bgplb.min-healthy-time",
        accepted: "a time such as 500ms, 30s or 5m, at most 1h",
        set: |to, text| time(text).map(|time| to.min_healthy_time = time),
    },
    Known {
        name: "bgplb.hold-down",
        accepted: "how many withdrawals (1 to 100) within which time hold it back for how long, such as 3/60s/5m",
        set: |to, text| hold_down(text).map(|rule| to.hold_down = Some(rule)),
    },
    Known {
        name: "bgplb.link-bandwidth",
        accepted: "what one container can take in Mbit/s, from 1 to 1000000",
        set: |to, text| {
            let rate = number(text).filter(|rate| (1..=1_000_000).contains(rate))?;
            to.link_bandwidth = Some(rate);
            Some(())
        },
    },
    Known {
        name: GATEWAY,
        accepted: "docker, for the gateway of another network, or host",
        // The kernel's side reads it from what the network was made with.
        set: |_, text| Gateway::read(text).map(drop),
    },
];

fn known() -> String {
    let names: Vec<_> = KNOWN.iter().map(|option| option.name).collect();
    names.join(", ")
}

/// Those of a network's options that are ours to read.
pub(crate) fn ours<'a>(
    given: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> BTreeMap<String, String> {
    let given = given.into_iter();
    let ours = given.filter(|(name, _)| name.starts_with(PREFIX));
    ours.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

impl ServiceOptions {
    /// Reads what [`ours`] has picked out.
    pub(crate) fn read(given: &BTreeMap<String, String>, site: &Site) -> Result<Self, OptionError> {
        let mut options = Self::default();
        for (name, value) in given {
            let Some(known) = KNOWN.iter().find(|known| known.name == name) else {
                return Err(OptionError::Unknown { name: name.clone() });
            };
            (known.set)(&mut options, value.trim()).ok_or_else(|| OptionError::Invalid {
                name: known.name,
                value: value.clone(),
                accepted: known.accepted,
            })?;
        }
        options.check(given, site)?;
        Ok(options)
    }

    /// Checks what depends on the routers there are.
    fn check(&self, given: &BTreeMap<String, String>, site: &Site) -> Result<(), OptionError> {
        let value = |name| given.get(name).cloned().unwrap_or_default();
        let known = |address: &IpAddr| site.peers.iter().any(|peer| peer.address == *address);
        let mut chosen = self.peers.iter().flatten();
        if let Some(address) = chosen.find(|address| !known(address)) {
            let peers: Vec<_> = site.peers.iter().map(|it| it.address.to_string()).collect();
            return Err(OptionError::NotAPeer {
                name: PEERS,
                value: value(PEERS),
                address: *address,
                peers: peers.join(", "),
            });
        }
        let longer = match (self.prepend, self.drain) {
            (1.., _) => PREPEND,
            (0, Drain::Prepend) => DRAIN,
            _ => return Ok(()),
        };
        let announced = |peer: &&Peer| {
            let chosen = self.peers.as_ref();
            chosen.is_none_or(|chosen| chosen.contains(&peer.address))
        };
        let mut announced = site.peers.iter().filter(announced);
        match announced.find(|peer| peer.remote_as == site.local_as) {
            None => Ok(()),
            Some(peer) => Err(OptionError::InternalPeer {
                name: longer,
                value: value(longer),
                address: peer.address,
                asn: site.local_as,
            }),
        }
    }

    /// The routers its prefixes are announced to; `None` for all.
    pub(crate) fn audience(&self) -> Option<Arc<BTreeSet<PeerKey>>> {
        let peers = self.peers.as_ref()?.iter();
        Some(Arc::new(peers.copied().map(PeerKey::from).collect()))
    }

    /// What its prefixes are announced with.
    pub(crate) fn attributes(&self, local_as: u32, how: Announcement) -> PathAttributes {
        let asn = Asn::new(local_as);
        let mut attributes = PathAttributes::originated();
        attributes.communities.clone_from(&self.communities);
        attributes
            .large_communities
            .clone_from(&self.large_communities);
        attributes.med = self.med;
        attributes.local_pref = self.local_preference;
        attributes.as_path.prepend(asn, self.prepend.into());
        if let Some(rate) = self.link_bandwidth {
            // The community has no room for more digits.
            let rate = rate as f32 * OCTETS_PER_MBIT * how.serving as f32;
            let community = ExtendedCommunity::link_bandwidth(asn, rate);
            attributes.extended_communities.push(community);
        }
        if how.marked {
            self.mark(&mut attributes, asn);
        }
        attributes
    }

    /// Makes routers prefer others.
    fn mark(&self, attributes: &mut PathAttributes, asn: Asn) {
        match self.drain {
            Drain::Immediate => {}
            Drain::GracefulShutdown => {
                let gshut = Community::GRACEFUL_SHUTDOWN;
                if !attributes.communities.contains(&gshut) {
                    attributes.communities.push(gshut);
                }
                // RFC 8326 section 4; external routers never see it.
                attributes.local_pref = Some(0);
            }
            Drain::Med => attributes.med = Some(u32::MAX),
            Drain::Prepend => attributes.as_path.prepend(asn, DRAIN_PREPEND),
        }
    }
}

const OCTETS_PER_MBIT: f32 = 125_000.0;

/// How much longer the path of what is about to go is.
const DRAIN_PREPEND: usize = 8;

#[cfg(test)]
mod tests;
