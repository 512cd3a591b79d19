//! BFD with peers (RFC 5880, 5881, 5882, 5883): settings, status, and the way
//! to the driver's thread.

#[allow(unsafe_code)]
mod datagram;
mod driver;
#[allow(unsafe_code)]
mod priority;
mod receivers;
mod sender;

use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bfd::{ConfigError, DownReason, Hops, Parameters, Path, State, Timing};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::driver::Driver;

/// How BFD is spoken with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BfdSettings {
    /// How often we would like to send, 1 ms or more.
    pub min_tx: Duration,
    /// How often we can receive, 1 ms or more.
    pub min_rx: Duration,
    /// How many packets in a row may be lost; not zero.
    pub multiplier: u8,
    /// Whether the peer is behind routers (RFC 5883). Over a single hop
    /// (RFC 5881) only packets that were not forwarded are believed.
    pub multihop: bool,
}

impl Default for BfdSettings {
    /// Over a single hop, every 300 ms, three packets.
    fn default() -> Self {
        let timing = Timing::default();
        Self {
            min_tx: timing.desired_min_tx(),
            min_rx: timing.required_min_rx(),
            multiplier: timing.multiplier(),
            multihop: false,
        }
    }
}

impl BfdSettings {
    /// Both intervals and how many packets may be lost.
    #[must_use]
    pub const fn every(mut self, interval: Duration, multiplier: u8) -> Self {
        self.min_tx = interval;
        self.min_rx = interval;
        self.multiplier = multiplier;
        self
    }

    /// Finds a peer behind routers.
    #[must_use]
    pub const fn multihop(mut self) -> Self {
        self.multihop = true;
        self
    }

    /// The times, if they are possible.
    pub(crate) fn timing(&self) -> Result<Timing, ConfigError> {
        Timing::new(self.min_tx, self.min_rx, self.multiplier)
    }

    const fn hops(&self) -> Hops {
        if self.multihop {
            Hops::Multi { min_ttl: 0 }
        } else {
            Hops::Single
        }
    }
}

/// The BFD session with a peer at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BfdStatus {
    /// Where it stands.
    pub state: State,
    /// Since when it stands there.
    pub since: SystemTime,
    /// What follows from what both sides want.
    pub parameters: Parameters,
    /// Why it last left Up, and when.
    pub last_down: Option<(SystemTime, DownReason)>,
    /// How often the path was found broken.
    pub failures: u64,
    /// What keeps us from speaking BFD at all.
    pub problem: Option<String>,
}

impl BfdStatus {
    fn new() -> Self {
        Self {
            state: State::Down,
            since: SystemTime::now(),
            parameters: Parameters {
                transmit_interval: None,
                detection_time: None,
            },
            last_down: None,
            failures: 0,
            problem: None,
        }
    }
}

/// What a session is asked for with.
#[derive(Debug)]
struct Request {
    path: Path,
    timing: Timing,
    status: watch::Sender<BfdStatus>,
}

/// The way to the one driver of a speaker, whose thread starts with the first
/// session.
#[derive(Debug, Default)]
pub(crate) struct Bfd {
    running: Mutex<Option<Running>>,
}

#[derive(Clone, Debug)]
struct Running {
    requests: mpsc::Sender<Request>,
    ended: CancellationToken,
}

impl Bfd {
    /// Starts a session, which lasts until the receiver is dropped. The peer
    /// is then told that this is no failure.
    ///
    /// # Errors
    ///
    /// There is no thread to be had, the settings are not possible, or the
    /// driver has ended.
    pub(crate) async fn session(
        &self,
        settings: &BfdSettings,
        remote: IpAddr,
        local: Option<IpAddr>,
    ) -> io::Result<watch::Receiver<BfdStatus>> {
        let requests = self.running()?.requests;
        let (status, receiver) = watch::channel(BfdStatus::new());
        let request = Request {
            path: Path {
                remote: remote.to_canonical(),
                local: local.map(|local| local.to_canonical()),
                interface: None,
                hops: settings.hops(),
            },
            timing: settings.timing().map_err(io::Error::other)?,
            status,
        };
        let ended = |_| io::Error::other("the BFD thread has ended");
        requests.send(request).await.map_err(ended)?;
        Ok(receiver)
    }

    /// Ends every session and waits until the peers were told.
    pub(crate) async fn stop(&self) {
        let running = self.lock().take();
        if let Some(Running { requests, ended }) = running {
            drop(requests);
            ended.cancelled().await;
        }
    }

    fn running(&self) -> io::Result<Running> {
        let mut running = self.lock();
        if let Some(running) = running.as_ref() {
            return Ok(running.clone());
        }
        let (requests, inbox) = mpsc::channel(INBOX);
        let ended = CancellationToken::new();
        Driver::start(inbox, ended.clone().drop_guard())?;
        Ok(running.insert(Running { requests, ended }).clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Requests that may wait for the driver.
const INBOX: usize = 64;
