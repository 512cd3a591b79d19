//! Tests that share a laboratory, and how they are run.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::tally::Tally;
use super::{
    cases, crash, disk, full_name, lossless, metrics, options, outages, pools, refusals, security,
    several, socket, status, versions,
};
use crate::artifacts::{self, Artifacts};
use crate::lab::engine::{Engine, EngineKind, Version};
use crate::lab::host::{self, Host};
use crate::lab::router::RouterKind;
use crate::lab::swarm::{self, Swarm};
use crate::lab::{Lab, Options, PAIR, SITES};
use crate::{packages, scenario, sys};

/// A test in a laboratory; it may assume that no service runs when it starts.
pub(super) type Case = fn(&Lab) -> Result<()>;

/// A test with its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Test {
    name: &'static str,
    case: Case,
    since: Option<(Version, &'static str)>,
    program: Option<&'static str>,
}

impl Test {
    /// A test of something that engines have since `version`; `lack` says what older ones lack.
    pub(super) const fn since(
        version: Version,
        lack: &'static str,
        name: &'static str,
        case: Case,
    ) -> Self {
        Self {
            since: Some((version, lack)),
            ..Self::always(name, case)
        }
    }

    /// A test of something that every engine has.
    pub(super) const fn always(name: &'static str, case: Case) -> Self {
        Self {
            name,
            case,
            since: None,
            program: None,
        }
    }

    /// A test that is skipped where this program is missing.
    pub(super) const fn with_program(
        program: &'static str,
        name: &'static str,
        case: Case,
    ) -> Self {
        Self {
            program: Some(program),
            ..Self::always(name, case)
        }
    }

    /// Why it cannot run on this version or machine, if it cannot.
    fn lacks(&self, version: Version) -> Option<String> {
        if let Some(program) = self.program.filter(|program| !Path::new(program).exists()) {
            return Some(format!("{program} is not there"));
        }
        let (since, lack) = self.since.filter(|(since, _)| version < *since)?;
        Some(format!("Engine {version} {lack}, {since} was the first"))
    }
}

/// How the plugin is there when the tests begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plugin {
    /// Managed by Docker.
    Managed,
    /// The same, with TCP MD5 passwords: the router's and the plugin's.
    WithPasswords([&'static str; 2]),
    /// Managed, in global scope, on two nodes of a Swarm.
    InSwarm,
    /// Not at all: the tests start it themselves.
    Absent,
}

/// Tests that share one laboratory.
pub(super) struct Suite {
    name: String,
    router: RouterKind,
    engine: Engine,
    plugin: Plugin,
    hosts: usize,
    tests: Vec<Test>,
}

impl Suite {
    /// The full names of its tests.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.tests
            .iter()
            .map(|test| full_name(&self.name, test.name))
    }

    /// What only a laboratory of three hosts needs: there the plugin is upgraded.
    fn ensure_packages(&self) -> Result<()> {
        if self.hosts > PAIR {
            packages::ensure(&[packages::REGISTRY])?;
        }
        Ok(())
    }
}

