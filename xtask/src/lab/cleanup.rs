//! Removes everything a laboratory made: processes, namespaces, control groups, files.
//!
//! Nothing here asks a daemon to clean up after itself. The processes are ended by their
//! identifiers, and with the last process of a mount namespace its mounts go, too.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::{NETNS_PREFIX, OWNER_FILE, RUN_DIR_PREFIX, freezer};
use crate::cmd::Cmd;
use crate::sys;

/// How long the processes of a laboratory may take to vanish after SIGKILL.
const LIMIT: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
struct NamedNetns {
    name: String,
}

/// The directory in which the laboratory `id` keeps its files.
pub(crate) fn run_dir(id: &str) -> PathBuf {
    std::env::temp_dir().join(format!("{RUN_DIR_PREFIX}{id}"))
}

/// Removes the laboratory with this identifier, whatever there is of it.
///
/// # Errors
///
/// When something stays; what could be removed is gone nevertheless.
pub(crate) fn remove(id: &str) -> Result<()> {
    let dir = run_dir(id);
    let namespaces = namespaces_of(id)?;
    end_processes(&dir, &namespaces)?;
    for name in &namespaces {
        Cmd::new("ip")
            .args(["netns", "del", name])
            .uninterruptible()
            .run()?;
    }
    let plugins = plugin_groups(&dir);
    let parent = format!("{NETNS_PREFIX}{id}-");
    remove_control_groups(|name| name.starts_with(&parent) || plugins.contains(name))?;
    match fs::remove_dir_all(&dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}

/// Removes every laboratory whose owner is gone; gives their identifiers and those left alone.
///
/// # Errors
///
/// When one of them cannot be removed completely.
pub(crate) fn remove_abandoned() -> Result<(Vec<String>, Vec<String>)> {
    let (mut removed, mut running) = (Vec::new(), Vec::new());
    for id in identifiers()? {
        if owner_runs(&run_dir(&id)) {
            running.push(id);
        } else {
            remove(&id).with_context(|| format!("remove laboratory {id}"))?;
            removed.push(id);
        }
    }
    Ok((removed, running))
}

/// What tells this process from all others, also after its number was used again.
pub(crate) fn process_mark(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name stands in parentheses and may hold blanks; start time is field 22.
    let start = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?;
    Some(format!("{pid} {start}"))
}

fn owner_runs(dir: &Path) -> bool {
    let Ok(mark) = fs::read_to_string(dir.join(OWNER_FILE)) else {
        return false;
    };
    let pid = mark
        .split_whitespace()
        .next()
        .and_then(|pid| pid.parse().ok());
    pid.and_then(process_mark)
        .is_some_and(|now| now == mark.trim())
}

fn identifiers() -> Result<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    for entry in fs::read_dir(std::env::temp_dir())? {
        if let Some(id) = entry?
            .file_name()
            .to_str()
            .and_then(|n| n.strip_prefix(RUN_DIR_PREFIX))
        {
            ids.insert(id.to_owned());
        }
    }
    for name in named_namespaces()? {
        let id = name
            .strip_prefix(NETNS_PREFIX)
            .and_then(|rest| rest.split_once('-'));
        // Only names as a laboratory gives them: five characters, then the node.
        if let Some((id, "r" | "c" | "h1" | "h2" | "h3")) = id
            && id.len() == super::ID_LENGTH
        {
            ids.insert(id.to_owned());
        }
    }
    Ok(ids)
}

fn named_namespaces() -> Result<Vec<String>> {
    let text = Cmd::new("ip")
        .args(["-j", "netns", "list"])
        .uninterruptible()
        .read()?;
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let list: Vec<NamedNetns> = serde_json::from_str(&text).context("parse ip -j netns list")?;
    Ok(list.into_iter().map(|netns| netns.name).collect())
}

fn namespaces_of(id: &str) -> Result<Vec<String>> {
    let prefix = format!("{NETNS_PREFIX}{id}-");
    Ok(named_namespaces()?
        .into_iter()
        .filter(|name| name.starts_with(&prefix))
        .collect())
}

