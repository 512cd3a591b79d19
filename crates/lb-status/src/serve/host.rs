//! What the host is called.

use std::fs;

/// The kernel's name of this host; where a sandbox hides that, the one that is
/// set at boot, and else nothing.
#[must_use]
pub fn host_name() -> String {
    let files = ["/proc/sys/kernel/hostname", "/etc/hostname"];
    let mut names = files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok());
    names
        .find(|name| !name.trim().is_empty())
        .map_or_else(String::new, |name| name.trim().to_owned())
}
