//! The plugin's unix socket and the file it is found by.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io,
    os::{
        fd::OwnedFd,
        unix::{
            fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
};

use socket2::{Domain, SockAddr, Socket, Type};
use tracing::warn;

/// A listening unix socket, made by [`bind`] or handed over by [systemd](crate::activated).
///
/// The file of a socket made by [`bind`] is removed when the listener is dropped or has been
/// [served](crate::serve()) to its end, unless another process has put its own there meanwhile.
#[derive(Debug)]
pub struct Listener {
    // First, because it has to be dropped before the socket.
    file: Option<SocketFile>,
    socket: UnixListener,
}

impl Listener {
    /// Takes over a socket that listens already. Its file is left to whoever made it.
    pub(crate) fn inherited(socket: OwnedFd) -> Self {
        Self {
            socket: UnixListener::from(socket),
            file: None,
        }
    }

    /// The file the socket was bound to, unless it was handed over.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|file| file.path.as_path())
    }

    pub(crate) fn into_parts(self) -> (UnixListener, Option<SocketFile>) {
        (self.socket, self.file)
    }
}

/// Listens on `path`, readable and writable for this process' user only (mode 0600).
///
/// The missing part of the folder is created. The file of a socket nobody listens on any more is
/// replaced.
///
/// # Errors
///
/// [`AddrInUse`](io::ErrorKind::AddrInUse) when another process answers on the socket,
/// [`AlreadyExists`](io::ErrorKind::AlreadyExists) when the file is something else than a
/// socket, and whatever the system refuses. The text names the path.
pub fn bind(path: impl AsRef<Path>) -> io::Result<Listener> {
    bind_with_mode(path, 0o600)
}

/// [`bind`] with another mode of the socket's file, for example `0o660`.
///
/// # Errors
///
/// As for [`bind`].
pub fn bind_with_mode(path: impl AsRef<Path>, mode: u32) -> io::Result<Listener> {
    let path = path.as_ref();
    try_bind(path, mode).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("plugin socket {}: {error}", path.display()),
        )
    })
}

fn try_bind(path: &Path, mode: u32) -> io::Result<Listener> {
    let address = SockAddr::unix(path)?;
    let folder = folder_of(path);
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(folder)?;
    let lock = FolderLock::take(folder)?;
    clear(path, &address)?;

    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&address)?;
    // From here on dropping `file` removes what was bound. Nobody can connect before `listen`,
    // so the mode is in force from the first connection on.
    let file = SocketFile::of(path)?;
    let finish = || {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        socket.listen(BACKLOG)
    };
    let finished = finish();
    // Removing the file takes the lock itself.
    drop(lock);
    finished?;
    Ok(Listener {
        socket: UnixListener::from(OwnedFd::from(socket)),
        file: Some(file),
    })
}

/// Removes what a dead process left at `path`, and refuses anything else that is there.
fn clear(path: &Path, address: &SockAddr) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
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

/// The file of a socket of ours. Dropping it removes the file.
///
/// The socket must still be open then: only as long as it is can no other file get its inode
/// number.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            device: found.dev(),
            inode: found.ino(),
        })
    }

    fn remove(&self) -> io::Result<()> {
        let _lock = FolderLock::take(folder_of(&self.path))?;
        let found = fs::symlink_metadata(&self.path)?;
        if (found.dev(), found.ino()) == (self.device, self.inode) {
            fs::remove_file(&self.path)?;
        }
        Ok(())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        match self.remove() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                warn!(path = %self.path.display(), %error, "plugin socket not removed");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

/// Keeps two processes from finding the same dead socket and removing each other's new one.
/// Held for a few system calls.
struct FolderLock {
    _folder: File,
}

impl FolderLock {
    fn take(folder: &Path) -> io::Result<Self> {
        let folder = File::open(folder)?;
        folder.lock()?;
        Ok(Self { _folder: folder })
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Connections the kernel keeps before they are accepted.
const BACKLOG: i32 = 128;
