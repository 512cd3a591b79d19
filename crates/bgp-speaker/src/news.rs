//! What happens to peers, told at the moment it does.

use std::fmt;
use std::sync::OnceLock;

use crate::{PeerKey, SpeakerHandle};

/// Something that has happened to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerNews {
    /// There is a session with it.
    Established,
    /// The session has ended, for this reason in words.
    Down(String),
    /// The BFD session with it is up.
    BfdUp,
    /// The BFD session with it is up no longer, for this reason in words.
    BfdDown(String),
}

type Listener = Box<dyn Fn(&PeerKey, PeerNews) + Send + Sync>;

/// Who is told, if anybody is.
#[derive(Default)]
pub(crate) struct News(OnceLock<Listener>);

impl News {
    pub(crate) fn tell(&self, peer: &PeerKey, news: PeerNews) {
        if let Some(listener) = self.0.get() {
            listener(peer, news);
        }
    }
}

impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("News")
            .field(&self.0.get().is_some())
            .finish()
    }
}

impl SpeakerHandle {
    /// Has `listener` told what happens to peers, each time and in order for each
    /// peer; `false` if somebody else is told already. The peers' tasks call it, so
    /// it must not wait.
    ///
    /// [`peers`](Self::peers) shows where peers stand; what came and went in between
    /// is seen here alone.
    pub fn tell_news(&self, listener: impl Fn(&PeerKey, PeerNews) + Send + Sync + 'static) -> bool {
        self.shared.news.0.set(Box::new(listener)).is_ok()
    }
}
