//! Giving up what the plugin does not need, whoever started it: a managed
//! plugin gets Docker's fourteen capabilities beside those it asks for, and an
//! ordinary process of root has them all.
//!
//! Together with `libc` the one place with `unsafe`: the calls have no form in
//! the standard library.

use std::io;

use anyhow::{Context as _, Result, ensure};

use crate::settings::Settings;

/// Capabilities, one bit each (`linux/capability.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Capabilities(u64);

impl Capabilities {
    /// Ports below 1024.
    const NET_BIND_SERVICE: Self = Self(1 << 10);
    /// Links, addresses, routes and neighbours.
    const NET_ADMIN: Self = Self(1 << 12);
    /// A better priority for BFD's thread.
    const SYS_NICE: Self = Self(1 << 23);

    /// What the plugin makes use of with these settings, if it has it.
    fn of(settings: &Settings) -> Self {
        let mut useful = Self::NET_ADMIN;
        if settings.listen_port.is_some_and(|port| port < 1024) {
            useful.0 |= Self::NET_BIND_SERVICE.0;
        }
        if settings.bfd.is_some() {
            useful.0 |= Self::SYS_NICE.0;
        }
        useful
    }

    const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Keeps of this process' capabilities those that are of use, for good: nothing
/// it might start gets others, and nothing of its memory gets into a core file,
/// since keys are in it.
///
/// To be called while there is one thread, and after all files are read that
/// only root may read.
///
/// # Errors
///
/// When a capability is missing that nothing works without, and when the kernel
/// refuses.
pub(crate) fn confine(settings: &Settings) -> Result<()> {
    let useful = Capabilities::of(settings);
    let held = held().context("the process' capabilities can't be read")?;
    ensure!(
        held.has(Capabilities::NET_ADMIN),
        "the capability NET_ADMIN is missing, without which no link and no route can be made: \
         give it to the process (AmbientCapabilities=CAP_NET_ADMIN in a unit of systemd)"
    );
    keep(Capabilities(held.0 & useful.0)).context("capabilities can't be given up")
}

/// See `capset(2)`: version 3, two words of 32 bits for each of three sets.
#[repr(C)]
struct Header {
    version: u32,
    pid: libc::c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Word {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

const VERSION_3: u32 = 0x2008_0522;

/// More than any kernel has; the loop ends where the kernel says so.
const MOST: libc::c_ulong = 64;

fn held() -> io::Result<Capabilities> {
    let mut words = [Word::default(); 2];
    let mut header = Header {
        version: VERSION_3,
        pid: 0,
    };
    // SAFETY: the kernel reads and writes one header and, for this version,
    // writes two words; all live through the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_capget,
            &raw mut header,
            words.as_mut_ptr().cast::<libc::c_void>(),
        )
    };
    check(result)?;
    let [low, high] = words.map(|word| u64::from(word.permitted));
    Ok(Capabilities(high << 32 | low))
}

fn keep(kept: Capabilities) -> io::Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1)?;
    prctl(libc::PR_SET_DUMPABLE, 0)?;
    // Who may not narrow the bounding set has no use of it either: without new
    // privileges nothing that is started gets a capability from there.
    for capability in 0..MOST {
        let is_kept = kept.has(Capabilities(1 << capability));
        match prctl(libc::PR_CAPBSET_READ, capability) {
            Ok(1) if !is_kept => match prctl(libc::PR_CAPBSET_DROP, capability) {
                Err(error) if error.raw_os_error() != Some(libc::EPERM) => return Err(error),
                _ => {}
            },
            Ok(_) => {}
            // Beyond the last one the kernel knows.
            Err(_) => break,
        }
    }
    let word = |shift: u32| {
        let bits = (kept.0 >> shift) & u64::from(u32::MAX);
        let bits = u32::try_from(bits).unwrap_or_default();
        Word {
            effective: bits,
            permitted: bits,
            inheritable: 0,
        }
    };
    let words = [word(0), word(32)];
    let header = Header {
        version: VERSION_3,
        pid: 0,
    };
    // SAFETY: the kernel reads one header and, for this version, two words; all
    // live through the call. Ambient capabilities go with the inheritable ones.
    let result = unsafe {
        libc::syscall(
            libc::SYS_capset,
            &raw const header,
            words.as_ptr().cast::<libc::c_void>(),
        )
    };
    check(result).map(drop)
}

fn prctl(option: libc::c_int, value: libc::c_ulong) -> io::Result<libc::c_long> {
    let zero: libc::c_ulong = 0;
    // SAFETY: nothing but numbers, as many as any of these options reads.
    let result = unsafe { libc::prctl(option, value, zero, zero, zero) };
    check(result.into())
}

fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::{Capabilities, confine, held, keep};
    use crate::settings::Settings;

    fn settings(more: &'static [(&str, &str)]) -> Settings {
        let required = [
            ("ROUTER_ID", "192.168.8.40"),
            ("PEER_ADDRESS", "192.168.8.137"),
            ("PEER_AS", "65500"),
        ];
        let get = |name: &str| {
            let mut all = more.iter().chain(&required);
            let (_, value) = all.find(|(key, _)| *key == name)?;
            Some((*value).to_owned())
        };
        Settings::read(get).unwrap()
    }

    /// A line of this thread's `/proc/thread-self/status`.
    fn status(name: &str) -> String {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().to_owned()
    }

    fn set(name: &str) -> u64 {
        u64::from_str_radix(&status(name), 16).unwrap()
    }

    #[test]
    fn only_what_the_settings_ask_for_is_of_use() {
        let of = |more| Capabilities::of(&settings(more)).0;
        let (bind, admin, nice) = (1 << 10, 1 << 12, 1 << 23);
        assert_eq!(of(&[]), admin);
        assert_eq!(of(&[("ROUTER_PORT", "1790")]), admin);
        assert_eq!(of(&[("ROUTER_PORT", "0")]), admin | bind);
        assert_eq!(of(&[("PEER_BFD", "true")]), admin | nice);
    }

    /// Capabilities are a thread's own, so each test has one to spoil.
    #[test]
    fn what_is_given_up_is_gone_from_every_set() {
        let test = || {
            if !held().unwrap().has(Capabilities::NET_ADMIN) {
                let refused = confine(&settings(&[])).unwrap_err().to_string();
                assert!(refused.contains("NET_ADMIN is missing"), "{refused}");
                return;
            }
            assert_ne!(set("CapPrm:"), 1 << 12, "there is something to give up");
            confine(&settings(&[("ROUTER_PORT", "1790")])).unwrap();
            for name in ["CapPrm:", "CapEff:", "CapBnd:"] {
                assert_eq!(set(name), 1 << 12, "{name}");
            }
            for name in ["CapInh:", "CapAmb:"] {
                assert_eq!(set(name), 0, "{name}");
            }
            assert_eq!(status("NoNewPrivs:"), "1");
            // Once more, now without the right to narrow anything.
            confine(&settings(&[])).unwrap();
            // Beyond what is held nothing comes back.
            keep(Capabilities::SYS_NICE).unwrap_err();
            keep(Capabilities(0)).unwrap();
            let refused = confine(&settings(&[])).unwrap_err().to_string();
            assert!(refused.contains("NET_ADMIN is missing"), "{refused}");
        };
        thread::spawn(test).join().unwrap();
    }
}
