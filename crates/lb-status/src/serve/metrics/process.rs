//! The process as the kernel sees it, by the names that are usual for that.

use std::fs;

/// What `/proc` says of us; what can't be read is left out.
#[derive(Debug, Default)]
pub(super) struct Process {
    pub(super) cpu_seconds: Option<f64>,
    pub(super) resident_bytes: Option<u64>,
    pub(super) virtual_bytes: Option<u64>,
    pub(super) threads: Option<u64>,
    pub(super) open_fds: Option<u64>,
    pub(super) max_fds: Option<u64>,
}

impl Process {
    pub(super) fn read() -> Self {
        let text = |file: &str| fs::read_to_string(file).unwrap_or_default();
        let stat = text("/proc/self/stat");
        let status = text("/proc/self/status");
        let open = fs::read_dir("/proc/self/fd").ok();
        Self {
            cpu_seconds: cpu_seconds(&stat),
            resident_bytes: kibibytes(&status, "VmRSS:"),
            virtual_bytes: kibibytes(&status, "VmSize:"),
            threads: number(&status, "Threads:"),
            // The folder itself was open while it was read.
            open_fds: open.map(|open| (open.count() as u64).saturating_sub(1)),
            max_fds: number(&text("/proc/self/limits"), "Max open files"),
        }
    }
}

/// Both times, user and system (proc_pid_stat(5)). The name before may hold
/// anything, parentheses too.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, behind) = stat.rsplit_once(") ")?;
    let mut fields = behind.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some((f64::from(user) + f64::from(system)) / TICKS)
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    number(status, name).map(|count| count * 1024)
}

/// The first number behind a name at the beginning of a line.
fn number(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

/// Linux tells times in hundredths of a second to programs, whatever its own
/// clock is (USER_HZ).
const TICKS: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_any_name() {
        let stat = "7 (a) S (b)) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 3 0 9";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("7 (a"), None);
    }

    #[test]
    fn this_process_has_all_of_it() {
        let process = Process::read();
        assert!(process.cpu_seconds.is_some());
        assert!(process.resident_bytes > Some(4096), "{process:?}");
        assert!(process.resident_bytes < process.virtual_bytes);
        assert!(process.threads >= Some(1) && process.open_fds >= Some(3));
        assert!(process.max_fds >= process.open_fds, "{process:?}");
    }
}
