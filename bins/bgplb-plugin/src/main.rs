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
mod driver;
mod facts;
mod hostcheck;
mod instance;
mod ipam;
mod kernel_news;
mod naming;
mod numbers;
mod options;
mod plumber;
mod pool;
mod resume;
mod settings;
mod stopper;
mod store;

use std::process::ExitCode;

use clap::Parser as _;
use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt as _;

use args::Args;
use settings::Settings;

/// EX_CONFIG of `sysexits.h`.
const BAD_SETTINGS: u8 = 78;

fn main() -> ExitCode {
    let args = Args::parse();
    let settings = match Settings::read(|name| std::env::var(name).ok()) {
        Ok(settings) => settings,
        Err(error) => return fail(&error, BAD_SETTINGS),
    };
    if let Err(error) = start_log() {
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

/// One sentence on stderr; Docker logs it as an error.
#[expect(clippy::print_stderr, reason = "the log may not be there yet")]
fn fail(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("bgplb-plugin: {error}");
    ExitCode::from(code)
}

/// Errors go to stderr, which Docker shows as errors; the rest to stdout.
fn start_log() -> Result<(), String> {
    let filter = std::env::var("LOG_LEVEL").unwrap_or_default();
    let filter = if filter.trim().is_empty() {
        "info"
    } else {
        filter.trim()
    };
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        format!(
            "LOG_LEVEL={filter} can't be used ({error}): give error, warn, info, debug or trace"
        )
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_target(false)
        .with_writer(
            std::io::stderr
                .with_max_level(Level::ERROR)
                .or_else(std::io::stdout),
        )
        .init();
    Ok(())
}
