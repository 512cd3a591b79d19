//! Which settings of a peer change while its session goes on.

use super::PeerSettings;

impl PeerSettings {
    /// The same peer with everything that `newer` can change while the session
    /// goes on: if the result is `newer`, the session need not end.
    pub(crate) fn updated_by(&self, newer: &Self) -> Self {
        Self {
            name: newer.name.clone(),
            next_hops: newer.next_hops,
            export: newer.export.clone(),
            import: newer.import.clone(),
            import_preference: newer.import_preference,
            ..self.clone()
        }
    }

    /// Whether a session goes on when these settings become `newer`. Changes of what is
    /// made of the peer's routes need one that can be asked for them again (RFC 2918).
    #[must_use]
    pub fn keeps_session_with(&self, newer: &Self) -> bool {
        self.updated_by(newer) == *newer
    }

    /// Whether what is made of the peer's routes is the same with `other`.
    pub(crate) fn imports_like(&self, other: &Self) -> bool {
        self.import == other.import && self.import_preference == other.import_preference
    }
}
