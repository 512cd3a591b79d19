//! FRRouting: bgpd for the sessions, zebra for the kernel's routes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{HOST_AS, Neighbour, Place, ROUTER_AS, Router, address};
use crate::cmd::{Cmd, Daemon};
use crate::lab::{ROUTER_V4, SITES};
use crate::wait::{secs, until};

#[derive(Debug)]
pub(super) struct Frr {
    place: Place,
    dir: PathBuf,
    bgpd: Daemon,
    zebra: Daemon,
    bfdd: Option<Daemon>,
}

impl Frr {
    pub(super) fn start(place: Place) -> Result<Self> {
        // The daemons drop their privileges and need a directory of their own.
        let dir = place.dir.join("frr");
        fs::create_dir_all(&dir)?;
        fs::write(dir.join("zebra.conf"), "log stdout\n")?;
        let of_bgpd = match &place.configuration {
            // As where all daemons have one file: they begin with nothing and are told by vtysh.
            Some(text) => {
                fs::write(dir.join("frr.conf"), text)?;
                fs::write(dir.join("vtysh.conf"), "")?;
                fs::write(dir.join("bfdd.conf"), "log stdout\n")?;
                "log stdout\n".to_owned()
            }
            None => configuration(&place),
        };
        fs::write(dir.join("bgpd.conf"), of_bgpd)?;
        Cmd::new("chown").args(["-R", "frr:frr"]).arg(&dir).run()?;
        let zebra = daemon(&place, &dir, "zebra")?;
        let bfdd = place
            .configuration
            .as_ref()
            .map(|_| daemon(&place, &dir, "bfdd"))
            .transpose()?;
        if bfdd.is_some() {
            // Where bgpd looks for it when it starts.
            await_file("bfdd's socket", &dir.join("bfdd.vty"))?;
        }
        let bgpd = daemon(&place, &dir, "bgpd")?;
        let mut frr = Self {
            place,
            dir,
            bgpd,
            zebra,
            bfdd,
        };
        until("bgpd's terminal", secs(10), || {
            if let Err(error) = frr.bgpd.check().and_then(|()| frr.zebra.check()) {
                return Ok(Err(error));
            }
            frr.ask("show bgp summary json").map(|_| Ok(()))
        })??;
        frr.load()?;
        Ok(frr)
    }

    /// Gives the daemons the one file they share, if they do.
    fn load(&self) -> Result<()> {
        if self.place.configuration.is_none() {
            return Ok(());
        }
        let terminal = Cmd::new("vtysh").arg("--vty_socket").arg(&self.dir);
        let finished = terminal
            .arg("--config_dir")
            .arg(&self.dir)
            .arg("-b")
            .finish()?;
        let said = finished.stdout.clone() + &finished.stderr;
        ensure!(
            finished.code == Some(0) && !said.contains('%'),
            "vtysh does not take the configuration: {said}"
        );
        Ok(())
    }

    fn ask(&self, line: &str) -> Result<Value> {
        let text = self.terminal(line).read()?;
        serde_json::from_str(&text).with_context(|| format!("parse the answer to {line:?}"))
    }

    fn terminal(&self, line: &str) -> Cmd {
        Cmd::new("vtysh")
            .arg("--vty_socket")
            .arg(&self.dir)
            .args(["-d", "bgpd", "-c", line])
    }
}

fn daemon(place: &Place, dir: &Path, name: &str) -> Result<Daemon> {
    let api = dir.join("zserv.api");
    if name != "zebra" {
        await_file("zebra's socket", &api)?;
    }
    let command = place
        .netns
        .command(&format!("/usr/lib/frr/{name}"))
        .args(["-u", "frr", "-g", "frr", "-f"])
        .arg(dir.join(format!("{name}.conf")))
        .arg("-i")
        .arg(dir.join(format!("{name}.pid")))
        .arg("-z")
        .arg(&api)
        .arg("--vty_socket")
        .arg(dir);
    let command = match name {
        "bfdd" => command.arg("--bfdctl").arg(dir.join("bfdd.sock")),
        _ => command,
    };
    command.spawn(&place.dir.join(format!("{name}.log")))
}

fn await_file(what: &str, path: &Path) -> Result<()> {
    until(what, secs(10), || {
        let there = fs::symlink_metadata(path);
        there.map(drop).context("it is not there")
    })
}

fn configuration(place: &Place) -> String {
    let mut text = format!(
        "log stdout
router bgp {ROUTER_AS}
 bgp router-id {ROUTER_V4}
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 bgp bestpath as-path multipath-relax
 neighbor hosts peer-group
 neighbor hosts remote-as {HOST_AS}
 neighbor hosts passive
"
    );
    let mut line =
        |line: String| writeln!(text, "{line}").expect("writing to a string cannot fail");
    if let Some(word) = &place.password {
        line(format!(" neighbor hosts password {word}"));
    }
    for site in SITES {
        line(format!(" neighbor {} peer-group hosts", site.v4));
    }
    for neighbour in &place.neighbours {
        let Neighbour { address, asn, .. } = neighbour;
        line(format!(" neighbor {address} remote-as {asn}"));
        line(format!(" neighbor {address} passive"));
        line(format!(" neighbor {address} capability extended-nexthop"));
    }
    for family in ["ipv4", "ipv6"] {
        line(format!(" address-family {family} unicast"));
        for neighbour in &place.neighbours {
            line(format!("  neighbor {} activate", neighbour.address));
        }
        line("  neighbor hosts activate\n  maximum-paths 16\n exit-address-family".to_owned());
    }
    text
}

impl Router for Frr {
    fn place(&self) -> &Place {
        &self.place
    }

    fn name(&self) -> &'static str {
        "FRR (vtysh json)"
    }

    fn established(&self) -> Result<BTreeSet<IpAddr>> {
        let summary = self.ask("show bgp ipv4 unicast summary json")?;
        let Some(peers) = summary["peers"].as_object() else {
            return Ok(BTreeSet::new());
        };
        peers
            .iter()
            .filter(|(_, peer)| peer["state"] == "Established")
            .map(|(name, _)| address(name))
            .collect()
    }

    fn next_hops(&self, prefix: &str) -> Result<BTreeSet<IpAddr>> {
        let paths = self.paths(prefix)?;
        let used = |path: &&Value| {
            path["valid"] == true && (path["multipath"] == true || !path["bestpath"].is_null())
        };
        paths
            .iter()
            .filter(used)
            .flat_map(|path| path["nexthops"].as_array().map_or(&[][..], Vec::as_slice))
            .filter(|hop| hop["scope"] != "link-local")
            .map(|hop| address(hop["ip"].as_str().unwrap_or_default()))
            .collect()
    }

    fn paths(&self, prefix: &str) -> Result<Vec<Value>> {
        let family = if prefix.contains(':') { "ipv6" } else { "ipv4" };
        let answer = self.ask(&format!("show bgp {family} unicast {prefix} json"))?;
        Ok(answer["paths"].as_array().cloned().unwrap_or_default())
    }

    fn look(&self) -> Vec<String> {
        ["ipv4", "ipv6"]
            .iter()
            .map(|family| {
                let line = format!("show bgp {family} unicast");
                format!("vtysh --vty_socket {} -c '{line}'", self.dir.display())
            })
            .collect()
    }

    fn logs(&self) -> Vec<PathBuf> {
        vec![self.bgpd.log().to_owned(), self.zebra.log().to_owned()]
    }

    fn keep(&mut self) {
        self.bgpd.keep();
        self.zebra.keep();
        self.bfdd.iter_mut().for_each(Daemon::keep);
    }
}
