//! A service: addresses that are announced while what answers on them is well.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bgp_speaker::{PeerKey, PeerSettings};
use bgp_wire::{Asn, PathAttributes};
use ipnet::IpNet;
use lb_plan::{HoldDown, check_service_address};
use netplumb::LinkName;
use netplumb::ipvs::DesiredService;
use toml::de::DeValue;

use super::check::{self, CheckSettings};
use super::kinds;
use super::port;
use super::reader::{Kind, Section};

/// One service of the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ServiceSettings {
    pub(crate) name: String,
    /// What is announced; the host has the first address of each.
    pub(crate) prefixes: BTreeSet<IpNet>,
    /// Which link has the addresses.
    pub(crate) place: Place,
    /// When a prefix that others hold too is announced.
    pub(crate) sharing: Sharing,
    /// What is said of its prefixes.
    pub(crate) attributes: Arc<PathAttributes>,
    /// The peers that are told of it; `None` for all.
    pub(crate) audience: Option<Arc<BTreeSet<PeerKey>>>,
    /// How long its checks have passed before it is announced.
    pub(crate) min_healthy_time: Duration,
    /// When it stays away because it comes and goes too often.
    pub(crate) hold_down: Option<HoldDown>,
    /// How long it is announced as about to go when it is drained.
    pub(crate) drain_time: Duration,
    /// What it can take with its full weight, in octets a second, for routers that
    /// share traffic by it.
    pub(crate) link_bandwidth: Option<(Asn, f32)>,
    /// How long connections that the kernel balances may take to end once it shall not
    /// any more.
    pub(crate) drain_limit: Duration,
    /// What the kernel balances.
    pub(crate) ports: Vec<DesiredService>,
    /// All of them have to pass.
    pub(crate) checks: Vec<CheckSettings>,
    /// Finds that the service is in maintenance.
    pub(crate) maintenance: Option<CheckSettings>,
}

/// The link that has the addresses of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    /// A dummy interface that is made for it, and belongs to us.
    Dummy(LinkName),
    /// One that there is, of which nothing is taken but what was put there.
    Existing(LinkName),
    /// None of ours: somebody else sees to it that the host has the addresses.
    Nowhere,
}

impl Place {
    pub(crate) const fn link(&self) -> Option<&LinkName> {
        match self {
            Self::Dummy(link) | Self::Existing(link) => Some(link),
            Self::Nowhere => None,
        }
    }
}

/// When a prefix that several services hold is announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// While one of them is well.
    #[default]
    Any,
    /// While all of them are.
    All,
}

/// What else of the file decides whether a service can be used.
pub(super) struct Site<'a> {
    /// What is announced without a service.
    pub(super) announced: &'a BTreeSet<IpNet>,
    pub(super) local_as: Asn,
    pub(super) peers: &'a [PeerSettings],
    /// Whether nothing is wrong with any peer.
    pub(super) all_peers_are_known: bool,
}

/// All services of the file.
pub(super) fn services(root: &Section<'_>, site: &Site<'_>) -> Vec<ServiceSettings> {
    let mut services: Vec<ServiceSettings> = Vec::new();
    let mut names = BTreeMap::new();
    let mut held: BTreeMap<IpNet, usize> = BTreeMap::new();
    for (n, section) in root.sections("services").into_iter().enumerate() {
        let service = service(&section, site);
        if let Some(service) = service {
            if let Some(before) = names.insert(service.name.clone(), n) {
                let what = format!(
                    "{:?} is the name of services[{before}] already",
                    service.name
                );
                section.fault("name", &what);
            }
            for prefix in &service.prefixes {
                let Some(before) = held.insert(*prefix, services.len()) else {
                    continue;
                };
                if let Some(other) = services.get(before)
                    && other.sharing != service.sharing
                {
                    let what = format!(
                        "{prefix} is an address of the service {:?} too, whose policy is another one",
                        other.name
                    );
                    section.fault("policy", &what);
                }
            }
            services.push(service);
        }
        section.finish();
    }
    services
}

fn service(from: &Section<'_>, site: &Site<'_>) -> Option<ServiceSettings> {
    let name = from.required("name", NAME);
    let prefixes = prefixes(from, site.announced);
    let place = place(from);
    let sharing = from.optional("policy", SHARING).unwrap_or_default();
    let attributes = super::attributes(from);
    let audience = audience(from, site);
    let min_healthy_time = from.optional("min-healthy-time", kinds::SECONDS_OR_NONE);
    let hold_down = hold_down(from);
    let drain_time = from.optional("drain-time", kinds::SECONDS_OR_NONE);
    let drain_limit = from.optional("drain-limit", kinds::SECONDS_OR_NONE);
    let slow_start = from.optional("slow-start", kinds::SECONDS);
    let link_bandwidth = from.optional("link-bandwidth", MBITS);
    if slow_start.is_some() && link_bandwidth.is_none() {
        let what = "routers hear of a weight by link-bandwidth alone, which is missing";
        from.fault("slow-start", what);
    }
    let maintenance = from.optional("maintenance-file", kinds::PATH);
    let maintenance = maintenance.and_then(|file| check::maintenance(from, file));
    let addresses: Vec<_> = prefixes.iter().flatten().copied().collect();
    let ports = port::ports(from, &addresses);
    let mut checks = check::checks(from);
    for check in &mut checks {
        check.timing.slow_start = slow_start;
    }
    Some(ServiceSettings {
        name: name?,
        prefixes: prefixes?,
        place: place?,
        sharing,
        attributes: Arc::new(attributes),
        audience,
        min_healthy_time: min_healthy_time.unwrap_or_default(),
        hold_down,
        drain_time: drain_time.unwrap_or(DRAIN_TIME),
        link_bandwidth: link_bandwidth.map(|it| (site.local_as, it * OCTETS_PER_MBIT)),
        drain_limit: drain_limit.unwrap_or(DRAIN_LIMIT),
        ports,
        checks,
        maintenance,
    })
}

