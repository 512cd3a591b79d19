//! Whose socket it is: binding, refusing, replacing, removing.

use std::{
    fs, io,
    os::unix::{
        fs::PermissionsExt,
        net::{UnixDatagram, UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use docker_plugin_api::{bind, bind_with_mode};

/// A folder of its own for a test, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("docker-plugin-api-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_socket_is_for_its_owner_unless_told_otherwise_and_gone_with_its_listener() {
    let folder = Folder::new();
    let path = folder.join("p.sock");
    let listener = bind(&path).unwrap();
    assert_eq!(listener.path(), Some(path.as_path()));
    assert_eq!(mode(&path), 0o600);
    UnixStream::connect(&path).unwrap();
    drop(listener);
    assert!(!path.exists());

    let listener = bind_with_mode(&path, 0o666).unwrap();
    assert_eq!(mode(&path), 0o666);
    drop(listener);
}

#[test]
fn missing_folders_are_made() {
    let folder = Folder::new();
    let path = folder.join("run/docker/plugins/p.sock");
    let listener = bind(&path).unwrap();
    assert!(path.exists());
    drop(listener);
}

#[test]
fn a_live_socket_is_refused_and_goes_on_living() {
    let folder = Folder::new();
    let path = folder.join("p.sock");
    let first = bind(&path).unwrap();
    let error = bind(&path).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    let expected = format!(
        "plugin socket {}: another process answers there; stop it or choose another path",
        path.display()
    );
    assert_eq!(error.to_string(), expected);
    UnixStream::connect(&path).unwrap();
    drop(first);
}

#[test]
fn a_live_socket_whose_process_accepts_nothing_is_refused_without_waiting() {
    let folder = Folder::new();
    let path = folder.join("p.sock");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    socket
        .bind(&socket2::SockAddr::unix(&path).unwrap())
        .unwrap();
    socket.listen(0).unwrap();
    let _fills_the_backlog = UnixStream::connect(&path).unwrap();
    assert_eq!(bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn a_dead_socket_is_replaced() {
    let folder = Folder::new();
    let path = folder.join("p.sock");
    // The standard library's listener leaves its file behind.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let listener = bind(&path).unwrap();
    UnixStream::connect(&path).unwrap();
    drop(listener);
}

#[test]
fn what_is_not_a_socket_of_this_kind_is_left_alone() {
    let folder = Folder::new();
    let file = folder.join("file");
    fs::write(&file, "precious").unwrap();
    assert_eq!(
        bind(&file).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");

    let link = folder.join("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    assert_eq!(
        bind(&link).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );

    let datagram = folder.join("datagram");
    let socket = UnixDatagram::bind(&datagram).unwrap();
    assert!(bind(&datagram).is_err());
    assert!(datagram.exists());
    drop(socket);

    assert!(bind(folder.join("")).is_err());
    assert!(bind(folder.join(&"x".repeat(200))).is_err());
}

#[test]
fn a_successor_s_socket_is_not_removed() {
    let folder = Folder::new();
    let path = folder.join("p.sock");
    let first = bind(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let second = bind(&path).unwrap();
    drop(first);
    UnixStream::connect(&path).unwrap();
    drop(second);
    assert!(!path.exists());
}

#[test]
fn of_many_that_bind_at_once_over_a_dead_socket_exactly_one_gets_it() {
    let folder = Folder::new();
    let path = folder.join("p.sock");
    for _ in 0..20 {
        drop(UnixListener::bind(&path).unwrap());
        let all = std::sync::Barrier::new(8);
        let bound = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        all.wait();
                        let bound = bind(&path);
                        all.wait();
                        bound
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .filter(Result::is_ok)
                .count()
        });
        assert_eq!(bound, 1);
    }
}
