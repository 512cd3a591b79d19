//! The commands that have the running speaker do something.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::client;
use crate::control::{DEFAULT_SOCKET, Done};

/// Where the running speaker listens.
#[derive(Args, Debug)]
struct Where {
    /// The control socket of the running speaker.
    #[arg(long, value_name = "PATH", default_value = DEFAULT_SOCKET)]
    socket: PathBuf,
}

/// One peer.
#[derive(Args, Debug)]
pub(crate) struct PeerArgs {
    /// Its address, its address with the interface (fe80::1%eth0), or its interface.
    peer: String,
    #[command(flatten)]
    at: Where,
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
    at: Where,
}

/// Whose routes are about to go.
#[derive(Args, Debug)]
pub(crate) struct ShutdownArgs {
    /// Whether they are.
    state: Switch,
    /// The one peer that is told, named as for `down`; all are without it.
    peer: Option<String>,
    #[command(flatten)]
    at: Where,
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
    at: Where,
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
    client::tell(&args.at.socket, &path, &args.message).map(drop)
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
    let answer = client::tell(&args.at.socket, "/v1/reload", "")?;
    let done: Done = serde_json::from_reader(answer)?;
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

fn tell(at: &Where, path: &str) -> anyhow::Result<()> {
    client::tell(&at.socket, path, "").map(drop)
}

/// `text` as it may stand behind a question mark: names of interfaces are of
/// almost any octets (RFC 3986 sections 2.1 and 3.4).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~:".contains(&octet) {
            encoded.push(char::from(octet));
        } else {
            encoded.push_str(&format!("%{octet:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_peers_survive_the_way_to_the_speaker() {
        assert_eq!(encoded("2001:db8::1"), "2001:db8::1");
        assert_eq!(encoded("fe80::1%eth0.7"), "fe80::1%25eth0.7");
        assert_eq!(encoded("a&b=c#d+e é"), "a%26b%3Dc%23d%2Be%20%C3%A9");
    }
}
