//! Puts the parts together, starts them, and ends them in order: withdraw,
//! let that leave, say goodbye.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bgp_speaker::{
    LocalAddresses, NextHops, PeerSettings, Restarting, Secret, Speaker, SpeakerConfig,
    SpeakerHandle,
};
use bgp_wire::{Asn, BgpIdentifier};
use docker_plugin_api as api;
use healthwatch::{DockerClient, DockerConfig, DockerWatch};
use lb_status::model::{Event, EventKind};
use lb_status::{EventLog, Source as _};
use netplumb::Netlink;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::addresses;
use crate::args::{Args, docker_socket};
use crate::background::Background;
use crate::controller::addresses::Addresses;
use crate::controller::{Beginning, Controller, Effects, Handle, Policy};
use crate::datapath::{self, Spread};
use crate::driver::Driver;
use crate::ipam::Ipam;
use crate::kernel_news;
use crate::latency::LatencyTask;
use crate::numbers::Numbers;
use crate::options::Site;
use crate::plumber::Plumber;
use crate::reload::Reloader;
use crate::resume;
use crate::settings::{Scope, Settings, StopAction};
use crate::status::{self, PluginSource};
use crate::steering::PluginSteering;
use crate::stopper::StopperTask;
use crate::store::Store;

/// How long one answer of Docker's may take.
const DOCKER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the end may take: Docker kills after ten seconds.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Runs the plugin until it is told to stop.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<()> {
    for warning in &settings.warnings {
        warn!("{warning}");
    }
    // Docker waits for the socket, so it comes first; requests queue on it
    // until they are served.
    let listener = listener(&args)?;
    let state_dir = args.state_dir();
    let (state, instance) = resume::state(&state_dir)?;
    let doors = status::open(&settings, &state_dir)?;
    let site = site(&settings);
    let mut kernel = Netlink::open().context("the kernel can't be reached")?;
    let news = kernel_news::open(instance, &kernel)?;
    let observed = resume::links(&mut kernel, instance, &state)?;
    let restarting = resume::restarting(instance, &state, &observed);
    let owned = datapath::owned(instance);
    let numbers = Numbers::beside(&observed, &owned, instance);
    let beginning = Beginning {
        state,
        numbers,
        site: site.clone(),
    };
    let plumber = Plumber::start(kernel, owned).context("can't start a thread")?;
    let (speaker, speaker_handle) = speaker(&settings, restarting, addresses::follow()?)?;
    let docker = docker_socket(settings.docker_socket.clone());
    let (stopper_task, stopper) = StopperTask::new(DockerClient::new(&docker, DOCKER_TIMEOUT));
    let (docker_watch, observations) = DockerWatch::new(DockerConfig::new(&docker));
    let events = events(&speaker_handle);
    let (latency_task, stopwatch, latencies) = LatencyTask::new(speaker_handle.clone());
    let effects = Effects {
        instance,
        speaker: speaker_handle.clone(),
        plumber,
        store: Store::start(state_dir).context("can't start the store")?,
        stopper,
        events: events.clone(),
        stopwatch,
        spread: Spread::of_kernel(),
        by_address: datapath::spreads_by_address(),
    };
    let given_out = Addresses::new(settings.pools.clone(), settings.scope, &beginning.state);
    let (controller, handle) = Controller::new(beginning, given_out, policy(&settings), effects);
    kernel_news::follow(news, &handle)?;
    let source = PluginSource::new(
        &settings,
        handle.clone(),
        speaker_handle.clone(),
        events,
        latencies,
    );
    let steering = steering(&settings, &source, &handle, &speaker_handle);
    let tasks = Tasks::new();
    let background = Background::new(tasks.tracker.clone());
    let router = router(&handle, &speaker_handle, settings.scope, site, background);

    let Tasks { stop, failed, .. } = &tasks;
    tasks.start("speaker", speaker.run(stop.clone()));
    tasks.start(
        "controller",
        quiet(controller.run(observations, stop.clone())),
    );
    tasks.start("docker", quiet(docker_watch.run(stop.clone())));
    tasks.start("stopper", quiet(stopper_task.run(stop.clone())));
    tasks.start("latency", quiet(latency_task.run(stop.clone())));
    tasks.start("status", doors.serve(source, steering, stop.clone()));
    tasks.start("requests", api::serve(listener, router, stop.clone()));
    info!(identifier = %settings.identifier, peers = settings.peers.len(), "ready");

    let ended_early = tokio::select! {
        () = told_to_stop()? => false,
        () = drain_by_signal(&handle)? => true,
        () = failed.cancelled() => true,
    };
    prepare_stop(settings.stop, &handle, &speaker_handle).await;
    tasks.end().await;
    anyhow::ensure!(!ended_early, "a part of the plugin ended by itself");
    info!("stopped");
    Ok(())
}

/// Where Docker asks.
fn listener(args: &Args) -> Result<api::Listener> {
    match api::activated().context("systemd's sockets can't be used")? {
        Some(listener) => Ok(listener),
        None => api::bind(&args.socket)
            .with_context(|| format!("can't listen on {}", args.socket.display())),
    }
}

/// What will have happened, from the start on.
fn events(speaker: &SpeakerHandle) -> EventLog {
    let events = EventLog::default();
    let message = concat!("bgplb-plugin ", env!("CARGO_PKG_VERSION"), " was started");
    events.write(Event::new(EventKind::Started, message));
    lb_status::log_peers(speaker, &events);
    events
}

/// What operators have done by the status socket.
fn steering(
    settings: &Settings,
    source: &PluginSource,
    controller: &Handle,
    speaker: &SpeakerHandle,
) -> PluginSteering {
    let (controller, events) = (controller.clone(), source.events().clone());
    let reloader = Reloader::new(
        settings.clone(),
        controller.clone(),
        speaker.clone(),
        events,
    );
    PluginSteering::new(controller, reloader)
}

