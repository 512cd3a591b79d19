//! The plugin as an ordinary process on a plugin socket, without Docker's plugin management.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result, anyhow, ensure};

use super::suite::Test;
use crate::cmd::{Daemon, tail};
use crate::lab::host::Host;
use crate::lab::service::{ACTIVATE, DRIVER, PluginService};
use crate::lab::{Lab, SERVICE_V4, SERVICE_V6};
use crate::scenario::{self, WEB};
use crate::sys;
use crate::wait::{secs, until};

/// All of them.
pub(super) const TESTS: [Test; 3] = [
    Test::always(
        "an_ordinary_process_serves_and_withdraws_at_its_end",
        ordinary_process,
    ),
    Test::always(
        "docker_waits_at_a_held_socket_until_the_plugin_runs",
        held_socket,
    ),
    Test::with_program(
        ACTIVATE,
        "the_first_request_starts_the_plugin",
        first_request,
    ),
];

fn first(lab: &Lab) -> Result<&Host> {
    lab.hosts
        .first()
        .ok_or_else(|| anyhow!("a laboratory has hosts"))
}

/// Runs `case` and shows what the plugin said when it fails.
pub(super) fn with_plugin(
    lab: &Lab,
    name: &str,
    case: impl FnOnce(&Host, &PluginService<'_>) -> Result<()>,
) -> Result<()> {
    let host = first(lab)?;
    let service = PluginService::new(lab, host, name)?;
    case(host, &service).with_context(|| format!("the plugin said:\n{}\n", tail(service.log(), 15)))
}

pub(super) fn create_network(host: &Host) -> Result<()> {
    host.create_network_of(DRIVER, WEB, Some(SERVICE_V4), Some(SERVICE_V6))
}

pub(super) fn serve(lab: &Lab, host: &Host) -> Result<()> {
    host.run_web(WEB, WEB)?;
    host.wait_health(WEB, "healthy")?;
    lab.wait_service(&[host], secs(10))?;
    lab.wait_answers(&[host])
}

pub(super) fn wait_socket(service: &PluginService<'_>, there: bool) -> Result<()> {
    until("the plugin's socket to come or go", secs(5), || {
        ensure!(service.socket().exists() == there, "it is the other way");
        Ok(())
    })
}

fn ordinary_process(lab: &Lab) -> Result<()> {
    with_plugin(lab, "process", |h1, service| {
        let before = scenario::traces(h1)?;
        let mut plugin = service.start()?;
        wait_socket(service, true)?;
        let mode = fs::metadata(service.socket())?.permissions().mode() & 0o777;
        ensure!(mode == 0o600, "the socket has mode {mode:o}");
        create_network(h1)?;
        serve(lab, h1)?;
        plugin.stop(secs(10))?;
        ensure!(!service.socket().exists(), "the socket is still there");
        lab.wait_service(&[], secs(5))?;
        // It knows its network again, whose container has run on.
        let mut plugin = service.start()?;
        lab.wait_service(&[h1], secs(30))?;
        lab.wait_answers(&[h1])?;
        remove_service(lab, h1)?;
        scenario::expect_traces(h1, &before)?;
        plugin.stop(secs(10))
    })
}

pub(super) fn remove_service(lab: &Lab, host: &Host) -> Result<()> {
    host.docker.run(&["rm", "--force", WEB])?;
    lab.wait_service(&[], secs(5))?;
    host.docker.run(&["network", "rm", WEB]).map(drop)
}

/// What a thread of its own asks Docker for while the test looks on.
fn ask(host: &Host, args: &[&str]) -> JoinHandle<Result<String>> {
    let docker = host.docker.clone();
    let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
    thread::spawn(move || docker.run(&args.iter().map(String::as_str).collect::<Vec<_>>()))
}

fn answer(asked: JoinHandle<Result<String>>) -> Result<()> {
    let result = asked.join().map_err(|_| anyhow!("the thread panicked"))?;
    result.map(drop)
}

fn held_socket(lab: &Lab) -> Result<()> {
    with_plugin(lab, "held", |h1, service| {
        let before = scenario::traces(h1)?;
        let listener = service.listen()?;
        let v4 = format!("{SERVICE_V4}/32");
        let v6 = format!("v6subnet={SERVICE_V6}/128");
        let mut create = vec!["network", "create", "--driver", DRIVER, "--ipam-driver"];
        create.extend([DRIVER, "--subnet", &v4, "--ipv6", "--ipam-opt", &v6, WEB]);
        let asked = ask(h1, &create);
        sys::wait_readable(&listener, secs(10)).context("wait for Docker's connection")?;
        let plugin = service.start_on(&listener)?;
        answer(asked)?;
        expect_few_privileges(&plugin)?;
        serve(lab, h1)?;
        // Nobody is there for a while, and nothing is lost by it.
        drop(plugin);
        let asked = ask(h1, &["rm", "--force", WEB]);
        sys::wait_readable(&listener, secs(10)).context("wait for Docker's connection")?;
        ensure!(!asked.is_finished(), "Docker did not wait for the plugin");
        let plugin = service.start_on(&listener)?;
        answer(asked)?;
        lab.wait_service(&[], secs(5))?;
        h1.docker.run(&["network", "rm", WEB])?;
        scenario::expect_traces(h1, &before)?;
        drop(plugin);
        ensure!(
            service.socket().exists(),
            "the plugin removed a socket that is not its own"
        );
        drop(listener);
        fs::remove_file(service.socket()).context("remove the socket")
    })
}

/// What the unit file promises holds for the process, which has given up what it has no use for
/// without a port to listen on.
fn expect_few_privileges(plugin: &Daemon) -> Result<()> {
    // NET_BIND_SERVICE is bit 10, NET_ADMIN bit 12 (linux/capability.h).
    const USEFUL: u64 = 1 << 12;
    const GRANTED: u64 = 1 << 10 | USEFUL;
    let status = fs::read_to_string(format!("/proc/{}/status", plugin.pid()))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::trim).with_context(|| format!("no {name}"))
    };
    ensure!(field("Name:")? == "bgplb-plugin", "it is {status}");
    for (set, wanted) in [
        ("CapPrm:", USEFUL),
        ("CapEff:", USEFUL),
        ("CapInh:", 0),
        ("CapAmb:", 0),
        // To narrow it would take another one.
        ("CapBnd:", GRANTED),
    ] {
        let value = u64::from_str_radix(field(set)?, 16)?;
        ensure!(value == wanted, "{set} {value:x}");
    }
    let users = field("Uid:")?;
    ensure!(
        users.split_whitespace().all(|user| user != "0"),
        "it runs as {users}"
    );
    ensure!(field("NoNewPrivs:")? == "1", "it may get new privileges");
    // The kernel gives what belongs to a process that must leave no core file to root.
    let memory = fs::metadata(format!("/proc/{}/mem", plugin.pid()))?;
    ensure!(memory.uid() == 0, "its user may look into its memory");
    Ok(())
}

fn first_request(lab: &Lab) -> Result<()> {
    with_plugin(lab, "activated", |h1, service| {
        let before = scenario::traces(h1)?;
        let _plugin = service.start_activated()?;
        wait_socket(service, true)?;
        let running = h1.netns.processes_named("bgplb-plugin")?;
        ensure!(running.is_empty(), "{running:?} run before the request");
        create_network(h1)?;
        h1.plugin_pid()?;
        serve(lab, h1)?;
        remove_service(lab, h1)?;
        scenario::expect_traces(h1, &before)?;
        fs::remove_file(service.socket()).context("remove the socket")
    })
}
