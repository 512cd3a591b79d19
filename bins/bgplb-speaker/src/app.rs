//! Wiring: the only place where tasks and threads are started.

use std::thread;

use anyhow::{Context, anyhow};
use bgp_speaker::Speaker;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::config::Config;
use crate::plumber::{AddressReader, Plumber};

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

    let (addresses, local_addresses) = AddressReader::open()?;
    let (speaker, handle) = Speaker::new(config.speaker.clone(), local_addresses)?;
    handle.apply(&config.announce);
    let plumber = Plumber::open(&config, addresses, &handle)?;

    let stop_plumber = CancellationToken::new();
    let mut plumber = start_plumber(plumber, stop_plumber.clone())?;
    let stop_speaker = CancellationToken::new();
    let mut speaker = tokio::spawn(speaker.run(stop_speaker.clone()));

    let mut early = tokio::select! {
        _ = terminate.recv() => Ok(info!("SIGTERM: stopping")),
        _ = interrupt.recv() => Ok(info!("SIGINT: stopping")),
        ended = &mut speaker => Err(match ended {
            Ok(Ok(())) => anyhow!("the speaker ended by itself"),
            Ok(Err(error)) => error.into(),
            Err(error) => error.into(),
        }),
        ended = &mut plumber => Err(match ended {
            Ok(Ok(())) => anyhow!("the plumber ended by itself"),
            Ok(Err(error)) => error,
            Err(_) => anyhow!("the plumber's thread panicked"),
        }),
    };
    // The peers hear of it first; what they told us is taken out of the kernel after.
    stop_speaker.cancel();
    if !speaker.is_finished() {
        let ended = speaker.await;
        early = early.and(
            ended
                .map_err(Into::into)
                .and_then(|r| r.map_err(Into::into)),
        );
    }
    stop_plumber.cancel();
    if !plumber.is_terminated() {
        early = early.and(
            plumber
                .await
                .context("the plumber's thread panicked")
                .flatten(),
        );
    }
    early
}

/// Gives the plumber a thread of its own, since its calls block.
fn start_plumber(
    plumber: Plumber,
    stop: CancellationToken,
) -> anyhow::Result<oneshot::Receiver<anyhow::Result<()>>> {
    let (ended, wait) = oneshot::channel();
    let runtime = Handle::current();
    thread::Builder::new()
        .name("plumber".to_owned())
        .spawn(move || {
            let result = runtime.block_on(plumber.run(stop));
            // Nobody waits any more if the program is ending for another reason.
            let _ = ended.send(result);
        })
        .context("start the plumber's thread")?;
    Ok(wait)
}
