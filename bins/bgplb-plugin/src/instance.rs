//! Which plugin of a host an object in the kernel belongs to.
//!
//! Several plugins may run on one host, under two names or one of them on a
//! plugin socket. Each draws an instance once and keeps it with its state, so
//! that it knows its own objects after a restart and after an upgrade, and
//! leaves alone those of others.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::str::FromStr;

use netplumb::{LinkName, Observed, Op};
use serde::{Deserialize, Serialize};

use crate::naming;
use crate::store::NetworkRecord;

/// Every link alias of a plugin's begins with this.
const MARK: &str = "bgplb:";

/// What follows the instance in a mark: a bridge is a network's, and the
/// outside link of a pair an endpoint's.
const NETWORK: &str = "network:";
const ENDPOINT: &str = "endpoint:";

/// What a link of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marked<'a> {
    /// The network of this id.
    Network(&'a str),
    /// The endpoint of this id.
    Endpoint(&'a str),
}

/// One plugin of a host; eight hexadecimal digits in marks and in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Instance(u32);

impl Instance {
    /// One that no other plugin has, as far as chance allows.
    pub(crate) fn draw() -> Self {
        // Seeded by the operating system, anew in every process.
        let random = RandomState::new().build_hasher().finish();
        let [a, b, c, d, ..] = random.to_be_bytes();
        Self(u32::from_be_bytes([a, b, c, d]))
    }

    /// What the alias of every link of this plugin's begins with.
    pub(crate) fn mark(self) -> String {
        format!("{MARK}{self}:")
    }

    /// What a link with this alias is for, if it is this plugin's.
    pub(crate) fn owner(self, alias: &str) -> Option<Marked<'_>> {
        let (_, object) = split(alias).filter(|(instance, _)| *instance == Some(self))?;
        let network = object.strip_prefix(NETWORK).map(Marked::Network);
        network.or_else(|| object.strip_prefix(ENDPOINT).map(Marked::Endpoint))
    }

    /// A number from 0 to `last` that another plugin is unlikely to get.
    pub(crate) fn below(self, last: u16) -> u16 {
        let [_, _, high, low] = self.0.to_be_bytes();
        let number = u32::from(u16::from_be_bytes([high, low])) % (u32::from(last) + 1);
        u16::try_from(number).unwrap_or(last)
    }

    /// The alias of a network's bridge.
    pub(crate) fn bridge_alias(self, network: &str) -> String {
        format!("{MARK}{self}:{}", of_network(network))
    }

    /// The alias of an endpoint's outside link.
    pub(crate) fn veth_alias(self, endpoint: &str) -> String {
        format!("{MARK}{self}:{}", of_endpoint(endpoint))
    }

    /// Steps that put this plugin's mark on the links of a network and its
    /// endpoints that carry an older one: earlier versions had none for each
    /// plugin, and an instance that could not be written down is lost. Docker
    /// gives an id out once, so whoever remembers it owns the links.
    pub(crate) fn adopt(
        self,
        observed: &Observed,
        network: &str,
        record: &NetworkRecord,
    ) -> Vec<Op> {
        let bridge = (naming::bridge(network), of_network(network));
        let endpoints = record.endpoints.keys();
        let veths = endpoints.map(|id| (naming::veth_outside(id), of_endpoint(id)));
        veths
            .chain([bridge])
            .filter_map(|(name, object)| self.take_over(observed, name, &object))
            .collect()
    }

    fn take_over(self, observed: &Observed, name: LinkName, object: &str) -> Option<Op> {
        let from = observed.links.get(&name)?.alias.clone();
        let to = format!("{MARK}{self}:{object}");
        let (_, marked) = split(&from)?;
        (marked == object && from != to).then_some(Op::SetAlias { name, from, to })
    }

    /// Links that carry a mark of bgplb but not this plugin's: another's, or
    /// those of a state that was lost.
    pub(crate) fn foreign(self, observed: &Observed) -> impl Iterator<Item = &LinkName> {
        let links = observed.links.iter();
        let foreign = links.filter(move |(_, link)| {
            split(&link.alias).is_some_and(|(instance, _)| instance != Some(self))
        });
        foreign.map(|(name, _)| name)
    }
}

/// The instance in a mark, if it has one, and what it marks.
fn split(alias: &str) -> Option<(Option<Instance>, &str)> {
    let rest = alias.strip_prefix(MARK)?;
    let (first, object) = rest.split_once(':')?;
    match first.parse() {
        Ok(instance) => Some((Some(instance), object)),
        Err(_) => Some((None, rest)),
    }
}

