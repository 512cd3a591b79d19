//! Finds MetalLB's objects among what a file holds.

use super::Cluster;
use super::advertisement::Advertisement;
use super::peer::{BfdProfile, BgpPeer};
use super::pool::Pool;
use crate::import::node::{Node, Value};
use crate::import::notes::{Notes, Weight};
use crate::import::object::{Object, Spelling};
use crate::import::read;

/// Whether the document is an object of Kubernetes, or MetalLB's own configuration.
pub(in crate::import) fn is_ours(node: &Node) -> bool {
    let Value::Map(entries) = &node.value else {
        return false;
    };
    let own = [
        "kind",
        "address-pools",
        "peers",
        "bgp-communities",
        "bfd-profiles",
    ];
    entries.iter().any(|(key, _)| own.contains(&key.as_str()))
}

/// All objects of all documents; `None` after a fault.
pub(in crate::import) fn cluster(documents: &[Node], notes: &Notes) -> Option<Cluster> {
    if documents.is_empty() {
        notes.say(Weight::Fault, None, "", "nothing is in it");
        return None;
    }
    let mut cluster = Cluster::default();
    let mut complete = true;
    for document in documents {
        complete &= cluster.take(document, 0, notes).is_some();
    }
    complete.then_some(cluster)
}

impl Cluster {
    fn take(&mut self, node: &Node, depth: usize, notes: &Notes) -> Option<()> {
        let object = Object::root(node, Spelling::AnyHyphens, notes)?;
        if !is_ours(node) {
            let what = "neither an object of Kubernetes nor settings of MetalLB";
            object.say(Weight::Fault, "", what);
            return None;
        }
        if !object.has("kind") {
            return self.take_settings(object);
        }
        let kind = object.text("kind")?;
        if kind == "List" || kind.ends_with("List") {
            if depth > 0 {
                object.say(Weight::Fault, "items", "a list in a list");
                return None;
            }
            let all = object.items("items").iter();
            // Every one is read, so that everything is told.
            let read: Vec<_> = all.map(|it| self.take(it, depth + 1, notes)).collect();
            return read.into_iter().collect();
        }
        let name = object.object("metadata").and_then(|it| it.text("name"));
        let name = name.unwrap_or_default();
        let shown = match name {
            "" => kind.to_owned(),
            name => format!("{kind}/{name}"),
        };
        let object = object.named(&shown);
        object.node("apiVersion");
        object.node("metadata");
        object.node("status");
        self.take_object(kind, name, &shown, object, notes)
    }

    fn take_object(
        &mut self,
        kind: &str,
        name: &str,
        shown: &str,
        object: Object<'_>,
        notes: &Notes,
    ) -> Option<()> {
        let other = match kind {
            "BGPPeer" | "BGPAdvertisement" | "IPAddressPool" | "AddressPool" | "BFDProfile"
            | "Community" => None,
            "ConfigMap" => return self.take_map(object, notes),
            "L2Advertisement" => Some("addresses are announced by BGP only, not by ARP and NDP"),
            _ => Some("no object that is taken over"),
        };
        if let Some(why) = other {
            object.say(Weight::LeftOut, "", why);
            return Some(());
        }
        let spec = match (object.object("spec"), object.has("spec")) {
            (Some(spec), _) => spec,
            (None, true) => return None,
            (None, false) => {
                // Everything in it is optional for some kinds.
                match kind {
                    "BGPAdvertisement" => self.advertisements.push(Advertisement::everything()),
                    "BFDProfile" => {
                        let profile = BfdProfile::default();
                        self.profiles.insert(name.to_owned(), profile);
                    }
                    _ => {
                        object.say(Weight::Fault, "spec", "missing; accepted is a table");
                        return None;
                    }
                }
                return Some(());
            }
        };
        object.finish();
        match kind {
            "BGPPeer" => self.peers.push(BgpPeer::read(name, shown, spec)?),
            "BGPAdvertisement" => {
                self.advertisements.push(Advertisement::read(&spec, None)?);
                spec.finish();
            }
            "BFDProfile" => {
                let profile = BfdProfile::read(spec)?;
                self.profiles.insert(name.to_owned(), profile);
            }
            "Community" => self.take_aliases(spec),
            _ => self.take_pool(name, shown, &spec).map(|()| spec.finish())?,
        }
        Some(())
    }

    /// The configuration map has the settings as a text in it.
    fn take_map(&mut self, object: Object<'_>, notes: &Notes) -> Option<()> {
        let data = object.object("data")?;
        let settings = data.node("config");
        let Some((Value::Text(text), line)) = settings.map(|it| (&it.value, it.line)) else {
            object.say(
                Weight::LeftOut,
                "data",
                "there is no text config, as MetalLB has it",
            );
            return Some(());
        };
        let documents = read::yaml_at(text, line.unwrap_or_default());
        let documents = documents.map_err(|error| {
            let what = format!("config is no YAML: {}", error.text);
            notes.say(Weight::Fault, error.line, "ConfigMap data", &what);
        });
        let documents = documents.ok()?;
        data.finish();
        let read = documents.iter().map(|it| {
            let object = Object::root(it, Spelling::AnyHyphens, notes)?;
            self.take_settings(object)
        });
        let read: Vec<_> = read.collect();
        read.into_iter().collect()
    }

    fn take_settings(&mut self, settings: Object<'_>) -> Option<()> {
        let mut complete = true;
        for (n, peer) in settings.objects("peers").into_iter().enumerate() {
            let name = peer.text("name").unwrap_or_default();
            let peer = BgpPeer::read(name, &format!("peers[{n}]"), peer);
            complete &= peer.is_some();
            self.peers.extend(peer);
        }
        for pool in settings.objects("address-pools") {
            let name = pool.text("name").unwrap_or_default();
            let shown = format!("address-pools/{name}");
            complete &= self.take_pool(name, &shown, &pool).is_some();
            pool.finish();
        }
        if let Some(communities) = settings.object("bgp-communities") {
            for (alias, value) in communities.entries() {
                match &value.value {
                    Value::Text(value) => {
                        self.aliases.insert(alias.to_owned(), value.clone());
                    }
                    _ => _ = communities.refuse::<()>(alias, value, "a community, as 64512:100"),
                }
            }
        }
        for profile in settings.objects("bfd-profiles") {
            let name = profile.text("name").unwrap_or_default().to_owned();
            let profile = BfdProfile::read(profile);
            complete &= profile.is_some();
            self.profiles.extend(profile.map(|it| (name, it)));
        }
        settings.finish();
        complete.then_some(())
    }

    fn take_aliases(&mut self, spec: Object<'_>) {
        for item in spec.objects("communities") {
            if let (Some(name), Some(value)) = (item.text("name"), item.text("value")) {
                self.aliases.insert(name.to_owned(), value.to_owned());
            }
            item.finish();
        }
        spec.finish();
    }

    /// A pool, of old ones with how it is advertised.
    fn take_pool(&mut self, name: &str, shown: &str, spec: &Object<'_>) -> Option<()> {
        let Some(pool) = Pool::read(name, shown, spec) else {
            return Some(());
        };
        self.pools.push(pool);
        for own in spec.objects("bgp-advertisements") {
            self.advertisements
                .push(Advertisement::read(&own, Some(name))?);
            own.finish();
        }
        Some(())
    }
}
