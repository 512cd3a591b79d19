//! How many prefixes of one family a peer has a candidate for, and which of
//! them it has to announce again.

use std::mem;

/// The generations of a peer's prefixes; the learned routes keep the prefixes
/// themselves, each with the generation it was announced in.
///
/// What a peer has to repeat is marked by beginning a new generation, whatever
/// the number of prefixes; only the sweep walks over them.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    prefixes: usize,
    generation: u32,
    /// Older prefixes are left from a session before (RFC 4724 section 4.2).
    retained_before: u32,
    /// Older prefixes were not repeated yet by a refresh (RFC 7313 section 4).
    refreshed_before: u32,
}

impl Accepted {
    pub(super) const fn len(&self) -> usize {
        self.prefixes
    }

    /// Of what the peer announces now.
    pub(super) const fn generation(&self) -> u32 {
        self.generation
    }

    /// So many prefixes more have a candidate.
    pub(super) const fn add(&mut self, prefixes: usize) {
        self.prefixes += prefixes;
    }

    /// So many prefixes have lost theirs.
    pub(super) const fn remove(&mut self, prefixes: usize) {
        self.prefixes -= prefixes;
    }

    /// The session is lost, and what there is has to be announced again.
    pub(super) const fn retain(&mut self) {
        self.generation = self.generation.saturating_add(1);
        self.retained_before = self.generation;
        self.refreshed_before = 0;
    }

    /// The peer begins to repeat everything.
    pub(super) const fn refresh(&mut self) {
        self.generation = self.generation.saturating_add(1);
        self.refreshed_before = self.generation;
    }

    /// What is of an older generation was left from a session before, and goes.
    pub(super) fn end_retention(&mut self) -> u32 {
        mem::take(&mut self.retained_before)
    }

    /// What is of an older generation was not repeated, and goes.
    pub(super) fn end_refresh(&mut self) -> u32 {
        mem::take(&mut self.refreshed_before)
    }

    /// Everything goes, and nothing is left to be repeated.
    pub(super) const fn end(&mut self) {
        self.retained_before = 0;
        self.refreshed_before = 0;
    }
}

#[cfg(test)]
mod tests;
