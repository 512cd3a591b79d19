//! Addresses of services, and the links that are made for them.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use netplumb::{AddrSpec, Error, Kernel, LinkKind, LinkName, LinkSpec, LinkState, Netlink, Op};
use tracing::{debug, warn};

use crate::config::Place;

/// Has the kernel have addresses.
pub(super) struct Addresses {
    kernel: Netlink,
    /// How the aliases of our links are.
    mark: String,
    /// What was put on links that are not ours.
    placed: BTreeSet<AddrSpec>,
}

impl Addresses {
    /// By this `kernel`; what was `placed` by an earlier run is ours.
    pub(super) const fn new(kernel: Netlink, mark: String, placed: BTreeSet<AddrSpec>) -> Self {
        Self {
            kernel,
            mark,
            placed,
        }
    }

    /// Whether an earlier run has left something behind.
    pub(super) fn has_inherited(&mut self) -> Result<bool, Error> {
        let links = self.kernel.link_states()?;
        let ours = links.iter().any(|(_, state)| state.alias == self.mark);
        Ok(ours || !self.placed.is_empty())
    }

    /// What is put on links that are not ours, once this is wanted.
    pub(super) fn claims(&self, wanted: &BTreeMap<IpNet, Place>) -> BTreeSet<AddrSpec> {
        let existing = wanted.iter().filter(|(_, place)| match place {
            Place::Existing(_) => true,
            Place::Dummy(_) => false,
        });
        let new = existing.map(|(address, place)| spec(*address, place));
        self.placed.iter().cloned().chain(new).collect()
    }

    /// Makes links and adds addresses; yields those that could not be had, and why.
    ///
    /// # Errors
    ///
    /// When the kernel can't be asked.
    pub(super) fn add(
        &mut self,
        wanted: &BTreeMap<IpNet, Place>,
    ) -> Result<BTreeMap<IpNet, String>, Error> {
        let refused = self.make_links(wanted)?;
        let there = self.all()?;
        let mut missing = BTreeMap::new();
        for (address, place) in wanted {
            if let Some(why) = refused.get(place.link()) {
                missing.insert(*address, why.clone());
                continue;
            }
            let addr = spec(*address, place);
            if there.contains(&addr) {
                continue;
            }
            match self.apply(&Op::AddAddr(addr.clone())) {
                Ok(()) if matches!(place, Place::Existing(_)) => _ = self.placed.insert(addr),
                Ok(()) => {}
                Err(error) => _ = missing.insert(*address, error.to_string()),
            }
        }
        Ok(missing)
    }

    /// Takes away what is ours and not `kept`. What the kernel refuses stays ours.
    ///
    /// # Errors
    ///
    /// When the kernel can't be asked.
    pub(super) fn remove(&mut self, kept: &BTreeMap<IpNet, Place>) -> Result<(), Error> {
        let (links, there) = (self.links()?, self.all()?);
        let ours = |link: &LinkName| links.get(link).is_some_and(|it| it.alias == self.mark);
        let of_kernel = |addr: &IpNet| match addr {
            IpNet::V6(net) => net.addr().is_unicast_link_local(),
            IpNet::V4(_) => false,
        };
        let kept_there: BTreeSet<_> = kept.iter().map(|(it, place)| spec(*it, place)).collect();
        let on_ours = there
            .iter()
            .filter(|it| ours(&it.link) && !of_kernel(&it.addr));
        let placed = self.placed.iter().filter(|it| there.contains(*it));
        let gone: BTreeSet<AddrSpec> = on_ours
            .chain(placed)
            .filter(|it| !kept_there.contains(it))
            .cloned()
            .collect();
        self.placed
            .retain(|it| gone.contains(it) || kept_there.contains(it));
        for addr in gone {
            match self.apply(&Op::DeleteAddr(addr.clone())) {
                Ok(()) => _ = self.placed.remove(&addr),
                // Looked for again with the next change.
                Err(error) => warn!("{error}"),
            }
        }
        let links_kept: BTreeSet<_> = kept.values().map(Place::link).collect();
        for (name, state) in links {
            if state.alias == self.mark && !links_kept.contains(&name) {
                let alias = self.mark.clone();
                self.apply(&Op::DeleteLink { name, alias })?;
            }
        }
        Ok(())
    }

    /// What is on links that are not ours now.
    pub(super) const fn placed(&self) -> &BTreeSet<AddrSpec> {
        &self.placed
    }

    /// Makes the links that are wanted; those that could not be had, and why.
    fn make_links(
        &mut self,
        wanted: &BTreeMap<IpNet, Place>,
    ) -> Result<BTreeMap<LinkName, String>, Error> {
        let mut refused = BTreeMap::new();
        let there = self.links()?;
        let places: BTreeSet<&Place> = wanted.values().collect();
        for place in places {
            let name = place.link();
            let found = there.get(name);
            match place {
                Place::Existing(_) if found.is_some() => {}
                Place::Existing(_) => {
                    refused.insert(name.clone(), format!("there is no link {name}"));
                }
                Place::Dummy(_) if found.is_some_and(|it| it.alias == self.mark && it.up) => {}
                Place::Dummy(_) => {
                    let link = LinkSpec::new(name.clone(), LinkKind::Dummy, &*self.mark);
                    if let Err(error) = self.apply(&Op::CreateLink(link)) {
                        refused.insert(name.clone(), error.to_string());
                    }
                }
            }
        }
        Ok(refused)
    }

    fn links(&mut self) -> Result<BTreeMap<LinkName, LinkState>, Error> {
        Ok(self.kernel.link_states()?.into_iter().collect())
    }

    fn all(&mut self) -> Result<BTreeSet<AddrSpec>, Error> {
        let links = self.kernel.addresses()?.into_iter();
        let specs = links.flat_map(|(link, addrs)| {
            let spec = move |addr| AddrSpec {
                link: link.clone(),
                addr,
            };
            addrs.into_iter().map(spec)
        });
        Ok(specs.collect())
    }

    fn apply(&mut self, op: &Op) -> Result<(), Error> {
        debug!(%op, "kernel");
        self.kernel.apply(op)
    }
}

fn spec(addr: IpNet, place: &Place) -> AddrSpec {
    let link = place.link().clone();
    AddrSpec { link, addr }
}
