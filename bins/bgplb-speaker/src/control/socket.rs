//! The control socket's file: made, guarded, removed.

use std::io;
use std::path::Path;

use guarded_socket::GuardedListener;

/// A listening socket, readable and writable for this process' user only.
#[derive(Debug)]
pub(crate) struct ControlSocket(GuardedListener);

impl ControlSocket {
    /// Listens on `path`; the file of a socket nobody listens on is replaced.
    ///
    /// # Errors
    ///
    /// As for [`guarded_socket::bind`]. The text names the path.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        guarded_socket::bind(path, 0o600)
            .map(Self)
            .map_err(|error| io::Error::new(error.kind(), format!("control socket {error}")))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The socket, to be served.
    pub(crate) fn into_listener(self) -> GuardedListener {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_socket_is_for_its_owner_and_its_errors_say_what_it_is_for() {
        let name = format!("bgplb-control-{}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let first = ControlSocket::bind(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let second = ControlSocket::bind(&path).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        let expected = format!("control socket {}: ", path.display());
        assert!(second.to_string().starts_with(&expected), "{second}");
        drop(first);
        assert!(!path.exists());
    }
}
