//! The decision process (RFC 4271 section 9.1.2) and the set of paths used together.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_wire::{AsPath, Asn, BgpIdentifier, Origin, PathAttributes, SessionKind};

use crate::{BesideBest, Multipath};

/// What the decision needs to know of a learned route; all prefixes of an
/// UPDATE share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// Index of the peer it came from.
    pub(crate) peer: usize,
    pub(crate) session: SessionKind,
    pub(crate) next_hop: IpAddr,
    pub(crate) local_pref: u32,
    /// The neighbouring AS, where the path begins with one.
    pub(crate) neighbour: Option<Asn>,
    pub(crate) as_path: AsPath,
    pub(crate) origin: Origin,
    /// Missing counts as the best, 0 (RFC 4271 section 9.1.2.2 c).
    pub(crate) med: u32,
    pub(crate) identifier: BgpIdentifier,
    pub(crate) peer_address: IpAddr,
    /// Everything the peer said about the route, for those who ask.
    pub(crate) attributes: PathAttributes,
}

impl Path {
    /// Steps a and b of RFC 4271 section 9.1.2.2 behind the degree of
    /// preference of section 9.1.1; lower is better.
    fn rank(&self) -> (Reverse<u32>, usize, Origin) {
        (
            Reverse(self.local_pref),
            self.as_path.path_len(),
            self.origin,
        )
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

/// Chooses among `paths`; `None` if there is none.
pub(crate) fn choose(paths: &[Arc<Path>], multipath: Multipath) -> Option<Choice<'_>> {
    let mut together = survivors(paths);
    let best = *together
        .iter()
        .min_by_key(|p| (p.identifier, p.peer_address))?;
    together.retain(|path| match (best.session, multipath.beside_best) {
        (SessionKind::Internal, _) => path.peer == best.peer,
        (SessionKind::External, BesideBest::SameLength) => true,
        (SessionKind::External, BesideBest::SamePath) => path.as_path == best.as_path,
    });
    Some(Choice { best, together })
}

/// The next hops to use for one prefix, sorted and without repetitions; empty
/// if there is no path.
pub(crate) fn select(paths: &[Arc<Path>], multipath: Multipath) -> Arc<[IpAddr]> {
    let Some(choice) = choose(paths, multipath) else {
        return Arc::new([]);
    };
    let mut next_hops: Vec<IpAddr> = choice.together.iter().map(|path| path.next_hop).collect();
    next_hops.sort_unstable();
    next_hops.dedup();
    next_hops.truncate(multipath.max_next_hops.max(1));
    next_hops.into()
}

/// The paths that are equal up to the point where only identifiers and
/// addresses are left to decide.
fn survivors(paths: &[Arc<Path>]) -> Vec<&Path> {
    let Some(best) = paths.iter().map(|p| p.rank()).min() else {
        return Vec::new();
    };
    let mut left: Vec<&Path> = paths
        .iter()
        .map(AsRef::as_ref)
        .filter(|p| p.rank() == best)
        .collect();
    // Step c: MED decides among the paths through one neighbouring system only.
    let beaten = |path: &Path, left: &[&Path]| {
        left.iter()
            .any(|other| other.neighbour == path.neighbour && other.med < path.med)
    };
    let keep: Vec<bool> = left.iter().map(|path| !beaten(path, &left)).collect();
    let mut keep = keep.into_iter();
    left.retain(|_| keep.next().unwrap_or(false));
    // Step d: external paths go before internal ones.
    if left.iter().any(|p| p.session == SessionKind::External) {
        left.retain(|p| p.session == SessionKind::External);
    }
    left
}

/// The preference of a route that names none; RFC 4271 leaves the number to
/// us, and all implementations use this one.
pub(crate) const DEFAULT_LOCAL_PREF: u32 = PathAttributes::DEFAULT_LOCAL_PREF;

#[cfg(test)]
mod tests;
