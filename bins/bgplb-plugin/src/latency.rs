//! How long Docker's news, drains among them, take to the wire: from their arrival until
//! the kernel has taken the UPDATE for the last peer.

use std::time::{Duration, Instant};

use bgp_speaker::{RibVersion, SpeakerHandle};
use lb_status::Latency;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long a peer that does not read is waited for; it counts as that long.
const LIMIT: Duration = Duration::from_secs(30);

/// Changes that may be on their way at once; further ones are not measured.
const UNDER_WAY: usize = 256;

/// Where changes are noted as they are handed to the peers.
#[derive(Clone, Debug)]
pub(crate) struct Stopwatch(mpsc::Sender<Change>);

/// What was measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies {
    pub(crate) announced: Latency,
    pub(crate) withdrawn: Latency,
}

/// A change on its way.
#[derive(Debug)]
struct Change {
    since: Instant,
    version: RibVersion,
    withdrawal: bool,
}

/// Waits until changes have left.
pub(crate) struct LatencyTask {
    changes: mpsc::Receiver<Change>,
    speaker: SpeakerHandle,
    latencies: Latencies,
}

impl Stopwatch {
    /// What was heard of `since` has become this version of what is announced.
    pub(crate) fn note(&self, since: Instant, version: RibVersion, withdrawal: bool) {
        // Nobody waits for a measurement.
        let _ = self.0.try_send(Change {
            since,
            version,
            withdrawal,
        });
    }
}

impl LatencyTask {
    pub(crate) fn new(speaker: SpeakerHandle) -> (Self, Stopwatch, Latencies) {
        let (to, changes) = mpsc::channel(UNDER_WAY);
        let latencies = Latencies::default();
        let task = Self {
            changes,
            speaker,
            latencies: latencies.clone(),
        };
        (task, Stopwatch(to), latencies)
    }

    /// Measures until cancelled.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let measuring = async {
            while let Some(change) = self.changes.recv().await {
                let told = |peer: &bgp_speaker::PeerStatus| peer.negotiated.is_some();
                if !self.speaker.peers().borrow().iter().any(told) {
                    // There is nobody to hear of it.
                    continue;
                }
                // Versions come in their order, so none waits for a later one.
                let flushed = self.speaker.flushed(change.version);
                let _ = timeout(LIMIT, flushed).await;
                let latency = match change.withdrawal {
                    true => &self.latencies.withdrawn,
                    false => &self.latencies.announced,
                };
                latency.observe(change.since.elapsed());
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = measuring => {}
        }
    }
}
