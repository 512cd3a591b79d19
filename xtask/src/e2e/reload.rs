//! The files that a running plugin's settings name, read again.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};

use super::cases::hosts;
use super::pools::{self, POOLS};
use super::security;
use super::status::{outside, socket};
use super::suite::Case;
use crate::lab::Lab;
use crate::lab::host::{Host, PLUGIN};
use crate::wait::secs;

/// What has nothing to do with the kind of router.
pub(super) const CASES: [(&str, Case); 1] = [(
    "pools_of_a_file_are_read_again_while_the_session_stays",
    reloaded,
)];

fn reloaded(lab: &Lab) -> Result<()> {
    let [h1, _] = hosts(lab)?;
    lab.wait_sessions(&lab.all(), secs(30))?;
    let file = socket(h1)?.with_file_name("pools.toml");
    fs::write(&file, pool("10.0.3.10-10.0.3.11"))?;
    security::set(h1, &["POOLS=", "POOLS_FILE=/data/pools.toml"])?;
    let result = lab
        .wait_sessions(&lab.all(), secs(60))
        .and_then(|()| read_again(lab, h1, &file));
    // Whatever came of it, the next tests count on the settings as they were.
    let pools = format!("POOLS={POOLS}");
    let restored = security::set(h1, &["POOLS_FILE=", &pools]);
    let removed = fs::remove_file(&file);
    result?;
    restored?;
    removed?;
    lab.wait_sessions(&lab.all(), secs(60))
}

fn read_again(lab: &Lab, h1: &Host, file: &Path) -> Result<()> {
    let pid = h1.plugin_pid()?;
    let before = session(lab, h1)?;
    let said = outside(lab, h1, &["reload"])?.read()?;
    ensure!(said.contains("nothing has changed in the files"), "{said}");
    refused(h1, "late")?;

    let both = format!(
        "{}[pools.late]\naddresses = [\"10.0.4.7\"]\n",
        pool("10.0.3.10")
    );
    fs::write(file, both)?;
    let said = outside(lab, h1, &["diff"])?.read()?;
    for line in [
        "pool late: added",
        "pool filed: changed, for networks to come",
        "sessions reset: none",
    ] {
        ensure!(said.contains(line), "no “{line}” in: {said}");
    }
    // Nothing was done so far.
    refused(h1, "late")?;
    let said = outside(lab, h1, &["reload"])?.read()?;
    ensure!(said.contains("pool late: added"), "{said}");
    let create = [
        "network",
        "create",
        "--driver",
        PLUGIN,
        "--ipam-driver",
        PLUGIN,
    ];
    let args = [&create[..], &["--ipam-opt", "pool=late", "late"]].concat();
    h1.docker.run(&args)?;
    let network = h1.docker.inspect("network", "late")?;
    h1.docker.run(&["network", "rm", "late"])?;
    let subnet = &network["IPAM"]["Config"][0]["Subnet"];
    ensure!(subnet == "10.0.4.7/32", "it has {subnet}");

    // One that can't be used changes nothing.
    fs::write(file, "[pools.late]\naddresses = [\"10.0.4\"]\n")?;
    let finished = outside(lab, h1, &["reload"])?.finish()?;
    let complaint = finished.complaint();
    let stays = complaint.contains("POOLS_FILE") && complaint.contains("everything stays as it is");
    ensure!(finished.code == Some(1) && stays, "{complaint}");
    h1.docker.run(&args)?;
    h1.docker.run(&["network", "rm", "late"])?;

    ensure!(h1.plugin_pid()? == pid, "the plugin was started anew");
    let after = session(lab, h1)?;
    ensure!(after == before, "the session began anew: {before}, {after}");
    let said = outside(lab, h1, &["events"])?.read()?;
    ensure!(said.contains("config-reloaded"), "{said}");
    Ok(())
}

fn pool(addresses: &str) -> String {
    format!("[pools.filed]\naddresses = [\"{addresses}\"]\n")
}

/// There is no such pool.
fn refused(host: &Host, name: &str) -> Result<()> {
    let option = format!("pool={name}");
    let said = pools::refusal(host, &["--ipam-driver", PLUGIN, "--ipam-opt", &option])?;
    ensure!(said.contains(name), "{said}");
    Ok(())
}

/// How often sessions came up, and since when they are.
fn session(lab: &Lab, host: &Host) -> Result<String> {
    let peers = super::status::ask(lab, host, &["peers"])?;
    let peer = &peers["peers"][0];
    Ok(format!(
        "{} {}",
        peer["counters"]["established"], peer["since"]
    ))
}
