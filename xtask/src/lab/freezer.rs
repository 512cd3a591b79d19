//! Control groups whose processes are held still, as Docker pauses containers.

use std::fs;
use std::path::Path;

/// Where the hierarchy of the first version is.
const ROOT: &str = "/sys/fs/cgroup/freezer";

/// Lets a process run that the freezer of the first version of control groups holds: not even
/// SIGKILL ends it otherwise. In the second version it does.
pub(crate) fn thaw(pid: u32) {
    // Who is gone needs nothing more.
    let Ok(groups) = fs::read_to_string(format!("/proc/{pid}/cgroup")) else {
        return;
    };
    let Some(group) = freezer_group(&groups) else {
        return;
    };
    let state = Path::new(ROOT).join(group).join("freezer.state");
    if fs::read_to_string(&state).is_ok_and(|state| state.trim() != "THAWED") {
        // What can't be written shows in the process that does not end.
        drop(fs::write(state, "THAWED"));
    }
}

/// The group of the freezer in `/proc/PID/cgroup` (cgroups(7)), below its root.
fn freezer_group(groups: &str) -> Option<&str> {
    groups.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (hierarchies, path) = rest.split_once(':')?;
        let has = hierarchies.split(',').any(|name| name == "freezer");
        has.then(|| path.trim_start_matches('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::freezer_group;

    #[test]
    fn the_freezers_group_is_found_among_the_others() {
        let groups = "9:name=systemd:/a:b\n6:devices,freezer:/lab/c1\n0::/lab/c2\n";
        assert_eq!(freezer_group(groups), Some("lab/c1"));
        assert_eq!(freezer_group("0::/lab/c2\n"), None);
    }
}
