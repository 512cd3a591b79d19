//! Which Docker Engine a host runs: the machine's own, or one of another Debian release.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, Result, bail};

use crate::cmd::Cmd;

mod tree;

/// The engines the plugin is tried on, each the one of a Debian release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum EngineKind {
    /// Of Debian 12.
    #[value(name = "20.10")]
    Bookworm,
    /// Of Debian 13.
    #[value(name = "26.1")]
    Trixie,
    /// Of Debian unstable.
    #[value(name = "28.5")]
    Sid,
}

impl EngineKind {
    /// All of them, the oldest first.
    pub(crate) const ALL: [Self; 3] = [Self::Bookworm, Self::Trixie, Self::Sid];

    /// The version as users say it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bookworm => "20.10",
            Self::Trixie => "26.1",
            Self::Sid => "28.5",
        }
    }

    const fn suite(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
            Self::Sid => "sid",
        }
    }

    /// The packages that hold the engine and its command line; Debian split them after 12.
    const fn packages(self) -> &'static str {
        match self {
            Self::Bookworm => "docker.io,iptables,iproute2,ca-certificates",
            Self::Trixie | Self::Sid => "docker.io,docker-cli,iptables,iproute2,ca-certificates",
        }
    }

    fn version(self) -> Version {
        match self {
            Self::Bookworm => Version(20, 10),
            Self::Trixie => Version(26, 1),
            Self::Sid => Version(28, 5),
        }
    }
}

/// The first two numbers of an engine's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32);

impl FromStr for Version {
    type Err = anyhow::Error;

    /// Reads `28.5.2+dfsg4` as 28.5.
    fn from_str(text: &str) -> Result<Self> {
        let mut numbers = text.trim().split('.').map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok(Self(major, minor)),
            _ => bail!("{text:?} is no version of an engine"),
        }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// An engine that a host can run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Engine {
    /// The file tree of another Debian release; without one, the machine's own programs.
    tree: Option<PathBuf>,
}

impl Engine {
    /// The engine of this kind: the machine's own if it is of that version, else the one of a tree
    /// that is built when it is not there yet.
    ///
    /// # Errors
    ///
    /// When the tree cannot be built, or its Debian release has moved on to another version.
    pub(crate) fn of(kind: EngineKind) -> Result<Self> {
        if installed(Cmd::new("dockerd")).is_ok_and(|version| version == kind.version()) {
            return Ok(Self::default());
        }
        tree::provide(kind).map(|tree| Self { tree: Some(tree) })
    }

    /// Whether its programs are in a tree of their own.
    pub(crate) fn has_tree(&self) -> bool {
        self.tree.is_some()
    }

    /// The shell commands that give a fresh mount namespace what this engine needs: a `/run` of
    /// its own, no name servers, and its programs. `dir` is the host's directory, which keeps its
    /// path.
    ///
    /// Name servers nobody answers from would hold up each start of a Swarm task by 20 s: the
    /// engine looks for the image's registry.
    pub(super) fn mounts(&self, dir: &Path) -> String {
        let shown = dir.display();
        let Some(tree) = &self.tree else {
            // Mounting the directory on itself marks the mount namespace as ours for the clean-up.
            return format!(
                "mount --bind {shown} {shown}\n\
                 : > {shown}/resolv.conf\n\
                 servers=$(readlink -f /etc/resolv.conf || true)\n\
                 [ ! -e \"$servers\" ] || mount --bind {shown}/resolv.conf \"$servers\"\n\
                 mount -t tmpfs tmpfs /run\n"
            );
        };
        // A managed plugin cannot be started from a chroot: runc needs a root that is a mount.
        // What is written goes to the upper layer, so that the tree stays as it was built.
        format!(
            "root={shown}/tree/root\n\
             mkdir -p {shown}/tree/upper {shown}/tree/work $root\n\
             mount -t overlay overlay $root \
                -o lowerdir={tree},upperdir={shown}/tree/upper,workdir={shown}/tree/work\n\
             mount -t proc proc $root/proc\n\
             mount -t sysfs sysfs $root/sys\n\
             mount --rbind /sys/fs/cgroup $root/sys/fs/cgroup\n\
             mount --rbind /dev $root/dev\n\
             mount -t tmpfs tmpfs $root/run\n\
             rm -f $root/etc/resolv.conf\n\
             : > $root/etc/resolv.conf\n\
             mkdir -p $root{shown} $root/machine\n\
             mount --bind {shown} $root{shown}\n\
             cd $root\n\
             pivot_root . machine\n\
             cd /\n\
             umount -l machine\n",
            tree = tree.display(),
        )
    }
}

/// What `dockerd --version` says.
fn installed(dockerd: Cmd) -> Result<Version> {
    let text = dockerd.arg("--version").read()?;
    let version = text
        .split_whitespace()
        .skip_while(|word| *word != "version")
        .nth(1);
    version
        .with_context(|| format!("dockerd calls itself {text:?}"))?
        .parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_engines_write_them_and_compared_by_number() {
        let read = |text: &str| text.parse::<Version>().unwrap();
        assert_eq!(read("28.5.2+dfsg4,"), Version(28, 5));
        assert_eq!(read("20.10.24+dfsg1\n"), Version(20, 10));
        assert!(read("28.5.2") > read("9.10.0"));
        assert!("docker".parse::<Version>().is_err());
    }

    #[test]
    fn each_kind_is_called_by_its_version() {
        for kind in EngineKind::ALL {
            assert_eq!(kind.name(), kind.version().to_string());
        }
    }
}
