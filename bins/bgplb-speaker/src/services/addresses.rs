//! Addresses of services, and the links that are made for them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use netplumb::{AddrSpec, Error, Kernel, LinkKind, LinkName, LinkSpec, LinkState, Netlink, Op};
use tracing::{debug, info, warn};

use super::adoption::{Standing, standing};
use crate::config::Place;

/// Has the kernel have addresses.
pub(crate) struct Addresses {
    kernel: Netlink,
    /// How the aliases of our links are.
    mark: String,
    /// A dummy without any mark that has a wanted name becomes ours.
    adopting: bool,
    /// What was put on links that are not ours.
    placed: BTreeSet<AddrSpec>,
}

impl Addresses {
    /// By this `kernel`. With `adopting`, dummies that carry nobody's mark are taken
    /// over where their name is wanted, as bgp-lb leaves them; their other addresses go.
    pub(crate) const fn new(kernel: Netlink, mark: String, adopting: bool) -> Self {
        Self {
            kernel,
            mark,
            adopting,
            placed: BTreeSet::new(),
        }
    }

    /// The same when these were put on links that are not ours by an earlier run.
    pub(super) fn resumed(self, placed: BTreeSet<AddrSpec>) -> Self {
        Self { placed, ..self }
    }

    /// Whether an earlier run has left something behind.
    pub(super) fn has_inherited(&mut self) -> Result<bool, Error> {
        let links = self.kernel.link_states()?;
        let ours = links.iter().any(|(_, state)| state.alias == self.mark);
        Ok(ours || !self.placed.is_empty())
    }

    /// What is put on links that are not ours, once this is wanted. What others have
    /// put there already is not.
    pub(super) fn claims(&mut self, wanted: &BTreeMap<IpNet, Place>) -> BTreeSet<AddrSpec> {
        let existing = wanted.iter().filter(|(_, place)| match place {
            Place::Existing(_) => true,
            Place::Dummy(_) | Place::Nowhere => false,
        });
        let existing = existing.filter_map(|(address, place)| spec(*address, place));
        let new = existing.filter(|it| !self.placed.contains(it));
        let new: BTreeSet<_> = new.collect();
        if new.is_empty() {
            return self.placed.clone();
        }
        // Where the kernel can't be asked nothing is added either.
        let there = self.all();
        let new = there.map(|there| new.difference(&there).cloned().collect());
        let mut claims: BTreeSet<_> = new.unwrap_or_default();
        claims.extend(self.placed.iter().cloned());
        claims
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
            let Some(addr) = spec(*address, place) else {
                continue;
            };
            if let Some(why) = refused.get(&addr.link) {
                missing.insert(*address, why.clone());
                continue;
            }
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

    /// Takes away what is ours, not `kept`, and not of a `lingering` address. What the
    /// kernel refuses stays ours.
    ///
    /// # Errors
    ///
    /// When the kernel can't be asked.
    pub(super) fn remove(
        &mut self,
        kept: &BTreeMap<IpNet, Place>,
        lingering: &BTreeSet<IpAddr>,
    ) -> Result<(), Error> {
        let (links, there) = (self.links()?, self.all()?);
        let ours = |link: &LinkName| links.get(link).is_some_and(|it| it.alias == self.mark);
        let of_kernel = |addr: &IpNet| match addr {
            IpNet::V6(net) => net.addr().is_unicast_link_local(),
            IpNet::V4(_) => false,
        };
        let mut kept_there: BTreeSet<_> = kept
            .iter()
            .filter_map(|(it, place)| spec(*it, place))
            .collect();
        let on_ours = there
            .iter()
            .filter(|it| ours(&it.link) && !of_kernel(&it.addr));
        let placed = self.placed.iter().filter(|it| there.contains(*it));
        let of_ours: BTreeSet<&AddrSpec> = on_ours.chain(placed).collect();
        let stay = |it: &&&AddrSpec| lingering.contains(&it.addr.addr());
        kept_there.extend(of_ours.iter().filter(stay).map(|it| (*it).clone()));
        let gone: BTreeSet<AddrSpec> = of_ours
            .into_iter()
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
        let links_kept: BTreeSet<_> = kept_there.iter().map(|it| &it.link).collect();
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
            match place {
                Place::Dummy(name) => {
                    if let Err(why) = self.make_dummy(name, there.get(name)) {
                        refused.insert(name.clone(), why);
                    }
                }
                Place::Existing(name) if !there.contains_key(name) => {
                    refused.insert(name.clone(), format!("there is no link {name}"));
                }
                Place::Existing(_) | Place::Nowhere => {}
            }
        }
        Ok(refused)
    }

    /// Makes a dummy, unless it is `there` as it should be.
    fn make_dummy(&mut self, name: &LinkName, there: Option<&LinkState>) -> Result<(), String> {
        match there.map(|link| standing(link, &self.mark, self.adopting)) {
            Some(Standing::Ready) => return Ok(()),
            Some(Standing::Orphan) => {
                info!(link = %name, "a dummy without a mark is taken over");
                let op = Op::SetAlias {
                    name: name.clone(),
                    from: String::new(),
                    to: self.mark.clone(),
                };
                self.apply(&op).map_err(|error| error.to_string())?;
            }
            Some(Standing::Foreign(why)) => return Err(format!("the link {name} is there, {why}")),
            Some(Standing::Unfinished) | None => {}
        }
        let link = LinkSpec::new(name.clone(), LinkKind::Dummy, &*self.mark);
        let made = self.apply(&Op::CreateLink(link));
        made.map_err(|error| error.to_string())
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

/// The address on its link, if it is put on one.
fn spec(addr: IpNet, place: &Place) -> Option<AddrSpec> {
    let link = place.link()?.clone();
    Some(AddrSpec { link, addr })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_link_has_already_is_not_taken_for_ours() {
        let lo = Place::Existing("lo".parse().unwrap());
        let [theirs, ours] = ["127.0.0.1/8", "203.0.113.1/32"].map(|it| it.parse().unwrap());
        let wanted = BTreeMap::from([(theirs, lo.clone()), (ours, lo.clone())]);
        let kernel = Netlink::open().unwrap();
        let mut addresses = Addresses::new(kernel, "test".to_owned(), false);
        assert_eq!(
            addresses.claims(&wanted),
            spec(ours, &lo).into_iter().collect()
        );
    }
}
