//! The configuration read again while the speaker runs.

use std::time::SystemTime;

use bgp_speaker::{PeersChange, SpeakerConfig, SpeakerHandle};
use lb_status::EventLog;
use lb_status::model::{Event, EventKind};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info};

use crate::announcing::Announcing;
use crate::args::RunArgs;
use crate::config::Config;
use crate::withholding::Held;

/// What a new configuration is for.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) speaker: SpeakerHandle,
    pub(crate) events: EventLog,
    /// When the configuration was read last.
    pub(crate) read: watch::Sender<SystemTime>,
    /// What operators want of everything that is announced.
    pub(crate) held: watch::Sender<Held>,
}

impl Running {
    /// For this speaker, of which nothing was told yet.
    pub(crate) fn new(speaker: SpeakerHandle) -> Self {
        let events = EventLog::default();
        let message = concat!("bgplb-speaker ", env!("CARGO_PKG_VERSION"), " was started");
        events.write(Event::new(EventKind::Started, message));
        lb_status::log_peers(&speaker, &events);
        Self {
            speaker,
            events,
            read: watch::Sender::new(SystemTime::now()),
            held: watch::Sender::new(Held::default()),
        }
    }
}

/// What a new configuration meant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reloaded {
    pub(crate) peers: PeersChange,
    /// How many prefixes are announced now.
    pub(crate) prefixes: usize,
}

/// Why everything is as before, in one line.
pub(crate) type Refused = String;

type Request = oneshot::Sender<Result<Reloaded, Refused>>;

/// Has the configuration read again.
#[derive(Clone, Debug)]
pub(crate) struct ReloadHandle(mpsc::Sender<Request>);

/// Those who want that, one after the other.
#[derive(Debug)]
pub(crate) struct ReloadRequests(mpsc::Receiver<Request>);

/// Both ends.
pub(crate) fn channel() -> (ReloadHandle, ReloadRequests) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (ReloadHandle(sender), ReloadRequests(receiver))
}

impl ReloadHandle {
    /// Waits until that was done.
    pub(crate) async fn reload(&self) -> Result<Reloaded, Refused> {
        let ending = |_| "the speaker is ending".to_owned();
        let (sender, answer) = oneshot::channel();
        self.0.send(sender).await.map_err(|_| ending(()))?;
        answer.await.map_err(|_| ending(()))?
    }
}

impl ReloadRequests {
    /// The next one; waits for ever when nobody can ask any more. Cancel safe.
    pub(crate) async fn next(&mut self) -> Request {
        match self.0.recv().await {
            Some(request) => request,
            None => std::future::pending().await,
        }
    }
}

/// Reads the configuration again and brings the running speaker from the old
/// one to the new one, services apart. A file that cannot be used changes nothing.
///
/// # Errors
///
/// Why it cannot be used, after that was logged.
pub(crate) async fn reload(
    args: &RunArgs,
    config: &mut Config,
    running: &Running,
    announcing: &mut Announcing,
) -> Result<Reloaded, Refused> {
    let Running {
        speaker, events, ..
    } = running;
    let file_name = args.config.display();
    let newer = match args.load(&args.config) {
        Ok(newer) => newer.with_socket(args.socket.clone()),
        Err(unusable) => {
            for line in unusable.lines() {
                error!("{line}");
            }
            error!("{file_name} was not taken over: everything stays as it is");
            return Err(unusable.lines().collect::<Vec<_>>().join("; "));
        }
    };
    if let Some(section) = config.needs_restart(&newer) {
        let why = format!("changes of {section} need a new start of the program");
        error!("{file_name} was not taken over: {why}, everything stays as it is");
        return Err(why);
    }
    let SpeakerConfig {
        peers,
        dynamic_peers,
        ..
    } = newer.speaker.clone();
    let peers = speaker
        .set_peers(peers, dynamic_peers)
        .await
        .map_err(|error| {
            error!("{file_name} was not taken over: {error}");
            error.to_string()
        })?;
    announcing.change_listed(config.announcements_of(&newer), newer.announce.clone());
    *config = newer;
    let prefixes = speaker.announced_prefixes();
    info!(
        added = peers.added,
        removed = peers.removed,
        restarted = peers.restarted,
        updated = peers.updated,
        unchanged = peers.unchanged,
        prefixes,
        "{file_name} was read again"
    );
    let message = format!(
        "{file_name} was read again: {} peers added, {} removed, {} restarted, {} updated; \
         {prefixes} prefixes",
        peers.added, peers.removed, peers.restarted, peers.updated
    );
    events.write(Event::new(EventKind::ConfigReloaded, message));
    running.read.send_replace(SystemTime::now());
    Ok(Reloaded { peers, prefixes })
}

/// How many may wait before the next one waits to ask.
const WAITING: usize = 4;
