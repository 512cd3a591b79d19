//! Build, packaging, laboratory and test commands: `cargo xtask --help`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the commands report to the terminal"
)]

mod artifacts;
mod cmd;
mod lab;
mod packages;
mod sys;
mod wait;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

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
    /// Remove what a killed or kept laboratory left behind.
    CleanLab,
    /// Make HTTP requests (used inside the laboratory).
    #[command(hide = true)]
    LabClient(lab::client::Args),
    /// Copy GoBGP's table into the kernel (used inside the laboratory).
    #[command(hide = true)]
    LabFibAgent(lab::router::FibAgentArgs),
    /// dev
    Dev { router: lab::router::RouterKind },
}

fn main() -> ExitCode {
    sys::catch_termination();
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
            artifacts::build_plugin(&out)?;
            println!("{} is ready for `docker plugin create`", out.display());
        }
        Task::CleanLab => clean_lab()?,
        Task::LabClient(args) => lab::client::serve_requests(&args)?,
        Task::LabFibAgent(args) => lab::router::run_fib_agent(&args)?,
        Task::Dev { router } => {
            let artifacts = artifacts::Artifacts {
                plugin_dir: PathBuf::new(),
                plugin: PathBuf::new(),
                speaker: PathBuf::new(),
            };
            let lab = lab::Lab::start(
                &lab::Options {
                    router,
                    password: None,
                    narrate: true,
                },
                &artifacts,
            )?;
            for host in &lab.hosts {
                host.create_gateway_network()?;
            }
            lab.keep();
        }
    }
    Ok(ExitCode::SUCCESS)
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
