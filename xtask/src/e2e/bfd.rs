//! BFD with BIRD and FRR: paths that break in silence, and come back.

mod multihop;

use anyhow::{Context as _, Result, ensure};

use crate::artifacts;
use crate::bench::bfd::Scene;
use crate::bench::bfd::neighbour::Kind;
use crate::wait::secs;
use crate::{packages, sys};

/// A test that needs nothing built before.
pub(super) type Case = fn() -> Result<()>;

/// Tests with two routers and no engine, each with what it needs to be installed.
pub(super) const CASES: [(&str, Kind, Case); 5] = [
    (
        "a_path_that_breaks_in_silence_loses_its_routes_and_gets_them_back",
        Kind::Bird,
        || silence(Kind::Bird),
    ),
    (
        "a_path_to_frr_that_breaks_in_silence_loses_its_routes_and_gets_them_back",
        Kind::Frr,
        || silence(Kind::Frr),
    ),
    (
        "a_router_that_stops_forwarding_ends_the_session_with_bird_behind_it",
        Kind::Bird,
        || multihop::breaks(Kind::Bird),
    ),
    (
        "a_router_that_stops_forwarding_ends_the_session_with_frr_behind_it",
        Kind::Frr,
        || multihop::breaks(Kind::Frr),
    ),
    (
        "a_peer_farther_away_than_allowed_is_not_believed",
        Kind::Frr,
        multihop::too_far,
    ),
];

/// Whether this machine can run them.
pub(super) fn able(kind: Kind) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this is not Linux");
    ensure!(sys::is_root(), "needs root");
    packages::ensure(&[packages::IPROUTE, kind.package()])
}

/// Three packets at 300 ms tell that the path is broken: the other programs have no better priority
/// than whatever else the machine does, and would call less than that a failure now and then. The
/// limit is generous for the same reason, and far below the hold time.
fn silence(kind: Kind) -> Result<()> {
    let scene = Scene::start(&artifacts::build_unoptimized_speaker()?, kind, 300)?;
    let run = || {
        scene.wait_up()?;
        let cut = scene.cut()?;
        ensure!(cut.stayed < secs(5), "the routes stayed: {cut:?}");
        scene.mend()?;
        scene.wait_up()
    };
    run().with_context(|| scene.logs())
}
