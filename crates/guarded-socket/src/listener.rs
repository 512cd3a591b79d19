//! From a path to a socket that listens there.

use std::{
    fs::{self, Permissions},
    io,
    os::{
        fd::OwnedFd,
        unix::{
            fs::{FileTypeExt as _, PermissionsExt as _},
            net::UnixListener,
        },
    },
    path::{self, Path},
    time::Duration,
};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::{file::SocketFile, lock::FolderLock};

/// A listening unix socket and its file, made by [`bind`]. Dropping it removes the file.
#[derive(Debug)]
pub struct GuardedListener {
    // First, so that nobody finds the file of a socket that is closed already.
    file: SocketFile,
    socket: UnixListener,
}

impl GuardedListener {
    /// The socket's file, as an absolute path.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The socket, which blocks, and what removes its file. It does not matter which is dropped
    /// first; but a file that outlives its socket is one that others may replace.
    pub fn into_parts(self) -> (UnixListener, SocketFile) {
        (self.socket, self.file)
    }
}

/// Listens on `path`, with `mode` as the permissions of its file (`0o600`: only this process' user
/// can connect).
///
/// The file of a socket nobody listens on any more is replaced. Blocks while another process holds
/// the lock of the folder, for five seconds at most.
///
/// # Errors
///
/// * [`AddrInUse`](io::ErrorKind::AddrInUse): another process answers on the socket.
/// * [`AlreadyExists`](io::ErrorKind::AlreadyExists): the file is something else than a socket.
/// * [`TimedOut`](io::ErrorKind::TimedOut): another process does not let go of the lock of the
///   folder.
/// * Whatever the system refuses: a missing folder, a path of more than 107 octets, a lack of
///   permission.
///
/// The text begins with the path.
pub fn bind(path: impl AsRef<Path>, mode: u32) -> io::Result<GuardedListener> {
    let path = path.as_ref();
    try_bind(path, PATIENCE, |socket| {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        socket.listen(BACKLOG)
    })
    .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// Binds to `path` and lets `finish` make the socket listen.
///
/// Nobody can connect before that, so what it does to the file earlier is in force from the first
/// connection on.
fn try_bind(
    path: &Path,
    patience: Duration,
    finish: impl FnOnce(&Socket) -> io::Result<()>,
) -> io::Result<GuardedListener> {
    let address = SockAddr::unix(path)?;
    // The working directory may be another one when the file is removed.
    let path = path::absolute(path)?;
    let lock = FolderLock::of_file(&path, patience)?;
    clear(&path, &address)?;

    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&address)?;
    let file = SocketFile::of(path, patience)?;
    let finished = finish(&socket);
    // Dropping `file` takes the lock itself.
    drop(lock);
    finished?;
    Ok(GuardedListener {
        file,
        socket: UnixListener::from(OwnedFd::from(socket)),
    })
}

/// Removes what a dead process left at `path`, and refuses anything else that is there.
fn clear(path: &Path, address: &SockAddr) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !found.file_type().is_socket() {
        let text = "the file exists and is not a socket";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A blocking connect would wait for room in the backlog of a process that hangs.
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        Ok(()) | Err(_) => {
            let text = "another process answers there; stop it or choose another path";
            Err(io::Error::new(io::ErrorKind::AddrInUse, text))
        }
    }
}

/// Connections the kernel keeps before they are accepted.
const BACKLOG: i32 = 128;

/// How long the lock of the folder is waited for. Others hold it for a few system calls.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
