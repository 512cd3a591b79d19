//! Containers whose gateway is the host: what a router, a client and the kernel see of them.

use std::fs;
use std::net::IpAddr;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::e2e::several;
use crate::e2e::suite::Test;
use crate::lab::client::{self, RunningClient};
use crate::lab::engine::Version;
use crate::lab::host::{GATEWAY_NETWORK, Host, PLUGIN};
use crate::lab::{Lab, image, service_addresses};
use crate::packages;
use crate::scenario::{self, WEB};
use crate::sys;
use crate::wait::{secs, until};

/// What depends on the engine, which decides on a container's routes.
pub(in crate::e2e) const TESTS: [Test; 5] = [
    Test::always(
        "a_container_whose_gateway_is_the_host_needs_no_second_network",
        alone,
    ),
    Test::always(
        "containers_whose_gateway_is_the_host_share_flows_and_outlive_the_plugin",
        several_containers,
    ),
    Test::always(
        "a_container_whose_gateway_is_the_host_answers_over_ipv6_at_once",
        at_once,
    ),
    Test::always(
        "a_container_on_more_networks_than_the_one_with_the_host_as_gateway_answers",
        with_others,
    ),
    Test::since(
        Version(28, 0),
        "looks at IPv4 gateways alone",
        "an_ipv6_only_network_has_the_host_as_gateway",
        without_ipv4,
    ),
];

const HOST_IS_GATEWAY: &[&str] = &["bgplb.gateway=host"];

/// The second container on the first's network, and other networks.
const SECOND: &str = "second";
const OTHER: &str = "web4";
const OTHER_V4: &str = "10.0.0.104";
const V6_ALONE: &str = "2001:db8:0:1000::106";

/// Where the client serves, on all its addresses.
const CLIENT_PORT: u16 = 8080;
const CLIENT: [&str; 2] = ["198.51.100.10", "[2001:db8:c::10]"];

/// Starts a web server on `network` alone.
fn run_on(host: &Host, name: &str, network: &str, more: &[&str]) -> Result<()> {
    let environment = format!("HOST={name}");
    let mut args = vec!["run", "--detach", "--name", name, "--network", network];
    args.extend(["--env", &environment, "--stop-signal", "SIGUSR2"]);
    args.extend(more);
    args.push(image::IMAGE);
    host.docker.run(&args).map(drop)
}

/// The options of a health check.
const CHECKED: [&str; 6] = [
    "--health-cmd",
    image::HEALTH_COMMAND,
    "--health-interval",
    "500ms",
    "--health-retries",
    "1",
];

/// A container on `web1` alone, whose gateway is the host.
fn serve(lab: &Lab) -> Result<&Host> {
    let host = &lab.hosts[0];
    lab.wait_sessions(&lab.all(), secs(30))?;
    host.create_web1_with(HOST_IS_GATEWAY)?;
    run_on(host, WEB, WEB, &CHECKED)?;
    host.wait_health(WEB, "healthy")?;
    lab.wait_service(&[host], secs(10))?;
    several::wait_answers(&lab.client_netns, &[WEB])?;
    Ok(host)
}

fn bridge(host: &Host, network: &str) -> Result<String> {
    let network = host.docker.inspect("network", network)?;
    let id = network["Id"].as_str().and_then(|id| id.get(..9));
    Ok(format!("bgplb-{}", id.context("a network has a long id")?))
}

/// The addresses that somebody gave a link, and not the kernel.
fn addresses(host: &Host, link: &str) -> Result<Vec<String>> {
    let shown = host.netns.ip(&format!("-o address show dev {link}"))?;
    let words = shown
        .lines()
        .filter_map(|line| line.split_whitespace().nth(3));
    let own = words.filter(|it| it.ends_with("/128") || it.ends_with("/32") || !it.contains('/'));
    Ok(own.map(str::to_owned).collect())
}

/// How many packets have come in by a link.
fn received(host: &Host, link: &str) -> Result<u64> {
    let file = format!("/sys/class/net/{link}/statistics/rx_packets");
    // As the host sees it: the sysfs of this program shows other links.
    let script = format!("mount -t sysfs sysfs /sys && cat {file}");
    let command = host.netns.command("unshare");
    let text = command.args(["--mount", "sh", "-c", &script]).read()?;
    text.trim().parse().context("read a counter")
}

