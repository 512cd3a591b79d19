//! A Debian system to install packages in: this machine's own, which does not change by that.
//!
//! All that is written there is kept in memory, above the machine's file system (overlayfs), in a
//! mount namespace that ends with this program.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Child;

use anyhow::{Context as _, Result, ensure};

use crate::cmd::{Cmd, quote};

/// The line the holder prints when everything is mounted.
const READY: &str = "ready";

/// Where package managers keep their own account of what there is, as it was written in.
const ACCOUNTS: [&str; 4] = ["var/lib/dpkg", "var/cache", "var/log", "run"];

/// One such system.
#[derive(Debug)]
pub(super) struct FreshRoot {
    holder: Child,
    folder: PathBuf,
}

impl FreshRoot {
    /// Makes one; `folder` is where its parts are mounted.
    ///
    /// # Errors
    ///
    /// When something cannot be mounted; what refused has said so on standard error.
    pub(super) fn new(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        let at = quote(&folder.display().to_string());
        // The holder ends when we do: then nobody has the other end of its input any more.
        let script = format!(
            "set -e\n\
             mount -t tmpfs -o mode=0755 tmpfs {at}\n\
             mkdir {at}/upper {at}/work {at}/root\n\
             cd {at}\n\
             mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root\n\
             mount -t proc proc root/proc\n\
             mount --rbind /dev root/dev\n\
             for own in run tmp; do mount -t tmpfs tmpfs root/$own; done\n\
             echo {READY}\nexec cat >/dev/null"
        );
        let mut holder = Cmd::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", &script])
            .piped()?;
        let output = holder.stdout.take().context("a holder has an output")?;
        let root = Self {
            holder,
            folder: folder.to_owned(),
        };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        ensure!(
            line.trim_end() == READY,
            "a fresh system cannot be mounted, see above"
        );
        Ok(root)
    }

    /// A command to be run inside, as in the C locale of a user with an ordinary path.
    pub(super) fn command(&self, words: &[&str]) -> Cmd {
        self.outside("chroot")
            .arg(self.folder.join("root"))
            .args(["env", "--ignore-environment", "LC_ALL=C.UTF-8", "HOME=/tmp"])
            .arg("PATH=/usr/sbin:/usr/bin:/sbin:/bin")
            .args(words)
    }

    /// Where it is mounted, as [`Self::outside`] sees it.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// A command with the mounts of the system, but not in it.
    pub(super) fn outside(&self, program: &str) -> Cmd {
        let mounts = format!("--mount=/proc/{}/ns/mnt", self.holder.id());
        Cmd::new("nsenter").args([&mounts, "--", program])
    }

    /// Whether there is such a file inside.
    pub(super) fn has(&self, path: &str) -> Result<bool> {
        let found = self.command(&["test", "-e", path]).finish()?;
        Ok(found.code == Some(0))
    }

    /// What is there and was not, is not there and was, or has changed; sorted, without the
    /// accounts of package managers.
    pub(super) fn changed(&self) -> Result<BTreeSet<String>> {
        let upper = self.folder.join("upper");
        let list = self.outside("find").arg(&upper);
        let list = list
            .args(["-mindepth", "1", "-printf", "%y %P\\n"])
            .read()?;
        let changed = list.lines().filter_map(|line| {
            let (kind, path) = line.split_once(' ')?;
            let is_account = ACCOUNTS
                .iter()
                .any(|account| Path::new(path).starts_with(account));
            // Folders are above what has changed; new ones have not been there before.
            let is_above = kind == "d" && Path::new("/").join(path).is_dir();
            (!is_account && !is_above).then(|| path.to_owned())
        });
        Ok(changed.collect())
    }
}

impl Drop for FreshRoot {
    fn drop(&mut self) {
        drop(self.holder.kill());
        drop(self.holder.wait());
        drop(fs::remove_dir(&self.folder));
    }
}
