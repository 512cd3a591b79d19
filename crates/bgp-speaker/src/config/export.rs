//! What is said to one peer beside what a route says of itself.

use bgp_wire::{Community, ExtendedCommunity, LargeCommunity, PathAttributes};

/// Changes to every route on its way to one peer.
///
/// An attribute of the route itself is not overruled: a MED or LOCAL_PREF of
/// the peer is for routes without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Export {
    /// How often our AS stands in AS_PATH beside the once that an external
    /// peer gets anyway; an internal peer gets it so often (RFC 4271 section
    /// 5.1.2).
    pub prepend: u8,
    /// The MED of routes without one.
    pub med: Option<u32>,
    /// The LOCAL_PREF of routes without one; external peers never get it.
    pub local_pref: Option<u32>,
    /// Communities added to the route's own (RFC 1997).
    pub communities: Vec<Community>,
    /// Extended communities added (RFC 4360).
    pub extended_communities: Vec<ExtendedCommunity>,
    /// Large communities added (RFC 8092).
    pub large_communities: Vec<LargeCommunity>,
}

impl Export {
    /// Whether nothing is changed.
    pub fn is_neutral(&self) -> bool {
        *self == Self::default()
    }

    /// Makes the changes, but for AS_PATH, which is the session's business.
    pub(crate) fn apply(&self, attributes: &mut PathAttributes) {
        attributes.med = attributes.med.or(self.med);
        attributes.local_pref = attributes.local_pref.or(self.local_pref);
        add(&mut attributes.communities, &self.communities);
        add(
            &mut attributes.extended_communities,
            &self.extended_communities,
        );
        add(&mut attributes.large_communities, &self.large_communities);
    }
}

/// A community is there or not: twice would say nothing more.
fn add<T: Copy + PartialEq>(to: &mut Vec<T>, more: &[T]) {
    for one in more {
        if !to.contains(one) {
            to.push(*one);
        }
    }
}

/// A path longer than this is refused by many; it is a typing error.
pub(crate) const MAX_PREPEND: u8 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_route_says_itself_is_kept() {
        let export = Export {
            med: Some(7),
            local_pref: Some(50),
            communities: vec![Community::NO_EXPORT, Community::NO_PEER],
            ..Export::default()
        };
        let mut attributes = PathAttributes::originated();
        attributes.med = Some(1);
        attributes.communities = vec![Community::NO_PEER];
        export.apply(&mut attributes);
        assert_eq!(attributes.med, Some(1));
        assert_eq!(attributes.local_pref, Some(50));
        let both = [Community::NO_PEER, Community::NO_EXPORT];
        assert_eq!(attributes.communities, both);
    }
}
