//! Two plugins on one host, and a stop that is a restart.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};

use super::plugin_dir;
use super::suite::Case;
use crate::cmd::Cmd;
use crate::lab::client::RunningClient;
use crate::lab::host::{Host, PLUGIN};
use crate::lab::{Lab, SERVICE_V4, image, service_addresses};
use crate::scenario::{self, WEB};
use crate::sys;
use crate::wait::{secs, until};

/// One router is enough for these.
pub(super) const CASES: [(&str, Case); 2] = [
    (
        "two_plugins_on_one_host_keep_their_own_over_crashes",
        two_plugins,
    ),
    (
        "a_stop_that_is_set_to_be_a_restart_fails_no_request",
        restarting_stop,
    ),
];

/// A second plugin, its network and its container.
const OTHER: &str = "bgplb:other";
const OTHER_WEB: &str = "web2";
const OTHER_V4: &str = "10.0.0.102";

fn two_plugins(lab: &Lab) -> Result<()> {
    let host = &lab.hosts[0];
    let before = scenario::traces(host)?;
    let result = with_other(lab, host);
    // Whatever came of it, the next tests count on one plugin.
    let cleared = host
        .clear_services()
        .and_then(|()| host.docker.run(&["plugin", "rm", "--force", OTHER]));
    result?;
    cleared?;
    scenario::expect_traces(host, &before)
}

fn with_other(lab: &Lab, host: &Host) -> Result<()> {
    let docker = &host.docker;
    let plugin = another_plugin(host)?;
    docker.run(&["plugin", "create", OTHER, &plugin.display().to_string()])?;
    // Towards a router that never answers: both would come from one address.
    let address = format!("ROUTER_ID={}", host.site.v4);
    let settings = [&address, "PEER_ADDRESS=192.0.2.1", "PEER_AS=65000"];
    docker.run(&[&["plugin", "set", OTHER], settings.as_slice()].concat())?;
    docker.run(&["plugin", "enable", OTHER])?;
    scenario::serve(lab)?;
    let network = |address: &str| {
        let subnet = format!("{address}/32");
        let create = ["network", "create", "--driver", OTHER];
        let more = ["--ipam-driver", OTHER, "--subnet", &subnet, OTHER_WEB];
        docker.run(&[create.as_slice(), &more].concat())
    };
    let refused = network(SERVICE_V4).err().map(|error| format!("{error:#}"));
    let refused = refused.unwrap_or_default();
    ensure!(
        refused.contains("belongs to network web1 of another driver"),
        "the other's address: {refused:?}"
    );
    network(OTHER_V4)?;
    docker.run(&[
        "run",
        "-d",
        "--name",
        OTHER_WEB,
        "--network",
        OTHER_WEB,
        image::IMAGE,
    ])?;
    let delivered = |address: &str| host.service_link(address.parse()?);
    let both = || {
        let links = [delivered(SERVICE_V4)?, delivered(OTHER_V4)?];
        ensure!(
            links.iter().all(Option::is_some) && links[0] != links[1],
            "delivered by {links:?}"
        );
        Ok((links, host.plugin_links()?))
    };
    let running = until("delivery by both", secs(10), both)?;
    let plugins = || host.netns.processes_named("bgplb-plugin");
    let first = plugins()?;
    ensure!(first.len() == 2, "plugins are {first:?}");
    for pid in &first {
        sys::kill(*pid, libc::SIGKILL)?;
    }
    until("both plugins to be started again", secs(30), || {
        let now = plugins()?;
        ensure!(
            now.len() == 2 && now.iter().all(|pid| !first.contains(pid)),
            "plugins are {now:?}"
        );
        Ok(())
    })?;
    // What is announced again has been compared with the kernel before.
    lab.wait_sessions(&lab.all(), secs(30))?;
    lab.wait_service(&lab.all(), secs(10))?;
    let now = both()?;
    ensure!(now == running, "{running:?} has become {now:?}");
    docker.run(&["rm", "--force", OTHER_WEB])?;
    docker.run(&["network", "rm", OTHER_WEB])?;
    lab.wait_answers(&lab.all())?;
    let links = host.plugin_links()?;
    ensure!(links.len() == 1, "links left are {links:?}");
    Ok(())
}

/// The plugin once more; an engine takes the same files only once.
fn another_plugin(host: &Host) -> Result<PathBuf> {
    let dir = host.log().parent().context("a log has a directory")?;
    let other = dir.join("other-plugin");
    Cmd::new("cp")
        .arg("-a")
        .arg(plugin_dir()?)
        .arg(&other)
        .run()?;
    let config = other.join("config.json");
    let text = fs::read_to_string(&config)?;
    fs::write(&config, format!("{text}\n"))?;
    fs::write(other.join("rootfs/other"), "")?;
    Ok(other)
}

fn restarting_stop(lab: &Lab) -> Result<()> {
    let host = &lab.hosts[0];
    let result = set(host, "STOP_ACTION=restart").and_then(|()| with_restarting_stop(lab, host));
    set(host, "STOP_ACTION=withdraw")?;
    result
}

fn set(host: &Host, setting: &str) -> Result<()> {
    host.docker.run(&["plugin", "disable", "--force", PLUGIN])?;
    host.docker.run(&["plugin", "set", PLUGIN, setting])?;
    host.docker.run(&["plugin", "enable", PLUGIN]).map(drop)
}

fn with_restarting_stop(lab: &Lab, host: &Host) -> Result<()> {
    scenario::serve(lab)?;
    let client = RunningClient::start(&lab.client_netns, &service_addresses()?, 2)?;
    let pid = host.plugin_pid()?;
    let docker = host.docker.clone();
    let restart = thread::spawn(move || {
        docker.run(&["plugin", "disable", "--force", PLUGIN])?;
        docker.run(&["plugin", "enable", PLUGIN])
    });
    let mut since_restart: Option<Instant> = None;
    while since_restart.is_none_or(|since| since.elapsed() < secs(2)) {
        lab.wait_service(&lab.all(), Duration::ZERO)?;
        if since_restart.is_none() && restart.is_finished() {
            since_restart = Some(Instant::now());
        }
        thread::sleep(Duration::from_millis(50));
    }
    restart
        .join()
        .map_err(|_| anyhow!("the restart panicked"))??;
    ensure!(host.plugin_pid()? != pid, "the plugin was not stopped");
    lab.wait_sessions(&lab.all(), secs(30))?;
    lab.wait_service(&lab.all(), secs(5))?;
    let seen = client.finish()?;
    ensure!(
        seen.failures.is_empty(),
        "failed requests: {:?}",
        seen.failures
    );
    host.docker.run(&["rm", "--force", WEB])?;
    lab.wait_service(&[&lab.hosts[1]], secs(5))
}
