//! A laboratory's identifier and directory: taken, and with everything named after it removed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};

use super::cleanup;
use super::netns::Netns;
use super::{ID_LENGTH, NETNS_PREFIX, OWNER_FILE};

/// One laboratory's. Dropping it removes the namespaces, the directory and what runs in them,
/// those of a laboratory that is only half built too.
///
/// Programs we are the parent of have to be ended before, so that no zombie of theirs stays.
#[derive(Debug)]
pub(super) struct Claim {
    id: String,
    dir: PathBuf,
    kept: bool,
}

impl Claim {
    /// A new identifier and its directory, with our name in it.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made.
    pub(super) fn new() -> Result<Self> {
        crate::sys::adopt_orphans();
        let id = new_id()?;
        let dir = cleanup::run_dir(&id);
        let mark = cleanup::process_mark(std::process::id()).context("read our own start time")?;
        // Fails if the name is taken: nothing of another laboratory is ever removed.
        fs::create_dir(&dir).with_context(|| format!("make {}", dir.display()))?;
        let claim = Self {
            id,
            dir,
            kept: false,
        };
        fs::write(claim.dir.join(OWNER_FILE), mark)?;
        Ok(claim)
    }

    /// Where programs keep their files.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes the namespace of a node (`r`, `c`, `h1`, `h2` or `h3`).
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub(super) fn netns(&self, node: &str) -> Result<Netns> {
        Netns::create(format!("{NETNS_PREFIX}{}-{node}", self.id))
    }

    /// Leaves everything where it is.
    pub(super) const fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        if let Err(error) = cleanup::remove(&self.id) {
            eprintln!(
                "laboratory {} was not removed completely: {error:#}",
                self.id
            );
            eprintln!("`cargo xtask clean-lab` tries again");
        }
    }
}

/// Five characters that no other laboratory of this machine has at the moment.
fn new_id() -> Result<String> {
    const DIGITS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    let mut seed = now ^ (u128::from(std::process::id()) << 40);
    // Multiplying by an odd constant spreads the few changing bits over the whole number.
    seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) >> 64;
    let id = (0..ID_LENGTH)
        .map(|place| char::from(DIGITS[usize::try_from((seed >> (5 * place)) & 31).unwrap_or(0)]))
        .collect();
    Ok(id)
}
