//! What the documentation tells its readers to do, done: the commands of README and tutorial, and
//! the configurations of routers.
//!
//! README's `cargo xtask demo` and `cargo xtask test` are left out, by comments in it: the tests
//! would run themselves. So is what installs packages. What stands for the reader's machines is
//! the laboratory: a host of it, and its router's namespace. There is no registry, so the image
//! `nginx` is one of the same name that has the same page in the same place; and as all hosts of
//! the laboratory share one list of processes, `pidof` is one that sees those of its own host.

pub(super) mod machines;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use self::machines::Machines;
use super::cases::SOON;
use super::{Tally, full_name, plugin_dir, status};
use crate::artifacts::{self, Artifacts, workspace};
use crate::book::console;
use crate::book::markdown::Page;
use crate::lab::engine::Engine;
use crate::lab::host::{Host, probe_namespaces};
use crate::lab::router::RouterKind;
use crate::lab::{Lab, Options, SERVICE_V4, SERVICE_V6};
use crate::packages;
use crate::scenario::{self, WEB};
use crate::sys;
use crate::wait::{secs, until};

type Case = fn(&Artifacts) -> Result<()>;

const CASES: [(&str, RouterKind, Case); 5] = [
    ("the_readmes_commands_work", RouterKind::Bird, readme),
    ("the_tutorials_commands_work", RouterKind::Bird, tutorial),
    ("the_recipe_for_bird_works", RouterKind::Bird, |artifacts| {
        recipe(RouterKind::Bird, artifacts)
    }),
    ("the_recipe_for_frr_works", RouterKind::Frr, |artifacts| {
        recipe(RouterKind::Frr, artifacts)
    }),
    (
        "the_recipe_for_gobgp_works",
        RouterKind::Gobgp,
        |artifacts| recipe(RouterKind::Gobgp, artifacts),
    ),
];

/// Builds the plugin, if a test is wanted, and runs the tests.
pub(super) fn run(wanted: impl Fn(&str) -> bool, tally: &mut Tally) {
    let mut built: Option<Artifacts> = None;
    for (case, router, test) in CASES {
        let name = full_name("docs", case);
        if !wanted(&name) {
            continue;
        }
        if let Err(reason) = able(router) {
            tally.skip(&name, &format!("{reason:#}"));
            continue;
        }
        let start = Instant::now();
        let artifacts = match built.take() {
            Some(artifacts) => Ok(artifacts),
            None => plugin_dir().and_then(|dir| artifacts::build(&dir)),
        };
        match artifacts {
            Err(error) => tally.fail(&name, &format!("{error:#}")),
            Ok(artifacts) => {
                tally.note(&name, start, test(&artifacts), String::new);
                built = Some(artifacts);
            }
        }
    }
}

fn able(router: RouterKind) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this is not Linux");
    ensure!(!sys::interrupted(), "interrupted");
    ensure!(sys::is_root(), "needs root");
    packages::ensure(&scenario::packages(router))?;
    probe_namespaces()
}

fn page(name: &str) -> Result<Page> {
    Page::read(&workspace().join(name))
}

fn options(router: Option<RouterKind>) -> Options {
    Options {
        router,
        password: None,
        narrate: false,
        engine: Engine::default(),
    }
}

/// On the first host, with a router that knows it already.
fn readme(artifacts: &Artifacts) -> Result<()> {
    let lab = Lab::start(&options(Some(RouterKind::Bird)), artifacts)?;
    let follow = || {
        let machines = Machines::of(&lab, None)?;
        machines.follow("README.md", &page("README.md")?)?;
        // Docker looks at the container's health every 30 s, as nothing else is said.
        lab.wait_service(&[machines.host], secs(60))?;
        served(&lab)
    };
    follow().with_context(|| lab.logs())
}

/// From a router that was just installed.
fn tutorial(artifacts: &Artifacts) -> Result<()> {
    let lab = Lab::start(&options(None), artifacts)?;
    let router = machines::Router::start(&lab)?;
    let name = "docs/tutorial.md";
    let follow = || Machines::of(&lab, Some(&router))?.follow(name, &page(name)?);
    follow().with_context(|| lab.logs() + &router.log())
}

/// Whether the client gets the page of the image, from both addresses.
fn served(lab: &Lab) -> Result<()> {
    for url in [
        format!("http://{SERVICE_V4}/"),
        format!("http://[{SERVICE_V6}]/"),
    ] {
        until(&format!("the page at {url}"), secs(10), || {
            let client = lab.client_netns.command("busybox");
            let text = client.args(["wget", "-q", "-O", "-", &url]).read()?;
            ensure!(text.contains("Welcome to nginx!"), "it is {text:?}");
            Ok(())
        })?;
    }
    Ok(())
}

