//! What a process takes, by the kernel's books.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::wait::{secs, until};

/// Octets of it that are in memory now (`VmRSS` in proc(5)).
///
/// # Errors
///
/// When there is no such process.
pub(in crate::bench) fn resident(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let words = line.and_then(|line| line.split_whitespace().next());
    let kilobytes: u64 = words.context("a process has memory")?.parse()?;
    Ok(kilobytes * 1024)
}

/// Nanoseconds its threads have had a processor so far (`schedstat` in proc(5)).
///
/// # Errors
///
/// When there is no such process.
pub(in crate::bench) fn processor_time(pid: u32) -> Result<u64> {
    let threads = format!("/proc/{pid}/task");
    let mut sum = 0;
    for thread in fs::read_dir(&threads).with_context(|| format!("list {threads}"))? {
        // A thread may end while they are listed.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else {
            continue;
        };
        let first = text.split_whitespace().next();
        sum += first.context("an empty schedstat")?.parse::<u64>()?;
    }
    Ok(sum)
}

/// Waits until it has nothing to do.
///
/// # Errors
///
/// When it has something to do for a minute, or ends.
pub(in crate::bench) fn wait_idle(pid: u32) -> Result<()> {
    const LOOK: Duration = Duration::from_millis(300);
    const IDLE: u64 = 1_000_000;
    until("the plugin to rest", secs(60), || {
        let before = processor_time(pid)?;
        thread::sleep(LOOK);
        let spent = processor_time(pid)? - before;
        ensure!(spent < IDLE, "it took {spent} ns in {LOOK:?}");
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_has_had_a_processor() {
        let pid = std::process::id();
        assert!(resident(pid).unwrap() > 100_000);
        assert!(processor_time(pid).unwrap() > 0);
        assert!(resident(u32::MAX).is_err());
    }
}
