//! When the file goes, and when it stays.

use std::{fs, os::unix::net::UnixStream};

use guarded_socket::bind;

use crate::folder::Folder;

#[test]
fn the_file_goes_with_its_listener() {
    let folder = Folder::new();
    let path = folder.join("a.sock");
    drop(bind(&path, 0o600).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_parts_may_be_dropped_in_any_order() {
    let folder = Folder::new();
    let path = folder.join("a.sock");
    let (socket, file) = bind(&path, 0o600).unwrap().into_parts();
    drop(file);
    assert!(!path.exists());
    drop(socket);

    let (socket, file) = bind(&path, 0o600).unwrap().into_parts();
    drop(socket);
    assert_eq!(file.path(), path);
    assert!(path.exists());
    drop(file);
    assert!(!path.exists());
}

#[test]
fn a_successor_s_socket_is_not_removed() {
    let folder = Folder::new();
    let path = folder.join("a.sock");
    let first = bind(&path, 0o600).unwrap();
    fs::remove_file(&path).unwrap();
    let second = bind(&path, 0o600).unwrap();
    drop(first);
    UnixStream::connect(&path).unwrap();
    drop(second);
    assert!(!path.exists());
}

#[test]
fn a_successor_s_socket_is_not_removed_by_one_that_is_closed_already() {
    let folder = Folder::new();
    let path = folder.join("a.sock");
    let (socket, file) = bind(&path, 0o600).unwrap().into_parts();
    // From here on a file system may give the same inode number to the next file.
    drop(socket);
    let second = bind(&path, 0o600).unwrap();
    drop(file);
    UnixStream::connect(&path).unwrap();
    drop(second);
    assert!(!path.exists());
}

#[test]
fn a_file_somebody_else_removed_is_no_fault() {
    let folder = Folder::new();
    let path = folder.join("a.sock");
    let first = bind(&path, 0o600).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "another's").unwrap();
    drop(first);
    assert_eq!(fs::read_to_string(&path).unwrap(), "another's");

    fs::remove_file(&path).unwrap();
    let second = bind(&path, 0o600).unwrap();
    fs::remove_dir_all(folder.path()).unwrap();
    drop(second);
}
