//! `bgplb-speaker`, started, killed, and asked over its control socket.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::peers::Seen;
use super::session::{OUR_AS, OURS, PASSWORD, Session, THEIR_AS};
use crate::cmd::{Cmd, Daemon};
use crate::lab::netns::Netns;
use crate::wait::{secs, until};

pub(super) struct Ours {
    netns: Netns,
    dir: PathBuf,
    program: PathBuf,
    sessions: Vec<Session>,
    daemon: Option<Daemon>,
}

impl Ours {
    pub(super) fn new(netns: Netns, dir: &Path, program: &Path, sessions: &[Session]) -> Self {
        Self {
            netns,
            dir: dir.to_owned(),
            program: program.to_owned(),
            sessions: sessions.to_vec(),
            daemon: None,
        }
    }

    /// Starts it and waits until it answers; after a restart it announces less than before.
    pub(super) fn start(&mut self, restarted: bool) -> Result<()> {
        let config = self.dir.join("speaker.toml");
        fs::write(&config, configuration(&self.sessions, restarted))?;
        let daemon = self
            .netns
            .command(&self.program.display().to_string())
            .args(["run", "--config"])
            .arg(&config)
            .arg("--socket")
            .arg(self.socket())
            .spawn(&self.log())?;
        let daemon = self.daemon.insert(daemon);
        let socket = self.dir.join("speaker.sock");
        until("the speaker's control socket", secs(10), || {
            if let Err(error) = daemon.check() {
                return Ok(Err(error));
            }
            let asked = Cmd::new(&self.program).args(["peers", "--socket"]);
            asked.arg(&socket).run().map(Ok)
        })?
    }

    /// Starts it if it does not run.
    pub(super) fn start_if_killed(&mut self) -> Result<()> {
        match self.daemon {
            Some(_) => Ok(()),
            None => self.start(true),
        }
    }

    /// Ends it by SIGKILL.
    pub(super) fn kill(&mut self) {
        self.daemon = None;
    }

    fn socket(&self) -> PathBuf {
        self.dir.join("speaker.sock")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.dir.join("speaker.log")
    }

    fn ask(&self, words: &[&str]) -> Result<Value> {
        let asked = Cmd::new(&self.program).args(words).args(["-o", "json"]);
        let text = asked.arg("--socket").arg(self.socket()).read()?;
        serde_json::from_str(&text).context("parse the speaker's answer")
    }

    /// Has it ask for all their routes again.
    pub(super) fn ask_refresh(&self, session: Session) -> Result<()> {
        let command = Cmd::new(&self.program).arg("refresh");
        let command = command.arg(session.theirs().to_string()).arg("--socket");
        command.arg(self.socket()).run()
    }

    /// What it shows of a session.
    fn peer(&self, session: Session) -> Result<Value> {
        let answer = self.ask(&["peers"])?;
        let peers = answer["peers"].as_array().context("it shows no peers")?;
        let mut named = peers.iter().filter(|it| it["name"] == session.name());
        named.next().cloned().context("it shows no such peer")
    }

    /// An error, with what it shows, unless a session is established.
    pub(super) fn established(&self, session: Session) -> Result<()> {
        let peer = self.peer(session)?;
        ensure!(peer["state"] == "Established", "we show {peer}");
        Ok(())
    }

    /// What the peer can do, in our words.
    pub(super) fn capabilities(&self, session: Session) -> Result<Vec<String>> {
        self.established(session)?;
        let peer = self.peer(session)?;
        let list = peer["session"]["capabilities"].as_array();
        let list = list.context("it shows no capabilities")?;
        Ok(list
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect())
    }

    /// Every route to exactly this prefix, by the session it came from.
    pub(super) fn learned(&self, prefix: &str) -> Result<BTreeMap<Session, Seen>> {
        let answer = self.ask(&["routes", "learned", prefix])?;
        let routes = answer["routes"].as_array().context("it shows no routes")?;
        let exact = routes.iter().filter(|route| route["prefix"] == prefix);
        exact.map(seen).collect()
    }
}

fn seen(route: &Value) -> Result<(Session, Seen)> {
    let text = |key: &str| route[key].as_str().unwrap_or_default();
    let peer: IpAddr = text("peer").parse().context("read the route's peer")?;
    let session = Session::ALL.into_iter().find(|it| it.theirs() == peer);
    let session = session.with_context(|| format!("no session is with {peer}"))?;
    let kinds = ["communities", "extended_communities", "large_communities"];
    let communities = kinds.iter().filter_map(|kind| route[kind].as_array());
    let communities = communities.flatten().filter_map(Value::as_str);
    let as_path = text("as_path").split_whitespace().map(str::parse);
    Ok((
        session,
        Seen {
            next_hop: text("next_hop").parse().ok(),
            as_path: as_path
                .collect::<Result<_, _>>()
                .context("read the AS_PATH")?,
            communities: communities.map(str::to_owned).collect::<BTreeSet<_>>(),
            stale: route["stale"] == true,
        },
    ))
}

fn configuration(sessions: &[Session], restarted: bool) -> String {
    let mut text = format!(
        r#"[local]
as = {OUR_AS}
router-id = "192.168.8.40"
listen = ["0.0.0.0:179", "[::]:179"]

[kernel]
install = true
"#
    );
    let mut line =
        |line: String| writeln!(text, "{line}").expect("writing to a string cannot fail");
    for session in sessions {
        line(format!("\n[[peers]]\nname = \"{}\"", session.name()));
        line(match session {
            Session::LinkLocal => format!("interface = \"{}\"", session.link()),
            _ => format!(
                "address = \"{}\"\nlocal-address = \"{}\"",
                session.theirs(),
                session.ours()
            ),
        });
        line(format!("as = {THEIR_AS}\nimport = \"accept\""));
        if *session == Session::Bfd {
            line("bfd = { min-tx = 100, min-rx = 100 }".to_owned());
        }
        if session.their_password().is_some() {
            line(format!("password = \"{PASSWORD}\""));
        }
    }
    for route in OURS.routes(restarted) {
        let communities: Vec<_> = route.communities().collect();
        line(format!(
            "\n[[announce]]\nprefix = \"{}\"\ncommunities = {communities:?}",
            route.prefix
        ));
    }
    text
}
