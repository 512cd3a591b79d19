//! FRRouting: bgpd, with zebra for the next hops.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::super::session::{
    Announced, GRACEFUL_SHUTDOWN, OUR_AS, RESTART_TIME, Session, THEIR_AS, THEIRS,
};
use super::{Opponent, Place, Seen, items};
use crate::cmd::{Cmd, Daemon};
use crate::wait::{secs, until};

#[derive(Debug)]
pub(super) struct Frr {
    place: Place,
    zebra: Option<Daemon>,
    bfdd: Option<Daemon>,
    bgpd: Option<Daemon>,
}

pub(super) fn version() -> Result<String> {
    let text = Cmd::new("/usr/lib/frr/bgpd").arg("--version").read()?;
    let version = text
        .lines()
        .next()
        .and_then(|line| line.split_whitespace().nth(2));
    Ok(version
        .context("bgpd does not tell its version")?
        .to_owned())
}

impl Frr {
    pub(super) const fn new(place: Place) -> Self {
        Self {
            place,
            zebra: None,
            bfdd: None,
            bgpd: None,
        }
    }

    /// The daemons drop their privileges and need a directory of their own.
    fn dir(&self) -> PathBuf {
        self.place.path("frr")
    }

    fn daemon(&self, name: &str) -> Result<Daemon> {
        let dir = self.dir();
        let command = self.place.netns.command(&format!("/usr/lib/frr/{name}"));
        let command = command.args(["-u", "frr", "-g", "frr", "-f"]);
        let command = command.arg(dir.join(format!("{name}.conf"))).arg("-i");
        let command = command.arg(dir.join(format!("{name}.pid"))).arg("-z");
        let mut command = command
            .arg(dir.join("zserv.api"))
            .arg("--vty_socket")
            .arg(&dir);
        if name == "bfdd" {
            command = command.arg("--bfdctl").arg(dir.join("bfdd.sock"));
        }
        command.spawn(&self.place.path(&format!("{name}.log")))
    }

    fn terminal(&self, line: &str) -> Result<String> {
        self.terminal_of("bgpd", line)
    }

    fn terminal_of(&self, daemon: &str, line: &str) -> Result<String> {
        let command = Cmd::new("vtysh").arg("--vty_socket").arg(self.dir());
        command
            .args(["-d", daemon, "-c", line])
            .timeout(secs(5))
            .read()
    }

    fn ask(&self, line: &str) -> Result<Value> {
        let text = self.terminal(line)?;
        serde_json::from_str(&text).with_context(|| format!("parse the answer to {line:?}"))
    }

    fn session(&self, session: Session) -> Result<Value> {
        let ours = neighbor(session);
        let answer = self.ask(&format!("show bgp neighbors {ours} json"))?;
        Ok(answer[&ours].clone())
    }
}

impl Opponent for Frr {
    fn start(&mut self, restarted: bool) -> Result<()> {
        let dir = self.dir();
        fs::create_dir_all(&dir)?;
        for name in ["zebra.conf", "bfdd.conf"] {
            fs::write(dir.join(name), "log stdout\n")?;
        }
        fs::write(dir.join("bgpd.conf"), configuration(&self.place, restarted))?;
        Cmd::new("chown").args(["-R", "frr:frr"]).arg(&dir).run()?;
        if self.zebra.is_none() {
            self.zebra = Some(self.daemon("zebra")?);
            until("zebra's socket", secs(10), || {
                let socket = fs::symlink_metadata(dir.join("zserv.api"));
                socket.map(drop).context("it is not there")
            })?;
            self.bfdd = Some(self.daemon("bfdd")?);
            // Where bgpd looks for it when it starts.
            until("bfdd's socket", secs(10), || {
                let socket = fs::symlink_metadata(dir.join("bfdd.vty"));
                socket.map(drop).context("it is not there")
            })?;
        }
        self.bgpd = Some(self.daemon("bgpd")?);
        until("bgpd's terminal", secs(10), || {
            if let Some(Err(error)) = self.bgpd.as_mut().map(Daemon::check) {
                return Ok(Err(error));
            }
            self.ask("show bgp summary json").map(|_| Ok(()))
        })?
    }

    fn kill(&mut self) {
        self.bgpd = None;
    }

    fn learned(&self, prefix: &str) -> Result<BTreeMap<Session, Seen>> {
        let family = if prefix.contains(':') { "ipv6" } else { "ipv4" };
        let answer = self.ask(&format!("show bgp {family} unicast {prefix} json"))?;
        let mut paths = BTreeMap::new();
        // It answers with a shorter prefix if there is no such one.
        for path in items(&answer["paths"])
            .iter()
            .filter(|_| answer["prefix"] == prefix)
        {
            let peer = path["peer"]["peerId"].as_str();
            let peer = peer.and_then(|it| it.parse().ok());
            if let Some(session) = peer.and_then(Session::of_ours) {
                paths.insert(session, seen(path)?);
            }
        }
        Ok(paths)
    }

    fn established(&self, session: Session) -> Result<()> {
        let shown = self.session(session)?;
        let state = &shown["bgpState"];
        ensure!(state == "Established", "FRR shows {state}");
        Ok(())
    }

