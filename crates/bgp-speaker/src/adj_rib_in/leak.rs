//! Routes that were sent to customers only (RFC 9234 section 5): which of those
//! that come in may be used, and what they carry from here on.

use std::net::IpAddr;

use bgp_wire::{Asn, Attributes, RouteLeak, UpdateView};
use tracing::warn;

use super::Via;
use super::faulty::concerned;

impl Via<'_> {
    /// ONLY_TO_CUSTOMER of a route that comes in with these attributes.
    ///
    /// # Errors
    ///
    /// The peer must not have sent it, so it is ineligible.
    pub(super) fn only_to_customer(
        &self,
        attributes: &Attributes<'_>,
    ) -> Result<Option<Asn>, RouteLeak> {
        let received = attributes.only_to_customer();
        match self.facts.role {
            Some(role) => role.only_to_customer_in(received, self.negotiated.peer_as),
            None => Ok(received),
        }
    }
}

/// Puts a leak into the log: somebody has to mend it, here or elsewhere.
pub(super) fn report(
    peer: IpAddr,
    update: UpdateView<'_>,
    attributes: &Attributes<'_>,
    leak: RouteLeak,
) {
    let (prefixes, _) = concerned(update, attributes);
    if !prefixes.is_empty() {
        let only_to_customer = attributes.only_to_customer().map(Asn::get);
        warn!(%peer, %prefixes, only_to_customer, "the routes are not used: {leak}");
    }
}
