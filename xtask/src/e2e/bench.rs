//! The plugin's benchmark at its smallest, so that it goes on running.

use anyhow::{Result, ensure};

use crate::artifacts::Artifacts;
use crate::bench::plugin::{self, Scale};
use crate::sys;

/// The test's name within its suite.
pub(super) const NAME: &str = "the_plugins_benchmark_measures_everything";

/// Milliseconds that nothing takes, however busy the machine is.
const LONG: f64 = 30_000.0;

/// Whether this machine can run it.
pub(super) fn able() -> Result<()> {
    ensure!(!sys::interrupted(), "interrupted");
    plugin::able()
}

/// Everything is measured, and nothing takes as long as if it did not happen.
pub(super) fn smallest(artifacts: &Artifacts) -> Result<()> {
    let scale = Scale {
        turns: 1,
        networks: 20,
        only: None,
    };
    let rows = plugin::measure(&scale, artifacts)?;
    ensure!(rows.len() == ROWS, "{} rows", rows.len());
    for row in rows {
        let most = row.here.percentile(100);
        ensure!(most.abs() < LONG, "{}: {}", row.what, row.here);
    }
    Ok(())
}

/// How many things are measured.
const ROWS: usize = 24;
