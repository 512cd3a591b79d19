//! Our own crash between two peers: the kernel goes on by what both had announced.
//!
//! ```text
//!   r (ours)  192.0.2.1 -- lan -- 192.0.2.2, 192.0.2.3  h1 (a speaker at each)
//! ```

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::route_log::RouteLog;
use crate::cmd::{Cmd, Daemon, tails};
use crate::lab::host;
use crate::lab::netns::Netns;
use crate::lab::two_nodes::{Medium, TwoNodes};
use crate::wait::{secs, until};
use crate::{artifacts, packages, sys};

/// The test.
pub(super) const CASE: (&str, fn() -> Result<()>) = (
    "routes_by_two_peers_lose_none_of_them_over_our_crash",
    crash,
);

const LINK: &str = "lan";
const OURS: [&str; 2] = ["192.0.2.1", "2001:db8::1"];
const THEIRS: [[&str; 2]; 2] = [["192.0.2.2", "2001:db8::2"], ["192.0.2.3", "2001:db8::3"]];
/// What both peers announce.
const SHARED: [&str; 2] = ["203.0.113.0/24", "2001:db8:113::/48"];
/// What the first one announces while we are away.
const LATER: &str = "198.51.100.0/24";

/// Whether this machine can run it.
pub(super) fn able() -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this is not Linux");
    ensure!(!sys::interrupted(), "interrupted");
    ensure!(sys::is_root(), "needs root");
    packages::ensure(&[packages::IPROUTE])?;
    host::probe_namespaces()
}

fn crash() -> Result<()> {
    let program = artifacts::build_unoptimized_speaker()?;
    let at = |addresses: &[&str]| -> Result<Vec<(&str, IpAddr)>> {
        let all = addresses.iter();
        all.map(|it| Ok((LINK, it.parse()?))).collect()
    };
    let nodes = TwoNodes::join(Medium::Cable, &[LINK], &at(&OURS)?, &at(&THEIRS.concat())?)?;
    let ours = Speaker::new(&nodes.one, nodes.dir(), &program, "ours");
    let first = Speaker::new(&nodes.two, nodes.dir(), &program, "first");
    let second = Speaker::new(&nodes.two, nodes.dir(), &program, "second");
    let logs = [&ours, &first, &second].map(Speaker::log);
    run(&nodes, &ours, &first, &second).with_context(|| tails(&logs))
}

fn run(nodes: &TwoNodes, ours: &Speaker, first: &Speaker, second: &Speaker) -> Result<()> {
    let running = ours.start(&router())?;
    let second_running = second.start(&peer(THEIRS[1], &SHARED))?;
    let first_running = first.start(&peer(THEIRS[0], &SHARED))?;
    let by_both = || {
        for (family, prefix) in SHARED.iter().enumerate() {
            let wanted = gateways(family)?;
            let routes = nodes.one.routes(family == 1, prefix)?;
            let all = routes.iter().any(|it| it.gateways().iter().eq(&wanted));
            ensure!(all, "wanted is one by {wanted:?}, there are {routes:?}");
        }
        Ok(())
    };
    until("routes by both peers", secs(60), by_both)?;

    let log = RouteLog::start(&nodes.one, nodes.dir())?;
    drop(running);
    // The second one cannot answer us before it runs on.
    sys::kill(second_running.pid(), libc::SIGSTOP)?;
    let more = [&SHARED[..], &[LATER]].concat();
    fs::write(first.config(), peer(THEIRS[0], &more))?;
    sys::kill(first_running.pid(), libc::SIGHUP)?;
    let _running = ours.start(&router())?;
    until("the first peer's End-of-RIB", secs(60), || {
        let peer = ours.peer(THEIRS[0][0])?;
        let ended = peer["end_of_rib"].as_array().map(Vec::len);
        ensure!(ended == Some(2), "we show {peer}");
        Ok(())
    })?;
    by_both()?;
    let later = || nodes.one.routes(false, LATER);
    ensure!(
        later()?.is_empty(),
        "{LATER} was installed without the second peer"
    );

    sys::kill(second_running.pid(), libc::SIGCONT)?;
    until("the end of the wait", secs(60), || {
        ensure!(!later()?.is_empty(), "{LATER} is not there");
        Ok(())
    })?;
    by_both()?;
    for (family, prefix) in SHARED.iter().enumerate() {
        log.always_by(prefix, &gateways(family)?)?;
    }
    Ok(())
}

/// Those of both peers, in their order.
fn gateways(family: usize) -> Result<Vec<IpAddr>> {
    let all = THEIRS
        .iter()
        .map(|addresses| Ok(addresses[family].parse()?));
    all.collect()
}

/// A speaker of ours, its files and its socket.
struct Speaker {
    netns: Netns,
    program: PathBuf,
    dir: PathBuf,
    name: &'static str,
}

impl Speaker {
    fn new(netns: &Netns, dir: &Path, program: &Path, name: &'static str) -> Self {
        Self {
            netns: netns.clone(),
            program: program.to_owned(),
            dir: dir.to_owned(),
            name,
        }
    }

    fn file(&self, kind: &str) -> PathBuf {
        self.dir.join(format!("{}.{kind}", self.name))
    }

    fn config(&self) -> PathBuf {
        self.file("toml")
    }

    fn log(&self) -> PathBuf {
        self.file("log")
    }

    /// Starts it, and waits until it answers.
    fn start(&self, config: &str) -> Result<Daemon> {
        fs::write(self.config(), config)?;
        let command = self.netns.command(&self.program.display().to_string());
        let command = command.args(["run", "--config"]).arg(self.config());
        let command = command.arg("--socket").arg(self.file("sock"));
        let mut daemon = command.spawn(&self.log())?;
        until("the speaker's control socket", secs(10), || {
            if let Err(error) = daemon.check() {
                return Ok(Err(error));
            }
            self.peers().map(|_| Ok(()))
        })??;
        Ok(daemon)
    }

    fn peers(&self) -> Result<Value> {
        let asked = Cmd::new(&self.program).args(["peers", "-o", "json", "--socket"]);
        let text = asked.arg(self.file("sock")).read()?;
        serde_json::from_str(&text).context("parse the speaker's answer")
    }

    /// What it shows of one peer.
    fn peer(&self, address: &str) -> Result<Value> {
        let answer = self.peers()?;
        let peers = answer["peers"].as_array().context("it shows no peers")?;
        let mut there = peers.iter().filter(|it| it["peer"] == address);
        there.next().cloned().context("it shows no such peer")
    }
}

fn router() -> String {
    let [v4, _] = OURS;
    let peers = THEIRS.map(|[address, _]| {
        format!("[[peers]]\naddress = \"{address}\"\nas = 64513\nimport = \"accept\"\n")
    });
    format!(
        "[local]\nas = 64512\nrouter-id = \"{v4}\"\nlisten = [\"{v4}:179\"]\n\
         [kernel]\ninstall = true\n{}",
        peers.concat()
    )
}

fn peer([v4, v6]: [&str; 2], announced: &[&str]) -> String {
    let [ours, _] = OURS;
    let announced = announced.iter();
    let announced = announced.map(|prefix| format!("[[announce]]\nprefix = \"{prefix}\"\n"));
    format!(
        "[local]\nas = 64513\nrouter-id = \"{v4}\"\nlisten = [\"{v4}:179\"]\n\
         [[peers]]\naddress = \"{ours}\"\nas = 64512\nlocal-address = \"{v4}\"\n\
         next-hop-v6 = \"{v6}\"\n{}",
        announced.collect::<String>()
    )
}
