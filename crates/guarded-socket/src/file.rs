//! The file of a socket: whose it is, and its removal.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use tracing::warn;

use crate::lock::FolderLock;

/// The file of a socket made by [`bind`](crate::bind()). Dropping it removes the file, unless
/// another process has put its own there meanwhile.
///
/// Dropping blocks while another process holds the lock of the folder, for five seconds at most;
/// then the file stays, and the log says so.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    // Open, so that no other file gets its inode number.
    inode: File,
    patience: Duration,
}

impl SocketFile {
    /// What lies at `path` and was just made there.
    pub(crate) fn of(path: PathBuf, patience: Duration) -> io::Result<Self> {
        let inode = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_NOFOLLOW)
            .open(&path)?;
        Ok(Self {
            path,
            inode,
            patience,
        })
    }

    /// Where it was made, as an absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn remove(&self) -> io::Result<()> {
        let _lock = FolderLock::of_file(&self.path, self.patience)?;
        let (ours, found) = (self.inode.metadata()?, fs::symlink_metadata(&self.path)?);
        if (found.dev(), found.ino()) == (ours.dev(), ours.ino()) {
            fs::remove_file(&self.path)?;
        }
        Ok(())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        match self.remove() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                warn!(path = %self.path.display(), %error, "socket not removed");
            }
            Ok(()) | Err(_) => {}
        }
    }
}
