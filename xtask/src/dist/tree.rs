//! Trees of files to be packed: every mode is said, none comes from the umask.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::cmd::Cmd;

/// The mode of folders and programs.
pub(super) const PROGRAM: u32 = 0o755;
/// The mode of what everybody may read.
pub(super) const FILE: u32 = 0o644;
/// The mode of what may hold a key.
pub(super) const SECRET: u32 = 0o600;

/// A tree below one folder.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// An empty one.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub(super) fn new(root: PathBuf) -> Result<Self> {
        remove(&root)?;
        fs::create_dir_all(&root).with_context(|| format!("make {}", root.display()))?;
        fs::set_permissions(&root, fs::Permissions::from_mode(PROGRAM))?;
        Ok(Self { root })
    }

    /// Its folder.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Puts a file at `path`, which is relative, with the folders above it.
    ///
    /// # Errors
    ///
    /// When the file system refuses.
    pub(super) fn put(&self, path: &str, octets: impl AsRef<[u8]>, mode: u32) -> Result<()> {
        let file = self.root.join(path);
        let above = Path::new(path).ancestors().skip(1);
        let folders: Vec<PathBuf> = above.map(|folder| self.root.join(folder)).collect();
        for folder in folders.iter().rev().filter(|folder| !folder.is_dir()) {
            fs::create_dir(folder).with_context(|| format!("make {}", folder.display()))?;
            fs::set_permissions(folder, fs::Permissions::from_mode(PROGRAM))?;
        }
        fs::write(&file, octets).with_context(|| format!("write {}", file.display()))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
        Ok(())
    }

    /// [`Self::put`] of what another file holds.
    ///
    /// # Errors
    ///
    /// As there, and when the other file cannot be read.
    pub(super) fn copy(&self, path: &str, from: &Path, mode: u32) -> Result<()> {
        let octets = fs::read(from).with_context(|| format!("read {}", from.display()))?;
        self.put(path, octets, mode)
    }

    /// [`Self::put`] of these octets, packed by gzip without a time, at `path` with `.gz`.
    ///
    /// # Errors
    ///
    /// As there, and when gzip fails.
    pub(super) fn put_packed(&self, path: &str, octets: impl AsRef<[u8]>) -> Result<()> {
        self.put(path, octets, FILE)?;
        Cmd::new("gzip")
            .args(["-9", "--no-name"])
            .arg(self.root.join(path))
            .run()
    }

    /// The sums of all its files as `md5sum` prints them, in the order of their paths.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub(super) fn md5_sums(&self) -> Result<String> {
        let mut files = Vec::new();
        collect(&self.root, &self.root, &mut files)?;
        files.sort();
        let sums = Cmd::new("env").arg("-C").arg(&self.root);
        Ok(sums.arg("md5sum").args(&files).read()? + "\n")
    }

    /// How much room its files take, in KiB, each rounded up.
    ///
    /// # Errors
    ///
    /// When a file cannot be looked at.
    pub(super) fn kibibytes(&self) -> Result<u64> {
        let mut files = Vec::new();
        collect(&self.root, &self.root, &mut files)?;
        let sizes = files.iter().map(|file| {
            let size = fs::metadata(self.root.join(file))?.len();
            Ok(size.div_ceil(1024))
        });
        sizes.sum()
    }
}

/// The files below `folder`, relative to `root`.
fn collect(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else {
            files.push(path.strip_prefix(root)?.to_owned());
        }
    }
    Ok(())
}

/// Removes a folder of ours, if it is there.
///
/// # Errors
///
/// When the file system refuses.
pub(super) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
