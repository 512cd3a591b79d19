//! Debian packages the laboratory needs: found, installed by apt-get, or named.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::cmd::Cmd;

/// A package and a file by which it is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    name: &'static str,
    file: &'static str,
}

/// What every laboratory needs.
pub(crate) const BASE: [Package; 4] = [
    Package {
        name: "docker.io",
        file: "/usr/sbin/dockerd",
    },
    IPROUTE,
    IPTABLES,
    Package {
        name: "busybox-static",
        file: BUSYBOX,
    },
];
/// The `ip` command.
pub(crate) const IPROUTE: Package = Package {
    name: "iproute2",
    file: "/usr/sbin/ip",
};
/// The `iptables` command.
pub(crate) const IPTABLES: Package = Package {
    name: "iptables",
    file: "/usr/sbin/iptables",
};
/// What `cargo xtask dist` needs; all else is part of every Debian system.
pub(crate) const DISTRIBUTION: [Package; 1] = [Package {
    name: "xz-utils",
    file: "/usr/bin/xz",
}];
/// Judges units.
pub(crate) const SYSTEMD: Package = Package {
    name: "systemd",
    file: "/usr/bin/systemd-analyze",
};
/// Judges Debian packages.
pub(crate) const LINTIAN: Package = Package {
    name: "lintian",
    file: "/usr/bin/lintian",
};
/// Shows manual pages.
pub(crate) const MAN: Package = Package {
    name: "man-db",
    file: "/usr/bin/man",
};
/// Formats manual pages, and warns.
pub(crate) const GROFF: Package = Package {
    name: "groff-base",
    file: "/usr/bin/groff",
};
/// The shell.
pub(crate) const ZSH: Package = Package {
    name: "zsh",
    file: "/usr/bin/zsh",
};
/// The shell.
pub(crate) const FISH: Package = Package {
    name: "fish",
    file: "/usr/bin/fish",
};
/// Makes file trees of Debian releases.
pub(crate) const DEBOOTSTRAP: Package = Package {
    name: "debootstrap",
    file: "/usr/sbin/debootstrap",
};
/// The browser.
pub(crate) const CHROMIUM: Package = Package {
    name: "chromium",
    file: "/usr/bin/chromium",
};
/// Steers it.
pub(crate) const CHROMEDRIVER: Package = Package {
    name: "chromium-driver",
    file: "/usr/bin/chromedriver",
};
/// A registry of images and plugins.
pub(crate) const REGISTRY: Package = Package {
    name: "docker-registry",
    file: "/usr/bin/docker-registry",
};
/// Tells programs another time.
pub(crate) const FAKETIME: Package = Package {
    name: "libfaketime",
    file: "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
};
/// Asks over HTTP.
pub(crate) const CURL: Package = Package {
    name: "curl",
    file: "/usr/bin/curl",
};
/// Prometheus with `promtool`.
pub(crate) const PROMETHEUS: Package = Package {
    name: "prometheus",
    file: "/usr/bin/prometheus",
};
/// The BIRD routing daemon.
pub(crate) const BIRD: Package = Package {
    name: "bird2",
    file: "/usr/sbin/bird",
};
/// FRRouting.
pub(crate) const FRR: Package = Package {
    name: "frr",
    file: "/usr/lib/frr/bgpd",
};
/// GoBGP with its command line tool.
pub(crate) const GOBGP: Package = Package {
    name: "gobgpd",
    file: "/usr/bin/gobgpd",
};
/// ExaBGP.
pub(crate) const EXABGP: Package = Package {
    name: "exabgp",
    file: "/usr/sbin/exabgp",
};
/// OpenBGPD.
pub(crate) const OPENBGPD: Package = Package {
    name: "openbgpd",
    file: "/usr/sbin/bgpd",
};
/// What a guest kernel needs: the kernel, what loads its modules, and a second opinion on IPVS.
pub(crate) const GUEST: [Package; 4] = [
    Package {
        name: "user-mode-linux",
        file: "/usr/bin/linux.uml",
    },
    Package {
        name: "kmod",
        file: "/usr/sbin/modprobe",
    },
    Package {
        name: "ipvsadm",
        file: "/usr/sbin/ipvsadm",
    },
    IPROUTE,
];