/// What is run with the machine's own engine.
pub(super) fn of_machine() -> Vec<Suite> {
    let mut suites = Vec::new();
    for router in RouterKind::ALL {
        let mut tests = of(cases::EVERY_ROUTER);
        if router == RouterKind::Speaker {
            tests.extend(of(&cases::ONE_ROUTER));
            tests.extend(of(several::CASES));
            tests.extend(of(options::ONE_ROUTER));
            tests.extend(of(&pools::CASES));
            tests.extend(of(&refusals::CASES));
        }
        if matches!(router, RouterKind::Bird | RouterKind::Frr) {
            tests.extend(of(options::CASES));
        }
        if router == RouterKind::Bird {
            tests.extend(of(&crash::CASES));
            tests.extend(of(&super::host::CASES));
            tests.extend(of(&status::CASES));
            tests.extend(of(&super::steering::CASES));
            tests.extend(of(&super::page::CASES));
            tests.extend(of(&metrics::CASES));
            tests.extend(of(&super::reload::CASES));
            tests.extend(of(&super::monitor::CASES));
            tests.extend(of(security::ONE_ROUTER));
            tests.extend(of(options::ANNOUNCED));
        }
        suites.push(Suite {
            name: router.name().to_owned(),
            router,
            engine: Engine::default(),
            plugin: Plugin::Managed,
            hosts: PAIR,
            tests,
        });
    }
    for router in [RouterKind::Bird, RouterKind::Frr, RouterKind::Speaker] {
        let mut tests = of(cases::PASSWORD);
        if router == RouterKind::Bird {
            tests.extend(of(security::PASSWORD));
        }
        for (name, other, tests) in [
            ("password", security::KEY, tests),
            ("other_password", "observatory", of(cases::OTHER_PASSWORD)),
        ] {
            suites.push(Suite {
                name: format!("{}_with_{name}", router.name()),
                router,
                engine: Engine::default(),
                plugin: Plugin::WithPasswords([security::KEY, other]),
                hosts: PAIR,
                tests,
            });
        }
    }
    suites.extend(of_every_engine(&Engine::default()));
    suites
}

/// What is run with each engine of the matrix, named as [`of_machine`] names it. One router is
/// enough: it does not see which engine a host has.
pub(super) fn of_engine(engine: &Engine) -> Vec<Suite> {
    let router = RouterKind::Bird;
    let mut suites = vec![Suite {
        name: router.name().to_owned(),
        router,
        engine: engine.clone(),
        plugin: Plugin::Managed,
        hosts: PAIR,
        tests: [of(cases::EVERY_ROUTER), of(&cases::ONE_ROUTER)].concat(),
    }];
    suites.extend(of_every_engine(engine));
    // These take longer than the ordinary test command should.
    suites.push(Suite {
        name: "swarm".to_owned(),
        router,
        engine: engine.clone(),
        plugin: Plugin::InSwarm,
        hosts: PAIR,
        tests: super::swarm::TESTS.to_vec(),
    });
    suites
}

/// What depends on the engine and is run with the machine's own as well as in the matrix.
fn of_every_engine(engine: &Engine) -> Vec<Suite> {
    let suite = |name: &str, plugin, tests: &[Test]| Suite {
        name: name.to_owned(),
        router: RouterKind::Bird,
        engine: engine.clone(),
        plugin,
        hosts: PAIR,
        tests: tests.to_vec(),
    };
    vec![
        suite(
            "versions",
            Plugin::Managed,
            &[&versions::TESTS[..], &options::gateway::TESTS].concat(),
        ),
        suite("socket", Plugin::Absent, &socket::TESTS),
        suite("disk", Plugin::Absent, &disk::TESTS),
        Suite {
            hosts: SITES.len(),
            ..suite(
                "three_hosts",
                Plugin::Managed,
                &[of(&lossless::CASES), of(&outages::CASES)].concat(),
            )
        },
    ]
}