/// Kills until nobody is left: a killed shim may leave a child to be found by the next look.
fn end_processes(dir: &Path, namespaces: &[String]) -> Result<()> {
    let start = Instant::now();
    let mut killed = BTreeSet::new();
    loop {
        let pids = processes(dir, namespaces)?;
        for pid in &killed {
            sys::reap(*pid);
        }
        if pids.is_empty() {
            return Ok(());
        }
        if start.elapsed() > LIMIT {
            bail!("processes {pids:?} of the laboratory do not end");
        }
        for pid in pids {
            drop(sys::kill(pid, libc::SIGKILL));
            freezer::thaw(pid);
            killed.insert(pid);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// All living processes inside the namespaces, or in a mount namespace other than ours that has
/// something below the run directory mounted: that finds containers and managed plugins.
fn processes(dir: &Path, namespaces: &[String]) -> Result<BTreeSet<u32>> {
    let mut pids = BTreeSet::new();
    for name in namespaces {
        let text = Cmd::new("ip")
            .args(["netns", "pids", name])
            .uninterruptible()
            .read()?;
        pids.extend(
            text.split_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok()),
        );
    }
    let ours = fs::read_link("/proc/self/ns/mnt")?;
    let marker = format!("{}/", dir.display());
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let elsewhere =
            fs::read_link(format!("/proc/{pid}/ns/mnt")).is_ok_and(|mounts| mounts != ours);
        if elsewhere
            && fs::read_to_string(format!("/proc/{pid}/mountinfo"))
                .is_ok_and(|mounts| mounts.contains(&marker))
        {
            pids.insert(pid);
        }
    }
    pids.remove(&std::process::id());
    pids.retain(|pid| !is_zombie(*pid));
    Ok(pids)
}

fn is_zombie(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| stat.rsplit_once(')')?.1.trim().chars().next())
        .is_none_or(|state| state == 'Z' || state == 'X')
}

/// The names of the control groups of managed plugins. Docker puts these at the top, whatever
/// parent the engine was given, and names them after the plugin's identifier.
fn plugin_groups(dir: &Path) -> BTreeSet<String> {
    children(dir)
        .iter()
        .flat_map(|host| children(&host.join("data/plugins")))
        .filter_map(|plugin| Some(plugin.file_name()?.to_str()?.to_owned()))
        .filter(|name| name.len() == 64 && name.bytes().all(|octet| octet.is_ascii_hexdigit()))
        .collect()
}

/// Removes the control groups whose names are `ours`, in every hierarchy.
fn remove_control_groups(ours: impl Fn(&str) -> bool) -> Result<()> {
    let root = Path::new("/sys/fs/cgroup");
    let hierarchies = children(root);
    for parent in std::iter::once(root.to_owned()).chain(hierarchies) {
        for group in children(&parent) {
            let name = group.file_name().and_then(|name| name.to_str());
            if name.is_some_and(&ours) {
                remove_group(&group)
                    .with_context(|| format!("remove control group {}", group.display()))?;
            }
        }
    }
    Ok(())
}

fn remove_group(group: &Path) -> std::io::Result<()> {
    for child in children(group) {
        remove_group(&child)?;
    }
    let start = Instant::now();
    loop {
        match fs::remove_dir(group) {
            // The same hierarchy may be mounted under two names (cpu and cpuacct).
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            // A killed process leaves its group a moment after it is gone from sight.
            Err(error)
                if error.kind() == std::io::ErrorKind::ResourceBusy && start.elapsed() < LIMIT =>
            {
                thread::sleep(Duration::from_millis(20));
            }
            other => return other,
        }
    }
}

fn children(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_a_later_one_with_its_number() {
        let ours = process_mark(std::process::id()).unwrap();
        let (pid, start) = ours.split_once(' ').unwrap();
        assert_eq!(pid, std::process::id().to_string());
        assert!(start.parse::<u64>().unwrap() > 0);
        assert_eq!(process_mark(u32::MAX), None);
    }

    #[test]
    fn a_directory_without_an_owner_is_abandoned() {
        assert!(!owner_runs(Path::new("/nowhere")));
    }
}
