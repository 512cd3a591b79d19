//! `cargo xtask bench plugin`: the plugin beside docker-bgp-lb.
//!
//! One host with a real engine and the plugin as Docker manages it, another whose plugin is asked
//! as Docker asks, for a thousand networks; and [`sink`](super::sink) as the neighbour of both.

pub(super) mod figures;
mod latency;
mod many;
pub(super) mod process;
mod run;
mod start;
mod table;

use std::fs;

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;

use self::figures::Figures;
use self::table::{Goal, Row};
use super::sink::Sink;
use crate::artifacts::{self, Artifacts};
use crate::lab::engine::Engine;
use crate::lab::host::Host;
use crate::lab::{Lab, Options};
use crate::{e2e, packages, sys};

/// How much is measured.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Scale {
    /// How often each thing is done.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) turns: u32,
    /// How many networks with a container each, at most.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(10..=10_000))]
    pub(crate) networks: u32,
    /// Only this part.
    #[arg(long, value_enum)]
    pub(crate) only: Option<Part>,
}

/// One room's measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// From `docker plugin enable` to OPEN.
    Start,
    /// From Docker's events to the UPDATEs, and the memory with one network.
    Latency,
    /// `docker run` on a network of the plugin's and on the built-in bridge.
    Run,
    /// Restart, memory and single changes with many networks.
    Many,
}

/// Measures and prints the table.
///
/// # Errors
///
/// When the laboratory does not come up or something awaited does not happen.
pub(crate) fn run(scale: &Scale) -> Result<()> {
    able()?;
    let artifacts = artifacts::build(&e2e::plugin_dir()?)?;
    let rows = measure(scale, &artifacts)?;
    println!("\n{}", table::print(&rows));
    Ok(())
}

/// Whether this machine can run it.
///
/// # Errors
///
/// With the reason why not.
pub(crate) fn able() -> Result<()> {
    ensure!(
        cfg!(target_os = "linux") && sys::is_root(),
        "the benchmark needs Linux and root"
    );
    packages::ensure(&packages::BASE)
}

/// Everything that `scale` asks for, in a laboratory of its own.
///
/// # Errors
///
/// As [`run()`].
pub(crate) fn measure(scale: &Scale, artifacts: &Artifacts) -> Result<Vec<Row>> {
    let wanted = |part| scale.only.is_none_or(|only| only == part);
    let options = Options {
        router: None,
        password: None,
        narrate: false,
        engine: Engine::default(),
    };
    let lab = Lab::start(&options, artifacts)?;
    let sink = Sink::start(&lab.router_netns)?;
    let [managed, driven] = lab.hosts.as_slice() else {
        anyhow::bail!("a laboratory has two hosts");
    };
    let mut rows = vec![binary(artifacts)?];
    let mut parts = || -> Result<()> {
        if [Part::Start, Part::Latency, Part::Run]
            .into_iter()
            .any(wanted)
        {
            managed.install_plugin(&artifacts.plugin_dir, &lab.plugin_settings(managed))?;
        }
        if wanted(Part::Start) {
            rows.push(start::measure(managed, &sink, scale.turns)?);
        }
        if wanted(Part::Run) {
            rows.extend(run::measure(managed, scale.turns)?);
        }
        if wanted(Part::Latency) {
            rows.extend(latency::measure(managed, &sink, scale.turns)?);
        }
        if wanted(Part::Many) {
            rows.extend(many::measure(&lab, driven, &sink, scale)?);
        }
        Ok(())
    };
    parts().with_context(|| lab.logs())?;
    Ok(rows)
}

/// The size of the program as it is shipped.
fn binary(artifacts: &Artifacts) -> Result<Row> {
    let program = &artifacts.plugin;
    let size = fs::metadata(program)
        .with_context(|| format!("look at {}", program.display()))?
        .len();
    Ok(Row {
        what: "the plugin's program".to_owned(),
        here: Figures::one(figures::megabytes(size)?, "MB"),
        there: "21.8 MB",
        goal: Goal::AtMost(6.0),
    })
}

/// What the plugin of `host`, as Docker manages it, has in memory.
fn memory(host: &Host) -> Result<Figures> {
    let pid = host.plugin_pid()?;
    process::wait_idle(pid)?;
    let octets = process::resident(pid)?;
    Ok(Figures::one(figures::megabytes(octets)?, "MB"))
}
