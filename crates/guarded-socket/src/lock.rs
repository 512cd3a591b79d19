//! The lock of a folder, waited for within bounds.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

/// Keeps two processes from finding the same dead socket and removing each other's new one.
/// Held for a few system calls.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _folder: File,
}

impl FolderLock {
    /// Locks the folder that the file at `path` lies in, and waits for others at most `patience`.
    ///
    /// Anybody who can read the folder can lock it for ever, which must not stop a start or an
    /// orderly end for ever.
    pub(crate) fn of_file(path: &Path, patience: Duration) -> io::Result<Self> {
        let folder = path.parent().unwrap_or(path);
        let about = |error: io::Error| {
            let text = format!("folder {}: {error}", folder.display());
            io::Error::new(error.kind(), text)
        };
        Self::take(folder, patience).map_err(about)
    }

    fn take(folder: &Path, patience: Duration) -> io::Result<Self> {
        let folder = File::open(folder)?;
        match folder.try_lock() {
            Ok(()) => return Ok(Self { _folder: folder }),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // There is no lock with a deadline. A thread that gets it after we have left lets it go.
        let (locked, wait) = mpsc::channel();
        thread::Builder::new()
            .name("folder lock".into())
            .spawn(move || locked.send(folder.lock().map(|()| folder)))?;
        match wait.recv_timeout(patience) {
            Ok(folder) => Ok(Self { _folder: folder? }),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("another process has held its lock for {patience:?}"),
            )),
        }
    }
}
