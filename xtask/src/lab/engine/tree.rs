//! File trees of other Debian releases with their Docker Engine, kept for the next time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use super::{EngineKind, Version, installed};
use crate::cmd::Cmd;
use crate::packages;
use crate::wait::secs;

/// Where the trees are unless [`CACHE_VARIABLE`] says otherwise.
const CACHE: &str = "/var/cache/bgplb-engines";

/// The environment variable that names another place.
const CACHE_VARIABLE: &str = "BGPLB_ENGINES";

/// The file written last: a tree without it, or with another content, is built anew.
const MARKER: &str = "bgplb-engine";

/// The tree with this kind of engine.
///
/// # Errors
///
/// When it cannot be built here, or holds another version.
pub(super) fn provide(kind: EngineKind) -> Result<PathBuf> {
    let cache = std::env::var_os(CACHE_VARIABLE).map_or_else(|| CACHE.into(), PathBuf::from);
    fs::create_dir_all(&cache).with_context(|| format!("make {}", cache.display()))?;
    // Two commands at once shall not build into the same directory.
    let lock = File::create(cache.join("lock"))?;
    lock.lock()
        .with_context(|| format!("lock {}", cache.display()))?;
    let tree = cache.join(kind.name());
    if let Err(reason) = usable(kind, &tree) {
        println!("==> building {}: {reason:#}", tree.display());
        build(kind, &tree)?;
    }
    Ok(tree)
}

/// What the marker of a good tree holds: all that decides what is in it.
fn recipe(kind: EngineKind) -> String {
    format!("{} {}\n", kind.suite(), kind.packages())
}

fn usable(kind: EngineKind, tree: &Path) -> Result<()> {
    ensure!(tree.exists(), "it is not there");
    let marker = fs::read_to_string(tree.join(MARKER)).unwrap_or_default();
    ensure!(
        marker == recipe(kind),
        "it was not finished, or is made otherwise today"
    );
    let version = version_in(tree)?;
    ensure!(
        version == kind.version(),
        "it holds Engine {version} instead of {}",
        kind.name()
    );
    Ok(())
}

fn version_in(tree: &Path) -> Result<Version> {
    installed(Cmd::new("chroot").arg(tree).arg("dockerd"))
}

fn build(kind: EngineKind, tree: &Path) -> Result<()> {
    packages::ensure(&[packages::DEBOOTSTRAP])?;
    remove(tree)?;
    let include = format!("--include={}", kind.packages());
    // From the mirror it takes by itself.
    let bootstrap = Cmd::new("debootstrap")
        .args(["--variant=minbase", &include, kind.suite()])
        .arg(tree)
        .timeout(secs(1200))
        .finish()?;
    if bootstrap.code != Some(0) {
        let said = bootstrap.stdout;
        let last: Vec<&str> = said.lines().rev().take(3).collect();
        bail!(
            "debootstrap {}: {} {last:?}",
            kind.suite(),
            bootstrap.stderr.trim()
        );
    }
    let version = version_in(tree)?;
    ensure!(
        version == kind.version(),
        "Debian's {} has Engine {version} today instead of {}",
        kind.suite(),
        kind.name()
    );
    let archives = tree.join("var/cache/apt/archives");
    fs::remove_dir_all(&archives).with_context(|| format!("empty {}", archives.display()))?;
    fs::write(tree.join(MARKER), recipe(kind)).context("write the marker")
}

/// Removes a broken tree. debootstrap mounts `/proc` and `/sys` inside for a while, and what is
/// mounted is never ours to delete.
fn remove(tree: &Path) -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    if let Some(mount) = mounted_below(&mounts, tree) {
        bail!("{mount} is mounted: unmount it first");
    }
    match fs::remove_dir_all(tree) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", tree.display()))
        }
        _ => Ok(()),
    }
}

/// A mount point below `tree`, from the text of `/proc/self/mountinfo`.
fn mounted_below<'a>(mountinfo: &'a str, tree: &Path) -> Option<&'a str> {
    let points = mountinfo.lines().filter_map(|line| line.split(' ').nth(4));
    points
        .into_iter()
        .find(|point| Path::new(point).starts_with(tree))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_without_its_marker_is_not_used() {
        let tree = std::env::temp_dir().join(format!("bgplb-tree-{}", std::process::id()));
        let words = |tree: &Path| usable(EngineKind::Sid, tree).unwrap_err().to_string();
        assert_eq!(words(&tree), "it is not there");
        fs::create_dir(&tree).unwrap();
        let unfinished = words(&tree);
        fs::write(tree.join(MARKER), recipe(EngineKind::Trixie)).unwrap();
        let of_another = words(&tree);
        fs::write(tree.join(MARKER), recipe(EngineKind::Sid)).unwrap();
        let empty = words(&tree);
        fs::remove_dir_all(&tree).unwrap();
        assert!(unfinished.contains("not finished"), "{unfinished}");
        assert!(of_another.contains("not finished"), "{of_another}");
        assert!(empty.contains("dockerd"), "{empty}");
    }

    #[test]
    fn what_is_mounted_inside_a_tree_is_found() {
        let text = "22 28 0:20 / /sys rw - sysfs sysfs rw\n\
                    90 28 0:21 / /c/28.5/proc rw - proc proc rw\n";
        assert_eq!(
            mounted_below(text, Path::new("/c/28.5")),
            Some("/c/28.5/proc")
        );
        assert_eq!(mounted_below(text, Path::new("/c/28")), None);
    }
}
