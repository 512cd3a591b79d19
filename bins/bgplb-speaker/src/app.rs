//! Wiring: the only place where tasks and threads are started.

use std::future::Future;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Instant;

use anyhow::{Context, ensure};
use bgp_speaker::{Restarting, Speaker, SpeakerHandle};
use healthwatch::{Checks, ChecksConfig, DockerConfig, DockerWatch};
use netplumb::{Netlink, Watch};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::announcing::Announcing;
use crate::args::RunArgs;
use crate::config::{Config, DockerSettings, KernelTable};
use crate::control::{Control, DEFAULT_SOCKET, SpeakerSource, SpeakerSteering, StatusDoor};
use crate::networks::Networks;
use crate::operation::{self, Operation, Signals};
use crate::peer_links::PeerLinkReader;
use crate::plumber::{AddressReader, DEFERRAL_TIME, Plumber, watch_kernel};
use crate::reload::{self, Running};
use crate::routes::Routes;
use crate::services::Services;
use crate::services::addresses::Addresses;
use crate::services::datapath::{Datapath, DatapathThread, datapath};
use crate::state::StateFile;
use crate::withholding::Withholding;

/// Runs the speaker until SIGTERM or SIGINT, or until something ends that
/// should not. SIGHUP has the file read again, as a request does.
///
/// # Errors
///
/// What could not be opened at the start, or what ended by itself.
pub(crate) async fn run(config: Config, args: RunArgs) -> anyhow::Result<()> {
    // From here on the signals are ours, so that one during start is not lost.
    let signals = Signals::handled()?;

    let door = StatusDoor::open(config.status_listen.as_ref())?;
    let control = Control::open(config.control.as_ref())?;
    let (routes, kernel_changes) = open_routes(config.kernel)?;
    let (addresses, local_addresses) = AddressReader::open()?;
    let state = config.state.as_deref().map(StateFile::open).transpose()?;
    let (datapath, mut plumbing) = open_datapath(&config, state.clone())?;
    let mut settings = config.speaker.clone();
    settings.restarting = restarting(routes.as_ref(), plumbing.has_inherited()?);
    let withholding = Withholding::resumed(state.as_ref());
    let (speaker, handle) = Speaker::new(settings, local_addresses)?;
    let withheld = withholding.withholds();
    if !withheld {
        handle.apply(&config.announce);
    }
    let mut plumber = Plumber::open(&config, routes, addresses, kernel_changes, &handle)?;

    // Questions are answered until the very end; nothing waits for who asks.
    let (reloading, reloads) = reload::channel();
    let (orders_to, orders) = operation::channel();
    let steering = SpeakerSteering::new(orders_to.clone());
    let running = Running::new(handle.clone());
    running.held.send_replace(withholding.held());
    let file = args.config.clone();
    let source = SpeakerSource::new(&running, &config.speaker, file, orders_to.clone());
    let source = source.with_installed(plumber.installed());
    let answered = CancellationToken::new();
    let at_door = door.map(|door| tokio::spawn(door.serve(source.clone(), answered.clone())));
    let answering = control
        .map(|control| tokio::spawn(control.serve(source, steering, reloading, answered.clone())));

    // Whatever ends cancels this, so that the other part ends too.
    let stop = CancellationToken::new();
    let speaker = tokio::spawn(speak(speaker, stop.clone()));
    let (watching, networks) = follow_docker(config.docker.as_ref(), &stop);
    plumber.leave_to_us(networks.own());
    let stop_plumber = CancellationToken::new();
    let plumber = start_thread("plumber", plumber.run(stop_plumber.clone()), stop.clone())?;
    let services_plumbed = start_thread("services", plumbing.run(), stop.clone())?;
    let peer_links = tokio::spawn(follow_peer_links(handle.clone(), stop.clone()));

    let (checks, looks, checked) = Checks::new(ChecksConfig::default());
    let checking = tokio::spawn(checks.run(stop.clone()));
    let mut announcing = Announcing::new(handle.clone(), config.announce.clone(), withheld);
    let mut services = Services::new(datapath, looks, handle.clone(), running.events.clone())
        .with_bgp_lb_words(config.stands_for_bgp_lb);
    services.await_networks(&networks);
    // What peers keep of an earlier run goes once every service is judged.
    services
        .configure(&config.services, &mut announcing, Instant::now())
        .await;
    let mut operation = Operation {
        args,
        config,
        running,
        reloads,
        orders,
        withholding,
        state,
        announcing,
        services,
        networks,
        checked,
    };
    let signal = operation.run(signals, &stop).await;
    if let Some(signal) = signal {
        info!("{signal}: stopping");
    }
    stop.cancel();
    let parts = Parts {
        speaker,
        operation,
        checking,
        watching,
        services_plumbed,
        plumber,
        stop_plumber,
        peer_links,
        answering: answering.into_iter().chain(at_door).collect(),
        answered,
    };
    parts.end().await?;
    ensure!(signal.is_some(), "a part of the program ended by itself");
    Ok(())
}

/// Follows an engine, if there is to be one. The speaker runs on without it.
fn follow_docker(
    settings: Option<&DockerSettings>,
    stop: &CancellationToken,
) -> (Option<JoinHandle<()>>, Networks) {
    let Some(settings) = settings else {
        return (None, Networks::default());
    };
    let (watch, observations) = DockerWatch::new(DockerConfig::new(&settings.socket));
    let networks = Networks::of(observations, settings.announce.is_some());
    (Some(tokio::spawn(watch.run(stop.clone()))), networks)
}

