//! What was freed is given back to the machine: one of the few places with `unsafe`.

/// Knows when so much was freed that it is worth while to look for it.
///
/// The allocator keeps what is freed between things that are still there, and
/// tables of many small things leave little else. Looking for whole pages takes
/// time in proportion to all of them, so that is done only when three of four
/// routes have gone since the last time: per route it costs next to nothing.
#[derive(Debug, Default)]
pub(crate) struct Heap {
    /// The most routes there were since.
    most: usize,
}

impl Heap {
    /// There are so many routes now.
    pub(crate) fn note(&mut self, routes: usize) {
        if self.is_worth_it(routes) {
            trim();
        }
    }

    fn is_worth_it(&mut self, routes: usize) -> bool {
        self.most = self.most.max(routes);
        let worth = self.most >= FEW && routes <= self.most / 4;
        if worth {
            self.most = routes;
        }
        worth
    }
}

/// Other allocators than glibc's do so by themselves, or not at all.
#[cfg(target_env = "gnu")]
fn trim() {
    // SAFETY: it takes a number and touches nothing that is in use.
    let released = unsafe { libc::malloc_trim(0) };
    tracing::debug!(released, "freed memory was given back");
}

#[cfg(not(target_env = "gnu"))]
fn trim() {}

/// Fewer routes than this are not worth a look: about a megabyte.
const FEW: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_looked_for_as_often_as_the_table_has_shrunk_to_a_quarter() {
        let mut heap = Heap::default();
        let mut times = |routes: &mut dyn Iterator<Item = usize>| {
            routes.filter(|routes| heap.is_worth_it(*routes)).count()
        };
        assert_eq!(times(&mut (0..1_000_000)), 0);
        // A table that only swings is left alone.
        let swing = (0..100).flat_map(|_| [1_000_000, 300_000]);
        assert_eq!(times(&mut swing.into_iter()), 0);
        // 250,000, 62,500, 15,625 and 3,906; what is left is little.
        assert_eq!(times(&mut (0..1_000_000).rev()), 4);
        assert_eq!(times(&mut (0..9_999).chain((0..9_999).rev())), 0);
    }
}
