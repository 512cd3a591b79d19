//! ExaBGP: it keeps no table, so that one is made here of the messages it reports.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::super::feature::Feature;
use super::super::session::{
    Announced, GRACEFUL_SHUTDOWN, OUR_AS, RESTART_TIME, Session, THEIR_AS, THEIRS,
};
use super::{Lack, NO_BFD, Opponent, Place, Seen, Sign, items};
use crate::cmd::{Cmd, Daemon};

pub(super) const LACKS: [Lack; 3] = [
    Lack {
        feature: Feature::Unnumbered,
        why: "takes no address with a link",
        sign: Sign::Unseen,
    },
    NO_BFD,
    Lack {
        feature: Feature::WeRestart,
        why: "has no table of what it received, so there is nothing it could keep",
        sign: Sign::Fails,
    },
];

#[derive(Debug)]
pub(super) struct ExaBgp {
    place: Place,
    daemon: Option<Daemon>,
}

pub(super) fn version() -> Result<String> {
    let text = Cmd::new("exabgp").arg("--version").read()?;
    let version = text.lines().find_map(|line| line.strip_prefix("ExaBGP : "));
    Ok(version
        .context("ExaBGP does not tell its version")?
        .to_owned())
}

impl ExaBgp {
    pub(super) const fn new(place: Place) -> Self {
        Self {
            place,
            daemon: None,
        }
    }

    /// Every whole message it has reported since its start.
    fn reports(&self) -> Result<Vec<Value>> {
        let text = fs::read_to_string(self.place.path("reports")).unwrap_or_default();
        // Answers to commands are no JSON, and its report of a ROUTE-REFRESH is none either.
        let reports = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        Ok(reports.collect())
    }

    /// Those of one session.
    fn of(&self, session: Session) -> Result<Vec<Value>> {
        let ours = session.ours().to_string();
        let mut reports = self.reports()?;
        reports.retain(|report| report["neighbor"]["address"]["peer"] == ours.as_str());
        Ok(reports)
    }

    fn updates(&self, session: Session, direction: &str) -> Result<u64> {
        let reports = self.of(session)?;
        let updates = reports.iter().filter(|report| {
            report["type"] == "update" && report["neighbor"]["direction"] == direction
        });
        Ok(u64::try_from(updates.count())?)
    }

    fn command(&self, line: &str) -> Result<()> {
        let commands = self.place.path("commands");
        let mut file = fs::File::options().append(true).open(commands)?;
        writeln!(file, "{line}").context("tell ExaBGP")
    }
}

impl Opponent for ExaBgp {
    fn start(&mut self, restarted: bool) -> Result<()> {
        let [config, script] = ["exabgp.conf", "report.sh"].map(|name| self.place.path(name));
        let [reports, commands] = ["reports", "commands"].map(|name| self.place.path(name));
        for file in [&reports, &commands] {
            fs::write(file, "")?;
        }
        // It reads its commands from a program that it also reports to.
        let program = format!(
            "#!/bin/sh\ntail -n 0 -f {} &\ncat >> {}\nkill $!\n",
            commands.display(),
            reports.display()
        );
        fs::write(&script, program)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        let text = configuration(&self.place, &script.display().to_string(), restarted);
        fs::write(&config, text)?;
        let command = self.place.netns.command("env").args([
            "exabgp.daemon.drop=false",
            "exabgp.daemon.user=root",
            "exabgp.api.cli=false",
            "exabgp.tcp.port=179",
            "exabgp",
        ]);
        self.daemon = Some(command.arg(config).spawn(&self.place.path("exabgp.log"))?);
        Ok(())
    }

    fn kill(&mut self) {
        self.daemon = None;
    }

    fn learned(&self, prefix: &str) -> Result<BTreeMap<Session, Seen>> {
        let mut paths = BTreeMap::new();
        for session in &self.place.sessions {
            let mut path = None;
            for report in self.of(*session)? {
                if report["state"] == "down" {
                    path = None;
                }
                let neighbour = &report["neighbor"];
                if neighbour["direction"] == "receive" {
                    follow(&mut path, &neighbour["message"]["update"], prefix)?;
                }
            }
            paths.extend(path.map(|path| (*session, path)));
        }
        Ok(paths)
    }

    fn established(&self, session: Session) -> Result<()> {
        let reports = self.of(session)?;
        let mut states = reports.iter().filter(|it| it["type"] == "state").rev();
        let state = states.next().map(|it| &it["neighbor"]["state"]);
        ensure!(
            state.is_some_and(|state| state == "up"),
            "ExaBGP reports {state:?}"
        );
        Ok(())
    }

