//! The tests that run in a laboratory.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};

use super::suite::Case;
use crate::lab::client::RunningClient;
use crate::lab::host::{Host, PLUGIN};
use crate::lab::{Lab, image, service_addresses};
use crate::scenario::{self, WEB};
use crate::sys;
use crate::wait::{secs, until};

/// What holds with every router.
pub(super) const EVERY_ROUTER: &[(&str, Case)] = &[
    (
        "gateway_networks_are_learned_in_both_families",
        gateway_networks,
    ),
    (
        "healthy_containers_are_announced_and_share_the_requests",
        healthy_containers,
    ),
    (
        "an_unhealthy_container_leaves_and_comes_back",
        unhealthy_container,
    ),
    ("a_drain_by_sigusr2_fails_no_request", drain),
    (
        "a_killed_plugin_announces_again_and_still_cleans_up",
        killed_plugin,
    ),
    ("a_removed_service_leaves_no_trace", removed_service),
    (
        "an_ipv6_only_network_announces_ipv6_only",
        ipv6_only_network,
    ),
    ("a_disabled_plugin_withdraws_everything", disabled_plugin),
];

/// What has nothing to do with the kind of router.
pub(super) const ONE_ROUTER: [(&str, Case); 2] = [
    ("wrong_masks_are_refused_and_change_nothing", wrong_masks),
    (
        "bad_plugin_requests_are_answered_and_change_nothing",
        bad_requests,
    ),
];

/// What holds when the sessions carry a TCP MD5 password.
pub(super) const PASSWORD: &[(&str, Case)] = &[(
    "gateway_networks_are_learned_in_both_families",
    gateway_networks,
)];

/// What holds when router and plugin have different passwords.
pub(super) const OTHER_PASSWORD: &[(&str, Case)] = &[(
    "no_session_comes_up_and_the_router_sees_bad_signatures",
    other_password,
)];

/// A withdrawal or an announcement is at the router and in its kernel within this time. It is
/// generous: the tests share two processors with four routers' worth of other work.
pub(super) const SOON: Duration = secs(5);

pub(super) fn hosts(lab: &Lab) -> Result<[&Host; 2]> {
    lab.all()
        .try_into()
        .map_err(|_| anyhow!("a laboratory has two hosts"))
}

fn gateway_networks(lab: &Lab) -> Result<()> {
    scenario::await_gateways(lab)
}

fn other_password(lab: &Lab) -> Result<()> {
    until("segments with bad signatures", secs(15), || {
        let bad = lab.router_netns.tcp_counter("TCPMD5Failure")?;
        // More than one: the plugin does not give up after the first attempt.
        ensure!(bad >= 2, "the router's kernel counted {bad}");
        Ok(())
    })?;
    lab.wait_sessions(&[], Duration::ZERO)?;
    let [h1, _] = hosts(lab)?;
    until("the doctor to think of the password", secs(15), || {
        let found = super::status::found(lab, h1)?;
        // Only who is connected to can say that it is the password.
        let silent = super::status::names(&found, "no-answer")
            && found.to_string().contains("it has another password for us");
        ensure!(
            silent || super::status::names(&found, "password-differs"),
            "{found}"
        );
        Ok(())
    })
}

fn healthy_containers(lab: &Lab) -> Result<()> {
    scenario::serve(lab)
}

fn unhealthy_container(lab: &Lab) -> Result<()> {
    let [h1, h2] = hosts(lab)?;
    scenario::serve(lab)?;
    h1.exec(WEB, &image::SICKEN)?;
    h1.wait_health(WEB, "unhealthy")?;
    lab.wait_service(&[h2], SOON)?;
    scenario::expect_host_routes(h1, false)?;
    lab.wait_answers(&[h2])?;
    h1.exec(WEB, &image::HEAL)?;
    h1.wait_health(WEB, "healthy")?;
    lab.wait_service(&[h1, h2], SOON)?;
    scenario::expect_host_routes(h1, true)?;
    lab.wait_answers(&[h1, h2])
}

