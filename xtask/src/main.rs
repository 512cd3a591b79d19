//! Build, packaging, laboratory and test commands: `cargo xtask --help`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the commands report to the terminal"
)]

mod artifacts;
mod bench;
mod book;
mod browser;
mod chaos;
mod cmd;
mod demo;
mod dist;
mod e2e;
mod fuzz;
mod guest;
mod lab;
mod packages;
mod pictures;
mod readme;
mod reference;
mod release;
mod scenario;
mod schema;
mod suite;
mod sys;
mod tidy;
mod wait;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::lab::engine::EngineKind;
use crate::lab::router::RouterKind;

/// Build, packaging, laboratory and test commands of bgplb.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build the managed plugin: a directory with config.json and rootfs/.
    Plugin {
        /// Where to put it.
        #[arg(long, default_value = "dist/plugin")]
        out: PathBuf,
    },
    /// Build everything a user installs: static programs, the plugin's archive, Debian packages with
    /// manual and completions, bills of materials, sums.
    Dist(dist::Args),
    /// Show the README's scenario on this machine: two Docker hosts, a router, a client.
    Demo {
        /// The program that plays the router.
        #[arg(long, value_enum, default_value = "speaker")]
        router: RouterKind,
        /// Leave everything running and say how to look around.
        #[arg(long)]
        keep: bool,
    },
    /// Run all tests: unit, property, simulation, fuzz corpora, documentation, packages, end to end.
    Test {
        /// Leave the end-to-end tests out.
        #[arg(long)]
        no_e2e: bool,
        /// Only tests whose name contains this.
        filter: Option<String>,
    },
    /// Run the plugin's end-to-end tests on Docker Engine 20.10, 26.1 and 28.5.
    Matrix {
        /// Only this engine.
        #[arg(long, value_enum)]
        engine: Option<EngineKind>,
        /// Only tests whose name contains this.
        filter: Option<String>,
    },
    /// Run the tests that need IPVS, dummy, ipvlan and VRF links, in a kernel of their own.
    Guest {
        /// Only tests whose name contains this.
        filter: Option<String>,
    },
    /// Faults at random under load: what must hold is looked at after each round of them.
    Chaos(chaos::Args),
    /// Try `bgplb-speaker` with other BGP programs and write docs/interoperability.md.
    InteropTable,
    /// Run the fuzz targets under libFuzzer (needs cargo-fuzz and the nightly toolchain).
    Fuzz {
        /// How long each.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// Only targets whose name contains this.
        filter: Option<String>,
    },
    /// Build documentation and packages as a release has them; part of the tests.
    Publishable,
    /// Check what the compiler does not: crate graph, paths in documents, file sizes.
    Tidy,
    /// Write each crate's README from the documentation of its lib.rs.
    Readmes,
    /// Write the JSON schema of the status socket from the types of its answers.
    Schema,
    /// Write the pages of docs/reference from the code.
    Reference,
    /// Build the documentation as a book, with mdBook, which is built first where there is none.
    Book,
    /// Write docs/pictures: the page and the tables, as a laboratory shows them.
    Pictures,
    /// Measure the programs.
    #[command(subcommand)]
    Bench(Bench),
    /// Remove what a killed or kept laboratory left behind.
    CleanLab,
    /// Make HTTP requests (used inside the laboratory).
    #[command(hide = true)]
    LabClient(lab::client::Args),
    /// Copy GoBGP's table into the kernel (used inside the laboratory).
    #[command(hide = true)]
    LabFibAgent(lab::router::FibAgentArgs),
    /// Connect standard input and output with a BGP port (used inside the laboratory).
    #[command(hide = true)]
    LabPipe(lab::peer::Args),
    /// Note when UPDATEs arrive (used inside the laboratory).
    #[command(hide = true)]
    LabSink,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// The plugin: events to UPDATEs, start, `docker run`, memory, many networks.
    Plugin(bench::plugin::Scale),
    /// Time of one change from the table to a peer, with ten and with a million prefixes.
    Change,
    /// A million prefixes held and sent, a thousand idle peers: time and memory, beside BIRD.
    Speaker,
    /// Time from the cut of a path to the end of its routes, with BFD at 10 ms times 3.
    Bfd {
        /// How many paths are cut.
        #[arg(long, default_value_t = 30)]
        turns: u32,
        /// Instead, count false alarms at 50 ms times 3 while all processors are busy for so long.
        #[arg(long, value_name = "SECONDS", conflicts_with = "turns")]
        load: Option<u32>,
    },
    /// Time from an UPDATE to the kernel's route, and a million learned routes, beside BIRD.
    Install,
    /// A thousand TCP checks and a thousand HTTP checks every second: processor time and memory.
    Checks,
    /// A thousand services with checks: start, memory, processor time, a change of health.
    Services {
        /// How many there are, beside a run with ten.
        #[arg(long, default_value_t = 1000)]
        services: u16,
        /// How often health changes.
        #[arg(long, default_value_t = 100)]
        turns: u32,
    },
    /// Time and allocations of bgp-wire for a real UPDATE stream, beside other codecs.
    Codec,
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::Plugin { out } => {
            artifacts::build(&out)?;
            println!("{} is ready for `docker plugin create`", out.display());
        }
        Task::Dist(args) => {
            sys::catch_termination();
            return dist::run(&args).map(outcome);
        }
        Task::CleanLab => clean_lab()?,
        Task::LabClient(args) => lab::client::serve_requests(&args)?,
        Task::LabFibAgent(args) => lab::router::run_fib_agent(&args),
        Task::LabPipe(args) => lab::peer::run_pipe(&args)?,
        Task::LabSink => bench::sink::run()?,
        Task::Demo { router, keep } => {
            sys::catch_termination();
            demo::run(router, keep)?;
        }
        Task::Test { no_e2e, filter } => {
            sys::catch_termination();
            if !suite::run(filter.as_deref(), !no_e2e)? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Task::Matrix { engine, filter } => {
            sys::catch_termination();
            let engines = engine.map_or_else(|| EngineKind::ALL.to_vec(), |one| vec![one]);
            if !e2e::matrix::run(&engines, filter.as_deref())? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Task::Guest { filter } => {
            sys::catch_termination();
            let mut tally = e2e::Tally::default();
            guest::run(filter.as_deref(), &mut tally);
            println!("{tally}");
            return Ok(outcome(tally.failed == 0 && !sys::interrupted()));
        }
        Task::Chaos(args) => {
            sys::catch_termination();
            chaos::run(&args)?;
        }
        Task::InteropTable => {
            sys::catch_termination();
            e2e::interop::write_table()?;
        }
        Task::Fuzz { seconds, filter } => {
            sys::catch_termination();
            return fuzz::run(filter.as_deref(), seconds).map(outcome);
        }
        Task::Publishable => {
            sys::catch_termination();
            return release::publishable().map(outcome);
        }
        Task::Tidy => {
            let findings = tidy::findings()?;
            findings.iter().for_each(|finding| println!("{finding}"));
            if !findings.is_empty() {
                return Ok(ExitCode::FAILURE);
            }
        }
        Task::Readmes => readme::write()?,
        Task::Schema => schema::write()?,
        Task::Reference => reference::write()?,
        Task::Book => println!("the book begins at {}", book::build()?.display()),
        Task::Pictures => {
            sys::catch_termination();
            pictures::write()?;
        }
        Task::Bench(which) => return measure(which),
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(which: Bench) -> Result<ExitCode> {
    match which {
        Bench::Plugin(scale) => {
            sys::catch_termination();
            bench::plugin::run(&scale)?;
        }
        Bench::Bfd { turns, load } => {
            sys::catch_termination();
            match load {
                None => bench::bfd::run(turns)?,
                Some(seconds) => bench::bfd::load::run(seconds)?,
            }
        }
        Bench::Services { services, turns } => {
            sys::catch_termination();
            bench::services::run(services, turns)?;
        }
        Bench::Codec => {
            if !bench::codec::run()? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Bench::Change => return bench_program(&["change"]),
        Bench::Checks => return bench_program(&["checks"]),
        Bench::Speaker => {
            packages::ensure(&[packages::BIRD])?;
            return bench_program(&["speaker"]);
        }
        Bench::Install => {
            packages::ensure(&[packages::BIRD])?;
            let speaker = artifacts::build_speaker()?;
            return bench_program(&["install", &speaker.display().to_string()]);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn bench_program(words: &[&str]) -> Result<ExitCode> {
    let args = ["run", "--release", "--quiet", "--package", "bgplb-benches"];
    let held = artifacts::cargo(&args).arg("--").args(words).show(&[])?;
    Ok(outcome(held))
}

const fn outcome(held: bool) -> ExitCode {
    if held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn clean_lab() -> Result<()> {
    let (removed, running) = lab::cleanup::remove_abandoned()?;
    for id in &removed {
        println!("removed laboratory {id}");
    }
    for id in &running {
        println!("laboratory {id} is in use by a running command and was left alone");
    }
    if removed.is_empty() && running.is_empty() {
        println!("there is nothing to remove");
    }
    Ok(())
}
