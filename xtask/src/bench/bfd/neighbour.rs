//! BIRD and FRR as neighbours that announce a route of each family and speak BFD.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::cmd::{Cmd, Daemon};
use crate::lab::netns::Netns;
use crate::packages::{self, Package};
use crate::wait::{secs, until};

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// BIRD 2.
    Bird,
    /// FRR: bgpd and bfdd, with zebra.
    Frr,
}

impl Kind {
    /// What it needs to be installed.
    pub(crate) const fn package(self) -> Package {
        match self {
            Self::Bird => packages::BIRD,
            Self::Frr => packages::FRR,
        }
    }

    /// The TTL its multihop packets leave with, of which RFC 5883 says nothing: BIRD's is the
    /// kernel's usual one.
    pub(crate) const fn multihop_ttl(self) -> u8 {
        match self {
            Self::Bird => 64,
            Self::Frr => 255,
        }
    }
}

/// A session as the neighbour has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    /// Our address; routes of its family are announced.
    pub(crate) ours: &'static str,
    /// The neighbour's address, if we are behind routers.
    pub(crate) multihop_from: Option<&'static str>,
}

impl Watched {
    fn is_v6(&self) -> bool {
        self.ours.contains(':')
    }
}

/// The running program.
pub(crate) struct Neighbour {
    kind: Kind,
    dir: PathBuf,
    /// Milliseconds.
    interval: u32,
    sessions: Vec<Watched>,
    daemons: Vec<Daemon>,
}

impl Neighbour {
    /// Starts it in the namespace, its files in `dir`, with BFD at `interval` milliseconds times
    /// 3 on every session.
    ///
    /// # Errors
    ///
    /// When the program is not installed or does not start.
    pub(crate) fn start(
        kind: Kind,
        netns: &Netns,
        dir: &Path,
        interval: u32,
        sessions: &[Watched],
    ) -> Result<Self> {
        packages::ensure(&[kind.package()])?;
        let daemons = match kind {
            Kind::Bird => vec![start_bird(netns, dir, interval, sessions)?],
            Kind::Frr => start_frr(netns, dir, interval, sessions)?,
        };
        Ok(Self {
            kind,
            dir: dir.to_owned(),
            interval,
            sessions: sessions.to_vec(),
            daemons,
        })
    }

    /// Fails unless every session is Up at its own speed.
    ///
    /// # Errors
    ///
    /// What it shows instead.
    pub(crate) fn ensure_bfd_up(&self) -> Result<()> {
        for session in &self.sessions {
            let up = (State::Up, Some(self.interval));
            let shown = self.shown(session)?;
            ensure!(shown == up, "{} has {shown:?}", session.ours);
        }
        Ok(())
    }

    /// Fails unless every session has heard us and waits for us to hear it.
    ///
    /// # Errors
    ///
    /// What it shows instead.
    pub(crate) fn ensure_bfd_init(&self) -> Result<()> {
        for session in &self.sessions {
            let (state, _) = self.shown(session)?;
            ensure!(state == State::Init, "{} is {state:?}", session.ours);
        }
        Ok(())
    }

    /// A session's state, and how often it sends in milliseconds.
    fn shown(&self, session: &Watched) -> Result<(State, Option<u32>)> {
        match self.kind {
            Kind::Bird => {
                let text = Cmd::new("birdc")
                    .args(["-r", "-s"])
                    .arg(self.dir.join("bird.ctl"))
                    .args(["show", "bfd", "sessions"])
                    .read()?;
                bird_session(&text, session.ours)
            }
            Kind::Frr => {
                let text = Cmd::new("vtysh")
                    .arg("--vty_socket")
                    .arg(self.dir.join("frr"))
                    .args(["-d", "bfdd", "-c", "show bfd peers json"])
                    .read()?;
                frr_session(&text, session.ours)
            }
        }
    }

