//! What is made of an ipvlan only if it leaves its siblings as they are.

use super::names;
use crate::error::Cause;
use crate::model::{LinkKind, LinkSpec};
use crate::netlink::socket::Connection;

impl Connection {
    /// Whether a wanted ipvlan leaves the others of its parent as they are, and
    /// is as wanted if it is there: what it has is never changed, as its
    /// siblings would change with it.
    pub(super) fn check_ipvlan(&mut self, spec: &LinkSpec) -> Result<(), Cause> {
        let LinkKind::Ipvlan(wanted) = &spec.kind else {
            return Ok(());
        };
        let links = self.links()?;
        let names = names(&links);
        let links: Vec<_> = links.iter().filter_map(|it| it.resolve(&names)).collect();
        let there = links.iter().find(|(name, _)| *name == spec.name);
        if there.is_some_and(|(_, there)| !there.kind.satisfies(&spec.kind)) {
            let text =
                "an ipvlan of that name has another parent or mode and would have to be made anew";
            return Err(Cause::Misuse(text));
        }
        wanted.check(links.iter().map(|(name, link)| (name, link)))?;
        Ok(())
    }
}
