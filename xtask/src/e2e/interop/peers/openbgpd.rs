//! OpenBGPD, the portable one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::super::feature::Feature;
use super::super::session::{Announced, GRACEFUL_SHUTDOWN, OUR_AS, Session, THEIR_AS, THEIRS};
use super::{Lack, NO_BFD, Opponent, Place, Seen, Sign, items, texts};
use crate::cmd::{Cmd, Daemon};
use crate::wait::{secs, until};

pub(super) const LACKS: [Lack; 5] = [
    Lack {
        feature: Feature::Unnumbered,
        why: "does not know RFC 8950, which IPv4 prefixes need there",
        sign: Sign::Capability(&["extended-next-hop"]),
    },
    NO_BFD,
    Lack {
        feature: Feature::ExtendedNextHop,
        why: "does not know RFC 8950",
        sign: Sign::Capability(&["extended-next-hop"]),
    },
    Lack {
        feature: Feature::RefreshOurs,
        why: "takes families that were negotiated for others and ignores the question (its log \
              says so)",
        sign: Sign::RefreshRefused("(over_v4): route refresh: AID IPv4 unicast not negotiated"),
    },
    Lack {
        feature: Feature::TheyRestart,
        why: "keeps the routes of others, but offers no restart of its own (its capability has a \
              time of 0 s and no families)",
        sign: Sign::Capability(&["graceful-restart", "unicast"]),
    },
];

#[derive(Debug)]
pub(super) struct OpenBgpd {
    place: Place,
    daemon: Option<Daemon>,
}

pub(super) fn version() -> Result<String> {
    let said = Cmd::new("bgpctl").arg("-V").finish()?;
    let text = said.stderr + &said.stdout;
    let version = text.trim().strip_prefix("OpenBGPD ");
    let version = version.context("OpenBGPD does not tell its version")?;
    Ok(version.to_owned())
}

impl OpenBgpd {
    pub(super) const fn new(place: Place) -> Self {
        Self {
            place,
            daemon: None,
        }
    }

    fn ask(&self, words: &[&str]) -> Result<String> {
        let asked = Cmd::new("bgpctl")
            .arg("-s")
            .arg(self.place.path("bgpd.sock"));
        asked.arg("-j").args(words).timeout(secs(5)).read()
    }

    fn show(&self, words: &[&str]) -> Result<Value> {
        let text = self.ask(words)?;
        serde_json::from_str(&text).context("parse the answer of bgpctl")
    }

    fn session(&self, session: Session) -> Result<Value> {
        let answer = self.show(&["show", "neighbor", session.name()])?;
        let first = items(&answer["neighbors"]).first();
        first.cloned().context("bgpctl shows no such neighbour")
    }
}

impl Opponent for OpenBgpd {
    fn start(&mut self, restarted: bool) -> Result<()> {
        let config = self.place.path("bgpd.conf");
        fs::write(&config, configuration(&self.place, restarted))?;
        // For the family that a session's own address is not of, the portable one takes an
        // address of the loopback link, the first one, whatever link the session goes by.
        let netns = &self.place.netns;
        netns.ip("address flush dev lo")?;
        for session in [Session::V4, Session::V6] {
            let address = session.theirs();
            let length = if address.is_ipv4() { 32 } else { 128 };
            netns.ip(&format!("address add {address}/{length} dev lo"))?;
        }
        // It wants to be alone in a directory below /run, which is made for it alone here.
        let script = format!(
            "mount -t tmpfs tmpfs /run && mkdir /run/openbgpd && exec bgpd -d -v -f {}",
            config.display()
        );
        let command = self.place.netns.command("unshare");
        let command = command.args(["--mount", "sh", "-c", &script]);
        self.daemon = Some(command.spawn(&self.place.path("bgpd.log"))?);
        until("OpenBGPD's control socket", secs(10), || {
            if let Some(Err(error)) = self.daemon.as_mut().map(Daemon::check) {
                return Ok(Err(error));
            }
            self.ask(&["show", "summary"]).map(|_| Ok(()))
        })?
    }

