//! Changes of who the peers are, asked of a speaker that runs.

use tokio::sync::{mpsc, oneshot};

use crate::roster::Request;
use crate::{ConfigError, DynamicPeers, PeerKey, PeerSettings, SpeakerHandle};

/// What a new list of peers means for those that were there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeersChange {
    /// Peers that were not there before.
    pub added: usize,
    /// Peers that are there no more.
    pub removed: usize,
    /// Peers whose session ends for their new settings and begins anew.
    pub restarted: usize,
    /// Peers that took their new settings without losing the session.
    pub updated: usize,
    /// Peers whose settings are the same as before.
    pub unchanged: usize,
}

/// Why the peers are as before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// What was asked for cannot be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is nobody left to change anything.
    #[error("the speaker has ended")]
    Ended,
}

/// Waits for the speaker's answer. All of these wait until the speaker runs,
/// and then for moments only: what a session's end takes happens later.
impl SpeakerHandle {
    /// Makes these the peers, whoever they were before.
    ///
    /// A peer with the settings it had is not touched. Name, next hops and
    /// [`Export`](crate::Export) change while the session goes on, and what
    /// they change is announced again; so does [`Import`](crate::Import), with
    /// the preference, where the peer can be asked for its routes again (RFC
    /// 2918). For other changes the session ends with Cease / Other
    /// Configuration Change and begins anew. A peer that is no longer wanted
    /// hears Cease / Peer De-configured.
    ///
    /// # Errors
    ///
    /// The first thing wrong with the lists; then nothing has changed.
    pub async fn set_peers(
        &self,
        peers: Vec<PeerSettings>,
        dynamic_peers: Vec<DynamicPeers>,
    ) -> Result<PeersChange, ChangeError> {
        let change = |answer| Request::SetPeers {
            peers,
            dynamic_peers,
            answer,
        };
        Ok(ask(&self.requests, change).await??)
    }

    /// Takes one more peer.
    ///
    /// # Errors
    ///
    /// What is wrong with its settings, or that it is there already.
    pub async fn add_peer(&self, settings: PeerSettings) -> Result<(), ChangeError> {
        let settings = Box::new(settings);
        let change = |answer| Request::AddPeer { settings, answer };
        Ok(ask(&self.requests, change).await??)
    }

    /// Ends the session with one peer for good, and says whether it was there.
    ///
    /// # Errors
    ///
    /// The speaker has ended.
    pub async fn remove_peer(&self, key: PeerKey) -> Result<bool, ChangeError> {
        ask(&self.requests, |answer| Request::RemovePeer { key, answer }).await
    }
}

async fn ask<T>(
    requests: &mpsc::Sender<Request>,
    request: impl FnOnce(oneshot::Sender<T>) -> Request,
) -> Result<T, ChangeError> {
    let (sender, answer) = oneshot::channel();
    let sent = requests.send(request(sender)).await;
    sent.map_err(|_| ChangeError::Ended)?;
    answer.await.map_err(|_| ChangeError::Ended)
}