fn drain(lab: &Lab) -> Result<()> {
    let [h1, h2] = hosts(lab)?;
    scenario::serve(lab)?;
    let client = RunningClient::start(&lab.client_netns, &service_addresses()?, 2)?;
    let begin = Instant::now();
    let docker = h1.docker.clone();
    let stop = thread::spawn(move || docker.run(&["stop", WEB]).map(|_| begin.elapsed()));
    lab.wait_service(&[h2], secs(3))?;
    let withdrawn = begin.elapsed();
    let health = h1.docker.health(WEB)?;
    ensure!(
        health == "healthy",
        "{WEB} is {health} right after the withdrawal"
    );
    let stopped = stop.join().map_err(|_| anyhow!("docker stop panicked"))??;
    ensure!(
        (4.5..9.0).contains(&stopped.as_secs_f64()),
        "withdrawn after {withdrawn:?}, stopped after {stopped:?} instead of about 5 s"
    );
    let code = h1.docker.inspect("container", WEB)?["State"]["ExitCode"].clone();
    ensure!(
        code == 0,
        "the container ended with {code}: not by its handler of SIGTERM"
    );
    scenario::expect_host_routes(h1, false)?;
    lab.wait_answers(&[h2])?;
    let seen = client.finish()?;
    ensure!(
        seen.failures.is_empty(),
        "failed requests: {:?}",
        seen.failures
    );
    ensure!(
        seen.answered() > 100,
        "only {} requests were made",
        seen.answered()
    );
    ensure!(seen.names().eq(["h1", "h2"]), "{:?} answered", seen.answers);
    // A connection open in the very moment in which the router changes its routes may move.
    ensure!(
        seen.resent <= 2,
        "{} requests had to be sent again",
        seen.resent
    );
    Ok(())
}

fn killed_plugin(lab: &Lab) -> Result<()> {
    let [h1, h2] = hosts(lab)?;
    let before = scenario::traces(h1)?;
    scenario::serve(lab)?;
    let state = |host: &Host| {
        let state = host.docker.inspect("container", WEB)?["State"].clone();
        anyhow::Ok((state["Pid"].clone(), state["StartedAt"].clone()))
    };
    let running = state(h1)?;
    let pid = h1.plugin_pid()?;
    let client = RunningClient::start(&lab.client_netns, &service_addresses()?, 2)?;
    sys::kill(pid, libc::SIGKILL)?;
    let mut since_restart = None;
    let begin = Instant::now();
    // Longer than the sessions take to come back and what is announced to be told.
    while since_restart.is_none_or(|since: Instant| since.elapsed() < secs(4)) {
        // GoBGP keeps routes only of neighbours it was told to keep them of.
        if !lab.router().name().starts_with("GoBGP") {
            lab.wait_service(&[h1, h2], Duration::ZERO)
                .context("a router that knows of restarts keeps the routes")?;
        }
        match h1.plugin_pid() {
            Ok(now) if now != pid => _ = since_restart.get_or_insert_with(Instant::now),
            _ => ensure!(
                begin.elapsed() < secs(15),
                "Docker does not start the plugin again"
            ),
        }
        thread::sleep(Duration::from_millis(50));
    }
    lab.wait_sessions(&[h1, h2], secs(30))?;
    lab.wait_service(&[h1, h2], SOON)?;
    let seen = client.finish()?;
    ensure!(
        seen.failures.is_empty(),
        "failed requests: {:?}",
        seen.failures
    );
    scenario::expect_host_routes(h1, true)?;
    ensure!(state(h1)? == running, "the container was touched");
    lab.wait_answers(&[h1, h2])?;
    h1.docker.run(&["rm", "--force", WEB])?;
    lab.wait_service(&[h2], SOON)?;
    h1.docker.run(&["network", "rm", WEB])?;
    scenario::expect_traces(h1, &before)
}

fn removed_service(lab: &Lab) -> Result<()> {
    let [h1, h2] = hosts(lab)?;
    lab.wait_sessions(&[h1, h2], secs(30))?;
    let before = scenario::traces(h1)?;
    h1.create_web1()?;
    let with_network = scenario::traces(h1)?;
    h1.run_web(WEB, WEB)?;
    h1.wait_health(WEB, "healthy")?;
    lab.wait_service(&[h1], SOON)?;
    h1.docker.run(&["rm", "--force", WEB])?;
    lab.wait_service(&[], SOON)?;
    scenario::expect_host_routes(h1, false)?;
    let veths = |traces: &[String]| traces.iter().filter(|t| t.starts_with("link veth")).count();
    until("the container's links to go", secs(5), || {
        let now = scenario::traces(h1)?;
        ensure!(veths(&now) == veths(&with_network), "there are {now:?}");
        Ok(())
    })?;
    h1.docker.run(&["network", "rm", WEB])?;
    scenario::expect_traces(h1, &before)?;
    ensure!(
        h1.plugin_links()?.is_empty(),
        "left: {:?}",
        h1.plugin_links()?
    );
    Ok(())
}

fn ipv6_only_network(lab: &Lab) -> Result<()> {
    const ADDRESS: &str = "2001:db8:0:1000::106";
    let [h1, h2] = hosts(lab)?;
    lab.wait_sessions(&[h1, h2], secs(30))?;
    h1.create_service_network("web6", None, Some(ADDRESS))?;
    h1.run_web("web6", "web6")?;
    h1.wait_health("web6", "healthy")?;
    lab.wait_route(&format!("{ADDRESS}/128"), &[h1], SOON)?;
    lab.wait_answers_of(ADDRESS.parse()?, &[h1])?;
    let router = lab.router();
    let v4 = router.next_hops("0.0.0.0/32")?;
    ensure!(v4.is_empty(), "0.0.0.0/32 is announced by {v4:?}");
    let routes = h1.netns.ip("-4 route show table all")?;
    let unspecified = routes.lines().find(|line| line.starts_with("0.0.0.0"));
    ensure!(
        unspecified.is_none(),
        "the host has a route {unspecified:?}"
    );
    Ok(())
}