/// What Docker's own gateway bridge has, if it is there at all.
fn expect_no_second_network(host: &Host, name: &str) -> Result<()> {
    let networks = host.docker.names(&["network", "ls"], "Name")?;
    if networks.iter().any(|it| it == "docker_gwbridge") {
        let bridge = host.docker.inspect("network", "docker_gwbridge")?;
        let there = bridge["Containers"].as_object();
        ensure!(
            there.is_some_and(serde_json::Map::is_empty),
            "on docker_gwbridge are {there:?}"
        );
    }
    let routes = host.docker.run(&["exec", name, "ip", "-4", "route"])?;
    let routes6 = host.docker.run(&["exec", name, "ip", "-6", "route"])?;
    ensure!(
        !format!("{routes}{routes6}").contains("eth1"),
        "{routes}{routes6}"
    );
    Ok(())
}

fn alone(lab: &Lab) -> Result<()> {
    let before = scenario::traces(&lab.hosts[0])?;
    let host = serve(lab)?;
    expect_no_second_network(host, WEB)?;
    let own = bridge(host, WEB)?;
    let addresses = addresses(host, &own)?;
    ensure!(addresses.len() == 2, "{own} has {addresses:?}");
    for address in service_addresses()? {
        let count = received(host, &own)?;
        let seen = client::requests(&lab.client_netns, &[address], 16)?;
        ensure!(seen.failures.is_empty(), "failed: {:?}", seen.failures);
        // Each answer takes more than one packet.
        let more = received(host, &own)? - count;
        ensure!(more >= 32, "{more} packets came by {own} with 16 answers");
    }
    own_connections(lab, host)?;
    host.docker.run(&["rm", "--force", WEB])?;
    host.docker.run(&["network", "rm", WEB])?;
    scenario::expect_traces(host, &before)
}

/// What a container asks others for, it asks for in its service's name.
fn own_connections(lab: &Lab, host: &Host) -> Result<()> {
    let dir = lab.dir().join("client");
    fs::create_dir_all(&dir)?;
    fs::write(dir.join("name"), "client\n")?;
    let log = lab.dir().join("client.log");
    let mut server = lab
        .client_netns
        .command(&packages::busybox().display().to_string())
        .args(["httpd", "-f", "-vv", "-p", &format!("[::]:{CLIENT_PORT}")])
        .arg("-h")
        .arg(&dir)
        .spawn(&log)?;
    let asked = CLIENT.into_iter().zip(service_addresses()?);
    let result = asked.into_iter().try_for_each(|(client, service)| {
        let url = format!("http://{client}:{CLIENT_PORT}/name");
        let what = format!("{service} to be who asks {url}");
        until(&what, secs(5), || {
            host.exec(WEB, &["wget", "-q", "-O", "/dev/null", &url])?;
            let seen = fs::read_to_string(&log)?;
            ensure!(seen.contains(&format!("{service}")), "{seen}");
            Ok(())
        })
    });
    server.kill()?;
    result
}

fn several_containers(lab: &Lab) -> Result<()> {
    // The default looks at addresses alone, of which the laboratory has too few.
    for family in ["ipv4", "ipv6"] {
        let key = format!("net/{family}/fib_multipath_hash_policy");
        lab.hosts[0].netns.sysctl(&key, "1")?;
    }
    let host = serve(lab)?;
    run_on(host, SECOND, WEB, &CHECKED)?;
    host.wait_health(SECOND, "healthy")?;
    several::wait_answers(&lab.client_netns, &[SECOND, WEB])?;
    let asking = RunningClient::start(&lab.client_netns, &service_addresses()?, 2)?;
    let own = bridge(host, WEB)?;
    let whole = addresses(host, &own)?;
    let pid = host.plugin_pid()?;
    sys::kill(pid, libc::SIGKILL)?;
    until("Docker to start the plugin again", secs(15), || {
        ensure!(host.plugin_pid()? != pid, "the old one is there");
        Ok(())
    })?;
    lab.wait_sessions(&lab.all(), secs(30))?;
    lab.wait_service(&[host], secs(5))?;
    let seen = asking.finish()?;
    ensure!(seen.failures.is_empty(), "failed: {:?}", seen.failures);
    for address in &whole {
        host.netns.ip(&format!("address del {address} dev {own}"))?;
        until(&format!("{address} to be there again"), secs(5), || {
            let now = addresses(host, &own)?;
            ensure!(now == whole, "{own} has {now:?}");
            Ok(())
        })?;
    }
    several::wait_answers(&lab.client_netns, &[SECOND, WEB])?;
    host.docker.run(&["rm", "--force", WEB])?;
    several::wait_answers(&lab.client_netns, &[SECOND])
}