    fn kill(&mut self) {
        self.daemon = None;
    }

    fn learned(&self, prefix: &str) -> Result<BTreeMap<Session, Seen>> {
        let answer = self.show(&["show", "rib", "in", "detail", prefix])?;
        let rib = items(&answer["rib"]).iter();
        let exact = rib.filter(|path| path["prefix"] == prefix);
        let mut paths = BTreeMap::new();
        for path in exact {
            let name = path["neighbor"]["description"].as_str();
            if let Some(session) = name.and_then(Session::named) {
                paths.insert(session, seen(path)?);
            }
        }
        Ok(paths)
    }

    fn established(&self, session: Session) -> Result<()> {
        let shown = self.session(session)?;
        let state = &shown["state"];
        ensure!(state == "Established", "OpenBGPD shows {state}");
        Ok(())
    }

    fn received(&self, session: Session) -> Result<u64> {
        let shown = self.session(session)?;
        let count = &shown["stats"]["message"]["received"]["updates"];
        count.as_u64().context("bgpctl shows no count")
    }

    fn sent(&self, session: Session) -> Result<u64> {
        let shown = self.session(session)?;
        let count = &shown["stats"]["message"]["sent"]["updates"];
        count.as_u64().context("bgpctl shows no count")
    }

    fn ask_refresh(&self, session: Session) -> Result<()> {
        self.ask(&["neighbor", session.name(), "refresh"]).map(drop)
    }

    fn logs(&self) -> Vec<PathBuf> {
        vec![self.place.path("bgpd.log")]
    }
}

fn seen(path: &Value) -> Result<Seen> {
    let as_path = path["aspath"].as_str().unwrap_or_default();
    let as_path = as_path.split_whitespace().map(str::parse);
    let kinds = ["communities", "extended_communities", "large_communities"];
    let communities = kinds.iter().flat_map(|kind| texts(&path[kind]));
    Ok(Seen {
        next_hop: path["exit_nexthop"].as_str().and_then(|it| it.parse().ok()),
        as_path: as_path
            .collect::<Result<_, _>>()
            .context("read the AS path")?,
        communities: communities
            .map(|text| match text {
                "GRACEFUL_SHUTDOWN" => GRACEFUL_SHUTDOWN.to_owned(),
                other => other.replace("rt ", "target:"),
            })
            .collect(),
        stale: path["stale"] == true,
    })
}

fn configuration(place: &Place, restarted: bool) -> String {
    let socket = place.path("bgpd.sock");
    let mut text = format!(
        "AS {THEIR_AS}
router-id {}
socket \"{}\"
fib-update no
allow from any
allow to any
",
        Session::V4.theirs(),
        socket.display()
    );
    let mut line =
        |line: String| writeln!(text, "{line}").expect("writing to a string cannot fail");
    for route in THEIRS.routes(restarted) {
        line(format!("network {} {}", route.prefix, marks(&route)));
    }
    for session in &place.sessions {
        line(format!(
            "neighbor {} {{
  remote-as {OUR_AS}
  local-address {}
  descr \"{}\"
  announce IPv4 unicast
  announce IPv6 unicast",
            session.ours_with_link(),
            session.theirs(),
            session.name()
        ));
        if let Some(word) = session.their_password() {
            line(format!("  tcp md5sig password \"{word}\""));
        }
        line("}".to_owned());
    }
    text
}

/// The settings that put the communities on a route.
fn marks(route: &Announced) -> String {
    let words = route.standard.iter().map(|it| match *it {
        GRACEFUL_SHUTDOWN => "community GRACEFUL_SHUTDOWN".to_owned(),
        other => format!("community {other}"),
    });
    let extended = route.extended.iter();
    let extended = extended.map(|it| format!("ext-community {}", it.replace("target:", "rt ")));
    let large = route.large.iter().map(|it| format!("large-community {it}"));
    let all: Vec<_> = words.chain(extended).chain(large).collect();
    match all.is_empty() {
        true => String::new(),
        false => format!("set {{ {} }}", all.join(" ")),
    }
}
