//! The kernel's switches.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tracing::debug;

use super::finding::rp_filter;

/// `rp_filter` as RFC 3704's strict filter.
const STRICT: u8 = 1;

/// The value of a switch. One that can't be read is none that could be mended:
/// a kernel without IPv6 has no IPv6 services.
pub(super) fn get(name: &str) -> Option<u8> {
    let path = path(name);
    match fs::read_to_string(&path) {
        Ok(value) => value.trim().parse().ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            debug!(path = %path.display(), %error, "a switch of the kernel can't be read");
            None
        }
    }
}

/// Sets a switch.
pub(super) fn set(name: &str, value: &str) -> io::Result<()> {
    fs::write(path(name), value)
}

/// Whether the link exists and has a strict reverse path filter: the kernel
/// goes by the greater value of its own and everybody's. There is no such filter
/// for IPv6.
pub(super) fn is_strict(link: &str) -> bool {
    let own = get(&rp_filter(link));
    own.is_some_and(|own| own.max(get(&rp_filter("all")).unwrap_or(0)) == STRICT)
}

/// Has every link that listens to router advertisements go on with that when
/// the host forwards, which ends it otherwise (`accept_ra`).
pub(super) fn keep_listening_to_routers() -> io::Result<()> {
    let links = Path::new("/proc/sys/net/ipv6/conf");
    for link in fs::read_dir(links)? {
        let switch = link?.path().join("accept_ra");
        // A link may go while it is looked at.
        if fs::read_to_string(&switch).is_ok_and(|value| value.trim() == "1") {
            fs::write(&switch, "2")?;
        }
    }
    Ok(())
}

/// Dots of a switch's name are slashes of its path; there is none in a link's
/// name with us.
fn path(name: &str) -> PathBuf {
    Path::new("/proc/sys").join(name.replace('.', "/"))
}