fn disabled_plugin(lab: &Lab) -> Result<()> {
    let [h1, h2] = hosts(lab)?;
    scenario::serve(lab)?;
    h1.docker.run(&["plugin", "disable", "--force", PLUGIN])?;
    lab.wait_service(&[h2], SOON)?;
    for subnet in h1.site.gateway_subnets() {
        lab.wait_route(&subnet, &[], SOON)?;
    }
    lab.wait_sessions(&[h2], SOON)?;
    lab.wait_answers(&[h2])?;
    h1.docker.run(&["plugin", "enable", PLUGIN])?;
    lab.wait_sessions(&[h1, h2], secs(30))?;
    scenario::await_gateways(lab)?;
    lab.wait_service(&[h1, h2], SOON)?;
    lab.wait_answers(&[h1, h2])
}

fn wrong_masks(lab: &Lab) -> Result<()> {
    let [h1, _] = hosts(lab)?;
    scenario::await_gateways(lab)?;
    let before = scenario::traces(h1)?;
    let networks = h1.docker.names(&["network", "ls"], "Name")?;
    let base = [
        "network",
        "create",
        "--driver",
        PLUGIN,
        "--ipam-driver",
        PLUGIN,
    ];
    let wrong: [(&[&str], &str); 3] = [
        (&["--subnet", "10.0.0.0/24"], "/32"),
        (
            &[
                "--subnet",
                "10.0.0.102/32",
                "--ipv6",
                "--ipam-opt",
                "v6subnet=2001:db8::/64",
            ],
            "/128",
        ),
        (
            &[
                "--subnet",
                "10.0.0.102/32",
                "--ipv6",
                "--ipam-opt",
                "v6subnet=nonsense",
            ],
            "v6subnet",
        ),
    ];
    for (options, named) in wrong {
        let finished = h1
            .docker
            .command(&base)
            .args(options)
            .arg("wrong")
            .finish()
            .context("docker network")?;
        ensure!(finished.code != Some(0), "{options:?} was accepted");
        let said = finished.stderr;
        ensure!(
            said.contains(named),
            "the answer to {options:?} does not name {named}: {said}"
        );
    }
    ensure!(
        h1.docker.names(&["network", "ls"], "Name")? == networks,
        "a network was created"
    );
    scenario::expect_traces(h1, &before)
}

fn bad_requests(lab: &Lab) -> Result<()> {
    let [h1, h2] = hosts(lab)?;
    scenario::serve(lab)?;
    let before = scenario::traces(h1)?;
    let pid = h1.plugin_pid()?;
    let unknown = format!(
        r#"{{"NetworkID":"{0}","EndpointID":"{0}"}}"#,
        "e".repeat(64)
    );
    let joined = unknown.replace('}', r#","SandboxKey":"/x","Options":{},"Interface":{}}"#);
    let requests: [(&str, &str); 11] = [
        ("NetworkDriver.CreateEndpoint", &joined),
        ("NetworkDriver.Join", &joined),
        ("NetworkDriver.CreateNetwork", "{"),
        ("NetworkDriver.CreateNetwork", ""),
        ("NetworkDriver.CreateNetwork", "[1, 2, 3]"),
        (
            "NetworkDriver.DeleteNetwork",
            r#"{"NetworkID":"../../etc"}"#,
        ),
        ("NetworkDriver.Leave", "\u{0}"),
        ("IpamDriver.RequestPool", r#"{"Pool":"10.0.0.0/33"}"#),
        ("IpamDriver.RequestPool", ""),
        ("IpamDriver.RequestAddress", r#"{"PoolID":7}"#),
        ("NetworkDriver.NoSuchMethod", "{}"),
    ];
    for (method, body) in requests {
        let (status, answer) = h1.plugin_request(method, body)?;
        ensure!(
            (400..600).contains(&status),
            "{method} {body:?} got {status} {answer}"
        );
        let words: serde_json::Value = serde_json::from_str(&answer)
            .with_context(|| format!("{method} {body:?} got {answer:?}"))?;
        let sentence = words["Err"].as_str().unwrap_or_default();
        ensure!(!sentence.is_empty(), "{method} {body:?} got {answer}");
    }
    ensure!(h1.plugin_pid()? == pid, "the plugin was restarted");
    scenario::expect_traces(h1, &before)?;
    lab.wait_service(&[h1, h2], SOON)?;
    lab.wait_answers(&[h1, h2])
}
