//! Several containers of one network on one host.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use super::suite::Case;
use crate::lab::client::{self, RunningClient, Summary};
use crate::lab::host::Host;
use crate::lab::netns::Netns;
use crate::lab::{Lab, image, service_addresses};
use crate::scenario::WEB;
use crate::wait::{secs, until};

/// What has nothing to do with the kind of router.
pub(super) const CASES: &[(&str, Case)] = &[
    (
        "containers_on_one_host_share_the_flows_from_outside_and_from_the_host",
        shared_flows,
    ),
    ("a_container_that_comes_moves_no_connection", newcomer),
    (
        "a_container_that_turns_unhealthy_takes_no_connection_of_others_along",
        unhealthy,
    ),
    (
        "a_drained_container_keeps_its_connections_until_it_ends",
        drained,
    ),
    (
        "connections_to_several_containers_outlive_the_plugin",
        killed_plugin,
    ),
];

/// The second container, on the same host as the first, which answers with the host's name.
const SECOND: &str = "second";

/// Connections held to each address: enough that each container has some.
const FLOWS: u32 = 40;

/// The first host, with a network and its first container.
fn first(lab: &Lab) -> Result<&Host> {
    let host = &lab.hosts[0];
    // The default looks at addresses alone, of which the laboratory has too few.
    for family in ["ipv4", "ipv6"] {
        let key = format!("net/{family}/fib_multipath_hash_policy");
        host.netns.sysctl(&key, "1")?;
    }
    lab.wait_sessions(&lab.all(), secs(30))?;
    host.create_web1()?;
    host.run_web(WEB, WEB)?;
    host.wait_health(WEB, "healthy")?;
    lab.wait_service(&[host], secs(10))?;
    // Announced is not answered yet: Docker's bridge, by which the answers go, may still look for
    // duplicates of its address.
    wait_answers(&lab.client_netns, &["h1"])?;
    Ok(host)
}

fn second(lab: &Lab, host: &Host) -> Result<()> {
    host.run_second_web(SECOND, WEB)?;
    host.wait_health(SECOND, "healthy")?;
    wait_answers(&lab.client_netns, &["h1", SECOND])
}

/// Waits until requests to both addresses are answered by exactly these containers.
pub(super) fn wait_answers(from: &Netns, names: &[&str]) -> Result<()> {
    for address in service_addresses()? {
        until(
            &format!("answers of {names:?} from {address}"),
            secs(30),
            || {
                let seen = client::requests(from, &[address], 64)?;
                ensure!(seen.failures.is_empty(), "failed: {:?}", seen.failures);
                ensure!(seen.names().eq(names.iter().copied()), "{:?}", seen.answers);
                Ok(())
            },
        )?;
    }
    Ok(())
}

fn hold(lab: &Lab) -> Result<RunningClient> {
    RunningClient::hold(&lab.client_netns, &service_addresses()?, FLOWS)
}

/// The connections that were open to the end and lost, by container.
fn lost(seen: &Summary) -> BTreeMap<&str, u32> {
    let mut lost = BTreeMap::new();
    for failure in &seen.failures {
        let name = failure.split(':').next().unwrap_or_default();
        *lost.entry(name).or_default() += 1;
    }
    lost
}

fn shared_flows(lab: &Lab) -> Result<()> {
    let host = first(lab)?;
    second(lab, host)?;
    for netns in [&lab.client_netns, &host.netns] {
        for address in service_addresses()? {
            let seen = client::requests(netns, &[address], 256)?;
            ensure!(seen.failures.is_empty(), "failed: {:?}", seen.failures);
            // Half of them, give or take what chance does to 256.
            let share = seen.answers.get(SECOND).copied().unwrap_or_default();
            ensure!((64..=192).contains(&share), "{address}: {:?}", seen.answers);
        }
    }
    host.docker.run(&["rm", "--force", WEB])?;
    wait_answers(&lab.client_netns, &[SECOND])?;
    lab.wait_service(&[host], secs(1))
}

fn newcomer(lab: &Lab) -> Result<()> {
    let host = first(lab)?;
    let held = hold(lab)?;
    second(lab, host)?;
    let seen = held.finish()?;
    ensure!(seen.failures.is_empty(), "lost: {:?}", seen.failures);
    ensure!(seen.names().eq(["h1"]), "{:?}", seen.answers);
    Ok(())
}

