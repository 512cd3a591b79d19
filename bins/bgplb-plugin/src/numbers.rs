//! Numbers for networks and endpoints, from which those of their next hops and
//! their next hops' addresses follow.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use netplumb::{NextHopId, Observed, Owned};
use serde::{Deserialize, Serialize};

use crate::instance::Instance;

/// The numbers of our next hops in the kernel begin here.
const BASE: u32 = 0x4247_0000;

/// How many next hops one number may have.
const EACH: u32 = 4;

/// What a network or an endpoint is numbered by, for as long as it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub(crate) struct Number(u16);

impl Number {
    #[cfg(test)]
    pub(crate) const FIRST: Self = Self(0);

    const LAST: u16 = 0x3fff;

    /// The next hop of a family: an endpoint's own, or a network's group.
    pub(crate) fn next_hop(self, v6: bool) -> NextHopId {
        self.nth(u32::from(v6))
    }

    /// The next hop that makes up the second in a network's IPv4 group.
    pub(crate) fn companion(self) -> NextHopId {
        self.nth(2)
    }

    fn nth(self, n: u32) -> NextHopId {
        NextHopId::new(BASE + u32::from(self.0) * EACH + n)
    }

    /// Whose next hop has this number.
    pub(crate) fn of(next_hop: NextHopId) -> Option<Self> {
        let above = next_hop.get().checked_sub(BASE)?;
        Self::try_from(u16::try_from(above / EACH).ok()?).ok()
    }

    /// The address by which the host tells containers apart that all hold the
    /// same one: link-local, and known to nobody else.
    pub(crate) fn gateway(self, v6: bool) -> IpAddr {
        if v6 {
            // Of its interface identifier the universal bit is off, as befits
            // one that no hardware has (RFC 4291 section 2.5.1).
            return Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xb6, 0x1b, self.0).into();
        }
        // 169.254.0.0/24 and 169.254.255.0/24 are reserved (RFC 3927 section
        // 2.1).
        let [high, low] = (self.0 + 0x100).to_be_bytes();
        Ipv4Addr::new(169, 254, high, low).into()
    }

    /// The address by which a network's containers reach the host: link-local,
    /// and none that [`gateway`](Self::gateway) gives.
    pub(crate) fn host(self, v6: bool) -> IpAddr {
        if v6 {
            return Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xb6, 0x1c, self.0).into();
        }
        // Behind those of all gateways, and before 169.254.169.254, where clouds
        // answer.
        let [high, low] = (self.0 + 0x100 + Self::LAST + 1).to_be_bytes();
        Ipv4Addr::new(169, 254, high, low).into()
    }
}

impl TryFrom<u16> for Number {
    type Error = String;

    fn try_from(number: u16) -> Result<Self, Self::Error> {
        if number > Self::LAST {
            return Err(format!("{number} is no number from 0 to {}", Self::LAST));
        }
        Ok(Self(number))
    }
}

impl From<Number> for u16 {
    fn from(number: Number) -> Self {
        number.0
    }
}

/// The numbers of all our next hops.
pub(crate) fn next_hop_ids() -> RangeInclusive<NextHopId> {
    NextHopId::new(BASE)..=NextHopId::new(BASE + (u32::from(Number::LAST) + 1) * EACH - 1)
}

/// The numbers that are taken.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    taken: BTreeSet<Number>,
    /// Where the search for a free one begins.
    start: u16,
}

impl Numbers {
    /// Those of an instance beside what others have in the kernel.
    pub(crate) fn beside(observed: &Observed, owned: &Owned, instance: Instance) -> Self {
        let mut numbers = Self::of_instance(instance);
        numbers.avoid(observed, owned);
        numbers
    }

    /// Numbers from a place of the instance's own on, so that several plugins
    /// of a host do not take the same.
    fn of_instance(instance: Instance) -> Self {
        Self {
            taken: BTreeSet::new(),
            start: instance.below(Number::LAST),
        }
    }

    /// Takes one that is known; `false` if it is taken already.
    pub(crate) fn insert(&mut self, number: Number) -> bool {
        self.taken.insert(number)
    }

    /// Takes those of the next hops that are there and not `owned`: another
    /// plugin's, or those of a state that was lost.
    fn avoid(&mut self, observed: &Observed, owned: &Owned) {
        let foreign = observed.next_hops.values();
        for it in foreign.filter(|it| !owned.owns_next_hop(observed, it)) {
            self.taken.extend(Number::of(it.id));
        }
    }

    /// Takes the first that is free; `None` when all are taken.
    pub(crate) fn take(&mut self) -> Option<Number> {
        let free = self.free(self.start..=Number::LAST);
        let number = Number(free.or_else(|| self.free(0..=self.start))?);
        self.taken.insert(number);
        Some(number)
    }

    fn free(&self, among: RangeInclusive<u16>) -> Option<u16> {
        let (first, last) = among.clone().into_inner();
        let taken = self.taken.range(Number(first)..=Number(last));
        let taken_in_a_row = taken.zip(among.clone()).take_while(|(it, n)| it.0 == *n);
        among.into_iter().nth(taken_in_a_row.count())
    }

    /// Gives one back.
    pub(crate) fn release(&mut self, number: Option<Number>) {
        if let Some(number) = number {
            self.taken.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BASE, Number, Numbers, next_hop_ids};

    #[test]
    fn numbers_are_the_lowest_free_ones_and_end() {
        let mut numbers = Numbers::default();
        let taken: Vec<_> = (0..3).map(|_| numbers.take().unwrap().0).collect();
        assert_eq!(taken, [0, 1, 2]);
        numbers.release(Some(Number(1)));
        assert_eq!(numbers.take(), Some(Number(1)));
        assert!(!numbers.insert(Number(1)));
        for number in 3..=Number::LAST {
            assert!(numbers.insert(Number(number)));
        }
        assert_eq!(numbers.take(), None);
    }

    #[test]
    fn numbers_begin_where_the_instance_says_and_go_round() {
        let mut numbers = Numbers::of_instance("0000fffe".parse().unwrap());
        let taken: Vec<_> = (0..3).map(|_| numbers.take().unwrap().0).collect();
        assert_eq!(taken, [Number::LAST - 1, Number::LAST, 0]);
        let rest = std::iter::from_fn(|| numbers.take()).count();
        assert_eq!(rest, usize::from(Number::LAST) + 1 - 3);
    }

    #[test]
    fn everything_that_follows_from_a_number_is_its_own() {
        let all = [0, 1, 255, 256, Number::LAST].map(Number);
        let ids = all.iter().flat_map(|it| {
            let plain = [it.next_hop(false), it.next_hop(true)];
            plain.into_iter().chain([it.companion()])
        });
        let ids: Vec<_> = ids.collect();
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        assert!(ids.iter().all(|id| next_hop_ids().contains(id)));
        assert_eq!(next_hop_ids().end().get(), BASE + 0xffff);
        let gateways: Vec<_> = all.iter().map(|it| it.gateway(false).to_string()).collect();
        let text = "169.254.1.0 169.254.1.1 169.254.1.255 169.254.2.0 169.254.64.255";
        assert_eq!(gateways.join(" "), text);
        assert_eq!(Number(7).gateway(true).to_string(), "fe80::b6:1b:7");
        let hosts: Vec<_> = all.iter().map(|it| it.host(false).to_string()).collect();
        let text = "169.254.65.0 169.254.65.1 169.254.65.255 169.254.66.0 169.254.128.255";
        assert_eq!(hosts.join(" "), text);
        assert_eq!(Number(7).host(true).to_string(), "fe80::b6:1c:7");
    }
}
