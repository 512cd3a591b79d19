//! Docker network and IPAM plugin: routed, load-balanced container addresses
//! over BGP.

mod addresses;
mod admission;
mod app;
mod args;
mod background;
#[allow(unsafe_code)]
mod confinement;
mod controller;
mod datapath;
mod diagnosis;
mod driver;
mod facts;
mod instance;
mod ipam;
mod kernel_news;
mod latency;
mod naming;
mod numbers;
mod options;
mod plumber;
mod pool;
mod reload;
mod resume;
mod settings;
mod status;
mod steering;
mod stopper;
mod store;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;
use lb_status::command::{self, Asked};

use args::{Args, Command};
use settings::Settings;

/// EX_CONFIG of `sysexits.h`.
const BAD_SETTINGS: u8 = 78;

fn main() -> ExitCode {
    #[cfg(feature = "manual")]
    if let Some(code) = program_manual::written::<Args>("8") {
        return code;
    }
    let args = Args::parse();
    if let Some(command) = &args.command {
        return ask(command, &args.state_dir());
    }
    let settings = match Settings::of_environment() {
        Ok(settings) => settings,
        Err(error) => return fail(&error, BAD_SETTINGS),
    };
    if let Err(error) = program_log::start(program_log::Output::Split) {
        return fail(&error, BAD_SETTINGS);
    }
    if args.check {
        return ExitCode::SUCCESS;
    }
    // Before there is a second thread, which would keep what this one had.
    if let Err(error) = confinement::confine(&settings) {
        return fail(&format_args!("{error:#}"), BAD_SETTINGS);
    }
    // One thread: a withdrawal passes through four tasks, and each change of
    // thread on the way would wait its turn on a busy host.
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, 1),
    };
    match runtime.block_on(app::run(args, settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format_args!("{error:#}"), 1),
    }
}

/// Asks the plugin that runs beside this state, or where `STATUS_SOCKET` says.
fn ask(command: &Command, state_dir: &Path) -> ExitCode {
    let setting = std::env::var_os(settings::STATUS_SOCKET).filter(|value| !value.is_empty());
    let socket = status::default_socket(setting.map(PathBuf::from), state_dir);
    let asked = Asked {
        program: "the plugin",
        socket: &socket,
    };
    let answered = match command {
        Command::Doctor(args) => {
            return match command::doctor(args, asked) {
                Ok(health) => ExitCode::from(health.exit_code()),
                Err(error) => fail(
                    &format_args!("{:#}", anyhow::Error::from(error)),
                    command::UNKNOWN,
                ),
            };
        }
        Command::Status(args) => command::status(args, asked).map(|()| 0),
        Command::Monitor(args) => command::monitor(&args.which, asked)
            .and_then(|answer| command::capture(answer, &args.pcap))
            .map(|()| 0),
        Command::Peers(args) => command::peers(args, asked).map(|()| 0),
        Command::Services(args) => command::services(args, asked).map(|()| 0),
        Command::Explain(args) => command::explain(args, asked).map(|()| 0),
        Command::Check(args) => command::check(args, asked).map(|severity| severity as u8),
        Command::Routes(args) => command::routes(args, asked).map(|()| 0),
        Command::Events(args) => command::events(args, asked).map(|()| 0),
        Command::Drain(args) => command::drain(args, asked).map(|()| 0),
        Command::Undrain(args) => command::undrain(args, asked).map(|()| 0),
        Command::Maintenance(args) => command::maintenance(args, asked).map(|()| 0),
        Command::Reload(args) => command::reload(args, asked).map(|()| 0),
        Command::Diff(args) => command::plain_diff(args, asked).map(|()| 0),
    };
    match answered.map_err(anyhow::Error::from) {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&format_args!("{error:#}"), 1),
    }
}

/// One sentence on stderr; Docker logs it as an error.
#[expect(clippy::print_stderr, reason = "the log may not be there yet")]
fn fail(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("bgplb-plugin: {error}");
    ExitCode::from(code)
}
