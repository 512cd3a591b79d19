//! The kernel of the laboratory, and how long a plugin lives to change it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use netplumb::{FakeKernel, Kernel, Observed, Op};

/// `asm-generic/errno-base.h`.
pub(super) const EPERM: i32 = 1;

/// A kernel in memory that can be looked into while the plumber has it.
#[derive(Clone, Default)]
pub(super) struct SharedKernel(pub(super) Arc<Mutex<FakeKernel>>, pub(super) Life);

impl SharedKernel {
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut FakeKernel) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    pub(super) fn links(&self) -> BTreeSet<String> {
        self.with(|kernel| {
            let ours = kernel.state().links.values();
            ours.filter(|link| link.alias.starts_with("bgplb:"))
                .map(|link| link.alias.clone())
                .collect()
        })
    }

    /// To how many addresses there are routes.
    pub(super) fn routes(&self) -> usize {
        self.with(|kernel| {
            let routes = kernel.state().routes.keys();
            routes.map(|key| key.dst).collect::<BTreeSet<_>>().len()
        })
    }
}

impl Kernel for SharedKernel {
    type Error = netplumb::Error;

    fn observe(&mut self) -> Result<Observed, Self::Error> {
        self.with(FakeKernel::observe)
    }

    fn apply(&mut self, op: &Op) -> Result<(), Self::Error> {
        self.with(|kernel| {
            if !self.1.goes_on() {
                kernel.fail(0, EPERM);
            }
            kernel.apply(op)
        })
    }
}

/// How many more changes of kernel and disk a plugin lives to see, as if it were
/// killed then; without an end by default.
#[derive(Clone, Default)]
pub(super) struct Life(Arc<Mutex<Option<u32>>>);

impl Life {
    pub(super) fn of(changes: u32) -> Self {
        Self(Arc::new(Mutex::new(Some(changes))))
    }

    /// Spends one change, if there is one left.
    pub(super) fn goes_on(&self) -> bool {
        match self.0.lock().unwrap().as_mut() {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        *self.0.lock().unwrap() == Some(0)
    }
}
