//! The decision process (RFC 4271 section 9.1.2) and the set of paths used together.

mod beside;

use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_wire::{Asn, BgpIdentifier, Origin, PathAttributes, SessionKind};

use self::beside::is_as_good;
use crate::gateway::weights;
use crate::reachability::NextHopTable;
use crate::{Gateway, Multipath};

/// What the decision needs to know of a learned route; all prefixes that a
/// peer announces alike share one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Path {
    /// Index of the peer it came from.
    pub(crate) peer: usize,
    pub(crate) session: SessionKind,
    pub(crate) next_hop: IpAddr,
    pub(crate) local_pref: u32,
    /// The neighbouring AS, where the path begins with one.
    pub(crate) neighbour: Option<Asn>,
    /// The peer's, or that of who brought the route into the AS.
    pub(crate) identifier: BgpIdentifier,
    pub(crate) peer_address: IpAddr,
    /// Everything the peer said about the route.
    pub(crate) attributes: PathAttributes,
    /// What the link behind it carries, in octets a second.
    pub(crate) rate: Option<u64>,
    /// Where a link-local next hop is.
    pub(crate) interface: Option<Arc<str>>,
    /// How many sessions of the peer were lost before it was announced.
    pub(crate) epoch: u32,
}

impl Path {
    /// Steps a and b of RFC 4271 section 9.1.2.2 behind the degree of
    /// preference of section 9.1.1; lower is better.
    fn rank(&self) -> (Reverse<u32>, usize, Origin) {
        (
            Reverse(self.local_pref),
            self.attributes.as_path.path_len(),
            self.attributes.origin,
        )
    }

    /// Missing counts as the best, 0 (RFC 4271 section 9.1.2.2 c).
    fn med(&self) -> u32 {
        self.attributes.med.unwrap_or(0)
    }

    /// How many route reflectors it passed (RFC 4456 section 9).
    const fn reflections(&self) -> usize {
        self.attributes.cluster_list.len()
    }

    fn gateway(&self) -> (IpAddr, Option<&str>) {
        (self.next_hop, self.interface.as_deref())
    }
}

/// What the decision process made of the paths to one prefix.
#[derive(Debug)]
pub(crate) struct Choice<'a> {
    /// The one path of RFC 4271.
    pub(crate) best: &'a Path,
    /// It and those that are used beside it.
    pub(crate) together: Vec<&'a Path>,
}

/// Chooses among those of `paths` whose next hops can be reached; `None` if
/// there is none.
pub(crate) fn choose<'a>(
    paths: impl Iterator<Item = &'a Path>,
    multipath: Multipath,
    next_hops: &NextHopTable,
) -> Option<Choice<'a>> {
    let mut together = survivors(paths, next_hops);
    // Steps f and g, with those of RFC 4456 section 9.
    let best = *together
        .iter()
        .min_by_key(|p| (p.identifier, p.reflections(), p.peer_address))?;
    together.retain(|path| is_as_good(path, best, multipath));
    Some(Choice { best, together })
}

/// The next hops to use for one prefix, sorted and without repetitions; empty
/// if there is no path.
pub(crate) fn select<'a>(
    paths: impl Iterator<Item = &'a Path>,
    multipath: Multipath,
    next_hops: &NextHopTable,
) -> Arc<[Gateway]> {
    let choice = choose(paths, multipath, next_hops);
    let mut together = choice.map(|it| it.together).unwrap_or_default();
    // Of two paths by one next hop the one with the higher rate counts.
    together.sort_unstable_by_key(|path| (path.gateway(), Reverse(path.rate)));
    together.dedup_by_key(|path| path.gateway());
    together.truncate(multipath.max_next_hops.max(1));
    let rates: Vec<_> = together.iter().map(|path| path.rate).collect();
    let weights = weights(&rates);
    let gateways = together.into_iter().zip(weights);
    gateways
        .map(|(path, weight)| Gateway {
            weight,
            interface: path.interface.clone(),
            ..Gateway::new(path.next_hop)
        })
        .collect()
}

/// The paths that are equal up to the point where only identifiers and
/// addresses are left to decide.
fn survivors<'a>(paths: impl Iterator<Item = &'a Path>, next_hops: &NextHopTable) -> Vec<&'a Path> {
    // A route whose next hop cannot be reached takes no part (section 9.1.2.1).
    let mut left: Vec<&Path> = paths
        .filter(|path| next_hops.metric(path.next_hop).is_some())
        .collect();
    let Some(best) = left.iter().map(|path| path.rank()).min() else {
        return Vec::new();
    };
    left.retain(|path| path.rank() == best);
    // Step c: MED decides among the paths through one neighbouring system only.
    let beaten = |path: &Path, left: &[&Path]| {
        left.iter()
            .any(|other| other.neighbour == path.neighbour && other.med() < path.med())
    };
    let keep: Vec<bool> = left.iter().map(|path| !beaten(path, &left)).collect();
    let mut keep = keep.into_iter();
    left.retain(|_| keep.next().unwrap_or(false));
    // Step d: external paths go before internal ones.
    if left.iter().any(|p| p.session == SessionKind::External) {
        left.retain(|p| p.session == SessionKind::External);
    }
    // Step e: the nearest next hop.
    let nearest = left
        .iter()
        .filter_map(|path| next_hops.metric(path.next_hop))
        .min();
    left.retain(|path| next_hops.metric(path.next_hop) == nearest);
    left
}

/// The preference of a route that names none; RFC 4271 leaves the number to
/// us, and all implementations use this one.
pub(crate) const DEFAULT_LOCAL_PREF: u32 = PathAttributes::DEFAULT_LOCAL_PREF;

#[cfg(test)]
mod tests;
