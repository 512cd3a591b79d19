//! The prefixes of one family that a peer has a candidate for, and which of
//! them it has to announce again.

use std::collections::BTreeMap;

use ipnet::IpNet;

/// Prefixes, each with the generation it was announced in.
///
/// What a peer has to repeat is marked by beginning a new generation, whatever
/// the number of prefixes; only the sweep walks over them.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    prefixes: BTreeMap<IpNet, u32>,
    generation: u32,
    /// Older prefixes are left from a session before (RFC 4724 section 4.2).
    retained_before: u32,
    /// Older prefixes were not repeated yet by a refresh (RFC 7313 section 4).
    refreshed_before: u32,
}

impl Accepted {
    pub(super) fn len(&self) -> usize {
        self.prefixes.len()
    }

    /// The peer announces it, now.
    pub(super) fn insert(&mut self, prefix: IpNet) {
        self.prefixes.insert(prefix, self.generation);
    }

    /// Says whether it was there.
    pub(super) fn remove(&mut self, prefix: &IpNet) -> bool {
        self.prefixes.remove(prefix).is_some()
    }

    /// The session is lost, and what there is has to be announced again.
    pub(super) fn retain(&mut self) {
        self.generation = self.generation.saturating_add(1);
        self.retained_before = self.generation;
        self.refreshed_before = 0;
    }

    /// The peer begins to repeat everything.
    pub(super) fn refresh(&mut self) {
        self.generation = self.generation.saturating_add(1);
        self.refreshed_before = self.generation;
    }

    /// Takes out what is left from a session before.
    pub(super) fn take_retained(&mut self) -> impl Iterator<Item = IpNet> {
        let oldest = std::mem::take(&mut self.retained_before);
        self.take_older(oldest)
    }

    /// Takes out what was not repeated.
    pub(super) fn take_unrefreshed(&mut self) -> impl Iterator<Item = IpNet> {
        let oldest = std::mem::take(&mut self.refreshed_before);
        self.take_older(oldest)
    }

    /// Takes out these.
    pub(super) fn take(
        &mut self,
        mut which: impl FnMut(&IpNet) -> bool,
    ) -> impl Iterator<Item = IpNet> {
        let gone = move |prefix: &IpNet, _: &mut u32| which(prefix);
        self.prefixes.extract_if(.., gone).map(|(prefix, _)| prefix)
    }

    /// Takes out everything.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = IpNet> + use<> {
        self.retained_before = 0;
        self.refreshed_before = 0;
        std::mem::take(&mut self.prefixes).into_keys()
    }

    /// Whoever stops asking leaves the rest in place.
    fn take_older(&mut self, than: u32) -> impl Iterator<Item = IpNet> {
        self.prefixes
            .extract_if(.., move |_, generation| *generation < than)
            .map(|(prefix, _)| prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(number: u8) -> IpNet {
        IpNet::new([10, 0, 0, number].into(), 32).unwrap()
    }

    fn with(numbers: &[u8]) -> Accepted {
        let mut accepted = Accepted::default();
        numbers.iter().for_each(|it| accepted.insert(net(*it)));
        accepted
    }

    #[test]
    fn what_was_announced_again_is_not_left_from_before() {
        let mut accepted = with(&[1, 2, 3]);
        accepted.retain();
        accepted.insert(net(2));
        accepted.insert(net(4));
        assert!(accepted.take_retained().eq([net(1), net(3)]));
        assert_eq!(accepted.len(), 2);
        assert_eq!(accepted.take_retained().count(), 0);
    }

    #[test]
    fn a_refresh_takes_what_was_not_repeated() {
        let mut accepted = with(&[1, 2]);
        assert_eq!(accepted.take_unrefreshed().count(), 0);
        accepted.refresh();
        accepted.insert(net(2));
        accepted.insert(net(3));
        assert!(accepted.take_unrefreshed().eq([net(1)]));
        assert_eq!(accepted.len(), 2);
    }

    #[test]
    fn end_of_rib_within_a_refresh_spares_what_this_session_announced() {
        let mut accepted = with(&[1]);
        accepted.retain();
        accepted.insert(net(2));
        accepted.refresh();
        assert!(accepted.take_retained().eq([net(1)]));
        assert!(accepted.take_unrefreshed().eq([net(2)]));
    }

    #[test]
    fn a_lost_session_ends_its_refresh() {
        let mut accepted = with(&[1]);
        accepted.refresh();
        accepted.retain();
        assert_eq!(accepted.take_unrefreshed().count(), 0);
        assert!(accepted.take_retained().eq([net(1)]));
    }
}
