//! A state directory without room.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::socket::{create_network, remove_service, serve, wait_socket, with_plugin};
use super::suite::Test;
use crate::lab::Lab;
use crate::lab::host::Host;
use crate::lab::service::DRIVER;
use crate::scenario::{self, WEB};
use crate::wait::secs;

/// All of them.
pub(super) const TESTS: [Test; 1] = [Test::always(
    "a_full_disk_refuses_what_is_new_and_harms_nothing_that_is_there",
    full_disk,
)];

/// Enough for the state, its copy and what replaces one of them.
const SIZE: &str = "size=16k,mode=0777";

fn full_disk(lab: &Lab) -> Result<()> {
    with_plugin(lab, "full", |host, service| {
        let state = service.state_dir();
        let shown = state.display().to_string();
        let inside = |program: &str| host.space.command(program);
        let mount = ["-t", "tmpfs", "-o", SIZE, "tmpfs", &shown];
        inside("mount").args(mount).run()?;
        let result = on_small_disk(lab, host, service, &host.space.path(&shown));
        inside("umount").args(["-l", &shown]).run()?;
        result
    })
}

fn on_small_disk(
    lab: &Lab,
    host: &Host,
    service: &crate::lab::service::PluginService<'_>,
    disk: &Path,
) -> Result<()> {
    let before = scenario::traces(host)?;
    let mut plugin = service.start()?;
    wait_socket(service, true)?;
    create_network(host)?;
    serve(lab, host)?;
    let there = scenario::traces(host)?;
    fill(disk)?;
    // A network, and a container on the network that there is.
    let network = ["network", "create", "--driver", DRIVER, "--ipam-driver"];
    let network = [&network[..], &[DRIVER, "--subnet", "10.0.0.102/32", "web2"]].concat();
    refused(host, &network)?;
    let networks = host.docker.names(&["network", "ls"], "Name")?;
    ensure!(!networks.contains(&"web2".to_owned()), "web2 is there");
    let n = host.site.number;
    let [v4, v6] = [format!("172.23.{n}.26"), format!("2001:db8:0:100{n}::26")];
    host.create_web("second", WEB, &["--ip", &v4, "--ip6", &v6])?;
    refused(host, &["start", "second"])?;
    host.docker.run(&["rm", "--force", "second"])?;
    scenario::expect_traces(host, &there)?;
    // What was there goes on, through a restart as well.
    lab.wait_answers(&[host])?;
    plugin.kill()?;
    let mut plugin = service.start()?;
    lab.wait_sessions(&[host], secs(30))?;
    lab.wait_service(&[host], secs(10))?;
    lab.wait_answers(&[host])?;
    scenario::expect_traces(host, &there)?;
    // It can be removed, although nobody can remember that.
    host.docker.run(&["rm", "--force", WEB])?;
    lab.wait_service(&[], secs(5))?;
    fs::remove_file(disk.join(FILL)).context("make room")?;
    serve(lab, host)?;
    remove_service(lab, host)?;
    scenario::expect_traces(host, &before)?;
    plugin.stop(secs(10))
}

const FILL: &str = "fill";

/// Takes all the room there is.
fn fill(disk: &Path) -> Result<()> {
    let mut file = fs::File::create(disk.join(FILL))?;
    let error = loop {
        if let Err(error) = file.write_all(&[0; 512]) {
            break error;
        }
    };
    ensure!(
        error.kind() == std::io::ErrorKind::StorageFull,
        "the disk is not full: {error}"
    );
    Ok(())
}

/// Docker says why, in the plugin's words.
fn refused(host: &Host, args: &[&str]) -> Result<()> {
    let finished = host.docker.command(args).finish()?;
    ensure!(finished.code != Some(0), "{args:?} was done");
    let said = finished.stderr;
    ensure!(
        said.contains("state can't be written: No space left"),
        "the answer to {args:?} is {said}"
    );
    Ok(())
}