/// Runs the speaker until `stop`, which its own end cancels.
async fn speak(speaker: Speaker, stop: CancellationToken) -> io::Result<()> {
    let _ending = stop.clone().drop_guard();
    speaker.run(stop).await
}

/// Everything that runs, and has to end in order.
struct Parts {
    speaker: JoinHandle<io::Result<()>>,
    operation: Operation,
    checking: JoinHandle<()>,
    /// `None` where no Docker is followed.
    watching: Option<JoinHandle<()>>,
    services_plumbed: oneshot::Receiver<anyhow::Result<()>>,
    plumber: oneshot::Receiver<anyhow::Result<()>>,
    stop_plumber: CancellationToken,
    peer_links: JoinHandle<anyhow::Result<()>>,
    answering: Vec<JoinHandle<io::Result<()>>>,
    answered: CancellationToken,
}

impl Parts {
    /// Waits for all of them. The peers hear of it first; what the kernel has for
    /// services, and what peers told us, is taken away after.
    async fn end(self) -> anyhow::Result<()> {
        let spoken = self.speaker.await;
        drop(self.operation);
        let checked = self.checking.await;
        if let Some(watching) = self.watching {
            watching.await.context("the watch of Docker failed")?;
        }
        let services_plumbed = self.services_plumbed.await;
        self.stop_plumber.cancel();
        let plumbed = self.plumber.await;
        let looked = self.peer_links.await;
        // Whoever listened to a session hears its end.
        self.answered.cancel();
        for answering in self.answering {
            // The program ends either way.
            let _ = answering.await;
        }
        spoken.context("the speaker failed")??;
        plumbed.context("the plumber failed")??;
        checked.context("the checks failed")?;
        services_plumbed.context("the services' thread failed")??;
        looked.context("the look for peers on interfaces failed")??;
        Ok(())
    }
}

/// An earlier run that took its routes with it ended in order, and peers have
/// nothing of it. One whose routes are still there was killed: packets were
/// forwarded all the while, and peers may have waited for us.
fn restarting(routes: Option<&Routes<Netlink>>, services: bool) -> Option<Restarting> {
    let inherited = services || routes.is_some_and(Routes::has_inherited);
    inherited.then_some(Restarting {
        deferral_time: DEFERRAL_TIME,
        forwarding_kept: true,
    })
}

/// The kernel's routes, if learned ones are to be installed, and the news of them.
fn open_routes(
    place: Option<KernelTable>,
) -> anyhow::Result<(Option<Routes<Netlink>>, watch::Receiver<()>)> {
    // The watch is open before anything is read, so that no change is missed.
    // Our own routes are no news: looking at all for each would never end.
    let kernel = Netlink::open().context("open netlink for routes")?;
    let mut watch = Watch::open()?;
    watch.ignore(&kernel);
    let changes = start_watch("kernel-watch", watch)?;
    let routes = match place {
        None => None,
        Some(place) => Some(Routes::take_over(kernel, place).context("read the kernel's routes")?),
    };
    Ok((routes, changes))
}

/// What services have in the kernel, and how it is looked after.
fn open_datapath(
    config: &Config,
    state: Option<StateFile>,
) -> anyhow::Result<(Datapath, DatapathThread)> {
    // As above: the watch is first, and our own changes are no news.
    let kernel = Netlink::open().context("open netlink for services")?;
    let mut watch = Watch::open_for_addresses()?;
    watch.ignore(&kernel);
    let changes = start_watch("address-watch", watch)?;
    let mark = service_mark(config.control.as_deref());
    let adopting = config.stands_for_bgp_lb;
    let addresses = Addresses::new(kernel, mark, adopting);
    Ok(datapath(addresses, changes, state))
}

/// How links of services are marked as ours. Two programs on one host have two
/// control sockets.
fn service_mark(socket: Option<&Path>) -> String {
    let socket = socket
        .unwrap_or_else(|| Path::new(DEFAULT_SOCKET))
        .display();
    format!("bgplb-speaker:services:{socket}")
}

/// Gives the watch of the kernel a thread of its own, since waiting blocks. It
/// ends after the receiver is gone.
fn start_watch(name: &str, watch: Watch) -> anyhow::Result<watch::Receiver<()>> {
    let (changes, receiver) = watch::channel(());
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || watch_kernel(watch, &changes))
        .context("start the thread that watches the kernel")?;
    Ok(receiver)
}

/// Tells the speaker of the links on which peers are to be found, from when
/// there is the first one. What ends but for `stop` cancels it.
async fn follow_peer_links(speaker: SpeakerHandle, stop: CancellationToken) -> anyhow::Result<()> {
    let _ending = stop.clone().drop_guard();
    let mut wanted = speaker.peer_interfaces();
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        _ = wanted.wait_for(|interfaces| !interfaces.is_empty()) => {}
    }
    let changes = start_watch("peer-link-watch", Watch::open_for_routers()?)?;
    let reader = PeerLinkReader::open(&speaker, changes)?;
    start_thread("peer-links", reader.run(stop.clone()), stop)?.await?
}

/// Gives `work` a thread of its own, since its calls block. When it ends it
/// cancels `ending`.
fn start_thread(
    name: &str,
    work: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ending: CancellationToken,
) -> anyhow::Result<oneshot::Receiver<anyhow::Result<()>>> {
    let (ended, wait) = oneshot::channel();
    let runtime = Handle::current();
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let _ending = ending.drop_guard();
            let result = runtime.block_on(work);
            // Nobody waits any more if the program is ending for another reason.
            let _ = ended.send(result);
        })
        .with_context(|| format!("start the thread {name}"))?;
    Ok(wait)
}
