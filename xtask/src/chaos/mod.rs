//! `cargo xtask chaos`: faults at random under load, and what has to hold after each round of them.

mod check;
mod draw;
mod fault;

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use self::draw::{Draw, Draws};
use self::fault::Fault;
use crate::artifacts;
use crate::e2e;
use crate::lab::client::RunningClient;
use crate::lab::engine::{Engine, EngineKind};
use crate::lab::registry::Registries;
use crate::lab::router::RouterKind;
use crate::lab::{Lab, Options, service_addresses};
use crate::scenario::WEB;
use crate::wait::secs;
use crate::{packages, scenario, sys};

/// How many hosts a run of its own has.
const HOSTS: usize = 3;

/// What the command is asked for.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Args {
    /// How many rounds.
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    /// Draws the same faults again; without it, they are others each time.
    #[arg(long)]
    seed: Option<u64>,
    /// With this engine instead of the machine's own.
    #[arg(long, value_enum)]
    engine: Option<EngineKind>,
}

/// Runs the rounds in a laboratory of their own.
///
/// # Errors
///
/// When the laboratory does not come up, or at the first round after which something does not hold.
pub(crate) fn run(args: &Args) -> Result<()> {
    let Args {
        rounds,
        seed,
        engine,
    } = *args;
    let router = RouterKind::Bird;
    packages::ensure(&scenario::packages(router))?;
    packages::ensure(&[packages::REGISTRY])?;
    let artifacts = artifacts::build(&e2e::plugin_dir()?)?;
    let options = Options {
        router: Some(router),
        password: None,
        narrate: false,
        engine: engine.map_or_else(|| Ok(Engine::default()), Engine::of)?,
    };
    let lab =
        scenario::bring_up(HOSTS, &options, &artifacts, &[]).context("start the laboratory")?;
    let _registries = Registries::start(&lab, &artifacts.plugin_dir)?;
    // One of the hosts keeps its containers while its engine does not run.
    lab.hosts[HOSTS - 1].set_live_restore(true)?;
    let seed = seed.unwrap_or_else(draw::any_seed);
    println!("chaos: {rounds} rounds, seed {seed}");
    let plan = Plan {
        rounds,
        seed,
        faults: &Fault::ALL,
    };
    let seen = in_lab(&lab, plan).inspect_err(|_| eprintln!("{}", lab.logs()))?;
    println!("chaos: {seen}");
    Ok(())
}

/// What is drawn, and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    rounds: u32,
    seed: u64,
    faults: &'static [Fault],
}

impl Plan {
    /// A few rounds for the tests, without what takes long: the faults that only the plugin's
    /// comparison with the kernel finds, once a minute, and whole hosts.
    pub(crate) const fn short() -> Self {
        Self {
            rounds: 5,
            seed: 1,
            faults: Fault::QUICK,
        }
    }
}

/// What a run saw beside the invariants, which held.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    rounds: u32,
    faults: u32,
    answered: u32,
    failed: usize,
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            rounds,
            faults,
            answered,
            failed,
        } = self;
        write!(
            f,
            "{rounds} rounds held, {faults} faults, {answered} requests answered during them, {failed} not"
        )
    }
}

/// Runs the rounds in a laboratory in which no service runs; afterwards none does.
///
/// # Errors
///
/// With the seed, the round, its faults and what did not hold.
pub(crate) fn in_lab(lab: &Lab, plan: Plan) -> Result<Seen> {
    let Plan {
        rounds,
        seed,
        faults,
    } = plan;
    let before: Vec<_> = lab
        .hosts
        .iter()
        .map(scenario::traces)
        .collect::<Result<_>>()?;
    serve(lab)?;
    let mut seen = Seen::default();
    for (number, draws) in (1..=rounds).zip(Draws::new(seed, lab.hosts.len(), faults)) {
        let begin = Instant::now();
        round(lab, &draws, &mut seen)
            .with_context(|| format!("seed {seed}, round {number}: {}", words(&draws)))
            .inspect_err(|_| eprintln!("{}", addresses(lab)))?;
        println!(
            "round {number}: {} ({:.1} s)",
            words(&draws),
            begin.elapsed().as_secs_f64()
        );
    }
    for (host, before) in lab.hosts.iter().zip(&before) {
        host.clear_services()?;
        scenario::expect_traces(host, before)?;
    }
    Ok(seen)
}

/// Starts the service on every host.
fn serve(lab: &Lab) -> Result<()> {
    lab.wait_sessions(&lab.all(), secs(30))?;
    for host in &lab.hosts {
        host.create_web1()?;
        fault::run_web(host)?;
    }
    in_order(lab)
}

/// Waits until every host serves, as the client sees it, too.
fn in_order(lab: &Lab) -> Result<()> {
    for host in &lab.hosts {
        host.wait_health(WEB, "healthy")?;
    }
    check::holds(lab)?;
    lab.wait_answers(&lab.all())
}

/// What the containers and the hosts have of IPv6, for a failed round: there an address can be refused
/// because somebody else seems to have it.
fn addresses(lab: &Lab) -> String {
    let mut text = String::new();
    for host in &lab.hosts {
        let inside = host.docker.ask(&["exec", WEB, "ip", "-6", "address"]);
        let links = host.netns.ip("-o link show");
        let neighbours = host.netns.ip("-6 neigh show");
        text += &format!("--- {}\n", host.site.name);
        for shown in [inside, links, neighbours] {
            text += &shown.unwrap_or_else(|error| format!("{error:#}"));
            text.push('\n');
        }
    }
    text
}

fn words(draws: &[Draw]) -> String {
    let words: Vec<String> = draws.iter().map(Draw::to_string).collect();
    words.join(", ")
}

/// One round: load, faults, invariants, repair, invariants, removal, invariants.
fn round(lab: &Lab, draws: &[Draw], seen: &mut Seen) -> Result<()> {
    if sys::interrupted() {
        bail!("interrupted");
    }
    let addresses = service_addresses()?;
    let client = RunningClient::start_enduring(&lab.client_netns, &addresses, lab.hosts.len())?;
    for draw in draws {
        let host = &lab.hosts[draw.host];
        let inflicted = draw.fault.inflict(lab, host, draw.delay);
        inflicted.with_context(|| format!("{draw}"))?;
        seen.faults += 1;
    }
    check::holds(lab).context("after the faults")?;
    let load = client.finish()?;
    seen.answered += load.answered();
    seen.failed += load.failures.len();
    for host in &lab.hosts {
        fault::repair(host).with_context(|| format!("repair {}", host.site.name))?;
    }
    in_order(lab).context("after the repair")?;
    let hit: BTreeSet<usize> = draws.iter().map(|draw| draw.host).collect();
    for host in hit {
        fault::replace(&lab.hosts[host])?;
    }
    in_order(lab).context("with new containers")?;
    seen.rounds += 1;
    Ok(())
}