    /// Its logs.
    pub(crate) fn logs(&self) -> Vec<&Path> {
        self.daemons.iter().map(Daemon::log).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Down,
    Init,
    Up,
}

/// A line such as `192.0.2.1  eth0  Up  13:40:00.000  0.010  0.030`.
fn bird_session(text: &str, ours: &str) -> Result<(State, Option<u32>)> {
    let mut lines = text.lines().map(|line| line.split_whitespace());
    let line = lines.find(|line| line.clone().next() == Some(ours));
    let words: Vec<_> = line.with_context(|| format!("BIRD says {text}"))?.collect();
    let state = match words.get(2) {
        Some(&"Up") => State::Up,
        Some(&"Init") => State::Init,
        _ => State::Down,
    };
    let interval = words.get(4).and_then(|it| it.strip_prefix("0."));
    Ok((state, interval.and_then(|it| it.parse().ok())))
}

fn frr_session(text: &str, ours: &str) -> Result<(State, Option<u32>)> {
    let shown: Value = serde_json::from_str(text).context("parse bfdd's answer")?;
    let peers = shown.as_array().context("bfdd shows no peers")?;
    let peer = peers.iter().find(|peer| peer["peer"] == ours);
    let peer = peer.with_context(|| format!("FRR says {shown}"))?;
    let state = match peer["status"].as_str() {
        Some("up") => State::Up,
        Some("init") => State::Init,
        _ => State::Down,
    };
    let interval = peer["transmit-interval"].as_u64();
    Ok((state, interval.and_then(|it| u32::try_from(it).ok())))
}

fn start_bird(netns: &Netns, dir: &Path, ms: u32, sessions: &[Watched]) -> Result<Daemon> {
    let config = dir.join("bird.conf");
    fs::write(&config, bird_configuration(ms, sessions))?;
    let command = netns.command("bird").args(["-f", "-c"]).arg(&config);
    let command = command.arg("-s").arg(dir.join("bird.ctl"));
    command.spawn(&dir.join("bird.log"))
}

fn bird_configuration(ms: u32, sessions: &[Watched]) -> String {
    let times = format!("min rx interval {ms} ms; min tx interval {ms} ms; multiplier 3;");
    let mut text = format!(
        "
log stderr all;
router id 192.0.2.2;
protocol device {{}}
protocol bfd {{ interface \"*\" {{ {times} }}; multihop {{ {times} }}; }}
protocol static {{ ipv4; route 203.0.113.0/24 blackhole; }}
protocol static {{ ipv6; route 2001:db8:113::/48 blackhole; }}
template bgp speaker {{
  local as 64512;
  bfd on;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 2;
}}
"
    );
    for (number, session) in sessions.iter().enumerate() {
        let far = session
            .multihop_from
            .map(|own| format!("multihop 2; source address {own};"));
        let family = if session.is_v6() { "ipv6" } else { "ipv4" };
        text.push_str(&format!(
            "protocol bgp s{number} from speaker {{ neighbor {} as 65500; {} {family} {{ import none; export all; next hop self; }}; }}\n",
            session.ours,
            far.unwrap_or_default()
        ));
    }
    text
}

fn start_frr(netns: &Netns, dir: &Path, ms: u32, sessions: &[Watched]) -> Result<Vec<Daemon>> {
    // The daemons drop their privileges and need a directory of their own.
    let own = dir.join("frr");
    fs::create_dir_all(&own)?;
    for name in ["zebra.conf", "bfdd.conf"] {
        fs::write(own.join(name), "log stdout\n")?;
    }
    fs::write(own.join("bgpd.conf"), frr_configuration(ms, sessions))?;
    Cmd::new("chown").args(["-R", "frr:frr"]).arg(&own).run()?;
    let start = |name: &str| {
        let command = netns.command(&format!("/usr/lib/frr/{name}"));
        let command = command.args(["-u", "frr", "-g", "frr", "-f"]);
        let command = command.arg(own.join(format!("{name}.conf"))).arg("-i");
        let command = command.arg(own.join(format!("{name}.pid"))).arg("-z");
        let command = command.arg(own.join("zserv.api")).arg("--vty_socket");
        let mut command = command.arg(&own);
        if name == "bfdd" {
            command = command.arg("--bfdctl").arg(own.join("bfdd.sock"));
        }
        command.spawn(&dir.join(format!("{name}.log")))
    };
    let mut daemons = Vec::new();
    // Each looks for the one before when it starts.
    for (name, socket) in [
        ("zebra", "zserv.api"),
        ("bfdd", "bfdd.vty"),
        ("bgpd", "bgpd.vty"),
    ] {
        daemons.push(start(name)?);
        until(&format!("{name}'s socket"), secs(10), || {
            let there = fs::symlink_metadata(own.join(socket));
            there.map(drop).context("it is not there")
        })?;
    }
    Ok(daemons)
}

fn frr_configuration(ms: u32, sessions: &[Watched]) -> String {
    let mut text = "log stdout
router bgp 64512
 bgp router-id 192.0.2.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 no bgp default ipv4-unicast
"
    .to_owned();
    for session in sessions {
        let ours = session.ours;
        text.push_str(&format!(
            " neighbor {ours} remote-as 65500\n neighbor {ours} timers connect 1\n"
        ));
        if let Some(own) = session.multihop_from {
            text.push_str(&format!(
                " neighbor {ours} ebgp-multihop 2\n neighbor {ours} update-source {own}\n"
            ));
        }
        text.push_str(&format!(" neighbor {ours} bfd 3 {ms} {ms}\n"));
    }
    for (v6, network) in [(false, "203.0.113.0/24"), (true, "2001:db8:113::/48")] {
        let family = if v6 { "ipv6" } else { "ipv4" };
        text.push_str(&format!(
            " address-family {family} unicast\n  network {network}\n"
        ));
        for session in sessions.iter().filter(|it| it.is_v6() == v6) {
            text.push_str(&format!("  neighbor {} activate\n", session.ours));
        }
        text.push_str(" exit-address-family\n");
    }
    text
}
