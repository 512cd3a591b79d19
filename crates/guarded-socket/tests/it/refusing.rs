//! What is refused, what is replaced, and what the file is like.

use std::{
    fs,
    io::ErrorKind,
    os::unix::{
        fs::PermissionsExt,
        net::{UnixDatagram, UnixListener, UnixStream},
    },
    path::Path,
};

use guarded_socket::bind;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::folder::Folder;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_mode_is_the_one_asked_for_whatever_the_umask_is() {
    let folder = Folder::new();
    let path = folder.join("a.sock");
    for wanted in [0o600, 0o660, 0o666] {
        let listener = bind(&path, wanted).unwrap();
        assert_eq!(listener.path(), path);
        assert_eq!(mode(&path), wanted);
        UnixStream::connect(&path).unwrap();
    }
}

#[test]
fn a_live_socket_is_refused_and_goes_on_living() {
    let folder = Folder::new();
    let path = folder.join("a.sock");
    let first = bind(&path, 0o600).unwrap();
    let error = bind(&path, 0o600).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let expected = format!(
        "{}: another process answers there; stop it or choose another path",
        path.display()
    );
    assert_eq!(error.to_string(), expected);
    UnixStream::connect(&path).unwrap();
    drop(first);
}

#[test]
fn a_live_socket_whose_process_accepts_nothing_is_refused_without_waiting() {
    let folder = Folder::new();
    let path = folder.join("a.sock");
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    socket.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    socket.listen(0).unwrap();
    let _fills_the_backlog = UnixStream::connect(&path).unwrap();
    assert_eq!(bind(&path, 0o600).unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[test]
fn a_dead_socket_is_replaced() {
    let folder = Folder::new();
    let path = folder.join("a.sock");
    // The standard library's listener leaves its file behind.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let listener = bind(&path, 0o600).unwrap();
    UnixStream::connect(&path).unwrap();
    drop(listener);
}

#[test]
fn what_is_not_a_socket_of_this_kind_is_left_alone() {
    let folder = Folder::new();
    let file = folder.join("file");
    fs::write(&file, "precious").unwrap();
    let error = bind(&file, 0o600).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");

    let link = folder.join("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let error = bind(&link, 0o600).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(link.is_symlink());

    let datagram = folder.join("datagram");
    let socket = UnixDatagram::bind(&datagram).unwrap();
    assert!(bind(&datagram, 0o600).is_err());
    assert!(datagram.exists());
    drop(socket);
}

#[test]
fn a_path_that_cannot_be_a_socket_s_is_refused() {
    let folder = Folder::new();
    for name in ["", "."] {
        let error = bind(folder.join(name), 0o600).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{name:?}");
    }
    // An empty address would get a name from the kernel, which no file stands for.
    assert_eq!(bind("", 0o600).unwrap_err().kind(), ErrorKind::InvalidInput);
    let long = folder.join(&"x".repeat(200));
    assert_eq!(
        bind(&long, 0o600).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    // The standard library's address of this would have no file either.
    assert!(bind("\0guarded-socket", 0o600).is_err());
}

#[test]
fn a_missing_folder_is_named_and_not_made() {
    let folder = Folder::new();
    let missing = folder.join("run");
    let path = missing.join("a.sock");
    let error = bind(&path, 0o600).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let expected = format!("{}: folder {}: ", path.display(), missing.display());
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert!(!missing.exists());
}

#[test]
fn a_file_in_the_place_of_the_folder_is_refused() {
    let folder = Folder::new();
    fs::write(folder.join("file"), "").unwrap();
    let error = bind(folder.join("file/a.sock"), 0o600).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotADirectory);
}
