//! Copies GoBGP's table into the kernel: a hidden subcommand running in the router's namespace.
//!
//! It looks at the whole table ten times a second and changes only what differs. GoBGP's stream
//! of changes would be quicker, but it is silent when an equal path joins or leaves, and that is
//! what ECMP is about.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::gobgp;
use crate::cmd::Cmd;

const PERIOD: Duration = Duration::from_millis(100);

/// Arguments of the hidden subcommand.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// GoBGP's socket.
    socket: PathBuf,
}

/// The hidden subcommand: runs until it is killed; troubles are printed and tried again.
pub(crate) fn run(args: &Args) -> ! {
    let mut installed = BTreeMap::new();
    loop {
        if let Err(error) = copy(args, &mut installed) {
            eprintln!("{error:#}");
        }
        thread::sleep(PERIOD);
    }
}

fn copy(args: &Args, installed: &mut gobgp::Table) -> Result<()> {
    let mut wanted = gobgp::table(&args.socket, "ipv4")?;
    wanted.extend(gobgp::table(&args.socket, "ipv6")?);
    wanted.retain(|_, hops| !hops.is_empty());
    let mut gone: Vec<String> = installed
        .keys()
        .filter(|prefix| !wanted.contains_key(*prefix))
        .cloned()
        .collect();
    for (prefix, hops) in &wanted {
        if installed.get(prefix) != Some(hops) {
            eprintln!("{prefix} by {hops:?}");
            replace(prefix, hops)?;
            installed.insert(prefix.clone(), hops.clone());
        }
    }
    for prefix in gone.drain(..) {
        eprintln!("{prefix} is gone");
        route(&prefix, "del").run()?;
        installed.remove(&prefix);
    }
    Ok(())
}

fn route(prefix: &str, verb: &str) -> Cmd {
    let family = if prefix.contains(':') { "-6" } else { "-4" };
    Cmd::new("ip").args([
        family, "route", verb, prefix, "proto", "bgp", "metric", "30",
    ])
}

fn replace(prefix: &str, hops: &BTreeSet<IpAddr>) -> Result<()> {
    let mut command = route(prefix, "replace");
    for hop in hops {
        command = command.args(["nexthop", "via"]).arg(hop.to_string());
    }
    command.run()
}