/// What answers Docker.
fn router(
    controller: &Handle,
    speaker: &SpeakerHandle,
    scope: Scope,
    site: Site,
    background: Background,
) -> api::Router {
    let driver = Driver::new(controller.clone(), speaker.clone(), scope, site, background);
    let ipam = Ipam::new(controller.clone());
    api::network_router(Arc::new(driver)).merge(api::ipam_router(Arc::new(ipam)))
}

/// The tasks, the word to stop them, and the news that one ended by itself.
struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
    failed: CancellationToken,
}

impl Tasks {
    fn new() -> Self {
        Self {
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            failed: CancellationToken::new(),
        }
    }

    /// Tells all parts to end, and waits for them as long as there is time.
    async fn end(&self) {
        self.stop.cancel();
        self.tracker.close();
        if timeout(STOP_LIMIT, self.tracker.wait()).await.is_err() {
            warn!("not everything ended in time");
        }
    }

    /// Runs a part; should it end before it was told to, all ends.
    fn start(
        &self,
        part: &'static str,
        work: impl Future<Output = std::io::Result<()>> + Send + 'static,
    ) {
        let (stop, failed) = (self.stop.clone(), self.failed.clone());
        let work = tokio::spawn(work);
        self.tracker.spawn(async move {
            let result = work.await;
            if stop.is_cancelled() {
                return;
            }
            match result {
                Ok(Ok(())) => error!(part, "ended by itself"),
                Ok(Err(error)) => error!(part, %error, "ended by itself"),
                Err(error) => error!(part, %error, "died"),
            }
            failed.cancel();
        });
    }
}

async fn quiet(work: impl Future<Output = ()>) -> std::io::Result<()> {
    work.await;
    Ok(())
}

fn speaker(
    settings: &Settings,
    restarting: Option<Restarting>,
    addresses: watch::Receiver<Arc<LocalAddresses>>,
) -> Result<(Speaker, SpeakerHandle)> {
    let identifier = BgpIdentifier::from(settings.identifier);
    let mut config = SpeakerConfig::new(Asn::new(settings.local_as), identifier);
    if let Some(port) = settings.listen_port {
        config.listen = vec![([0, 0, 0, 0], port).into(), ([0; 8], port).into()];
    }
    config.restarting = restarting;
    config.peers = peers(settings);
    Speaker::new(config, addresses).context("the settings can't be used")
}

pub(crate) fn peers(settings: &Settings) -> Vec<PeerSettings> {
    let peers = settings.peers.iter().zip(&settings.passwords);
    peers
        .map(|(peer, password)| PeerSettings {
            password: password.as_ref().map(|it| Secret::new(it.reveal())),
            bfd: settings.bfd,
            next_hops: NextHops {
                v4: Some(settings.identifier),
                v6: settings.next_hop_v6,
            },
            ..PeerSettings::new(peer.address, Asn::new(peer.remote_as))
        })
        .collect()
}

/// SIGTERM from Docker or systemd, SIGINT from a terminal.
fn told_to_stop() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM can't be caught")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT can't be caught")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// SIGUSR2 drains the host, SIGUSR1 takes that back. Ends with the controller.
fn drain_by_signal(controller: &Handle) -> Result<impl Future<Output = ()>> {
    let mut drain = signal(SignalKind::user_defined2()).context("SIGUSR2 can't be caught")?;
    let mut undrain = signal(SignalKind::user_defined1()).context("SIGUSR1 can't be caught")?;
    let controller = controller.clone();
    Ok(async move {
        loop {
            let change = tokio::select! {
                _ = drain.recv() => Controller::drain_host,
                _ = undrain.recv() => Controller::undrain_host,
            };
            if controller.ask(change).await.is_err() {
                return;
            }
        }
    })
}

/// What the operator decides for the controller.
fn policy(settings: &Settings) -> Policy {
    Policy {
        mend_host: settings.mend_host,
        ..Policy::new(settings.drain)
    }
}

/// The site that networks' options may speak of.
fn site(settings: &Settings) -> Site {
    Site {
        local_as: settings.local_as,
        peers: settings.peers.clone(),
    }
}

/// Does with the routes what the operator wants at a stop.
async fn prepare_stop(stop: StopAction, controller: &Handle, speaker: &SpeakerHandle) {
    match stop {
        StopAction::Withdraw => withdraw(controller, speaker).await,
        StopAction::Restart => speaker.set_restarting(true),
    }
}

/// Takes everything back from the peers before the sessions end.
async fn withdraw(controller: &Handle, speaker: &SpeakerHandle) {
    let Ok(Some(version)) = controller.ask(Controller::withdraw_all).await else {
        return;
    };
    if timeout(FLUSH_LIMIT, speaker.flushed(version))
        .await
        .is_err()
    {
        warn!("a peer has not taken the withdrawals in time");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_router_is_watched_by_bfd_if_that_is_set() {
        let read = |bfd: &str| {
            Settings::read(|name| {
                let value = match name {
                    "ROUTER_ID" => "192.168.8.40",
                    "PEER_ADDRESS" => "192.168.8.137,2001:db8::137",
                    "PEER_AS" => "65500",
                    "PEER_BFD" => bfd,
                    _ => return None,
                };
                Some(value.to_owned())
            })
        };
        let of = |bfd| peers(&read(bfd).unwrap()).into_iter().map(|peer| peer.bfd);
        let quick = bgp_speaker::BfdSettings::default().every(Duration::from_millis(50), 3);
        assert_eq!(of("50x3").collect::<Vec<_>>(), [Some(quick), Some(quick)]);
        assert_eq!(of("").collect::<Vec<_>>(), [None, None]);
    }
}