fn of_network(network: &str) -> String {
    format!("{NETWORK}{network}")
}

fn of_endpoint(endpoint: &str) -> String {
    format!("{ENDPOINT}{endpoint}")
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl From<Instance> for String {
    fn from(instance: Instance) -> Self {
        instance.to_string()
    }
}

impl FromStr for Instance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 8 && text.bytes().all(|octet| octet.is_ascii_hexdigit());
        let number = u32::from_str_radix(text, 16).ok().filter(|_| digits);
        number
            .map(Self)
            .ok_or_else(|| format!("instance {text:?} is not eight hexadecimal digits"))
    }
}

impl TryFrom<String> for Instance {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use netplumb::{BridgeSpec, FakeKernel, Kernel as _, LinkKind, LinkSpec, Op};

    use super::Instance;
    use crate::naming;
    use crate::store::{EndpointRecord, NetworkRecord};

    fn instance(text: &str) -> Instance {
        text.parse().unwrap()
    }

    /// A kernel with the links of network `n` and endpoint `e` under these
    /// aliases.
    fn kernel(bridge: &str, veth: &str) -> FakeKernel {
        let mut kernel = FakeKernel::new();
        let link = |name, alias: &str| {
            let kind = LinkKind::Bridge(BridgeSpec::default());
            Op::CreateLink(LinkSpec::new(name, kind, alias))
        };
        kernel.apply(&link(naming::bridge("n"), bridge)).unwrap();
        kernel
            .apply(&link(naming::veth_outside("e"), veth))
            .unwrap();
        kernel
    }

    fn record() -> NetworkRecord {
        NetworkRecord {
            endpoints: BTreeMap::from([("e".to_owned(), EndpointRecord::sample())]),
            ..NetworkRecord::default()
        }
    }

    #[test]
    fn marks_carry_the_instance() {
        let ours = instance("00c0ffee");
        assert_eq!(ours.mark(), "bgplb:00c0ffee:");
        assert_eq!(ours.bridge_alias("n1"), "bgplb:00c0ffee:network:n1");
        assert_eq!(ours.veth_alias("e1"), "bgplb:00c0ffee:endpoint:e1");
        let owner = |alias: &str| ours.owner(alias).map(|it| format!("{it:?}"));
        assert_eq!(owner(&ours.bridge_alias("n1")).unwrap(), "Network(\"n1\")");
        assert_eq!(owner(&ours.veth_alias("e1")).unwrap(), "Endpoint(\"e1\")");
        for alias in [
            "bgplb:00000001:network:n1",
            "bgplb:network:n1",
            "bgplb:00c0ffee:x",
            "",
        ] {
            assert_eq!(owner(alias), None, "{alias}");
        }
        for text in ["", "network", "0c0ffee", "000c0ffee", "+0c0ffee"] {
            assert!(text.parse::<Instance>().is_err(), "{text}");
        }
    }

    #[test]
    fn remembered_links_of_an_earlier_version_or_a_lost_instance_are_adopted() {
        let ours = instance("00000001");
        for (bridge, veth) in [
            ("bgplb:network:n", "bgplb:endpoint:e"),
            ("bgplb:00000002:network:n", "bgplb:00000002:endpoint:e"),
        ] {
            let mut kernel = kernel(bridge, veth);
            let ops = ours.adopt(kernel.state(), "n", &record());
            assert_eq!(ops.len(), 2, "{ops:?}");
            for op in &ops {
                kernel.apply(op).unwrap();
            }
            let aliases: Vec<_> = kernel.state().links.values().map(|it| &it.alias).collect();
            assert_eq!(aliases, [&ours.bridge_alias("n"), &ours.veth_alias("e")]);
            assert_eq!(ours.adopt(kernel.state(), "n", &record()), []);
            assert_eq!(ours.foreign(kernel.state()).count(), 0);
        }
    }

    #[test]
    fn links_that_are_not_remembered_stay_whose_they_are() {
        let ours = instance("00000001");
        let aliases = [
            ("bgplb:network:other", "bgplb:00000002:endpoint:f", 2),
            ("operator's", "bgplb:", 0),
        ];
        for (bridge, veth, foreign) in aliases {
            let kernel = kernel(bridge, veth);
            assert_eq!(ours.adopt(kernel.state(), "n", &record()), []);
            assert_eq!(ours.foreign(kernel.state()).count(), foreign);
        }
    }
}
