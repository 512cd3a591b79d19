//! The kernel's table compared with what it should be, and corrected.

use ipnet::IpNet;
use netplumb::{IpFamily, Kernel, RouteChange};
use tracing::{debug, warn};

use super::{Outcome, Routes};

/// What came of a pass.
#[derive(Debug)]
struct Pass<E> {
    applied: usize,
    refused: usize,
    first: Option<E>,
}

impl<K: Kernel> Routes<K> {
    /// Compares the whole table with what it should be and corrects it.
    ///
    /// A correction can clear the way for another, so the kernel is looked at
    /// again after a pass that has changed something, up to three in all.
    pub(crate) fn repair(&mut self) -> Outcome {
        let mut applied = 0;
        let mut passes = 0;
        loop {
            let pass = match self.pass() {
                Ok(pass) => pass,
                Err(error) => {
                    warn!("{error}");
                    return Outcome::Incomplete;
                }
            };
            applied += pass.applied;
            passes += 1;
            // All is in order, or what was refused would be refused again.
            if pass.applied == 0 || passes == PASSES {
                return told(applied, &pass);
            }
        }
    }

    fn pass(&mut self) -> Result<Pass<K::Error>, K::Error> {
        let mut pass = Pass {
            applied: 0,
            refused: 0,
            first: None,
        };
        let mut unwanted = Vec::new();
        for family in IpFamily::ALL {
            unwanted.push(self.compare(family)?);
        }
        // What is missing comes before the others go, so that a destination
        // that moves from one route to another is reachable all the time.
        for family in IpFamily::ALL {
            self.correct(family, &mut pass);
        }
        for piece in unwanted.iter().flat_map(|all| all.chunks(PIECE)) {
            let steps = piece
                .iter()
                .map(|it| RouteChange::Delete(self.place.key(*it)));
            self.carry_out(&steps.collect::<Vec<_>>(), &mut pass);
        }
        Ok(pass)
    }

    /// Marks what the kernel has, and yields what it should not have.
    fn compare(&mut self, family: IpFamily) -> Result<Vec<IpNet>, K::Error> {
        let Self {
            kernel,
            place,
            book,
            sources,
            ..
        } = self;
        let mut unwanted = Vec::new();
        kernel.visit_routes(*place, family, &mut |route| {
            let Some(route) = route else {
                unwanted.clear();
                return book.mark_all(family, |marks| {
                    marks.seen = false;
                    marks.right = false;
                });
            };
            let Some((next_hops, marks)) = book.get(&route.dst) else {
                return unwanted.push(route.dst);
            };
            // Of several with one key the kernel uses, and shows, one first.
            if !marks.seen {
                // What nobody confirmed stays as it was left.
                let right = marks.inherited
                    || super::spec(*place, *sources, route.dst, next_hops.clone())
                        .satisfied_by(&route);
                book.mark(&route.dst, |marks| {
                    marks.seen = true;
                    marks.right = right;
                });
            }
        })?;
        book.mark_all(family, |marks| marks.in_kernel = marks.seen);
        Ok(unwanted)
    }

    /// Makes what the kernel does not have as it should be.
    fn correct(&mut self, family: IpFamily, pass: &mut Pass<K::Error>) {
        let mut last = None;
        loop {
            let wrong = self.book.not_right(family, last, PIECE);
            let Some((prefix, ..)) = wrong.last() else {
                return;
            };
            last = Some(*prefix);
            let steps = wrong.into_iter();
            let steps = steps
                .map(|(prefix, next_hops, marks)| self.step(prefix, next_hops, marks.in_kernel));
            self.carry_out(&steps.collect::<Vec<_>>(), pass);
        }
    }

    fn carry_out(&mut self, steps: &[RouteChange], pass: &mut Pass<K::Error>) {
        let results = self.kernel.change_routes(steps);
        for (step, result) in steps.iter().zip(results) {
            match result {
                Ok(()) => {
                    pass.applied += 1;
                    self.note(step);
                }
                Err(error) => {
                    debug!("{error}");
                    pass.refused += 1;
                    pass.first.get_or_insert(error);
                }
            }
        }
    }
}

fn told<E: std::error::Error>(applied: usize, last: &Pass<E>) -> Outcome {
    if applied > 0 {
        debug!(operations = applied, "routes corrected");
    }
    match &last.first {
        None => Outcome::Complete,
        Some(error) => {
            warn!(routes = last.refused, "not installed; the first: {error}");
            Outcome::Incomplete
        }
    }
}

const PASSES: usize = 3;

/// How many corrections are made at once.
const PIECE: usize = 256;
