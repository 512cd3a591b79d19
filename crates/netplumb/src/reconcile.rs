//! Look, plan, apply, and look again.

use std::collections::BTreeSet;

use crate::model::Desired;
use crate::name::LinkName;
use crate::observed::Owned;
use crate::op::{Kernel, Op};
use crate::plan::plan;

/// Brings the kernel to what is desired, and says what came of it.
///
/// A change can undo another as a side effect: the kernel takes routes away
/// with the last address of a link, or secondary addresses with the first of
/// their subnet. It can also clear the way for another. So the kernel is
/// looked at again after a pass that changed something, and what is missing is
/// done, up to three passes in all.
///
/// An operation that fails does not end the pass; only what hangs on a link
/// that could not be made or set is left out. What still fails when nothing else
/// succeeds is reported and not repeated: call again when it pleases.
///
/// # Errors
///
/// When the kernel cannot be looked at. What one operation met is in the
/// [`Report`].
pub fn reconcile<K: Kernel>(
    kernel: &mut K,
    desired: &Desired,
    owned: &Owned,
) -> Result<Report<K::Error>, K::Error> {
    let mut report = Report {
        applied: 0,
        failed: Vec::new(),
        skipped: Vec::new(),
    };
    for _ in 0..PASSES {
        let ops = plan(desired, &kernel.observe()?, owned);
        if pass(kernel, ops, &mut report) == 0 {
            // All is in order, or what failed would fail again.
            break;
        }
    }
    Ok(report)
}

/// What came of a [`reconcile()`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<E> {
    /// How many operations succeeded, in all passes.
    pub applied: usize,
    /// The operations the kernel refused in the last pass, in the order they
    /// were tried.
    pub failed: Vec<(Op, E)>,
    /// The operations that were not tried in the last pass, because a link
    /// they need could not be made or set.
    pub skipped: Vec<Op>,
}

impl<E> Report<E> {
    /// Whether everything is as desired.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty()
    }
}

const PASSES: usize = 3;

/// Tries every operation once, and yields how many succeeded.
fn pass<K: Kernel>(kernel: &mut K, ops: Vec<Op>, report: &mut Report<K::Error>) -> usize {
    report.failed.clear();
    report.skipped.clear();
    let mut applied = 0;
    let mut unfit: BTreeSet<LinkName> = BTreeSet::new();
    for op in ops {
        let result = if needs(&op).any(|link| unfit.contains(link)) {
            None
        } else {
            Some(kernel.apply(&op))
        };
        if let (Op::CreateLink(link) | Op::SetLink(link), None | Some(Err(_))) = (&op, &result) {
            unfit.insert(link.name.clone());
        }
        match result {
            Some(Ok(())) => applied += 1,
            Some(Err(error)) => report.failed.push((op, error)),
            None => report.skipped.push(op),
        }
    }
    report.applied += applied;
    applied
}

/// The links an operation that adds something cannot do without.
fn needs(op: &Op) -> impl Iterator<Item = &LinkName> {
    let parent = match op {
        Op::CreateLink(link) => link.parent(),
        _ => None,
    };
    let (one, hops) = match op {
        Op::CreateLink(link) | Op::SetLink(link) => (link.master.as_ref(), None),
        Op::AddAddr(addr) => (Some(&addr.link), None),
        Op::ReplaceNeigh(neigh) => (Some(&neigh.link), None),
        Op::ReplaceNextHop(next_hop) => (next_hop.link(), None),
        Op::ReplaceRoute(route) => (None, Some(&route.next_hops)),
        _ => (None, None),
    };
    let hops = hops
        .into_iter()
        .flat_map(|hops| hops.iter())
        .filter_map(|hop| hop.link.as_ref());
    one.into_iter().chain(parent).chain(hops)
}

#[cfg(test)]
mod tests;
