//! What is said of announced addresses, and to whom.

use super::Cluster;
use super::peer::BgpPeer;
use crate::import::notes::{Notes, Weight};
use crate::import::object::Object;
use crate::import::speaker::Peer;

/// One way in which addresses are advertised.
#[derive(Debug)]
pub(super) struct Advertisement {
    communities: Vec<String>,
    local_pref: Option<u32>,
    /// By their names; nobody in particular is everybody.
    peers: Vec<String>,
    /// It is for some pools only.
    restricted: bool,
    line: Option<usize>,
    field: String,
}

impl Advertisement {
    /// One that says nothing, to everybody.
    pub(super) const fn everything() -> Self {
        Self {
            communities: Vec::new(),
            local_pref: None,
            peers: Vec::new(),
            restricted: false,
            line: None,
            field: String::new(),
        }
    }

    /// Reads one, which may be a pool's own.
    pub(super) fn read(from: &Object<'_>, pool: Option<&str>) -> Option<Self> {
        let hosts = |key: &str, hosts: u8| {
            let length = from.number::<u8>(key, "a prefix length");
            if length.is_some_and(|it| it != hosts) {
                let why = "an aggregate is announced by a service that has the prefix as its \
                           address, such as \"198.51.100.0/28\"";
                from.say(Weight::LeftOut, key, why);
            }
        };
        hosts("aggregationLength", 32);
        hosts("aggregationLengthV6", 128);
        let nodes = "the file is for one host: leave it away from others";
        from.leave_out("nodeSelectors", nodes);
        let selectors = "there are no labels here: what is said is said of all services";
        from.leave_out("ipAddressPoolSelectors", selectors);
        from.leave_out("serviceSelectors", selectors);
        let pools = from.texts("ipAddressPools");
        let local_pref = from.number("localPref", "a number, 0 to 4294967295");
        Some(Self {
            communities: owned(from.texts("communities")),
            // Nothing is said with 0.
            local_pref: local_pref.filter(|it| *it != 0),
            peers: owned(from.texts("peers")),
            restricted: pool.is_some() || !pools.is_empty(),
            line: from.line(),
            field: from.name(),
        })
    }

    /// Whether more than the address itself is told.
    pub(super) fn says_something(&self) -> bool {
        !self.communities.is_empty() || self.local_pref.is_some()
    }

    fn is_for(&self, peer: &BgpPeer) -> bool {
        self.peers.is_empty() || self.peers.contains(&peer.plain_name)
    }
}

impl Cluster {
    /// Has a peer hear what it heard from MetalLB.
    pub(super) fn advertise_to(&self, from: &BgpPeer, peer: &mut Peer, notes: &Notes) {
        let all: Vec<_> = self
            .advertisements
            .iter()
            .filter(|it| it.is_for(from))
            .collect();
        if all.is_empty() && !self.advertisements.is_empty() {
            let what = "no BGPAdvertisement is for it, so it heard nothing; here it hears of all \
                        services that do not name their peers";
            notes.say(Weight::Differs, from.line, &from.name, what);
        }
        for it in all {
            let other = peer.local_pref.is_some() && it.local_pref.is_some();
            if other && peer.local_pref != it.local_pref {
                let what = format!("{} hears another local preference already", from.name);
                notes.say(
                    Weight::LeftOut,
                    it.line,
                    &format!("{} localPref", it.field),
                    &what,
                );
            } else {
                peer.local_pref = peer.local_pref.or(it.local_pref);
            }
            for name in &it.communities {
                match self.community(name) {
                    Some(community) if peer.communities.contains(&community) => {}
                    Some(community) => peer.communities.push(community),
                    None => {
                        let what = "one of them is no community and no name of one";
                        let field = format!("{} communities", it.field);
                        notes.say(Weight::LeftOut, it.line, &field, what);
                    }
                }
            }
            if it.restricted && it.says_something() {
                let what = format!(
                    "it is said of some pools' addresses; here {} hears it of all: say it in \
                     [[services]] instead where that matters",
                    from.name
                );
                notes.say(Weight::Differs, it.line, &it.field, &what);
            }
        }
    }

    /// The community of that name, as our own file has it.
    fn community(&self, name: &str) -> Option<String> {
        let value = self.aliases.get(name).map_or(name, String::as_str);
        let value = value.strip_prefix("large:").unwrap_or(value);
        let plain = value
            .parse::<bgp_wire::Community>()
            .map(|it| it.to_string());
        let large = || {
            let large = value.parse::<bgp_wire::LargeCommunity>();
            large.map(|it| it.to_string())
        };
        plain.ok().or_else(|| large().ok())
    }
}

fn owned(texts: Vec<&str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}