    fn received(&self, session: Session) -> Result<u64> {
        self.updates(session, "receive")
    }

    fn sent(&self, session: Session) -> Result<u64> {
        self.updates(session, "send")
    }

    fn ask_refresh(&self, session: Session) -> Result<()> {
        for family in ["ipv4", "ipv6"] {
            let ours = session.ours();
            self.command(&format!(
                "neighbor {ours} announce route-refresh {family} unicast"
            ))?;
        }
        Ok(())
    }

    fn logs(&self) -> Vec<PathBuf> {
        vec![self.place.path("exabgp.log")]
    }
}

/// What becomes of the path to `prefix` by one UPDATE.
fn follow(path: &mut Option<Seen>, update: &Value, prefix: &str) -> Result<()> {
    let is_it = |routes: &Value| items(routes).iter().any(|route| route["nlri"] == prefix);
    let families = |value: &Value| value.as_object().cloned().unwrap_or_default();
    if families(&update["withdraw"]).values().any(is_it) {
        *path = None;
    }
    for hops in families(&update["announce"]).values() {
        for (hop, routes) in families(hops) {
            if is_it(&routes) {
                *path = Some(seen(&hop, &update["attribute"])?);
            }
        }
    }
    Ok(())
}

fn seen(hop: &str, attributes: &Value) -> Result<Seen> {
    let numbers = |value: &Value| {
        let all = items(value).iter().filter_map(Value::as_u64);
        all.map(|number| number.to_string())
            .collect::<Vec<_>>()
            .join(":")
    };
    let plain = ["community", "large-community"].map(|kind| items(&attributes[kind]));
    let plain = plain.into_iter().flatten().map(|it| match numbers(it) {
        known if known == "65535:0" => GRACEFUL_SHUTDOWN.to_owned(),
        other => other,
    });
    let extended = items(&attributes["extended-community"]).iter();
    let extended = extended.filter_map(|it| it["string"].as_str().map(str::to_owned));
    let as_path = items(&attributes["as-path"])
        .iter()
        .filter_map(Value::as_u64);
    Ok(Seen {
        next_hop: hop.parse().ok(),
        as_path: as_path.map(u32::try_from).collect::<Result<_, _>>()?,
        communities: plain.chain(extended).collect(),
        stale: false,
    })
}

fn configuration(place: &Place, script: &str, restarted: bool) -> String {
    let mut text = format!("process watch {{ run {script}; encoder json; }}\n");
    let mut line =
        |line: String| writeln!(text, "{line}").expect("writing to a string cannot fail");
    for session in &place.sessions {
        let (ours, theirs) = (session.ours(), session.theirs());
        line(format!(
            "neighbor {ours} {{
  router-id {}; local-address {theirs}; local-as {THEIR_AS}; peer-as {OUR_AS};",
            Session::V4.theirs()
        ));
        if let Some(word) = session.their_password() {
            line(format!("  md5-password \"{word}\"; md5-base64 false;"));
        }
        let extended = *session == Session::ExtendedNextHop;
        let nexthop = if extended { "enable" } else { "disable" };
        line(format!(
            "  capability {{ graceful-restart {RESTART_TIME}; route-refresh enable; nexthop {nexthop}; }}
  family {{ ipv4 unicast; ipv6 unicast; }}
  api {{ processes [ watch ]; neighbor-changes; receive {{ parsed; update; }} send {{ parsed; update; }} }}"
        ));
        if extended {
            line("  nexthop { ipv4 unicast ipv6; }".to_owned());
        }
        line("  static {".to_owned());
        for route in THEIRS.routes(restarted) {
            let hop = match (route.is_v6(), extended) {
                (false, false) => Session::V4.theirs(),
                (true, false) => Session::V6.theirs(),
                (_, true) => theirs,
            };
            line(format!(
                "    route {} next-hop {hop} {};",
                route.prefix,
                marks(&route)
            ));
        }
        line("  }\n}".to_owned());
    }
    text
}

/// The words that put the communities on a route.
fn marks(route: &Announced) -> String {
    let standard = route.standard.iter().map(|it| match *it {
        GRACEFUL_SHUTDOWN => "community [ 65535:0 ]".to_owned(),
        other => format!("community [ {other} ]"),
    });
    let extended = route
        .extended
        .iter()
        .map(|it| format!("extended-community [ {it} ]"));
    let large = route
        .large
        .iter()
        .map(|it| format!("large-community [ {it} ]"));
    let all: Vec<_> = standard.chain(extended).chain(large).collect();
    all.join(" ")
}
