//! Which session a packet belongs to (RFC 5880 section 6.3).

use std::collections::BTreeMap;

use crate::hops::{Arrival, Path};
use crate::io::Discard;
use crate::jitter::Jitter;
use crate::number::Discriminator;
use crate::packet::ControlPacket;

/// The sessions of one system, each with whatever the driver keeps for it.
///
/// A packet that names a session belongs to it; one that names none belongs
/// to the session whose [`Path`] it came by.
#[derive(Debug)]
pub struct Sessions<T> {
    sessions: BTreeMap<Discriminator, (Path, T)>,
    by_path: BTreeMap<Path, Discriminator>,
    numbers: Jitter,
}

impl<T> Sessions<T> {
    /// No sessions. Discriminators follow from `seed`, which should differ
    /// from run to run, so that packets for an earlier run are not believed.
    pub const fn new(seed: u64) -> Self {
        Self {
            sessions: BTreeMap::new(),
            by_path: BTreeMap::new(),
            numbers: Jitter::new(seed),
        }
    }

    /// Adds what `make` makes for a discriminator of its own.
    ///
    /// # Errors
    ///
    /// A session exists that packets of this one could belong to as well.
    pub fn insert(
        &mut self,
        path: Path,
        make: impl FnOnce(Discriminator) -> T,
    ) -> Result<Discriminator, PathTaken> {
        if let Some((other, _)) = self.rival(&path) {
            return Err(PathTaken(other));
        }
        let discriminator = loop {
            let number = u32::try_from(self.numbers.next() >> 32).unwrap_or(0);
            let free = |d: &Discriminator| !self.sessions.contains_key(d);
            if let Some(discriminator) = Discriminator::new(number).filter(free) {
                break discriminator;
            }
        };
        let session = (path, make(discriminator));
        self.sessions.insert(discriminator, session);
        self.by_path.insert(path, discriminator);
        Ok(discriminator)
    }

    /// A session that packets by `path` could belong to as well.
    pub fn rival(&self, path: &Path) -> Option<(Path, Discriminator)> {
        // Paths are ordered by the peer's address first.
        self.by_path
            .range(Path::first_of(path.remote)..)
            .take_while(|(other, _)| other.remote == path.remote)
            .find(|(other, _)| overlap(other, path))
            .map(|(other, discriminator)| (*other, *discriminator))
    }

    /// Takes a session out.
    pub fn remove(&mut self, discriminator: Discriminator) -> Option<T> {
        let (path, session) = self.sessions.remove(&discriminator)?;
        self.by_path.remove(&path);
        Some(session)
    }

    /// One session.
    pub fn get_mut(&mut self, discriminator: Discriminator) -> Option<&mut T> {
        self.sessions.get_mut(&discriminator).map(|(_, it)| it)
    }

    /// All sessions, in the order of their discriminators.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Discriminator, &mut T)> {
        self.sessions.iter_mut().map(|(d, (_, it))| (*d, it))
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// The session that a packet belongs to.
    ///
    /// # Errors
    ///
    /// There is none: the packet is to be discarded (RFC 5880 section 6.8.6).
    pub fn find(&mut self, packet: &ControlPacket, arrival: &Arrival) -> Result<&mut T, Discard> {
        let (discriminator, unknown) = match packet.your_discriminator {
            Some(yours) => (Some(yours), Discard::UnknownDiscriminator(yours)),
            None => (self.by_arrival(arrival), Discard::UnknownPath),
        };
        discriminator
            .and_then(|discriminator| self.get_mut(discriminator))
            .ok_or(unknown)
    }

    fn by_arrival(&self, arrival: &Arrival) -> Option<Discriminator> {
        // Paths are ordered by the peer's address first.
        self.by_path
            .range(Path::first_of(arrival.source)..)
            .take_while(|(path, _)| path.remote == arrival.source)
            .find(|(path, _)| path.matches(arrival))
            .map(|(_, discriminator)| *discriminator)
    }
}

/// A packet without Your Discriminator could belong to two sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a BFD session with {} exists already", .0.remote)]
pub struct PathTaken(pub Path);

/// Whether some packet could have come by both.
fn overlap(one: &Path, other: &Path) -> bool {
    fn meet<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
        one.is_none() || other.is_none() || one == other
    }
    one.remote == other.remote
        && one.hops.port() == other.hops.port()
        && meet(one.local, other.local)
        && meet(one.interface, other.interface)
}
