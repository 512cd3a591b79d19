//! What the plugin says of itself, asked from the host and from inside of it.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::cases::{SOON, hosts};
use super::suite::Case;
use crate::cmd::Cmd;
use crate::lab::host::{Host, PLUGIN};
use crate::lab::{Lab, SERVICE_V4, image};
use crate::scenario::{self, WEB};
use crate::wait::{secs, until};

/// What has nothing to do with the kind of router.
pub(super) const CASES: [(&str, Case); 2] = [
    (
        "the_plugin_says_of_every_address_why_it_is_or_is_not_announced",
        services,
    ),
    (
        "the_plugin_says_which_peer_is_down_and_what_is_told_to_whom",
        peers,
    ),
];

fn services(lab: &Lab) -> Result<()> {
    let [h1, _] = hosts(lab)?;
    scenario::serve(lab)?;
    expect(lab, h1, "announced", "serving")?;
    let service = &ask(lab, h1, &["services"])?["services"][0];
    ensure!(
        service["network"]["name"] == WEB && service["containers"][0]["name"] == WEB,
        "{service}"
    );
    h1.exec(WEB, &image::SICKEN)?;
    h1.wait_health(WEB, "unhealthy")?;
    expect(lab, h1, "withheld", "unhealthy")?;
    let explained = ask(lab, h1, &["explain", SERVICE_V4])?;
    let gates = explained["gates"].as_array().context("no gates")?;
    let health = gates.iter().find(|it| it["gate"] == "health");
    let health = health.context("no health among the gates")?;
    ensure!(
        explained["told"] == false && health["verdict"] == "blocked",
        "{explained}"
    );
    let remedy = health["remedy"].as_str().context("no remedy")?;
    ensure!(remedy.contains(WEB), "{remedy}");
    h1.exec(WEB, &image::HEAL)?;
    h1.wait_health(WEB, "healthy")?;
    expect(lab, h1, "announced", "serving")?;
    let pid = h1.plugin_pid()?.to_string();
    Cmd::new("kill").args(["-USR2", &pid]).run()?;
    expect(lab, h1, "withheld", "draining")?;
    let status = ask(lab, h1, &["status"])?;
    ensure!(status["drain"]["scope"] == "host", "{status}");
    ensure!(status["docker"]["reachable"] == true, "{status}");
    Cmd::new("kill").args(["-USR1", &pid]).run()?;
    expect(lab, h1, "announced", "serving")?;
    h1.docker.run(&["rm", "--force", WEB])?;
    expect(lab, h1, "withheld", "no-endpoint")
}

fn peers(lab: &Lab) -> Result<()> {
    let [h1, _] = hosts(lab)?;
    scenario::serve(lab)?;
    let router = &ask(lab, h1, &["peers"])?["peers"][0];
    ensure!(router["state"] == "Established", "{router}");
    let route = &ask(lab, h1, &["routes", "advertised", "10.0.0.101/32"])?["routes"][0];
    ensure!(route["peers"][0] == router["peer"], "{route}");
    let learned = &ask(lab, h1, &["routes", "learned"])?["routes"];
    ensure!(learned.is_array(), "{learned}");
    let warnings = ask(lab, h1, &["status"])?["warnings"].clone();
    let warned = warnings.as_array().is_some_and(|it| !it.is_empty());
    judged(lab, h1, i32::from(warned))?;
    ensure!(!names(&warnings, "peer-down"), "{warnings}");
    let cut = Cut::new(h1)?;
    // What is said now is answered by a reset.
    h1.exec(WEB, &image::SICKEN)?;
    until("the peer to be told as down", secs(15), || {
        let status = ask(lab, h1, &["status"])?;
        ensure!(names(&status["warnings"], "peer-down"), "{status}");
        ensure!(status["peers"]["established"] == 0, "{status}");
        Ok(())
    })?;
    judged(lab, h1, 2)?;
    until("the doctor to name what keeps it down", secs(30), || {
        let found = found(lab, h1)?;
        ensure!(names(&found, "refused"), "{found}");
        Ok(())
    })?;
    drop(cut);
    lab.wait_sessions(&lab.all(), secs(60))?;
    until("the doctor to find nothing wrong with a peer", SOON, || {
        let found = found(lab, h1)?;
        let mut subjects = found.as_array().into_iter().flatten();
        let of_peer = |it: &Value| {
            it["subject"]
                .as_str()
                .is_some_and(|it| it.starts_with("peer"))
        };
        ensure!(!subjects.any(of_peer), "{found}");
        // The container is still sick.
        ensure!(names(&found, "service-withheld"), "{found}");
        Ok(())
    })
}

