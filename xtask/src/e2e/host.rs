//! The host below the plugin: what somebody deletes there, and what is in the way of packets.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::cases::{SOON, hosts};
use super::suite::Case;
use crate::lab::client::{self, RunningClient};
use crate::lab::host::{Host, PLUGIN};
use crate::lab::{Lab, service_addresses};
use crate::scenario::{self, WEB};
use crate::wait::{secs, until};

/// What has nothing to do with the kind of router.
pub(super) const CASES: [(&str, Case); 2] = [
    (
        "what_somebody_deletes_of_the_path_is_there_again_at_once",
        deleted,
    ),
    (
        "dropped_packets_are_told_of_and_accepted_if_that_is_wanted",
        forward_dropped,
    ),
];

fn deleted(lab: &Lab) -> Result<()> {
    let [h1, h2] = hosts(lab)?;
    scenario::serve(lab)?;
    let [v4, _] = service_addresses()?;
    let bridge = h1.service_link(v4)?.context("a route to the service")?;
    let before = scenario::traces(h1)?;
    let client = RunningClient::start(&lab.client_netns, &service_addresses()?, 2)?;
    for deletion in [
        format!("route del {v4}/32 proto bgp metric 0"),
        format!("neigh del {v4} dev {bridge}"),
    ] {
        h1.netns.ip(&deletion)?;
        scenario::expect_traces(h1, &before).context(deletion)?;
    }
    let seen = client.finish()?;
    ensure!(
        seen.failures.is_empty(),
        "failed requests: {:?}",
        seen.failures
    );
    // A bridge takes everything along, and the packets of a moment.
    h1.netns.ip(&format!("link del {bridge}"))?;
    scenario::expect_host_routes(h1, true)?;
    lab.wait_service(&[h1, h2], SOON)?;
    lab.wait_answers(&[h1, h2])
}

fn forward_dropped(lab: &Lab) -> Result<()> {
    let [h1, _] = hosts(lab)?;
    lab.wait_sessions(&lab.all(), secs(30))?;
    h1.create_web1()?;
    h1.run_web(WEB, WEB)?;
    h1.wait_health(WEB, "healthy")?;
    lab.wait_service(&[h1], secs(10))?;
    lab.wait_answers(&[h1])?;
    let told = count(h1, CODE)?;
    let result = drop_and_mend(lab, h1, told);
    // The laboratory goes on as it was.
    for program in PROGRAMS {
        _ = policy(h1, program, "ACCEPT");
    }
    let reset = set_mending(h1, "false");
    result.and(reset)
}

fn drop_and_mend(lab: &Lab, h1: &Host, told: usize) -> Result<()> {
    for program in PROGRAMS {
        policy(h1, program, "DROP")?;
    }
    until("the finding in the log", SOON, || {
        let lines = count(h1, CODE)?;
        ensure!(lines >= told + 2, "{lines} lines speak of it");
        Ok(())
    })?;
    let log = fs::read_to_string(h1.log())?;
    for command in [
        "iptables -I DOCKER-USER -o bgplb-+ -j ACCEPT",
        "ip6tables -I FORWARD -o bgplb-+ -j ACCEPT",
    ] {
        ensure!(log.contains(command), "no `{command}` in the log");
    }
    let seen = client::requests(&lab.client_netns, &service_addresses()?, 1)?;
    ensure!(
        seen.answered() == 0,
        "{} answers came through",
        seen.answered()
    );
    set_mending(h1, "true")?;
    lab.wait_sessions(&lab.all(), secs(30))?;
    lab.wait_service(&[h1], secs(10))?;
    lab.wait_answers(&[h1])
}

/// The finding's name.
const CODE: &str = "forward-dropped";

/// The packet filters of both families.
const PROGRAMS: [&str; 2] = ["iptables", "ip6tables"];

fn policy(host: &Host, program: &str, policy: &str) -> Result<()> {
    let command = host.netns.command(program);
    command.args(["-P", "FORWARD", policy]).run()
}

/// How many lines of the engine's log, with the plugin's in it, have this word.
fn count(host: &Host, word: &str) -> Result<usize> {
    let log = fs::read_to_string(host.log())?;
    Ok(log.lines().filter(|line| line.contains(word)).count())
}

/// Starts the plugin anew with or without the right to mend the host.
fn set_mending(host: &Host, value: &str) -> Result<()> {
    host.docker.run(&["plugin", "disable", "--force", PLUGIN])?;
    host.docker
        .run(&["plugin", "set", PLUGIN, &format!("MEND_HOST={value}")])?;
    host.docker.run(&["plugin", "enable", PLUGIN]).map(drop)
}
