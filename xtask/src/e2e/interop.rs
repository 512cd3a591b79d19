//! `bgplb-speaker` against the programs of others: what goes over the wire and is understood.
//!
//! One case is one [`Feature`] with one program, seen by both sides' own means. What came out of
//! it is the table in `docs/interoperability.md`, see [`table`].

mod bench;
mod feature;
mod ours;
mod peers;
mod session;
mod table;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use self::bench::Bench;
use self::feature::Feature;
use self::peers::Kind;
use self::table::{Cell, Column};
use super::{Tally, full_name};
use crate::artifacts;
use crate::lab::host;
use crate::{packages, sys};

/// Runs the cases whose full names are wanted, and compares the committed table with what came
/// out of those programs of which all cases ran.
pub(super) fn run(wanted: impl Fn(&str) -> bool, tally: &mut Tally) {
    let columns = try_all(&wanted, tally);
    let name = full_name("interop", "the_committed_table_is_what_is_seen");
    if wanted(&name) {
        let start = Instant::now();
        match table::compare(&columns) {
            Ok(0) => tally.skip(&name, "no program ran whole in its version of the table"),
            Ok(_) => tally.note(&name, start, Ok(()), String::new),
            Err(error) => tally.note(&name, start, Err(error), String::new),
        }
    }
}

/// Runs everything and writes the table.
///
/// # Errors
///
/// When a case failed or a program could not run.
pub(crate) fn write_table() -> Result<()> {
    let mut tally = Tally::default();
    let columns = try_all(&|_| true, &mut tally);
    println!("{tally}");
    ensure!(tally.failed == 0, "the table is written when no case fails");
    ensure!(
        columns.len() == Kind::ALL.len(),
        "not every program could run"
    );
    table::write(&columns)
}

/// Gives the columns of programs of which every case ran.
fn try_all(wanted: &impl Fn(&str) -> bool, tally: &mut Tally) -> Vec<Column> {
    let mut program = None;
    let mut columns = Vec::new();
    for kind in Kind::ALL {
        let suite = format!("interop_{}", kind.word());
        let mut features = Feature::ALL.to_vec();
        features.retain(|feature| wanted(&full_name(&suite, feature.word())));
        if features.is_empty() {
            continue;
        }
        let names = features.iter().map(|it| full_name(&suite, it.word()));
        if let Err(reason) = able(kind) {
            names.for_each(|name| tally.skip(&name, &format!("{reason:#}")));
            continue;
        }
        let program = program.get_or_insert_with(artifacts::build_unoptimized_speaker);
        let started = match program {
            Ok(program) => start(kind, program),
            Err(error) => Err(anyhow::anyhow!("{error:#}")),
        };
        match started {
            Ok((version, mut bench)) => {
                let mut cells = Vec::new();
                for feature in &features {
                    let cell = try_one(kind, *feature, &mut bench, &suite, tally);
                    cells.push((*feature, cell));
                }
                if features.len() == Feature::ALL.len() {
                    columns.push(Column {
                        kind,
                        version,
                        cells,
                    });
                }
            }
            Err(error) => {
                eprintln!("{error:#}");
                names.for_each(|name| tally.fail(&name, "the programs did not start"));
            }
        }
    }
    columns
}

fn start(kind: Kind, program: &Path) -> Result<(String, Bench)> {
    let version = kind.version()?;
    let bench = Bench::start(kind, program).context("start both programs")?;
    Ok((version, bench))
}

fn try_one(
    kind: Kind,
    feature: Feature,
    bench: &mut Bench,
    suite: &str,
    tally: &mut Tally,
) -> Cell {
    let name = full_name(suite, feature.word());
    let mut lacks = kind.lacks().iter().filter(|it| it.feature == feature);
    if let Some(lack) = lacks.next() {
        match bench.lacks(lack) {
            Ok(()) => tally.skip(&name, lack.why),
            Err(error) => tally.note(&name, Instant::now(), Err(error), || bench.logs()),
        }
        return Cell::Lacks(lack.why);
    }
    let start = Instant::now();
    let result = bench.hold(feature);
    let held = result.is_ok();
    tally.note(&name, start, result, || bench.logs());
    if held { Cell::Holds } else { Cell::Fails }
}

fn able(kind: Kind) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this is not Linux");
    ensure!(!sys::interrupted(), "interrupted");
    ensure!(sys::is_root(), "needs root");
    packages::ensure(&[packages::IPROUTE, kind.package()])?;
    host::probe_namespaces()
}
