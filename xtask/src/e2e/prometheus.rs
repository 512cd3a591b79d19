//! A real Prometheus with our alert rules, and a speaker with a session that is down.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::artifacts::workspace;
use crate::cmd::{Cmd, Daemon, tails};
use crate::lab::netns::Netns;
use crate::lab::two_nodes::{Medium, TwoNodes};
use crate::wait::{secs, until};
use crate::{artifacts, packages, sys};

/// The test.
pub(super) const CASE: (&str, fn() -> Result<()>) = (
    "prometheus_takes_every_rule_and_tells_of_a_session_that_is_down_until_it_is_up",
    alerted,
);

const LINK: &str = "lan";
const OURS: &str = "10.9.0.1";
const THEIRS: &str = "10.9.0.2";
const RULES: &str = "docs/operating/prometheus-rules.yaml";

/// What is told of a session that is down.
const ALERT: &str = "BgplbSessionDown";

/// Whether this machine can run it.
pub(super) fn able() -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this is not Linux");
    ensure!(!sys::interrupted(), "interrupted");
    ensure!(sys::is_root(), "needs root");
    packages::ensure(&[packages::IPROUTE, packages::CURL, packages::PROMETHEUS])
}

fn alerted() -> Result<()> {
    let program = artifacts::build_unoptimized_speaker()?;
    let at = |address: &str| -> Result<[(&str, IpAddr); 1]> { Ok([(LINK, address.parse()?)]) };
    let nodes = TwoNodes::join(Medium::Cable, &[LINK], &at(OURS)?, &at(THEIRS)?)?;
    let dir = nodes.dir();
    let logs = ["ours", "theirs", "prometheus"].map(|name| dir.join(format!("{name}.log")));
    follow(&nodes, &program).with_context(|| tails(&logs))
}

fn follow(nodes: &TwoNodes, program: &Path) -> Result<()> {
    let _ours = speaker(&nodes.one, nodes.dir(), program, "ours", [OURS, THEIRS])?;
    let _prometheus = prometheus(&nodes.one, nodes.dir())?;
    let host = &nodes.one;
    until("the first scrape", secs(60), || {
        let targets = asked(host, "targets")?["activeTargets"].clone();
        let target = &targets[0];
        ensure!(target["health"] == "up", "the target is {target}");
        Ok(())
    })?;
    until("the alert", secs(60), || {
        let alert = alert(host)?.context("there is none")?;
        ensure!(alert["state"] == "firing", "it is {alert}");
        let summary = &alert["annotations"]["summary"];
        let summary = summary.as_str().unwrap_or_default();
        ensure!(summary.contains(THEIRS), "it says {summary}");
        Ok(())
    })?;
    all_evaluated(host)?;
    let _theirs = speaker(&nodes.two, nodes.dir(), program, "theirs", [THEIRS, OURS])?;
    until("the end of the alert", secs(60), || {
        let left = alert(host)?;
        ensure!(left.is_none(), "it is {left:?}");
        Ok(())
    })?;
    all_evaluated(host)
}

/// The rules as they are but for one thing: nobody waits a minute here.
fn rules() -> Result<String> {
    let text =
        fs::read_to_string(workspace().join(RULES)).with_context(|| format!("read {RULES}"))?;
    let hasty = |line: &str| match line.split_once("for: ") {
        Some((before, _)) if before.trim().is_empty() => format!("{before}for: 1s\n"),
        _ => format!("{line}\n"),
    };
    Ok(text.lines().map(hasty).collect())
}

fn prometheus(netns: &Netns, dir: &Path) -> Result<Daemon> {
    // What is shipped, whole, by Prometheus' own judgement.
    Cmd::new("promtool")
        .args(["check", "rules"])
        .arg(workspace().join(RULES))
        .run()?;
    fs::write(dir.join("rules.yaml"), rules()?)?;
    let config = dir.join("prometheus.yaml");
    fs::write(
        &config,
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n\
         rule_files: [rules.yaml]\n\
         scrape_configs:\n\
         - job_name: bgplb-speaker\n  \
           static_configs: [{targets: ['127.0.0.1:9179']}]\n",
    )?;
    netns
        .command("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            dir.join("tsdb").display()
        ))
        .arg("--web.listen-address=127.0.0.1:9090")
        .spawn(&dir.join("prometheus.log"))
}

/// One that announces a prefix and has its status read over TCP.
fn speaker(
    netns: &Netns,
    dir: &Path,
    program: &Path,
    name: &str,
    [own, other]: [&str; 2],
) -> Result<Daemon> {
    let asn = |address: &str| if address == OURS { 64512 } else { 64513 };
    let text = format!(
        "[local]\nas = {}\nrouter-id = \"{own}\"\nlisten = [\"0.0.0.0:179\"]\n\
         [[peers]]\naddress = \"{other}\"\nas = {}\nconnect-retry = 1\nidle-hold = 1\n\
         [control]\nstatus-listen = \"127.0.0.1:9179\"\n\
         [[announce]]\nprefix = \"198.51.100.1/32\"\n",
        asn(own),
        asn(other)
    );
    let file = dir.join(format!("{name}.toml"));
    fs::write(&file, text)?;
    netns
        .command(&program.display().to_string())
        .args(["run", "--config"])
        .arg(file)
        .arg("--socket")
        .arg(dir.join(format!("{name}.sock")))
        .spawn(&dir.join(format!("{name}.log")))
}

/// Every rule was evaluated, and none in vain.
fn all_evaluated(host: &Netns) -> Result<()> {
    let groups = asked(host, "rules")?["groups"].clone();
    let groups = groups.as_array().context("no groups")?;
    let rules: Vec<&Value> = groups
        .iter()
        .filter_map(|it| it["rules"].as_array())
        .flatten()
        .collect();
    let shipped = rules_shipped()?;
    ensure!(rules.len() == shipped, "of {shipped} there are {rules:?}");
    for rule in rules {
        ensure!(rule["health"] == "ok", "not evaluated: {rule}");
    }
    Ok(())
}

fn rules_shipped() -> Result<usize> {
    let text = rules()?;
    let count = text
        .lines()
        .filter(|it| it.trim().starts_with("- alert: "))
        .count();
    ensure!(count > 0, "{RULES} has no alert");
    Ok(count)
}

fn alert(host: &Netns) -> Result<Option<Value>> {
    let alerts = asked(host, "alerts")?["alerts"].clone();
    let alerts = alerts.as_array().context("no list")?;
    let ours = |it: &&Value| it["labels"]["alertname"] == ALERT;
    Ok(alerts.iter().find(ours).cloned())
}

/// What Prometheus answers.
fn asked(host: &Netns, what: &str) -> Result<Value> {
    let curl = host.command("curl").args(["-sS", "--fail", "-m", "10"]);
    let said = curl
        .arg(format!("http://127.0.0.1:9090/api/v1/{what}"))
        .read()?;
    let answer: Value = serde_json::from_str(&said)?;
    ensure!(answer["status"] == "success", "{answer}");
    Ok(answer["data"].clone())
}
