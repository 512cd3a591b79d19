//! GoBGP.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::super::feature::Feature;
use super::super::session::{
    Announced, GRACEFUL_SHUTDOWN, OUR_AS, RESTART_TIME, Session, THEIR_AS, THEIRS,
};
use super::{Lack, NO_BFD, Opponent, Place, Seen, Sign, items};
use crate::cmd::{Cmd, Daemon};
use crate::wait::{secs, until};

/// SESSION_STATE of its interface for an established session.
const ESTABLISHED: u64 = 6;

pub(super) const LACKS: [Lack; 2] = [
    NO_BFD,
    Lack {
        feature: Feature::RefreshTheirs,
        why: "offers route refresh, but has no command that sends one: `softresetin` looks again at \
          what it has kept",
        sign: Sign::Fails,
    },
];

#[derive(Debug)]
pub(super) struct Gobgp {
    place: Place,
    daemon: Option<Daemon>,
}

pub(super) fn version() -> Result<String> {
    let text = Cmd::new("gobgpd").arg("--version").read()?;
    let version = text.trim().strip_prefix("gobgpd version ");
    Ok(version
        .context("GoBGP does not tell its version")?
        .to_owned())
}

impl Gobgp {
    pub(super) const fn new(place: Place) -> Self {
        Self {
            place,
            daemon: None,
        }
    }

    fn target(&self) -> String {
        format!("unix://{}", self.place.path("gobgp.sock").display())
    }

    fn command(&self, words: &[&str]) -> Cmd {
        let command = Cmd::new("gobgp").arg("--target").arg(self.target());
        command.args(words).timeout(secs(5))
    }

    fn ask(&self, words: &[&str]) -> Result<Value> {
        let text = self.command(words).arg("-j").read()?;
        let value: Value = serde_json::from_str(&text).context("parse gobgp's answer")?;
        // Some failures come as an object with exit code zero.
        if let Some(error) = value.get("error").and_then(Value::as_str) {
            bail!("gobgp: {error}");
        }
        Ok(value)
    }

    fn session(&self, session: Session) -> Result<Value> {
        let answer = self.ask(&["neighbor", &session.ours_with_link()])?;
        Ok(answer["state"].clone())
    }
}

impl Opponent for Gobgp {
    fn start(&mut self, restarted: bool) -> Result<()> {
        let config = self.place.path("gobgp.toml");
        fs::write(&config, configuration(&self.place))?;
        // It does not take over the socket that a killed one left.
        let socket = self.place.path("gobgp.sock");
        if socket.exists() {
            fs::remove_file(socket)?;
        }
        // It looks once, when it starts, for the one neighbour that the kernel knows on the link.
        until("us among its kernel's neighbours", secs(30), || {
            let link = Session::LinkLocal.link();
            let known = self.place.netns.ip(&format!("-6 neigh show dev {link}"))?;
            let ours = Session::LinkLocal.ours().to_string();
            ensure!(
                known.split_whitespace().any(|word| word == ours),
                "it knows {known:?}"
            );
            Ok(())
        })?;
        let command = self.place.netns.command("gobgpd").arg("-f").arg(&config);
        let mut command = command
            .args(["--pprof-disable", "--api-hosts"])
            .arg(self.target());
        if restarted {
            command = command.arg("--graceful-restart");
        }
        self.daemon = Some(command.spawn(&self.place.path("gobgpd.log"))?);
        until("GoBGP's interface", secs(10), || {
            if let Some(Err(error)) = self.daemon.as_mut().map(Daemon::check) {
                return Ok(Err(error));
            }
            self.ask(&["global", "rib", "-a", "ipv4"]).map(|_| Ok(()))
        })??;
        for route in THEIRS.routes(restarted) {
            let words = marks(&route);
            let words: Vec<_> = words.split_whitespace().collect();
            let family = if route.is_v6() { "ipv6" } else { "ipv4" };
            let added = self.command(&["global", "rib", "add", "-a", family, route.prefix]);
            added.args(["origin", "igp"]).args(words).run()?;
        }
        Ok(())
    }

    fn kill(&mut self) {
        self.daemon = None;
    }

    fn learned(&self, prefix: &str) -> Result<BTreeMap<Session, Seen>> {
        let family = if prefix.contains(':') { "ipv6" } else { "ipv4" };
        let answer = self.ask(&["global", "rib", "-a", family])?;
        let mut paths = BTreeMap::new();
        for path in items(&answer[prefix]) {
            let peer = path["neighbor-ip"].as_str();
            let peer = peer.and_then(|it| it.split('%').next()?.parse().ok());
            if let Some(session) = peer.and_then(Session::of_ours) {
                paths.insert(session, seen(path)?);
            }
        }
        Ok(paths)
    }

