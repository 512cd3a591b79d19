//! A look at what goes over the connections, for whom it interests.
//!
//! Nobody who listens costs a peer more than a load of one flag; who listens
//! and does not keep up misses octets, and holds up nobody.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{PeerKey, SpeakerHandle};

/// Octets that may wait for one listener; more are lost to it.
const LIMIT: usize = 4 * 1024 * 1024;

/// Which way octets went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the peer to us.
    Received,
    /// From us to the peer.
    Sent,
}

/// Octets of one connection, as the kernel gave or took them: messages may
/// begin in one piece and end in another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Piece {
    /// When.
    pub at: SystemTime,
    /// Whose connection it is.
    pub peer: PeerKey,
    /// Our end.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
    /// Which way they went.
    pub direction: Direction,
    /// The octets.
    pub octets: Bytes,
}

/// Listens to the connections of one peer, or of all, until it is dropped.
#[derive(Debug)]
pub struct Tap {
    pieces: mpsc::UnboundedReceiver<Piece>,
    backlog: Arc<Backlog>,
}

impl Tap {
    /// The next piece; `None` once the speaker has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<Piece> {
        let piece = self.pieces.recv().await?;
        let waiting = &self.backlog.waiting;
        waiting.fetch_sub(piece.octets.len(), Ordering::Relaxed);
        Some(piece)
    }

    /// How many octets were lost because too many waited to be taken. After a
    /// loss a piece may begin in the middle of a message.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.backlog.lost.load(Ordering::Relaxed)
    }
}

impl SpeakerHandle {
    /// Listens to what is exchanged with a peer from now on; with all peers if
    /// none is named. A listener holds at most some megabytes: what it does
    /// not take in time it loses.
    #[must_use]
    pub fn tap(&self, peer: Option<PeerKey>) -> Tap {
        self.shared.taps.listen(peer)
    }
}

/// What waits for a listener, and what it lost.
#[derive(Debug, Default)]
struct Backlog {
    waiting: AtomicUsize,
    lost: AtomicU64,
}

#[derive(Debug)]
struct Listener {
    peer: Option<PeerKey>,
    pieces: mpsc::UnboundedSender<Piece>,
    backlog: Arc<Backlog>,
}

/// Everybody who listens.
#[derive(Debug, Default)]
pub(crate) struct Taps {
    any: AtomicBool,
    listeners: Mutex<Vec<Listener>>,
}

impl Taps {
    fn listen(&self, peer: Option<PeerKey>) -> Tap {
        let (sender, pieces) = mpsc::unbounded_channel();
        let backlog = Arc::new(Backlog::default());
        let mut listeners = self.listeners();
        listeners.push(Listener {
            peer,
            pieces: sender,
            backlog: Arc::clone(&backlog),
        });
        self.any.store(true, Ordering::Relaxed);
        drop(listeners);
        Tap { pieces, backlog }
    }

    /// Shows `octets` to those who listen to `ends`.
    pub(crate) fn show(&self, ends: &Ends, direction: Direction, octets: &[u8]) {
        if !self.any.load(Ordering::Relaxed) {
            return;
        }
        let at = SystemTime::now();
        let mut copy = None;
        let mut listeners = self.listeners();
        listeners.retain(|it| !it.pieces.is_closed());
        for listener in listeners.iter().filter(|it| it.wants(&ends.peer)) {
            let backlog = &listener.backlog;
            let waiting = backlog.waiting.fetch_add(octets.len(), Ordering::Relaxed);
            if waiting + octets.len() > LIMIT {
                backlog.waiting.fetch_sub(octets.len(), Ordering::Relaxed);
                let lost = u64::try_from(octets.len()).unwrap_or(u64::MAX);
                backlog.lost.fetch_add(lost, Ordering::Relaxed);
                continue;
            }
            let octets = copy.get_or_insert_with(|| Bytes::copy_from_slice(octets));
            // Who has gone since is forgotten the next time.
            let _ = listener.pieces.send(Piece {
                at,
                peer: ends.peer.clone(),
                local: ends.local,
                remote: ends.remote,
                direction,
                octets: octets.clone(),
            });
        }
        if listeners.is_empty() {
            self.any.store(false, Ordering::Relaxed);
        }
    }

    /// No more will come.
    pub(crate) fn close(&self) {
        self.listeners().clear();
    }

    fn listeners(&self) -> std::sync::MutexGuard<'_, Vec<Listener>> {
        let guard = self.listeners.lock();
        guard.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    fn wants(&self, peer: &PeerKey) -> bool {
        self.peer.as_ref().is_none_or(|wanted| wanted == peer)
    }
}

/// The ends of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    pub(crate) peer: PeerKey,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn ends(last: u8) -> Ends {
        let address = IpAddr::from([192, 0, 2, last]);
        Ends {
            peer: PeerKey::new(address, None),
            local: ([192, 0, 2, 1], 179).into(),
            remote: (address, 50_000).into(),
        }
    }

    #[tokio::test]
    async fn a_listener_gets_what_concerns_its_peer() {
        let taps = Taps::default();
        taps.show(&ends(2), Direction::Sent, b"before");
        let mut one = taps.listen(Some(ends(2).peer));
        let mut all = taps.listen(None);
        taps.show(&ends(2), Direction::Sent, b"two");
        taps.show(&ends(3), Direction::Received, b"three");
        taps.close();
        assert_eq!(one.next().await.unwrap().octets, "two");
        assert_eq!(one.next().await, None);
        assert_eq!(all.next().await.unwrap().direction, Direction::Sent);
        assert_eq!(all.next().await.unwrap().peer, ends(3).peer);
        assert_eq!(all.next().await, None);
    }

    #[tokio::test]
    async fn a_listener_that_takes_nothing_loses_octets_and_holds_no_more_than_its_limit() {
        let taps = Taps::default();
        let mut slow = taps.listen(None);
        let piece = vec![0; LIMIT / 4];
        for _ in 0..6 {
            taps.show(&ends(2), Direction::Sent, &piece);
        }
        assert_eq!(slow.lost(), (LIMIT / 2) as u64);
        assert_eq!(slow.next().await.unwrap().octets.len(), LIMIT / 4);
        taps.show(&ends(2), Direction::Sent, &piece);
        assert_eq!(slow.lost(), (LIMIT / 2) as u64, "there is room again");
    }

    #[test]
    fn who_has_gone_is_forgotten() {
        let taps = Taps::default();
        drop(taps.listen(None));
        assert!(taps.any.load(Ordering::Relaxed));
        taps.show(&ends(2), Direction::Sent, b"nobody hears it");
        assert!(!taps.any.load(Ordering::Relaxed));
    }
}
