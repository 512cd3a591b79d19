//! The control socket's file: made, guarded, removed.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixListener;

/// A listening socket, readable and writable for this process' user only.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    // First, because it has to be dropped before the socket.
    file: SocketFile,
    socket: net::UnixListener,
}

impl ControlSocket {
    /// Listens on `path`; the file of a socket nobody listens on is replaced.
    ///
    /// # Errors
    ///
    /// When another process answers there, the file is no socket, or the
    /// system refuses. The text names the path.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        try_bind(path).map_err(|error| {
            let text = format!("control socket {}: {error}", path.display());
            io::Error::new(error.kind(), text)
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.file.path
    }

    /// The socket for tokio, and what removes its file when it is dropped.
    pub(crate) fn into_parts(self) -> io::Result<(UnixListener, impl Drop)> {
        self.socket.set_nonblocking(true)?;
        Ok((UnixListener::from_std(self.socket)?, self.file))
    }
}

fn try_bind(path: &Path) -> io::Result<ControlSocket> {
    let address = SockAddr::unix(path)?;
    // Two that start at once must not take each other's socket for a dead one.
    let folder = File::open(folder_of(path))?;
    folder.lock()?;
    clear(path, &address)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&address)?;
    let file = SocketFile::of(path)?;
    // Nobody can connect before `listen`, so the mode holds from the start.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    socket.listen(BACKLOG)?;
    Ok(ControlSocket {
        socket: net::UnixListener::from(std::os::fd::OwnedFd::from(socket)),
        file,
    })
}

/// Removes what a dead process left, and refuses anything else.
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
    // A blocking connect would wait for a process that hangs.
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        Ok(()) | Err(_) => {
            let text = "another process answers there; choose another path";
            Err(io::Error::new(io::ErrorKind::AddrInUse, text))
        }
    }
}

/// Dropping it removes the file, unless another process has put its own there.
#[derive(Debug)]
struct SocketFile {
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
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = |found: fs::Metadata| (found.dev(), found.ino()) == (self.device, self.inode);
        if fs::symlink_metadata(&self.path).is_ok_and(ours) {
            // What cannot be removed is found dead and replaced next time.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Connections the kernel keeps before they are accepted.
const BACKLOG: i32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// A path in a folder of the test's own.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("bgplb-control-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_live_socket_is_never_taken_over_and_a_dead_one_is_replaced() {
        let folder = Folder::new("takeover");
        let path = folder.0.join("control.sock");
        let first = ControlSocket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let second = ControlSocket::bind(&path).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        assert!(second.to_string().starts_with("control socket /"));

        // A crash leaves the file.
        let ControlSocket { socket, file } = first;
        std::mem::forget(file);
        drop(socket);
        assert!(path.exists());
        let third = ControlSocket::bind(&path).unwrap();
        drop(third);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_is_no_socket_stays() {
        let folder = Folder::new("file");
        let path = folder.0.join("control.sock");
        fs::write(&path, "mine").unwrap();
        let error = ControlSocket::bind(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }
}
