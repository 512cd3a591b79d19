//! The commands that ask the running speaker: what only this program can do.
//! What it says of itself is read by `lb_status::command`.

use std::io::Write;
use std::path::Path;

use clap::{Args, ValueEnum};
use lb_status::client::encoded;
use lb_status::command::{Asked, SocketArgs};

use crate::control::{DEFAULT_SOCKET, Done};

/// Whom the commands ask.
pub(crate) fn asked() -> Asked<'static> {
    Asked {
        program: "the speaker",
        socket: Path::new(DEFAULT_SOCKET),
    }
}

/// One peer.
#[derive(Args, Debug)]
pub(crate) struct PeerArgs {
    /// Its address, its address with the interface (fe80::1%eth0), or its interface.
    peer: String,
    #[command(flatten)]
    at: SocketArgs,
}

/// Which peer to take down, and why.
#[derive(Args, Debug)]
pub(crate) struct DownArgs {
    /// Its address, its address with the interface (fe80::1%eth0), or its interface.
    peer: String,
    /// What its operators are told: up to 255 octets (RFC 9003).
    #[arg(long, value_name = "TEXT", default_value = "")]
    message: String,
    #[command(flatten)]
    at: SocketArgs,
}

/// Whose routes are about to go.
#[derive(Args, Debug)]
pub(crate) struct ShutdownArgs {
    /// Whether they are.
    state: Switch,
    /// The one peer that is told, named as for `down`; all are without it.
    peer: Option<String>,
    #[command(flatten)]
    at: SocketArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// Whom to tell.
#[derive(Args, Debug)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    at: SocketArgs,
}

/// Has a peer asked for all its routes again.
pub(crate) fn refresh(args: &PeerArgs) -> anyhow::Result<()> {
    tell(
        &args.at,
        &format!("/v1/refresh?peer={}", encoded(&args.peer)),
    )
}

/// Has the session with a peer ended until it is wanted up.
pub(crate) fn down(args: &DownArgs) -> anyhow::Result<()> {
    let path = format!("/v1/down?peer={}", encoded(&args.peer));
    args.at.client(asked()).tell(&path, &args.message)?;
    Ok(())
}

/// Has a session with a peer again.
pub(crate) fn up(args: &PeerArgs) -> anyhow::Result<()> {
    tell(&args.at, &format!("/v1/up?peer={}", encoded(&args.peer)))
}

/// Has routes marked as about to go, or no longer so.
pub(crate) fn graceful_shutdown(args: &ShutdownArgs) -> anyhow::Result<()> {
    let state = match args.state {
        Switch::On => "on",
        Switch::Off => "off",
    };
    let peer = args.peer.as_ref();
    let peer = peer.map(|peer| format!("&peer={}", encoded(peer)));
    let peer = peer.unwrap_or_default();
    tell(
        &args.at,
        &format!("/v1/graceful-shutdown?state={state}{peer}"),
    )
}

/// Has the configuration read again, and says what that changed.
pub(crate) fn reload(args: &ReloadArgs, mut to: impl Write) -> anyhow::Result<()> {
    let done: Done = args.at.client(asked()).tell("/v1/reload", "")?.whole()?;
    let Done {
        added,
        removed,
        restarted,
        updated,
        unchanged,
        prefixes,
        ..
    } = done;
    writeln!(
        to,
        "peers: {added} added, {removed} removed, {restarted} restarted, {updated} updated, \
         {unchanged} unchanged; prefixes: {prefixes}"
    )?;
    Ok(())
}

fn tell(at: &SocketArgs, path: &str) -> anyhow::Result<()> {
    at.client(asked()).tell(path, "")?;
    Ok(())
}