const BUSYBOX: &str = "/usr/bin/busybox";
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// The static busybox.
pub(crate) fn busybox() -> PathBuf {
    PathBuf::from(BUSYBOX)
}

/// The `docker` command of the Debian package, which speaks its engine's version for sure.
pub(crate) fn docker() -> &'static str {
    if Path::new("/usr/bin/docker").exists() {
        "/usr/bin/docker"
    } else {
        "docker"
    }
}

impl Package {
    fn is_there(self) -> bool {
        let file = Path::new(self.file);
        // The plain busybox package puts a dynamic program there, useless in an empty image.
        file.exists() && (self.file != BUSYBOX || is_static(file))
    }
}

/// Whether a 64-bit ELF program names no interpreter (`PT_INTERP`, elf(5)), so that it runs where
/// no library is.
fn is_static(file: &Path) -> bool {
    const PT_INTERP: u32 = 3;
    let Ok(octets) = fs::read(file) else {
        return false;
    };
    let number = |at: usize, length: usize| -> Option<usize> {
        let part = octets.get(at..at.checked_add(length)?)?;
        Some(
            part.iter()
                .rev()
                .fold(0, |sum, octet| sum << 8 | usize::from(*octet)),
        )
    };
    let has_interpreter = || -> Option<bool> {
        let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
        let kinds = (0..count).map(|index| number(table.checked_add(index * size)?, 4));
        Some(
            kinds
                .into_iter()
                .any(|kind| kind == usize::try_from(PT_INTERP).ok()),
        )
    };
    octets.starts_with(b"\x7fELF") && has_interpreter() == Some(false)
}

/// Installs what is missing of `packages`, with apt-get's own output as progress.
///
/// # Errors
///
/// Names the packages that are missing and cannot be installed.
pub(crate) fn ensure(packages: &[Package]) -> Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .filter(|package| !package.is_there())
        .map(|package| package.name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("missing: {list} (no apt-get here; install them by hand)");
    }
    println!("==> installing Debian packages: {list}");
    let policy = ServicesHeldBack::new()?;
    let installed = install(&missing)? || (apt_get(&["update"])? && install(&missing)?);
    drop(policy);
    let still: Vec<&str> = packages
        .iter()
        .filter(|package| !package.is_there())
        .map(|package| package.name)
        .collect();
    if !installed || !still.is_empty() {
        bail!("missing: {list} (apt-get could not install them)");
    }
    Ok(())
}

fn install(names: &[&str]) -> Result<bool> {
    let mut args = vec!["install", "--yes", "--no-install-recommends"];
    args.extend(names);
    apt_get(&args)
}

fn apt_get(args: &[&str]) -> Result<bool> {
    Cmd::new("apt-get")
        .args(args)
        .show(&[("DEBIAN_FRONTEND", "noninteractive".into())])
}

/// While this lives, packages do not start their services: the laboratory runs engines and
/// routers of its own, and the machine shall not get new ones by the way.
struct ServicesHeldBack {
    ours: bool,
}

impl ServicesHeldBack {
    fn new() -> Result<Self> {
        let policy = Path::new(POLICY);
        if policy.exists() {
            return Ok(Self { ours: false });
        }
        fs::write(policy, "#!/bin/sh\nexit 101\n").with_context(|| format!("write {POLICY}"))?;
        fs::set_permissions(policy, fs::Permissions::from_mode(0o755))?;
        Ok(Self { ours: true })
    }
}

impl Drop for ServicesHeldBack {
    fn drop(&mut self) {
        if self.ours {
            drop(fs::remove_file(POLICY));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_program_is_not_static_and_no_program_is_not_either() {
        assert!(!is_static(&std::env::current_exe().unwrap()));
        assert!(!is_static(Path::new("/etc/passwd")));
        assert!(!is_static(Path::new("/nowhere")));
    }
}
