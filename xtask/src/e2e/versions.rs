//! What a user sees differently from one version of the engine to another.

use anyhow::{Result, anyhow, ensure};

use super::suite::Test;
use crate::lab::Lab;
use crate::lab::engine::Version;
use crate::lab::host::{GATEWAY_NETWORK, Host, PLUGIN};
use crate::lab::image;
use crate::scenario;
use crate::wait::{secs, until};

/// Docker checks subnets and addresses itself before it asks a plugin.
const CHECKS_ADDRESSES: Version = Version(25, 0);

/// All of them.
pub(super) const TESTS: [Test; 4] = [
    Test::since(
        Version(28, 0),
        "has no --ipv4=false",
        "a_network_without_ipv4_announces_ipv6_only",
        without_ipv4,
    ),
    Test::since(
        Version(28, 0),
        "does not ask whether a network needs a gateway",
        "a_network_takes_no_gateway_address",
        no_gateway,
    ),
    Test::always("a_subnet_with_host_bits_is_refused", subnet_with_host_bits),
    Test::always("an_address_outside_the_subnet_is_refused", address_outside),
];

const V6_ADDRESS: &str = "2001:db8:0:1000::106";

fn first(lab: &Lab) -> Result<&Host> {
    lab.hosts
        .first()
        .ok_or_else(|| anyhow!("a laboratory has hosts"))
}

/// What `docker` says when it refuses.
fn refusal(host: &Host, args: &[&str]) -> Result<String> {
    let finished = host.docker.command(args).finish()?;
    ensure!(finished.code != Some(0), "{args:?} was accepted");
    Ok(finished.stderr)
}

fn without_ipv4(lab: &Lab) -> Result<()> {
    let h1 = first(lab)?;
    lab.wait_sessions(&lab.all(), secs(30))?;
    let subnet = format!("{V6_ADDRESS}/128");
    let mut args = vec!["network", "create", "--driver", PLUGIN];
    args.extend(["--ipam-driver", PLUGIN, "--ipv4=false", "--ipv6"]);
    args.extend(["--subnet", &subnet, "web6"]);
    h1.docker.run(&args)?;
    // Unlike the older way, which leaves the subnet out, Docker itself knows of no IPv4 here.
    let network = h1.docker.inspect("network", "web6")?;
    ensure!(network["EnableIPv4"] == false, "it is {network}");
    h1.run_web("web6", "web6")?;
    h1.wait_health("web6", "healthy")?;
    let endpoint =
        h1.docker.inspect("container", "web6")?["NetworkSettings"]["Networks"]["web6"].clone();
    ensure!(
        endpoint["IPAddress"] == "" && endpoint["GlobalIPv6Address"] == V6_ADDRESS,
        "the container has {endpoint}"
    );
    lab.wait_route(&subnet, &[h1], secs(5))?;
    lab.wait_answers_of(V6_ADDRESS.parse()?, &[h1])?;
    h1.docker.run(&["rm", "--force", "web6"])?;
    lab.wait_route(&subnet, &[], secs(5))
}

fn no_gateway(lab: &Lab) -> Result<()> {
    let h1 = first(lab)?;
    h1.create_web1()?;
    let network = h1.docker.inspect("network", "web1")?;
    let pools = network["IPAM"]["Config"].as_array();
    let pools = pools.ok_or_else(|| anyhow!("no pools in {network}"))?;
    ensure!(pools.len() == 2, "the pools are {pools:?}");
    for pool in pools {
        let gateway = pool["Gateway"].as_str().unwrap_or_default();
        ensure!(gateway.is_empty(), "Docker took a gateway: {pool}");
    }
    Ok(())
}

fn subnet_with_host_bits(lab: &Lab) -> Result<()> {
    let h1 = first(lab)?;
    let before = scenario::traces(h1)?;
    let mut args = vec!["network", "create", "--driver", PLUGIN];
    args.extend([
        "--ipam-driver",
        PLUGIN,
        "--subnet",
        "10.0.0.101/24",
        "wrong",
    ]);
    let said = refusal(h1, &args)?;
    let named = if h1.version < CHECKS_ADDRESSES {
        "/32"
    } else {
        "it should be 10.0.0.0/24"
    };
    ensure!(said.contains(named), "{named:?} is not in {said:?}");
    let networks = h1.docker.names(&["network", "ls"], "Name")?;
    ensure!(
        !networks.contains(&"wrong".to_owned()),
        "there is a network"
    );
    scenario::expect_traces(h1, &before)
}

/// The right address can be asked for, and a wrong one changes nothing.
fn address_outside(lab: &Lab) -> Result<()> {
    let h1 = first(lab)?;
    h1.create_web1()?;
    let before = scenario::traces(h1)?;
    h1.docker.run(&[
        "create",
        "--name",
        "web1",
        "--network",
        GATEWAY_NETWORK,
        image::IMAGE,
    ])?;
    let connect = |address| ["network", "connect", "--ip", address, "web1", "web1"];
    h1.docker.run(&["start", "web1"])?;
    let said = refusal(h1, &connect("10.0.0.102"))?;
    let named = if h1.version < CHECKS_ADDRESSES {
        "does not belong to any of this network's subnets"
    } else {
        "no configured subnet or ip-range contain the IP address 10.0.0.102"
    };
    ensure!(
        said.to_lowercase().contains(&named.to_lowercase()),
        "{named:?} is not in {said:?}"
    );
    let endpoints = h1.docker.inspect("network", "web1")?["Containers"].clone();
    ensure!(endpoints == serde_json::json!({}), "there are {endpoints}");
    h1.docker.run(&connect("10.0.0.101"))?;
    until("the right address to be taken", secs(5), || {
        let container = h1.docker.inspect("container", "web1")?;
        let address = &container["NetworkSettings"]["Networks"]["web1"]["IPAddress"];
        ensure!(address == "10.0.0.101", "the container has {address}");
        Ok(())
    })?;
    h1.docker.run(&["rm", "--force", "web1"])?;
    scenario::expect_traces(h1, &before)
}
