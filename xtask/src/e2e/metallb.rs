//! The walk of `docs/metallb.md`: two Docker hosts do what two nodes with MetalLB do, beside an FRR
//! that is as it was for MetalLB.
//!
//! The commands and what they print are the page's. What this test adds is what a page can't show:
//! who answers, and that no request fails while a host leaves and comes back.

mod scene;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use self::scene::Scene;
use super::{Tally, full_name, plugin_dir};
use crate::artifacts::{self, Artifacts, workspace};
use crate::book::console;
use crate::book::markdown::Page;
use crate::lab::client::{self, RunningClient};
use crate::lab::host::probe_namespaces;
use crate::lab::router::RouterKind;
use crate::packages;
use crate::scenario;
use crate::sys;
use crate::wait::{secs, until};

/// Its one test.
const CASE: &str = "two_hosts_serve_from_a_pool_beside_the_router_of_metallb";

/// The page, below the workspace.
const PAGE: &str = "docs/metallb.md";

/// What the comment of a block says during which clients ask.
const ASKED: &str = "clients ask meanwhile";

/// The services' addresses: the first two of the pool.
const SERVICES: [&str; 2] = ["192.168.0.30", "192.168.0.31"];

/// Builds the plugin, if the test is wanted, and runs it.
pub(super) fn run(wanted: impl Fn(&str) -> bool, tally: &mut Tally) {
    let name = full_name("metallb", CASE);
    if !wanted(&name) {
        return;
    }
    if let Err(reason) = able() {
        tally.skip(&name, &format!("{reason:#}"));
        return;
    }
    let start = Instant::now();
    match plugin_dir().and_then(|dir| artifacts::build(&dir)) {
        Err(error) => tally.fail(&name, &format!("{error:#}")),
        Ok(artifacts) => tally.note(&name, start, walk(&artifacts), String::new),
    }
}

fn able() -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this is not Linux");
    ensure!(!sys::interrupted(), "interrupted");
    ensure!(sys::is_root(), "needs root");
    packages::ensure(&scenario::packages(RouterKind::Frr))?;
    probe_namespaces()
}

fn walk(artifacts: &Artifacts) -> Result<()> {
    let scene = Scene::start(artifacts)?;
    follow(&scene).with_context(|| scene.logs())
}

fn follow(scene: &Scene) -> Result<()> {
    let page = Page::read(&workspace().join(PAGE))?;
    let mut asked = 0;
    for block in page.blocks() {
        let steps = console::of_any_block(&block).context(PAGE)?;
        if block.directive.as_deref() != Some(ASKED) {
            scene.give(PAGE, &steps)?;
            continue;
        }
        asked += 1;
        let lost = format!("{PAGE}:{}: while clients ask", block.line);
        while_asked(scene, || scene.give(PAGE, &steps)).context(lost)?;
    }
    ensure!(asked > 0, "no block of {PAGE} is marked as {ASKED:?}");
    Ok(())
}

/// Both services have both hosts, before and after; and whatever `change` does in between, each
/// request of a client is answered.
fn while_asked(scene: &Scene, change: impl FnOnce() -> Result<()>) -> Result<()> {
    scene.name_containers()?;
    serve_together(scene)?;
    let client = RunningClient::start(&scene.lab.client_netns, &services()?, 2)?;
    let changed = change();
    let seen = client.finish()?;
    changed?;
    ensure!(seen.failures.is_empty(), "failed: {:?}", seen.failures);
    serve_together(scene)
}

/// FRR has both services from both hosts, its kernel forwards to both, and both answer.
fn serve_together(scene: &Scene) -> Result<()> {
    let hosts: BTreeSet<IpAddr> = scene.lab.hosts.iter().map(|it| it.site.v4.into()).collect();
    until("two routes of each host at FRR", secs(20), || {
        let told = scene.prefixes_received()?;
        let wanted = hosts.iter().map(|host| (*host, SERVICES.len()));
        ensure!(wanted.eq(told.clone()), "it was told {told:?}");
        Ok(())
    })?;
    for address in services()? {
        until(&format!("{address} by both hosts"), secs(10), || {
            let selector = format!("exact {address}/32");
            let routes = scene.lab.router_netns.routes(false, &selector)?;
            let hops: BTreeSet<IpAddr> = routes.iter().flat_map(|it| it.gateways()).collect();
            ensure!(hops == hosts, "the router's kernel has {hops:?}");
            Ok(())
        })?;
        until(&format!("answers from {address}"), secs(20), || {
            let seen = client::requests(&scene.lab.client_netns, &[address], 32)?;
            ensure!(seen.failures.is_empty(), "failed: {:?}", seen.failures);
            let names: Vec<&str> = seen.names().collect();
            ensure!(names == ["h1", "h2"], "{names:?} answered");
            Ok(())
        })?;
    }
    Ok(())
}

fn services() -> Result<Vec<IpAddr>> {
    let parsed = SERVICES.iter().map(|text| text.parse());
    parsed.collect::<Result<_, _>>().context("an address")
}
