//! Networks that take their addresses from the plugin's pools.

use anyhow::{Context as _, Result, ensure};

use super::cases::SOON;
use super::suite::Case;
use crate::lab::Lab;
use crate::lab::host::{Host, PLUGIN};
use crate::scenario;
use crate::sys;
use crate::wait::{secs, until};

/// `POOLS` of the plugins in every laboratory: four pairs of addresses.
pub(crate) const POOLS: &str = "web=10.0.1.30-10.0.1.33,2001:db8:0:2000::/126;db=10.0.2.0/24";

/// Tests that have nothing to do with the kind of router.
pub(super) const CASES: [(&str, Case); 1] = [(
    "pools_give_out_the_first_free_addresses_and_are_announced",
    first_free_addresses,
)];

fn first_free_addresses(lab: &Lab) -> Result<()> {
    let [h1, h2] = super::cases::hosts(lab)?;
    lab.wait_sessions(&[h1, h2], secs(30))?;
    let before = scenario::traces(h1)?;
    create(h1, "first", &["--ipv6"])?;
    create(h1, "second", &["--ipv6"])?;
    expect_pair(h1, "first", 0)?;
    expect_pair(h1, "second", 1)?;
    h1.run_web("second", "second")?;
    h1.wait_health("second", "healthy")?;
    for (address, prefix) in [("10.0.1.31", "/32"), ("2001:db8:0:2000::1", "/128")] {
        lab.wait_route(&format!("{address}{prefix}"), &[h1], SOON)?;
        lab.wait_answers_of(address.parse()?, &[h1])?;
    }
    h1.docker.run(&["network", "rm", "first"])?;
    let pid = h1.plugin_pid()?;
    sys::kill(pid, libc::SIGKILL)?;
    until("Docker to start the plugin again", secs(15), || {
        ensure!(h1.plugin_pid()? != pid, "it is the old one");
        Ok(())
    })?;
    create(h1, "first", &["--ipv6"])?;
    expect_pair(h1, "first", 0)?;
    // An address chosen by hand is left out; so the pool ends one earlier.
    create(h1, "chosen", &["--subnet", "10.0.1.33/32"])?;
    create(h1, "third", &[])?;
    ensure!(
        subnets(h1, "third")? == ["10.0.1.32/32"],
        "third has others"
    );
    let said = refusal(h1, &["--ipam-driver", PLUGIN, "--ipam-opt", "pool=web"])?;
    let words = "pool web is exhausted: of its 4 IPv4 addresses 4 are in use";
    ensure!(said.contains(words), "{said}");
    h1.docker.run(&["network", "rm", "third"])?;
    create(h1, "third", &["--ipv6"])?;
    expect_pair(h1, "third", 2)?;
    lab.wait_route("10.0.1.31/32", &[h1], secs(30))?;
    h1.clear_services()?;
    scenario::expect_traces(h1, &before)
}

/// Creates a network of pool `web`.
fn create(host: &Host, name: &str, options: &[&str]) -> Result<()> {
    let mut args = vec!["network", "create", "--driver", PLUGIN];
    args.extend(["--ipam-driver", PLUGIN, "--ipam-opt", "pool=web"]);
    args.extend(options);
    args.push(name);
    host.docker.run(&args).map(drop)
}

/// What Docker says when a network is refused.
///
/// # Errors
///
/// When it is not.
pub(super) fn refusal(host: &Host, options: &[&str]) -> Result<String> {
    let args = ["network", "create", "--driver", PLUGIN];
    let command = host.docker.command(&args).args(options).arg("wrong");
    let finished = command.finish().context("docker network create")?;
    ensure!(finished.code != Some(0), "{options:?} was accepted");
    Ok(finished.stderr)
}

/// The network has both addresses of this number.
fn expect_pair(host: &Host, name: &str, number: u8) -> Result<()> {
    let v6 = match number {
        0 => "2001:db8:0:2000::/128".to_owned(),
        number => format!("2001:db8:0:2000::{number}/128"),
    };
    let wanted = [format!("10.0.1.{}/32", 30 + number), v6];
    let subnets = subnets(host, name)?;
    ensure!(subnets == wanted, "{name} has {subnets:?}, not {wanted:?}");
    Ok(())
}

fn subnets(host: &Host, name: &str) -> Result<Vec<String>> {
    let network = host.docker.inspect("network", name)?;
    let config = network["IPAM"]["Config"].as_array().cloned();
    let subnets = config.unwrap_or_default().into_iter();
    Ok(subnets
        .filter_map(|entry| entry["Subnet"].as_str().map(str::to_owned))
        .collect())
}
