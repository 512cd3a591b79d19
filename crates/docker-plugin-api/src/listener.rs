//! The plugin's unix socket and the file it is found by.

use std::{
    fs::DirBuilder,
    io,
    os::{
        fd::OwnedFd,
        unix::{fs::DirBuilderExt, net::UnixListener},
    },
    path::Path,
};

use guarded_socket::SocketFile;

/// A listening unix socket, made by [`bind`] or handed over by [systemd](crate::activated).
///
/// The file of a socket made by [`bind`] is removed when the listener is dropped or has been
/// [served](crate::serve()) to its end, unless another process has put its own there meanwhile.
#[derive(Debug)]
pub struct Listener {
    // First, so that nobody finds the file of a socket that is closed already.
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

    /// The file the socket was bound to, as an absolute path, unless it was handed over.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(SocketFile::path)
    }

    pub(crate) fn into_parts(self) -> (UnixListener, Option<SocketFile>) {
        (self.socket, self.file)
    }
}

/// Listens on `path`, readable and writable for this process' user only (mode 0600).
///
/// The missing part of the folder is created. The file of a socket nobody listens on any more is
/// replaced. Blocks while another process holds the lock of the folder, for five seconds at most.
///
/// # Errors
///
/// [`AddrInUse`](io::ErrorKind::AddrInUse) when another process answers on the socket,
/// [`AlreadyExists`](io::ErrorKind::AlreadyExists) when the file is something else than a
/// socket, [`TimedOut`](io::ErrorKind::TimedOut) when another process does not let go of the lock
/// of the folder, and whatever the system refuses. The text names the path.
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
    let (socket, file) = make_folder_of(path)
        .and_then(|()| guarded_socket::bind(path, mode))
        .map_err(|error| io::Error::new(error.kind(), format!("plugin socket {error}")))?
        .into_parts();
    Ok(Listener {
        file: Some(file),
        socket,
    })
}

fn make_folder_of(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent().filter(|it| !it.as_os_str().is_empty()) else {
        return Ok(());
    };
    let made = DirBuilder::new().recursive(true).mode(0o755).create(folder);
    made.map_err(|error| {
        let text = format!("{}: folder {}: {error}", path.display(), folder.display());
        io::Error::new(error.kind(), text)
    })
}
