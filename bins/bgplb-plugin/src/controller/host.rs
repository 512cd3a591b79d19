//! What of the host itself is in the way of the services.

use super::Controller;
use crate::hostcheck::{self, Families};

impl Controller {
    /// Has the host looked at, on the kernel's thread: it is in the network
    /// namespace that is meant, and files are read there without holding up
    /// anybody.
    pub(super) fn examine_host(&self) {
        let mut in_use = Families::default();
        for network in self.networks.values() {
            in_use.v4 |= network.record.v4.is_some();
            in_use.v6 |= network.record.v6.is_some();
        }
        let handle = self.handle.clone();
        self.effects.plumber.apply_then(Vec::new(), move |_| {
            let found = hostcheck::look(in_use);
            handle.tell_blocking(move |controller| {
                hostcheck::tell(&controller.findings, &found);
                controller.findings = found;
            });
        });
    }

    /// What the last look found, with the sentence for the operator.
    #[cfg(test)]
    pub(crate) const fn findings(&self) -> &std::collections::BTreeMap<hostcheck::Code, String> {
        &self.findings
    }
}