    fn received(&self, session: Session) -> Result<u64> {
        let shown = self.session(session)?;
        let count = &shown["messageStats"]["updatesRecv"];
        count.as_u64().context("vtysh shows no count")
    }

    fn sent(&self, session: Session) -> Result<u64> {
        let shown = self.session(session)?;
        let count = &shown["messageStats"]["updatesSent"];
        count.as_u64().context("vtysh shows no count")
    }

    fn bfd_up(&self, session: Session) -> Result<()> {
        let ours = session.ours().to_string();
        let text = self.terminal_of("bfdd", "show bfd peers json")?;
        let shown: Value = serde_json::from_str(&text).context("parse bfdd's answer")?;
        let mut peers = items(&shown)
            .iter()
            .filter(|it| it["peer"] == ours.as_str());
        let status = peers.next().map(|it| &it["status"]);
        ensure!(status.is_some_and(|it| it == "up"), "FRR shows {shown}");
        Ok(())
    }

    fn ask_refresh(&self, session: Session) -> Result<()> {
        let ours = session.ours();
        self.terminal(&format!("clear bgp {ours} soft in"))
            .map(drop)
    }

    fn logs(&self) -> Vec<PathBuf> {
        ["bgpd.log", "bfdd.log", "zebra.log"]
            .map(|name| self.place.path(name))
            .into()
    }
}

fn seen(path: &Value) -> Result<Seen> {
    // Beside an IPv6 next hop there may be a link-local one, which it prefers.
    let hops = items(&path["nexthops"]);
    let global = hops.iter().find(|hop| hop["scope"] != "link-local");
    let next_hop = global.and_then(|hop| hop["ip"].as_str());
    let as_path = path["aspath"]["string"].as_str().unwrap_or_default();
    let as_path = as_path.split_whitespace().map(str::parse);
    let kinds = ["community", "extendedCommunity", "largeCommunity"];
    let kinds = kinds
        .iter()
        .filter_map(|kind| path[kind]["string"].as_str());
    let communities = kinds.flat_map(str::split_whitespace);
    Ok(Seen {
        next_hop: next_hop.and_then(|hop| hop.parse().ok()),
        as_path: as_path
            .collect::<Result<_, _>>()
            .context("read the AS path")?,
        communities: communities.map(|it| it.replace("RT:", "target:")).collect(),
        stale: path["stale"] == true,
    })
}

fn configuration(place: &Place, restarted: bool) -> String {
    let mut text = "log stdout\n".to_owned();
    let mut line =
        |line: String| writeln!(text, "{line}").expect("writing to a string cannot fail");
    let routes = THEIRS.routes(restarted);
    for (number, route) in routes.iter().enumerate() {
        line(format!("route-map MARK{number} permit 10"));
        marks(route).into_iter().for_each(&mut line);
    }
    line(format!(
        "router bgp {THEIR_AS}
 bgp router-id {}
 no bgp ebgp-requires-policy
 no bgp network import-check
 no bgp default ipv4-unicast
 bgp graceful-restart
 bgp graceful-restart preserve-fw-state
 bgp graceful-restart restart-time {RESTART_TIME}
 bgp graceful-restart select-defer-time 3",
        Session::V4.theirs()
    ));
    for session in &place.sessions {
        let (ours, theirs) = (neighbor(*session), session.theirs());
        line(match session {
            Session::LinkLocal => format!(" neighbor {ours} interface remote-as {OUR_AS}"),
            _ => format!(
                " neighbor {ours} remote-as {OUR_AS}
 neighbor {ours} update-source {theirs}"
            ),
        });
        line(format!(" neighbor {ours} timers connect 1"));
        if matches!(session, Session::ExtendedNextHop | Session::LinkLocal) {
            line(format!(" neighbor {ours} capability extended-nexthop"));
        }
        if *session == Session::Bfd {
            line(format!(" neighbor {ours} bfd 3 100 100"));
        }
        if let Some(word) = session.their_password() {
            line(format!(" neighbor {ours} password {word}"));
        }
    }
    for (family, v6) in [("ipv4", false), ("ipv6", true)] {
        line(format!(" address-family {family} unicast"));
        for (number, route) in routes.iter().enumerate().filter(|(_, it)| it.is_v6() == v6) {
            line(format!("  network {} route-map MARK{number}", route.prefix));
        }
        for session in &place.sessions {
            line(format!("  neighbor {} activate", neighbor(*session)));
        }
        line(" exit-address-family".to_owned());
    }
    text
}

/// What it calls us: one found on a link by the link's name.
fn neighbor(session: Session) -> String {
    match session {
        Session::LinkLocal => session.link().to_owned(),
        _ => session.ours().to_string(),
    }
}

/// The lines that put the communities on a route.
fn marks(route: &Announced) -> Vec<String> {
    let standard = route.standard.iter().map(|it| match *it {
        GRACEFUL_SHUTDOWN => " set community graceful-shutdown".to_owned(),
        other => format!(" set community {other}"),
    });
    let extended = route.extended.iter();
    let extended = extended.map(|it| format!(" set extcommunity {}", it.replace("target:", "rt ")));
    let large = route
        .large
        .iter()
        .map(|it| format!(" set large-community {it}"));
    standard.chain(extended).chain(large).collect()
}
