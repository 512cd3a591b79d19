//! A small BGP speaker: announces prefixes, learns routes, installs ECMP sets in the kernel.

mod announcing;
mod app;
mod args;
mod bgp_lb;
mod config;
mod control;
mod decode;
mod diff;
#[allow(unsafe_code)]
mod heap;
mod import;
mod networks;
mod operation;
mod peer_links;
mod plumber;
mod reload;
mod routes;
mod services;
mod show;
mod state;
mod ways;
mod withholding;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use lb_status::client::ClientError;
use lb_status::command;

use crate::args::{Arguments, Command, Monitored, RunArgs};
use crate::bgp_lb::Flags;
use crate::config::{Config, Unusable};

fn main() -> ExitCode {
    #[cfg(feature = "manual")]
    if let Some(code) = program_manual::written::<Arguments>("1") {
        return code;
    }
    let arguments: Vec<_> = std::env::args_os().collect();
    if bgp_lb::asked_for(&arguments) {
        return in_place_of_bgp_lb(arguments);
    }
    match Arguments::parse().command {
        Command::Run(args) => match load(&args.config) {
            Ok(config) => run(config.with_socket(args.socket.clone()), args),
            Err(code) => ExitCode::from(code),
        },
        Command::CheckConfig(checked) => {
            let file = checked.path();
            match load(&file) {
                Ok(config) => {
                    let peers = config.speaker.peers.len();
                    let prefixes = config.announce.len();
                    let services = match config.services.len() {
                        0 => String::new(),
                        many => format!(", services: {many}"),
                    };
                    let file = file.display();
                    let what =
                        format!("{file}: usable (peers: {peers}, prefixes: {prefixes}{services})");
                    say(io::stdout(), &what);
                    ExitCode::SUCCESS
                }
                Err(code) => ExitCode::from(code),
            }
        }
        Command::Status(args) => answered(command::status(&args, show::asked())),
        Command::Doctor(args) => match command::doctor(&args, show::asked()) {
            Ok(health) => ExitCode::from(health.exit_code()),
            Err(error) => {
                shown(Err(error.into()));
                ExitCode::from(command::UNKNOWN)
            }
        },
        Command::Peers(args) => answered(command::peers(&args, show::asked())),
        Command::Services(args) => answered(command::services(&args, show::asked())),
        Command::Routes(args) => answered(command::routes(&args, show::asked())),
        Command::Explain(args) => answered(command::explain(&args, show::asked())),
        Command::Check(args) => match command::check(&args, show::asked()) {
            Ok(severity) => ExitCode::from(severity as u8),
            Err(error) => answered(Err(error)),
        },
        Command::Refresh(args) => shown(show::refresh(&args)),
        Command::Down(args) => shown(show::down(&args)),
        Command::Up(args) => shown(show::up(&args)),
        Command::GracefulShutdown(args) => shown(show::graceful_shutdown(&args)),
        Command::Reload(args) => shown(show::reload(&args, io::stdout().lock())),
        Command::Diff(args) => answered(command::diff(&args, show::asked())),
        Command::Events(args) => answered(command::events(&args, show::asked())),
        Command::Drain(args) => answered(command::drain(&args, show::asked())),
        Command::Undrain(args) => answered(command::undrain(&args, show::asked())),
        Command::Maintenance(args) => answered(command::maintenance(&args, show::asked())),
        Command::Monitor(args) => monitor(&args),
        Command::Import(args) => import::run(&args),
        Command::Decode(args) => decoded(decode::run(&args, io::stdout().lock())),
    }
}

/// Shows what goes over connections until the speaker or the reader ends.
fn monitor(args: &Monitored) -> ExitCode {
    let answer = match command::monitor(&args.which, show::asked()) {
        Ok(answer) => answer,
        Err(error) => return shown(Err(error.into())),
    };
    match &args.pcap {
        Some(file) => answered(command::capture(answer, file)),
        None => {
            // Perhaps nothing is exchanged for long.
            say(io::stderr(), "bgplb-speaker: listening");
            decoded(decode::capture(answer, args.tree, io::stdout().lock()))
        }
    }
}

fn decoded(result: Result<(), decode::Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(io::stderr(), &format!("bgplb-speaker: {failure}"));
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Reads the configuration, or says what is wrong with it and gives the exit
/// code.
fn load(file: &Path) -> Result<Config, u8> {
    Config::load(file).map_err(unusable)
}

fn unusable(error: Unusable) -> u8 {
    for line in error.lines() {
        say(io::stderr(), &format!("bgplb-speaker: {line}"));
    }
    EX_CONFIG
}

/// Runs with bgp-lb's flags and its file.
fn in_place_of_bgp_lb(arguments: Vec<OsString>) -> ExitCode {
    let flags = match Flags::parse(arguments.into_iter().skip(1)) {
        Ok(flags) => flags,
        Err(outcome) => {
            say(io::stderr(), outcome.to_string().trim_end());
            return ExitCode::from(outcome.exit_code());
        }
    };
    let begun = program_log::start_at(program_log::Output::Stderr, flags.log_level);
    let args = begun.map_err(|error| error.to_string());
    let args = match args.and_then(|()| flags.into_args()) {
        Ok(args) => args,
        Err(sentence) => {
            say(io::stderr(), &format!("bgplb-speaker: {sentence}"));
            return ExitCode::from(EX_CONFIG);
        }
    };
    match args.load(&args.config) {
        Ok(config) => serve(config, args),
        Err(error) => ExitCode::from(unusable(error)),
    }
}

fn run(config: Config, args: RunArgs) -> ExitCode {
    if let Err(error) = program_log::start(program_log::Output::Stderr) {
        say(io::stderr(), &format!("bgplb-speaker: {error}"));
        return ExitCode::from(EX_CONFIG);
    }
    serve(config, args)
}

/// Runs until somebody ends it.
fn serve(config: Config, args: RunArgs) -> ExitCode {
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(app::run(config, args)));
    shown(result)
}

fn answered(result: Result<(), ClientError>) -> ExitCode {
    shown(result.map_err(Into::into))
}

fn shown(result: anyhow::Result<()>) -> ExitCode {
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
