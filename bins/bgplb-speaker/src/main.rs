//! A small BGP speaker: announces prefixes, learns routes, installs ECMP sets in the kernel.

mod app;
mod args;
mod config;
mod plumber;
mod routes;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::args::{Arguments, Command};
use crate::config::Config;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (Command::Run(file) | Command::CheckConfig(file)) = &arguments.command;
    let config = match Config::load(&file.config) {
        Ok(config) => config,
        Err(error) => {
            say(io::stderr(), &format!("bgplb-speaker: {error}"));
            return ExitCode::from(EX_CONFIG);
        }
    };
    match arguments.command {
        Command::CheckConfig(file) => {
            let peers = config.speaker.peers.len();
            let prefixes = config.announce.len();
            let file = file.config.display();
            say(
                io::stdout(),
                &format!("{file}: usable (peers: {peers}, prefixes: {prefixes})"),
            );
            ExitCode::SUCCESS
        }
        Command::Run(_) => run(config),
    }
}

fn run(config: Config) -> ExitCode {
    let filter = EnvFilter::try_from_env("LOG_LEVEL").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(app::run(config)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(io::stderr(), &format!("bgplb-speaker: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn say(mut to: impl Write, line: &str) {
    // There is nowhere to report that the terminal is gone.
    let _ = writeln!(to, "{line}");
}

/// Something was found wrong with the configuration (`EX_CONFIG` of `sysexits.h`).
const EX_CONFIG: u8 = 78;