fn prefixes(from: &Section<'_>, announced: &BTreeSet<IpNet>) -> Option<BTreeSet<IpNet>> {
    let Some(all) = from.list("addresses", SERVED) else {
        if !from.has("addresses") {
            // Says what is accepted.
            from.required("addresses", SERVED);
        }
        return None;
    };
    if all.is_empty() {
        from.fault("addresses", "a service has at least one address");
    }
    for prefix in &all {
        if let Err(error) = check_service_address(prefix.addr()) {
            from.fault("addresses", &format!("{prefix} cannot be served: {error}"));
        }
        if announced.contains(&prefix.trunc()) {
            let what = format!("{prefix} is announced by [[announce]] already");
            from.fault("addresses", &what);
        }
    }
    Some(all.into_iter().collect())
}

fn place(from: &Section<'_>) -> Option<Place> {
    let dummy = from.optional("dummy", LINK);
    let existing = from.optional("link", LINK);
    if from.has("dummy") && from.has("link") {
        from.fault("link", "there is a dummy beside it, use one");
        return None;
    }
    if from.optional("assign", kinds::YES_OR_NO) == Some(false) {
        if from.has("dummy") || from.has("link") {
            let what = "with assign = false the addresses are put on no link: use one of both";
            from.fault("assign", what);
        }
        return Some(Place::Nowhere);
    }
    match (existing, dummy) {
        (Some(link), _) => Some(Place::Existing(link)),
        (None, Some(link)) => Some(Place::Dummy(link)),
        (None, None) if from.has("link") || from.has("dummy") => None,
        (None, None) => DUMMY.parse().ok().map(Place::Dummy),
    }
}

fn audience(from: &Section<'_>, site: &Site<'_>) -> Option<Arc<BTreeSet<PeerKey>>> {
    let Site {
        peers,
        all_peers_are_known,
        ..
    } = *site;
    let named = from.list("peers", kinds::TEXT)?;
    let mut audience = BTreeSet::new();
    for name in named {
        let of_name = |peer: &&PeerSettings| {
            peer.name.as_deref() == Some(&*name) || peer.key().to_string() == name
        };
        match peers.iter().find(of_name) {
            Some(peer) => _ = audience.insert(peer.key()),
            // It may be the one that is written wrong.
            None if !all_peers_are_known => {}
            None => {
                let known: Vec<_> = peers.iter().map(|peer| peer.key().to_string()).collect();
                let what = format!("there is no peer {name:?}: known are {}", known.join(", "));
                from.fault("peers", &what);
            }
        }
    }
    Some(Arc::new(audience))
}

fn hold_down(from: &Section<'_>) -> Option<HoldDown> {
    let section = from.section("hold-down")?;
    let times = section.required("times", kinds::COUNT);
    let within = section.required("within", kinds::SECONDS);
    let hold = section.required("hold", kinds::SECONDS);
    section.finish();
    Some(HoldDown {
        times: times?,
        within: within?,
        hold: hold?,
    })
}

const NAME: Kind<String> = Kind {
    accepted: "a name of 1 to 63 letters, digits and any of -_. in quotes",
    read: |value| {
        let name = value.as_str()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        ((1..=63).contains(&name.len()) && name.chars().all(plain)).then(|| name.to_owned())
    },
};

const SERVED: Kind<IpNet> = Kind {
    accepted: "an address, or the first one of a prefix with its length, in quotes: \
               \"192.0.2.10\", \"2001:db8::10\", \"198.51.100.0/28\"",
    read: |value| {
        let text = value.as_str()?;
        let net = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse().ok()?,
        };
        Some(net)
    },
};

const LINK: Kind<LinkName> = Kind {
    accepted: "the name of a link, 1 to 15 octets in quotes",
    read: |value| value.as_str()?.parse().ok(),
};

const SHARING: Kind<Sharing> = Kind {
    accepted: "\"any\" or \"all\"",
    read: |value: &DeValue<'_>| match value.as_str()? {
        "any" => Some(Sharing::Any),
        "all" => Some(Sharing::All),
        _ => None,
    },
};

const MBITS: Kind<f32> = Kind {
    accepted: "what it can take in Mbit/s, 1 to 1000000",
    #[expect(
        clippy::cast_precision_loss,
        reason = "the community has no more digits"
    )]
    read: |value| {
        let rate = kinds::integer::<u32>(value)?;
        (1..=1_000_000).contains(&rate).then_some(rate as f32)
    },
};

const OCTETS_PER_MBIT: f32 = 125_000.0;

/// Where addresses are unless said otherwise.
const DUMMY: &str = "bgplb";

/// How long connections may take to end unless said otherwise.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// As long as the plugin's drains take.
const DRAIN_TIME: Duration = Duration::from_secs(5);