/// Linux looks for duplicates of a bridge's own address for a second or two; here it does so, as
/// it does elsewhere, and nothing must wait for that.
fn at_once(lab: &Lab) -> Result<()> {
    let host = &lab.hosts[0];
    let looks = |value| {
        let of = |which| {
            host.netns
                .sysctl(&format!("net/ipv6/conf/{which}/accept_dad"), value)
        };
        of("all").and_then(|()| of("default"))
    };
    lab.wait_sessions(&lab.all(), secs(30))?;
    looks("1")?;
    let result = time_to_answer(lab, host);
    looks("0")?;
    let millis = result?;
    ensure!(millis < 1000, "the first answer came after {millis} ms");
    Ok(())
}

/// Milliseconds from the end of `docker run` to the first answer over IPv6.
fn time_to_answer(lab: &Lab, host: &Host) -> Result<u128> {
    let [_, v6] = service_addresses()?;
    host.create_web1_with(HOST_IS_GATEWAY)?;
    run_on(host, WEB, WEB, &["--no-healthcheck"])?;
    let begin = Instant::now();
    until("the first answer", secs(10), || {
        let seen = client::requests(&lab.client_netns, &[v6], 1)?;
        ensure!(seen.answered() == 1, "{:?}", seen.failures);
        Ok(begin.elapsed().as_millis())
    })
}

fn with_others(lab: &Lab) -> Result<()> {
    let host = serve(lab)?;
    host.create_network_with_options(OTHER, OTHER_V4, HOST_IS_GATEWAY)?;
    host.docker.run(&["rm", "--force", WEB])?;
    let everywhere = || -> Result<()> {
        several::wait_answers(&lab.client_netns, &[WEB])?;
        let other: IpAddr = OTHER_V4.parse()?;
        until("answers from the other network", secs(10), || {
            let seen = client::requests(&lab.client_netns, &[other], 16)?;
            ensure!(seen.failures.is_empty(), "failed: {:?}", seen.failures);
            Ok(())
        })
    };
    for networks in [
        &[WEB, OTHER][..],
        &[GATEWAY_NETWORK, WEB, OTHER],
        &[WEB, GATEWAY_NETWORK, OTHER],
    ] {
        let first = networks.first().context("there is a first")?;
        let environment = format!("HOST={WEB}");
        let mut args = vec!["create", "--name", WEB, "--network", first];
        args.extend(["--env", &environment, "--no-healthcheck", image::IMAGE]);
        host.docker.run(&args)?;
        for network in &networks[1..] {
            host.docker.run(&["network", "connect", network, WEB])?;
        }
        host.docker.run(&["start", WEB])?;
        everywhere().with_context(|| format!("on {networks:?}"))?;
        // A network that comes and goes while the container runs.
        host.docker.run(&["network", "disconnect", OTHER, WEB])?;
        host.docker.run(&["network", "connect", OTHER, WEB])?;
        everywhere().with_context(|| format!("on {networks:?}, connected again"))?;
        host.docker.run(&["rm", "--force", WEB])?;
    }
    Ok(())
}

fn without_ipv4(lab: &Lab) -> Result<()> {
    let host = &lab.hosts[0];
    lab.wait_sessions(&lab.all(), secs(30))?;
    let addresses = [None, Some(V6_ALONE)];
    host.create_network_with(PLUGIN, "web6", addresses, HOST_IS_GATEWAY)?;
    run_on(host, WEB, "web6", &CHECKED)?;
    host.wait_health(WEB, "healthy")?;
    lab.wait_route(&format!("{V6_ALONE}/128"), &[host], secs(5))?;
    until("answers over IPv6", secs(10), || {
        let seen = client::requests(&lab.client_netns, &[V6_ALONE.parse()?], 16)?;
        ensure!(seen.failures.is_empty(), "failed: {:?}", seen.failures);
        Ok(())
    })?;
    expect_no_second_network(host, WEB)
}