fn of(cases: &[(&'static str, Case)]) -> Vec<Test> {
    cases
        .iter()
        .map(|(name, case)| Test::always(name, *case))
        .collect()
}

/// The suites with those of their tests that are wanted by their full names.
pub(super) fn only(mut suites: Vec<Suite>, wanted: impl Fn(&str) -> bool) -> Vec<Suite> {
    for suite in &mut suites {
        suite
            .tests
            .retain(|test| wanted(&full_name(&suite.name, test.name)));
    }
    suites.retain(|suite| !suite.tests.is_empty());
    suites
}

/// Runs the tests of a suite in a laboratory of their own.
pub(super) fn run(suite: &Suite, artifacts: &Artifacts, tally: &mut Tally) {
    if let Err(reason) = able(suite.router).and_then(|()| suite.ensure_packages()) {
        suite
            .names()
            .for_each(|name| tally.skip(&name, &format!("{reason:#}")));
        return;
    }
    let lab = match start(suite, artifacts) {
        Ok(lab) => lab,
        Err(error) => {
            suite
                .names()
                .for_each(|name| tally.fail(&name, &format!("{error:#}")));
            return;
        }
    };
    let mut broken: Option<String> = None;
    for (test, name) in suite.tests.iter().zip(suite.names()) {
        if let Some(reason) = &broken {
            if sys::interrupted() {
                tally.skip(&name, "interrupted");
            } else {
                tally.fail(&name, reason);
            }
            continue;
        }
        let versions = lab.hosts.iter().map(|host| host.version);
        if let Some(lack) = versions.min().and_then(|oldest| test.lacks(oldest)) {
            tally.skip(&name, &lack);
            continue;
        }
        let start = Instant::now();
        let result = (test.case)(&lab);
        tally.note(&name, start, result, || lab.logs());
        if let Err(error) = reset(suite.plugin, &lab) {
            broken = Some(format!(
                "the laboratory could not be reset before it: {error:#}"
            ));
        }
    }
}

fn reset(plugin: Plugin, lab: &Lab) -> Result<()> {
    match plugin {
        Plugin::Managed | Plugin::WithPasswords(_) => scenario::reset(lab),
        Plugin::InSwarm => Swarm::of(lab)?.reset(),
        Plugin::Absent => lab.hosts.iter().try_for_each(Host::clear_services),
    }
}

/// Whether this machine can run a laboratory with this router.
fn able(router: RouterKind) -> Result<()> {
    ensure!(!sys::interrupted(), "interrupted");
    ensure!(sys::is_root(), "needs root");
    packages::ensure(&scenario::packages(router))?;
    host::probe_namespaces()
}

fn start(suite: &Suite, artifacts: &Artifacts) -> Result<Lab> {
    if suite.router == RouterKind::Speaker {
        artifacts::build_speaker()?;
    }
    let password = match suite.plugin {
        Plugin::WithPasswords([router, _]) => Some(router.to_owned()),
        Plugin::Managed | Plugin::InSwarm | Plugin::Absent => None,
    };
    let options = Options {
        router: Some(suite.router),
        password,
        narrate: false,
        engine: suite.engine.clone(),
    };
    let settings = match suite.plugin {
        Plugin::Managed => Vec::new(),
        Plugin::WithPasswords([_, plugin]) => vec![("PEER_PASSWORD", plugin.to_owned())],
        Plugin::InSwarm => return start_swarm(&options, artifacts),
        Plugin::Absent => {
            let lab = Lab::start(&options, artifacts).context("start the laboratory")?;
            scenario::create_gateway_networks(&lab)?;
            return Ok(lab);
        }
    };
    scenario::bring_up(suite.hosts, &options, artifacts, &settings).context("start the laboratory")
}

fn start_swarm(options: &Options, artifacts: &Artifacts) -> Result<Lab> {
    let lab = Lab::start(options, artifacts).context("start the laboratory")?;
    let scope = [("GLOBAL_SCOPE", "true".to_owned())];
    lab.install_plugins(&artifacts.plugin_dir, &scope)
        .with_context(|| lab.logs())?;
    for host in &lab.hosts {
        host.create_gateway_network_called(swarm::GATEWAY_NETWORK)?;
    }
    Swarm::of(&lab)?.form().with_context(|| lab.logs())?;
    Ok(lab)
}

/// The engine of this kind, or why it cannot be had.
///
/// # Errors
///
/// When this machine cannot run it.
pub(super) fn provide(kind: EngineKind) -> Result<Engine> {
    ensure!(cfg!(target_os = "linux"), "this is not Linux");
    able(RouterKind::Bird)?;
    Engine::of(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_of_something_new_is_not_run_on_an_older_engine() {
        let test = Test::since(Version(28, 0), "has no such option", "new", |_| Ok(()));
        let lack = test.lacks(Version(26, 1)).unwrap();
        assert_eq!(lack, "Engine 26.1 has no such option, 28.0 was the first");
        assert_eq!(test.lacks(Version(28, 5)), None);
        let always = Test::always("always", |_| Ok(()));
        assert_eq!(always.lacks(Version(20, 10)), None);
    }
}
