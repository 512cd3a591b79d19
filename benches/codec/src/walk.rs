//! What every contender has to say of a message, so that nobody's work is left out.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A sum over everything that was walked, in whatever order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Walk {
    /// Prefixes announced and withdrawn.
    pub(crate) prefixes: u64,
    /// The sum of the prefixes' addresses, folded to 64 bits, and lengths.
    pub(crate) check: u64,
    /// The sum of the AS numbers in AS_PATH.
    pub(crate) asns: u64,
}

impl Walk {
    pub(crate) fn v4(&mut self, address: Ipv4Addr, length: u8) {
        self.prefix(u64::from(address.to_bits()), length);
    }

    pub(crate) fn v6(&mut self, address: Ipv6Addr, length: u8) {
        let bits = address.to_bits();
        // Both halves count.
        self.prefix((bits >> 64) as u64 ^ (bits as u64), length);
    }

    pub(crate) fn asn(&mut self, asn: u32) {
        self.asns = self.asns.wrapping_add(u64::from(asn));
    }

    fn prefix(&mut self, address: u64, length: u8) {
        self.prefixes += 1;
        self.check = self.check.wrapping_add((address << 8) | u64::from(length));
    }
}