pub(super) fn names(warnings: &Value, code: &str) -> bool {
    let mut warnings = warnings.as_array().into_iter().flatten();
    warnings.any(|warning| warning["code"] == code)
}

/// Both addresses of the service come to be so, as the JSON and the table say.
pub(super) fn expect(lab: &Lab, host: &Host, state: &str, reason: &str) -> Result<()> {
    until(&format!("{WEB} to be told as {reason}"), SOON, || {
        let answer = ask(lab, host, &["services"])?;
        let services = answer["services"].as_array().context("no services")?;
        let so = |it: &Value| it["state"] == state && it["reason"] == reason;
        ensure!(services.len() == 2 && services.iter().all(so), "{answer}");
        Ok(())
    })?;
    let table = inside(host, &["services"])?.read()?;
    let lines = table.lines().skip(1);
    let so = |line: &str| line.contains(state) && line.contains(reason);
    ensure!(
        lines.clone().count() == 2 && lines.clone().all(so),
        "{table}"
    );
    Ok(())
}

/// What the doctor finds wrong, whatever it ends with.
pub(super) fn found(lab: &Lab, host: &Host) -> Result<Value> {
    let finished = outside(lab, host, &["doctor", "-o", "json"])?.finish()?;
    let answer: Value =
        serde_json::from_str(&finished.stdout).with_context(|| finished.complaint())?;
    Ok(answer["findings"].clone())
}

/// What `check` makes of the plugin is its exit code.
fn judged(lab: &Lab, host: &Host, wanted: i32) -> Result<()> {
    let finished = outside(lab, host, &["check"])?.finish()?;
    let code = finished.code;
    ensure!(code == Some(wanted), "{code:?}: {}", finished.complaint());
    Ok(())
}

/// What a command says as JSON, which is the same from both sides.
pub(super) fn ask(lab: &Lab, host: &Host, words: &[&str]) -> Result<Value> {
    let json = [words, &["-o", "json"]].concat();
    let from_inside: Value = serde_json::from_str(&inside(host, &json)?.read()?)?;
    let said = outside(lab, host, &json)?.read()?;
    let from_outside: Value = serde_json::from_str(&said)?;
    ensure!(from_inside["version"] == 1, "{from_inside}");
    let keys = |it: &Value| {
        it.as_object()
            .map(|it| it.keys().cloned().collect::<Vec<_>>())
    };
    ensure!(keys(&from_inside) == keys(&from_outside), "{from_outside}");
    Ok(from_outside)
}

/// The plugin's own program, run in the plugin's mounts.
pub(super) fn inside(host: &Host, words: &[&str]) -> Result<Cmd> {
    let pid = host.plugin_pid()?.to_string();
    Ok(Cmd::new("nsenter")
        .args(["--target", &pid, "--mount", "--", "/bgplb-plugin"])
        .args(words))
}

/// A program on the host, which is told where the plugin keeps its state.
pub(crate) fn outside(lab: &Lab, host: &Host, words: &[&str]) -> Result<Cmd> {
    Ok(host
        .space
        .command(&lab.plugin.display().to_string())
        .args(words)
        .arg("--socket")
        .arg(socket(host)?))
}

/// Where the plugin of a host is asked, as the host sees it.
pub(crate) fn socket(host: &Host) -> Result<PathBuf> {
    let id = host.docker.inspect("plugin", PLUGIN)?["Id"].clone();
    let id = id.as_str().context("a plugin without an id")?;
    let state = host.dir.join("data/plugins").join(id);
    Ok(state.join("propagated-mount/status.sock"))
}

/// While this lives, the kernel resets every connection of a host to a router.
pub(super) struct Cut<'a>(&'a Host);

impl<'a> Cut<'a> {
    pub(super) fn new(host: &'a Host) -> Result<Self> {
        let cut = Self(host);
        cut.rule("-I")?;
        Ok(cut)
    }

    fn rule(&self, action: &str) -> Result<()> {
        let iptables = self.0.netns.command("iptables");
        let reset = ["-j", "REJECT", "--reject-with", "tcp-reset"];
        iptables
            .args([action, "OUTPUT", "-p", "tcp", "--dport", "179"])
            .args(reset)
            .run()
    }
}

impl Drop for Cut<'_> {
    fn drop(&mut self) {
        _ = self.rule("-D");
    }
}