fn unhealthy(lab: &Lab) -> Result<()> {
    let host = first(lab)?;
    second(lab, host)?;
    let held = hold(lab)?;
    let asking = RunningClient::start(&lab.client_netns, &service_addresses()?, 2)?;
    host.exec(SECOND, &image::SICKEN)?;
    host.wait_health(SECOND, "unhealthy")?;
    wait_answers(&lab.client_netns, &["h1"])?;
    lab.wait_service(&[host], secs(1))?;
    let (seen, asked) = (held.finish()?, asking.finish()?);
    ensure!(asked.failures.is_empty(), "failed: {:?}", asked.failures);
    let lost = lost(&seen);
    ensure!(
        lost.keys().eq([&SECOND]),
        "lost {lost:?}, open {:?}",
        seen.answers
    );
    ensure!(seen.names().eq(["h1"]), "{:?}", seen.answers);
    ensure!(seen.answered() + lost[SECOND] == 2 * FLOWS, "{lost:?}");
    host.exec(SECOND, &image::HEAL)?;
    host.wait_health(SECOND, "healthy")?;
    wait_answers(&lab.client_netns, &["h1", SECOND])
}

fn drained(lab: &Lab) -> Result<()> {
    let host = first(lab)?;
    second(lab, host)?;
    let (short, long) = (hold(lab)?, hold(lab)?);
    let asking = RunningClient::start(&lab.client_netns, &service_addresses()?, 2)?;
    host.docker.run(&["kill", "--signal", "SIGUSR2", SECOND])?;
    until("the drain to begin", secs(3), || {
        let groups = host.netns.ip("nexthop show")?;
        // Somebody has nearly all of the weight.
        ensure!(groups.contains(",255/"), "{groups}");
        Ok(())
    })?;
    let seen = short.finish()?;
    ensure!(seen.failures.is_empty(), "lost: {:?}", seen.failures);
    ensure!(seen.names().eq(["h1", SECOND]), "{:?}", seen.answers);
    until("the drained container to end", secs(15), || {
        let state = host.docker.inspect("container", SECOND)?["State"].clone();
        ensure!(state["Running"] == false, "{state}");
        ensure!(state["ExitCode"] == 0, "not by its handler: {state}");
        Ok(())
    })?;
    let (seen, asked) = (long.finish()?, asking.finish()?);
    ensure!(asked.failures.is_empty(), "failed: {:?}", asked.failures);
    // A request may be under way when its container's share goes.
    ensure!(asked.resent <= 2, "{} were sent again", asked.resent);
    let lost = lost(&seen);
    ensure!(lost.keys().eq([&SECOND]), "lost {lost:?}");
    ensure!(seen.answered() + lost[SECOND] == 2 * FLOWS, "{lost:?}");
    lab.wait_service(&[host], secs(1))
}

/// The numbered next hops without the time for which a group was out of balance, which
/// passes by itself.
fn next_hops(host: &Host) -> Result<Vec<String>> {
    let shown = host.netns.ip("nexthop show")?;
    let steady = |line: &str| {
        let (before, after) = line.split_once(" unbalanced_time ")?;
        let (_, after) = after.split_once(' ')?;
        Some(format!("{before} {after}"))
    };
    let lines = shown.lines();
    Ok(lines
        .map(|line| steady(line).unwrap_or_else(|| line.to_owned()))
        .collect())
}

fn killed_plugin(lab: &Lab) -> Result<()> {
    let host = first(lab)?;
    second(lab, host)?;
    let held = hold(lab)?;
    let groups = next_hops(host)?;
    let pid = host.plugin_pid()?;
    crate::sys::kill(pid, libc::SIGKILL)?;
    until("Docker to start the plugin again", secs(15), || {
        ensure!(host.plugin_pid()? != pid, "the old one is there");
        Ok(())
    })?;
    lab.wait_sessions(&lab.all(), secs(30))?;
    lab.wait_service(&[host], secs(5))?;
    wait_answers(&lab.client_netns, &["h1", SECOND])?;
    let seen = held.finish()?;
    ensure!(seen.failures.is_empty(), "lost: {:?}", seen.failures);
    let now = next_hops(host)?;
    ensure!(
        now == groups,
        "the kernel has {now:#?} instead of {groups:#?}"
    );
    host.docker.run(&["rm", "--force", WEB, SECOND])?;
    host.docker.run(&["network", "rm", WEB])?;
    let left = host.netns.ip("nexthop show")?;
    ensure!(left.trim().is_empty(), "left: {left}");
    Ok(())
}
