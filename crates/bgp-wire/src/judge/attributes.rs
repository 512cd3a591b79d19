//! The attributes of an UPDATE by name.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use crate::attr::{
    Aggregator, AsPathView, ClusterIter, CommunityIter, ExtendedCommunityIter, LargeCommunityIter,
    MpReachView, MpUnreachView, Origin, OtherAttribute, OtherAttributeIter, PathAttributes,
};
use crate::number::Asn;

/// The attributes of one UPDATE by name: only those that are there, known and
/// well-formed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attributes<'a> {
    /// The whole field.
    octets: &'a [u8],
    pub(super) origin: Option<Origin>,
    pub(super) as_path: Option<AsPathView<'a>>,
    pub(super) next_hop: Option<Ipv4Addr>,
    pub(super) med: Option<u32>,
    pub(super) local_pref: Option<u32>,
    pub(super) atomic_aggregate: bool,
    pub(super) aggregator: Option<Aggregator>,
    pub(super) communities: &'a [u8],
    pub(super) extended_communities: &'a [u8],
    pub(super) large_communities: &'a [u8],
    pub(super) originator_id: Option<Ipv4Addr>,
    pub(super) cluster_list: &'a [u8],
    pub(super) only_to_customer: Option<Asn>,
    pub(super) mp_reach: Option<MpReachView<'a>>,
    pub(super) mp_unreach: Option<MpUnreachView<'a>>,
}

impl<'a> Attributes<'a> {
    /// None of `octets` yet.
    pub(super) fn of(octets: &'a [u8]) -> Self {
        Self {
            octets,
            ..Self::default()
        }
    }

    /// ORIGIN.
    #[must_use]
    pub const fn origin(&self) -> Option<Origin> {
        self.origin
    }

    /// AS_PATH, merged with AS4_PATH where the peer's AS numbers have two
    /// octets (RFC 6793 section 4.2.3).
    #[must_use]
    pub const fn as_path(&self) -> Option<AsPathView<'a>> {
        self.as_path
    }

    /// NEXT_HOP, of the routes in the NLRI field.
    #[must_use]
    pub const fn next_hop(&self) -> Option<Ipv4Addr> {
        self.next_hop
    }

    /// MULTI_EXIT_DISC.
    #[must_use]
    pub const fn med(&self) -> Option<u32> {
        self.med
    }

    /// LOCAL_PREF; never there on external sessions.
    #[must_use]
    pub const fn local_pref(&self) -> Option<u32> {
        self.local_pref
    }

    /// Whether ATOMIC_AGGREGATE is there.
    #[must_use]
    pub const fn atomic_aggregate(&self) -> bool {
        self.atomic_aggregate
    }

    /// AGGREGATOR, or AS4_AGGREGATOR where that knows better (RFC 6793 section
    /// 4.2.3).
    #[must_use]
    pub const fn aggregator(&self) -> Option<Aggregator> {
        self.aggregator
    }

    /// COMMUNITIES.
    #[must_use]
    pub const fn communities(&self) -> CommunityIter<'a> {
        CommunityIter::new(self.communities)
    }

    /// EXTENDED_COMMUNITIES.
    #[must_use]
    pub const fn extended_communities(&self) -> ExtendedCommunityIter<'a> {
        ExtendedCommunityIter::new(self.extended_communities)
    }

    /// LARGE_COMMUNITIES.
    #[must_use]
    pub const fn large_communities(&self) -> LargeCommunityIter<'a> {
        LargeCommunityIter::new(self.large_communities)
    }

    /// ORIGINATOR_ID; never there on external sessions.
    #[must_use]
    pub const fn originator_id(&self) -> Option<Ipv4Addr> {
        self.originator_id
    }

    /// CLUSTER_LIST; always empty on external sessions.
    #[must_use]
    pub const fn cluster_list(&self) -> ClusterIter<'a> {
        ClusterIter::new(self.cluster_list)
    }

    /// ONLY_TO_CUSTOMER.
    #[must_use]
    pub const fn only_to_customer(&self) -> Option<Asn> {
        self.only_to_customer
    }

    /// MP_REACH_NLRI.
    #[must_use]
    pub const fn mp_reach(&self) -> Option<MpReachView<'a>> {
        self.mp_reach
    }

    /// MP_UNREACH_NLRI.
    #[must_use]
    pub const fn mp_unreach(&self) -> Option<MpUnreachView<'a>> {
        self.mp_unreach
    }

    /// The same without MP_REACH_NLRI and MP_UNREACH_NLRI.
    #[cfg(feature = "mrt")]
    pub(crate) const fn without_mp(&self) -> Self {
        Self {
            mp_reach: None,
            mp_unreach: None,
            ..*self
        }
    }

    /// Attributes this crate has no name for: unknown optional ones, and
    /// IPV6_EXTENDED_COMMUNITIES.
    #[must_use]
    pub const fn others(&self) -> OtherAttributeIter<'a> {
        OtherAttributeIter::new(self.octets)
    }

    /// An owned copy, if ORIGIN and AS_PATH are there.
    #[must_use]
    pub fn to_path_attributes(&self) -> Option<PathAttributes> {
        let mut others: Vec<_> = self.others().filter_map(|it| it.to_other()).collect();
        others.sort_by_key(OtherAttribute::code);
        Some(PathAttributes {
            origin: self.origin?,
            as_path: self.as_path?.to_as_path(),
            med: self.med,
            local_pref: self.local_pref,
            atomic_aggregate: self.atomic_aggregate,
            aggregator: self.aggregator,
            communities: self.communities().collect(),
            extended_communities: self.extended_communities().collect(),
            large_communities: self.large_communities().collect(),
            originator_id: self.originator_id,
            cluster_list: self.cluster_list().collect(),
            only_to_customer: self.only_to_customer,
            others,
        })
    }
}
