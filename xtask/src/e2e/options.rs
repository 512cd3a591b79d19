//! What a network's options change, as routers see it.

pub(super) mod gateway;
mod peers;

use std::time::Duration;

use anyhow::{Result, ensure};

use super::suite::Case;
use crate::lab::client::RunningClient;
use crate::lab::host::{Host, PLUGIN};
use crate::lab::{Lab, service_addresses};
use crate::scenario::{self, WEB};
use crate::sys;
use crate::wait::{secs, until};

/// What holds with routers that show attributes.
pub(super) const CASES: &[(&str, Case)] = &[
    (
        "the_options_of_a_network_are_seen_at_the_router",
        attributes,
    ),
    (
        "a_graceful_shutdown_is_seen_before_the_withdrawal",
        graceful_shutdown,
    ),
];

/// What has nothing to do with the kind of router.
pub(super) const ONE_ROUTER: &[(&str, Case)] = &[(
    "options_that_cannot_be_used_are_refused_and_change_nothing",
    refused,
)];

/// The same, with a router that tells what it was told.
pub(super) const ANNOUNCED: &[(&str, Case)] = &[
    (
        "a_network_is_announced_to_the_routers_it_names_and_no_other",
        peers::named_peers,
    ),
    (
        "a_host_is_drained_and_taken_back_by_signals_to_the_plugin",
        host_drain,
    ),
];

/// Waits until the router shows all of these words for both prefixes.
fn wait_shown(lab: &Lab, words: &[&str], limit: Duration) -> Result<()> {
    let [v4, v6] = service_addresses()?;
    for prefix in [format!("{v4}/32"), format!("{v6}/128")] {
        until(&format!("{prefix} with {words:?}"), limit, || {
            let paths = lab.router().paths(&prefix)?;
            let shown = serde_json::to_string(&paths)?;
            let missing: Vec<_> = words.iter().filter(|it| !shown.contains(**it)).collect();
            ensure!(missing.is_empty(), "no {missing:?} in {shown}");
            Ok(())
        })?;
    }
    Ok(())
}

fn serve(host: &Host, options: &[&str]) -> Result<()> {
    host.create_web1_with(options)?;
    host.run_web(WEB, WEB)?;
    host.wait_health(WEB, "healthy")
}

fn attributes(lab: &Lab) -> Result<()> {
    lab.wait_sessions(&lab.all(), secs(30))?;
    let host = &lab.hosts[0];
    serve(
        host,
        &[
            "bgplb.communities=65000:1,65000:2",
            "bgplb.large-communities=65000:1:2",
            "bgplb.med=50",
            "bgplb.prepend=2",
            "bgplb.link-bandwidth=8",
        ],
    )?;
    lab.wait_service(&[host], secs(10))?;
    let path = "64512 64512 64512";
    let is_bird = lab.router().name().starts_with("BIRD");
    let words = if is_bird {
        // One million octets a second, the bits of a float, behind type and AS.
        let rate = "(unknown 0x4004, 64512, 1232348160)";
        [
            "(65000,1) (65000,2)",
            "(65000, 1, 2)",
            r#"med":"50""#,
            path,
            rate,
        ]
    } else {
        let rate = "LB:64512:1000000";
        ["65000:1 65000:2", "65000:1:2", r#""metric":50"#, path, rate]
    };
    wait_shown(lab, &words, secs(2))?;
    // Two containers can take twice as much.
    host.run_second_web("second", WEB)?;
    host.wait_health("second", "healthy")?;
    let twice = if is_bird {
        "(unknown 0x4004, 64512, 1240736768)"
    } else {
        "LB:64512:2000000"
    };
    wait_shown(lab, &[twice], secs(5))
}

fn host_drain(lab: &Lab) -> Result<()> {
    let [h1, h2] = super::cases::hosts(lab)?;
    scenario::serve(lab)?;
    let client = RunningClient::start(&lab.client_netns, &service_addresses()?, 2)?;
    sys::kill(h1.plugin_pid()?, libc::SIGUSR2)?;
    lab.wait_service(&[h2], secs(5))?;
    lab.wait_answers(&[h2])?;
    let seen = client.finish()?;
    ensure!(
        seen.failures.is_empty(),
        "failed requests: {:?}",
        seen.failures
    );
    // Containers answer through these, and run on.
    for subnet in h1.site.gateway_subnets() {
        lab.wait_route(&subnet, &[h1], Duration::ZERO)?;
    }
    h1.wait_health(WEB, "healthy")?;
    // Another plugin's process is told by what the first one wrote down.
    let pid = h1.plugin_pid()?;
    sys::kill(pid, libc::SIGKILL)?;
    until("Docker to start the plugin again", secs(15), || {
        ensure!(h1.plugin_pid()? != pid, "it is the old one");
        Ok(())
    })?;
    lab.wait_sessions(&[h1, h2], secs(30))?;
    for subnet in h1.site.gateway_subnets() {
        lab.wait_route(&subnet, &[h1], secs(10))?;
    }
    lab.wait_service(&[h2], Duration::ZERO)?;
    sys::kill(h1.plugin_pid()?, libc::SIGUSR1)?;
    lab.wait_service(&[h1, h2], secs(5))?;
    lab.wait_answers(&[h1, h2])
}

fn graceful_shutdown(lab: &Lab) -> Result<()> {
    lab.wait_sessions(&lab.all(), secs(30))?;
    let host = &lab.hosts[0];
    serve(
        host,
        &["bgplb.drain=graceful-shutdown", "bgplb.drain-time=6s"],
    )?;
    lab.wait_service(&[host], secs(10))?;
    host.docker.run(&["kill", "--signal", "SIGUSR2", WEB])?;
    let community = if lab.router().name().starts_with("BIRD") {
        "(65535,0)"
    } else {
        "graceful-shutdown"
    };
    wait_shown(lab, &[community], secs(3))?;
    // There is no other host, so that packets still come here.
    lab.wait_service(&[host], Duration::ZERO)?;
    lab.wait_answers(&[host])?;
    lab.wait_service(&[], secs(10))?;
    let health = host.docker.health(WEB)?;
    ensure!(health == "healthy", "{WEB} is {health} at the withdrawal");
    until("the container to be stopped", secs(10), || {
        let state = host.docker.inspect("container", WEB)?["State"].clone();
        ensure!(
            state["Running"] == false && state["ExitCode"] == 0,
            "{state}"
        );
        Ok(())
    })
}

fn refused(lab: &Lab) -> Result<()> {
    scenario::await_gateways(lab)?;
    let host = &lab.hosts[0];
    let before = scenario::traces(host)?;
    for (option, words) in [
        ("bgplb.med=high", "bgplb.med=high"),
        ("bgplb.communitys=65000:1", "bgplb.communities"),
        ("bgplb.peers=192.0.2.77", "192.0.2.77"),
        ("bgplb.drain-time=5", "30s"),
    ] {
        let error = host.create_web1_with(&[option]).err();
        let Some(error) = error.map(|error| format!("{error:#}")) else {
            anyhow::bail!("{PLUGIN} took {option}");
        };
        ensure!(error.contains(words), "{option}: {error}");
    }
    scenario::expect_traces(host, &before)
}