    fn established(&self, session: Session) -> Result<()> {
        let shown = self.session(session)?;
        let state = shown["session_state"].as_u64();
        ensure!(state == Some(ESTABLISHED), "GoBGP shows state {state:?}");
        Ok(())
    }

    fn received(&self, session: Session) -> Result<u64> {
        let shown = self.session(session)?;
        let count = &shown["messages"]["received"]["update"];
        count.as_u64().context("gobgp shows no count")
    }

    fn sent(&self, session: Session) -> Result<u64> {
        let shown = self.session(session)?;
        let count = &shown["messages"]["sent"]["update"];
        count.as_u64().context("gobgp shows no count")
    }

    fn ask_refresh(&self, session: Session) -> Result<()> {
        let ours = session.ours().to_string();
        let sent = || -> Result<u64> {
            let shown = self.session(session)?;
            Ok(shown["messages"]["sent"]["refresh"].as_u64().unwrap_or(0))
        };
        let before = sent()?;
        self.command(&["neighbor", &ours, "softresetin"]).run()?;
        ensure!(sent()? > before, "GoBGP sent no ROUTE-REFRESH");
        Ok(())
    }

    fn logs(&self) -> Vec<PathBuf> {
        vec![self.place.path("gobgpd.log")]
    }
}

fn seen(path: &Value) -> Result<Seen> {
    let mut seen = Seen {
        stale: path["stale"] == true,
        ..Seen::default()
    };
    let number = |value: &Value| value.as_u64().context("gobgp shows no number");
    for attribute in items(&path["attrs"]) {
        if let Some(hop) = attribute["nexthop"].as_str() {
            seen.next_hop = hop.parse().ok();
        }
        for segment in items(&attribute["as_paths"]) {
            for asn in items(&segment["asns"]) {
                seen.as_path.push(u32::try_from(number(asn)?)?);
            }
        }
        for community in items(&attribute["communities"]) {
            let community = number(community)?;
            let text = match (community >> 16, community & 0xffff) {
                (0xffff, 0) => GRACEFUL_SHUTDOWN.to_owned(),
                (high, low) => format!("{high}:{low}"),
            };
            seen.communities.insert(text);
        }
        for value in items(&attribute["value"]) {
            if let Some(large) = value.get("ASN") {
                let parts = [large, &value["LocalData1"], &value["LocalData2"]];
                let parts = parts.map(Value::to_string);
                seen.communities.insert(parts.join(":"));
            } else if let Some(text) = value["value"].as_str()
                && value["type"] == 0
                && value["subtype"] == 2
            {
                seen.communities.insert(format!("target:{text}"));
            }
        }
    }
    Ok(seen)
}

fn configuration(place: &Place) -> String {
    let mut text = format!(
        "[global.config]
as = {THEIR_AS}
router-id = \"{}\"
",
        Session::V4.theirs()
    );
    for session in &place.sessions {
        let password = session
            .their_password()
            .map(|word| format!("auth-password = \"{word}\"\n"));
        let (place, transport) = match session {
            Session::LinkLocal => (
                format!("neighbor-interface = \"{}\"", session.link()),
                String::new(),
            ),
            _ => (
                format!("neighbor-address = \"{}\"", session.ours()),
                format!(
                    "[neighbors.transport.config]\nlocal-address = \"{}\"\n",
                    session.theirs()
                ),
            ),
        };
        write!(
            text,
            "[[neighbors]]
[neighbors.config]
{place}
peer-as = {OUR_AS}
{}{transport}[neighbors.timers.config]
connect-retry = 1
idle-hold-time-after-reset = 1
[neighbors.graceful-restart.config]
enabled = true
restart-time = {RESTART_TIME}
deferral-time = 3
",
            password.unwrap_or_default()
        )
        .expect("writing to a string cannot fail");
        for family in ["ipv4-unicast", "ipv6-unicast"] {
            write!(
                text,
                "[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = \"{family}\"
[neighbors.afi-safis.mp-graceful-restart.config]
enabled = true
"
            )
            .expect("writing to a string cannot fail");
        }
    }
    text
}

/// The words that put the communities on a route, and a next hop where it needs one: on sessions
/// over IPv4 it would announce an IPv4-mapped one for IPv6 prefixes.
fn marks(route: &Announced) -> String {
    let standard = route.standard.iter().map(|it| match *it {
        GRACEFUL_SHUTDOWN => "community 65535:0".to_owned(),
        other => format!("community {other}"),
    });
    let extended = route.extended.iter().map(|it| it.replace("target:", "rt "));
    let large = route.large.iter().map(|it| format!("large-community {it}"));
    let hop = route
        .is_v6()
        .then(|| format!("nexthop {}", Session::V6.theirs()));
    let all: Vec<_> = hop
        .into_iter()
        .chain(standard)
        .chain(extended)
        .chain(large)
        .collect();
    all.join(" ")
}
