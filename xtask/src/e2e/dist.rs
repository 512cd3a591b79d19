//! What `cargo xtask dist` makes, installed and used: packages, archives, an image.

mod bill;
mod booted;
mod docker;
mod fresh_root;
mod installed;

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use self::fresh_root::FreshRoot;
use super::{Tally, full_name, plugin_dir};
use crate::artifacts::{self, Artifacts};
use crate::cmd::Cmd;
use crate::dist::{self, Release, SUMS};
use crate::lab::host::probe_namespaces;
use crate::packages::{self, Package};
use crate::sys;

/// A distribution that was made.
struct Made {
    /// Of these programs.
    built: Artifacts,
    release: Release,
    /// Where.
    out: PathBuf,
    /// A system with its packages, for tests that change nothing.
    installed: OnceCell<FreshRoot>,
}

/// A test of it.
struct Case {
    name: &'static str,
    /// What it cannot do without.
    needs: &'static [Package],
    test: fn(&Made) -> Result<()>,
}

const CASES: [Case; 10] = [
    Case {
        name: "all_is_the_same_when_it_is_made_again",
        needs: &[],
        test: same_again,
    },
    Case {
        name: "the_bill_of_materials_names_every_linked_package_and_no_other",
        needs: &[],
        test: bill::complete,
    },
    Case {
        name: "packages_start_nothing_and_a_purge_leaves_nothing",
        needs: &[],
        test: installed::comes_and_goes,
    },
    Case {
        name: "a_removed_package_leaves_the_settings_that_were_edited",
        needs: &[],
        test: installed::settings_stay,
    },
    Case {
        name: "systemd_finds_the_installed_services_well_confined",
        needs: &[packages::SYSTEMD],
        test: installed::units,
    },
    Case {
        name: "under_a_running_systemd_both_services_start_reload_and_end",
        needs: &[
            packages::BASE[0],
            packages::IPROUTE,
            packages::SYSTEMD,
            packages::CURL,
        ],
        test: booted::services,
    },
    Case {
        name: "manual_pages_are_shown_without_a_warning",
        needs: &[packages::MAN, packages::GROFF],
        test: installed::manual,
    },
    Case {
        name: "every_shell_completes_commands",
        needs: &[packages::ZSH, packages::FISH],
        test: installed::completions,
    },
    Case {
        name: "lintian_finds_nothing",
        needs: &[packages::LINTIAN],
        test: installed::lintian,
    },
    Case {
        name: "docker_takes_the_archive_and_builds_the_image",
        needs: &packages::BASE,
        test: docker::takes_both,
    },
];

/// Makes a distribution, if a test of it is wanted, and runs the tests.
pub(super) fn run(wanted: impl Fn(&str) -> bool, tally: &mut Tally) {
    let cases = CASES
        .iter()
        .map(|case| (full_name("dist", case.name), case));
    let cases: Vec<(String, &Case)> = cases.filter(|(name, _)| wanted(name)).collect();
    if cases.is_empty() {
        return;
    }
    if let Err(reason) = able() {
        let reason = format!("{reason:#}");
        cases.iter().for_each(|(name, _)| tally.skip(name, &reason));
        return;
    }
    let made = match make() {
        Ok(made) => made,
        Err(error) => {
            let reason = format!("{error:#}");
            cases.iter().for_each(|(name, _)| tally.fail(name, &reason));
            return;
        }
    };
    for (name, case) in cases {
        match packages::ensure(case.needs) {
            Err(reason) => tally.skip(&name, &format!("{reason:#}")),
            Ok(()) => tally.note(&name, Instant::now(), (case.test)(&made), String::new),
        }
    }
}

fn able() -> Result<()> {
    ensure!(!sys::interrupted(), "interrupted");
    ensure!(
        Path::new("/usr/bin/dpkg-deb").exists(),
        "this is not Debian"
    );
    ensure!(sys::is_root(), "needs root");
    packages::ensure(&packages::DISTRIBUTION)?;
    probe_namespaces()
}

fn make() -> Result<Made> {
    let mut built = artifacts::build(&plugin_dir()?)?;
    built.speaker = artifacts::build_speaker()?;
    let release = Release::of_workspace()?;
    let out = artifacts::target_directory()?.join("dist-test");
    dist::make(&out, &built, &release)?;
    Ok(Made {
        built,
        release,
        out,
        installed: OnceCell::new(),
    })
}

impl Made {
    /// A system like this machine's, which this may be installed in. The name is that of its folder.
    fn fresh_root(&self, name: &str) -> Result<FreshRoot> {
        FreshRoot::new(&self.out.with_file_name(format!("dist-root-{name}")))
    }
}

/// That other checkouts and build directories give the same programs is what
/// `cargo xtask dist --verify` looks at.
fn same_again(made: &Made) -> Result<()> {
    let out = made.out.with_file_name("dist-again");
    // Neither times nor modes of what goes in matter.
    let mut built = made.built.clone();
    built.plugin_dir = out.join("plugin");
    fs::create_dir_all(&out)?;
    let copy = Cmd::new("cp").args(["--recursive", "--no-target-directory"]);
    copy.arg(&made.built.plugin_dir)
        .arg(&built.plugin_dir)
        .run()?;
    Cmd::new("chmod")
        .args(["--recursive", "u=rwX,go="])
        .arg(&built.plugin_dir)
        .run()?;
    dist::make(&out, &built, &made.release)?;
    let sums = |folder: &Path| fs::read_to_string(folder.join(SUMS)).context("read the sums");
    let (first, second) = (sums(&made.out)?, sums(&out)?);
    ensure!(first == second, "made first:\n{first}made again:\n{second}");
    fs::remove_dir_all(&out).context("remove what was made again")
}
