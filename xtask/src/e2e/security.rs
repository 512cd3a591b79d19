//! What a hostile container, an impolite client of the plugin's socket, and whoever looks for keys
//! can't do.

mod flood;
mod hostile;
mod keys;
mod neighbours;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use anyhow::{Context as _, Result, ensure};

pub(super) use self::keys::{KEY, set};
use super::suite::Case;
use crate::lab::host::Host;
use crate::lab::{Lab, docker};
use crate::scenario;

/// What has nothing to do with the kind of router.
pub(super) const ONE_ROUTER: &[(&str, Case)] = &[
    (
        "the_managed_plugin_keeps_one_capability_and_its_files_to_itself",
        few_privileges,
    ),
    (
        "a_container_that_lies_about_itself_is_not_believed",
        hostile::lies,
    ),
    (
        "a_container_beyond_all_measure_takes_no_memory",
        hostile::giant,
    ),
    (
        "a_container_that_claims_another_s_address_gets_nothing",
        neighbours::claim,
    ),
    ("a_flood_of_requests_is_survived", flood::flood),
];

/// What holds when the sessions carry a TCP MD5 password.
pub(super) const PASSWORD: &[(&str, Case)] = &[(
    "a_password_from_a_file_is_shown_nowhere",
    keys::password_file,
)];

/// `CAP_NET_ADMIN` (`linux/capability.h`).
const NET_ADMIN: u64 = 1 << 12;

/// A line of a `/proc/…/status`, without its name.
fn field<'a>(status: &'a str, name: &str) -> Result<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let line = line.and_then(|line| line.strip_prefix(':'));
    line.map(str::trim).with_context(|| format!("no {name}"))
}

/// The most memory a process has had, in MiB.
fn peak_mib(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let peak = field(&status, "VmHWM")?.trim_end_matches(" kB").trim();
    Ok(peak.parse::<u64>()? / 1024)
}

fn few_privileges(lab: &Lab) -> Result<()> {
    scenario::serve(lab)?;
    for host in &lab.hosts {
        let pid = host.plugin_pid()?;
        let mut threads = 0;
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let status = fs::read_to_string(thread?.path().join("status"))?;
            for (set, wanted) in [
                ("CapInh", 0),
                ("CapPrm", NET_ADMIN),
                ("CapEff", NET_ADMIN),
                ("CapBnd", NET_ADMIN),
                ("CapAmb", 0),
            ] {
                let value = u64::from_str_radix(field(&status, set)?, 16)?;
                ensure!(value == wanted, "{set} is {value:x} in {status}");
            }
            ensure!(field(&status, "NoNewPrivs")? == "1", "{status}");
            threads += 1;
        }
        ensure!(threads > 1, "{threads} threads were looked at");
        expect_private_files(host)?;
    }
    Ok(())
}

fn expect_private_files(host: &Host) -> Result<()> {
    let socket = docker::plugin_socket(&host.space.path("/run/docker/plugins"))?;
    let about = fs::metadata(&socket)?;
    let mode = about.permissions().mode() & 0o777;
    ensure!(
        mode == 0o600 && about.uid() == 0,
        "the socket has mode {mode:o} and is user {}'s",
        about.uid()
    );
    let state = keys::state_dir(host)?;
    let mut files = 0;
    for file in fs::read_dir(&state)? {
        let file = file?;
        let mode = file.metadata()?.permissions().mode() & 0o777;
        ensure!(mode == 0o600, "{:?} has mode {mode:o}", file.file_name());
        files += 1;
    }
    ensure!(files > 0, "{} is empty", state.display());
    Ok(())
}
