//! BFD with BIRD: a path that breaks in silence, and comes back.

use anyhow::{Context as _, Result, ensure};

use crate::artifacts;
use crate::bench::bfd::Scene;
use crate::wait::secs;
use crate::{packages, sys};

/// A test that needs nothing built before.
pub(super) type Case = fn() -> Result<()>;

/// Tests with two routers and no engine.
pub(super) const CASES: [(&str, Case); 1] = [(
    "a_path_that_breaks_in_silence_loses_its_routes_and_gets_them_back",
    silence,
)];

/// Whether this machine can run them.
pub(super) fn able() -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this is not Linux");
    ensure!(sys::is_root(), "needs root");
    packages::ensure(&[packages::BIRD])
}

/// Three packets at 10 ms tell that the path is broken. The limit is generous, since it counts
/// the programs that cut and watch on a machine that does other work too; it is far below the
/// hold time.
fn silence() -> Result<()> {
    let scene = Scene::start(&artifacts::build_speaker()?)?;
    let run = || {
        scene.wait_up()?;
        let time = scene.cut()?;
        ensure!(time < secs(1), "the routes stayed for {time:?}");
        scene.mend()?;
        scene.wait_up()
    };
    run().with_context(|| scene.logs())
}
