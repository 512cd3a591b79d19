//! Wiring: the only place where tasks and threads are started.

use std::thread;

use anyhow::{Context, ensure};
use bgp_speaker::Speaker;
use netplumb::Watch;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::config::Config;
use crate::control::Control;
use crate::plumber::{AddressReader, Plumber, watch_kernel};

/// Runs the speaker until SIGTERM or SIGINT, or until something ends that
/// should not.
///
/// # Errors
///
/// What could not be opened at the start, or what ended by itself.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    // From here on the signals are ours, so that one during start is not lost.
    let mut terminate = signal(SignalKind::terminate()).context("handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("handle SIGINT")?;

    let control = Control::open(config.control.as_ref())?;
    // The watch is open before anything is read, so that no change is missed.
    let kernel_changes = start_watch()?;
    let (addresses, local_addresses) = AddressReader::open()?;
    let (speaker, handle) = Speaker::new(config.speaker.clone(), local_addresses)?;
    handle.apply(&config.announce);
    let plumber = Plumber::open(&config, addresses, kernel_changes, &handle)?;

    // Questions are answered until the very end; nothing waits for who asks.
    let answering = control.map(|control| tokio::spawn(control.serve(handle)));

    // Whatever ends cancels this, so that the other part ends too.
    let stop = CancellationToken::new();
    let speaker = tokio::spawn({
        let stop = stop.clone();
        async move {
            let _ending = stop.clone().drop_guard();
            speaker.run(stop).await
        }
    });
    let stop_plumber = CancellationToken::new();
    let plumber = start_plumber(plumber, stop_plumber.clone(), stop.clone())?;

    let signal = tokio::select! {
        _ = terminate.recv() => Some("SIGTERM"),
        _ = interrupt.recv() => Some("SIGINT"),
        () = stop.cancelled() => None,
    };
    if let Some(signal) = signal {
        info!("{signal}: stopping");
    }
    // The peers hear of it first; what they told us is taken out of the kernel after.
    stop.cancel();
    let spoken = speaker.await;
    stop_plumber.cancel();
    let plumbed = plumber.await;
    if let Some(answering) = answering {
        answering.abort();
        let _ = answering.await;
    }
    spoken.context("the speaker failed")??;
    plumbed.context("the plumber failed")??;
    ensure!(signal.is_some(), "a part of the program ended by itself");
    Ok(())
}

/// Gives the watch of the kernel a thread of its own, since waiting blocks. It
/// ends after the receiver is gone.
fn start_watch() -> anyhow::Result<watch::Receiver<()>> {
    let watch = Watch::open()?;
    let (changes, receiver) = watch::channel(());
    thread::Builder::new()
        .name("kernel-watch".to_owned())
        .spawn(move || watch_kernel(watch, &changes))
        .context("start the thread that watches the kernel")?;
    Ok(receiver)
}

/// Gives the plumber a thread of its own, since its calls block. When it ends
/// it cancels `ending`.
fn start_plumber(
    plumber: Plumber,
    stop: CancellationToken,
    ending: CancellationToken,
) -> anyhow::Result<oneshot::Receiver<anyhow::Result<()>>> {
    let (ended, wait) = oneshot::channel();
    let runtime = Handle::current();
    thread::Builder::new()
        .name("plumber".to_owned())
        .spawn(move || {
            let _ending = ending.drop_guard();
            let result = runtime.block_on(plumber.run(stop));
            // Nobody waits any more if the program is ending for another reason.
            let _ = ended.send(result);
        })
        .context("start the plumber's thread")?;
    Ok(wait)
}