/// Starts the router and the hosts' plugins with what the page says, and looks for both hosts
/// behind a service, now and after a plugin was killed.
fn recipe(kind: RouterKind, artifacts: &Artifacts) -> Result<()> {
    let name = format!("docs/routers/{}.md", kind.name());
    let page = page(&name)?;
    let blocks = page.blocks();
    let marked = blocks
        .iter()
        .find(|block| block.directive.as_deref() == Some("configuration"));
    let text = &marked.context("no block is marked as configuration")?.text;
    let settings = console::settings(&page).context(name)?;

    let mut lab = Lab::start(&options(None), artifacts)?;
    lab.start_router_with(kind, text.clone(), artifacts)?;
    let follow = || {
        for host in &lab.hosts {
            host.install_plugin(&artifacts.plugin_dir, &of_host(host, &settings))?;
        }
        scenario::create_gateway_networks(&lab)?;
        for host in &lab.hosts {
            host.create_web1()?;
            host.run_web(WEB, WEB)?;
        }
        for host in &lab.hosts {
            host.wait_health(WEB, "healthy")?;
        }
        lab.wait_service(&lab.all(), secs(30))?;
        lab.wait_answers(&lab.all())?;
        if settings.iter().any(|(key, _)| key == "PEER_BFD") {
            lab.hosts.iter().try_for_each(watched)?;
        }
        let first = lab.hosts.first().context("a laboratory has hosts")?;
        match kind {
            // With BFD it drops the routes now and then, as its page says.
            RouterKind::Frr => comes_back(&lab, first),
            _ => survives(&lab, first),
        }
    };
    follow().with_context(|| lab.logs())
}

/// The page shows the first host.
fn of_host<'a>(host: &Host, settings: &'a [(String, String)]) -> Vec<(&'a str, String)> {
    let own = |key: &str, value: &String| match key {
        "ROUTER_ID" => host.site.v4.to_string(),
        _ => value.clone(),
    };
    settings
        .iter()
        .map(|(key, value)| (key.as_str(), own(key, value)))
        .collect()
}

/// BFD and the router have found each other.
fn watched(host: &Host) -> Result<()> {
    until("BFD to be up", secs(10), || {
        let said = status::inside(host, &["peers", "-o", "json"])?.read()?;
        let peers: Value = serde_json::from_str(&said)?;
        let bfd = &peers["peers"][0]["bfd"];
        ensure!(bfd["state"] == "Up", "{bfd}");
        Ok(())
    })
}

/// A plugin that was killed is there again, and all is as before.
fn comes_back(lab: &Lab, host: &Host) -> Result<()> {
    let pid = host.plugin_pid()?;
    sys::kill(pid, libc::SIGKILL)?;
    until("Docker to start the plugin again", secs(20), || {
        let now = host.plugin_pid()?;
        ensure!(now != pid, "it is {pid} still");
        Ok(())
    })?;
    // Not at once: the routes of before may still be there.
    watched(host)?;
    lab.wait_service(&lab.all(), secs(30))?;
    lab.wait_answers(&lab.all())
}

/// Routers with graceful restart keep the routes of a plugin that was killed, until it is back.
fn survives(lab: &Lab, host: &Host) -> Result<()> {
    let pid = host.plugin_pid()?;
    sys::kill(pid, libc::SIGKILL)?;
    let begin = Instant::now();
    let mut back = None;
    while back.is_none_or(|since: Instant| since.elapsed() < secs(3)) {
        kept(lab).context("a router that knows of restarts keeps the routes")?;
        match host.plugin_pid() {
            Ok(now) if now != pid => _ = back.get_or_insert_with(Instant::now),
            _ => ensure!(
                begin.elapsed() < secs(20),
                "Docker does not start the plugin again"
            ),
        }
        thread::sleep(Duration::from_millis(50));
    }
    lab.wait_service(&lab.all(), SOON)?;
    lab.wait_answers(&lab.all())
}

/// Both hosts are behind the service. What copies GoBGP's table into the kernel leaves out what
/// GoBGP calls stale, so only that table is looked at there.
fn kept(lab: &Lab) -> Result<()> {
    let router = lab.router();
    if !router.name().starts_with("GoBGP") {
        return lab.wait_service(&lab.all(), Duration::ZERO);
    }
    for prefix in [format!("{SERVICE_V4}/32"), SERVICE_V6_PREFIX.to_owned()] {
        let paths = router.paths(&prefix)?.len();
        ensure!(paths == lab.hosts.len(), "{prefix} has {paths} paths");
    }
    Ok(())
}

/// As GoBGP writes it.
const SERVICE_V6_PREFIX: &str = "2001:db8:0:1000::101/128";
