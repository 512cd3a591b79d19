//! What takes a part that can't be had from outside: a short patience, a step that fails.

use std::{
    fs::File,
    io::{Error, ErrorKind},
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use super::*;

const SHORT: Duration = Duration::from_millis(20);

/// A folder of its own for a test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("guarded-socket-unit-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("a.sock")
    }

    fn locked(&self) -> File {
        let folder = File::open(&self.0).unwrap();
        folder.lock().unwrap();
        folder
    }

    fn is_locked(&self) -> bool {
        File::open(&self.0).unwrap().try_lock().is_err()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn listen(socket: &Socket) -> io::Result<()> {
    socket.listen(1)
}

#[test]
fn what_fails_after_binding_leaves_no_file_and_no_lock() {
    let folder = Folder::new();
    let refused = |_: &Socket| Err(Error::from(ErrorKind::PermissionDenied));
    // Removing the file while the lock is still held would wait for ourselves, in vain.
    let error = try_bind(&folder.socket(), SHORT, refused).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(!folder.socket().exists());
    assert!(!folder.is_locked());
}

#[test]
fn the_folder_is_locked_while_binding_and_at_no_other_time() {
    let folder = Folder::new();
    let finish = |socket: &Socket| {
        assert!(folder.is_locked());
        listen(socket)
    };
    let listener = try_bind(&folder.socket(), SHORT, finish).unwrap();
    assert!(!folder.is_locked());
    drop(listener);
    assert!(!folder.is_locked());
}

#[test]
fn a_lock_that_is_never_let_go_ends_binding_with_an_error() {
    let folder = Folder::new();
    let lock = folder.locked();
    let error = try_bind(&folder.socket(), SHORT, listen).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let expected = format!(
        "folder {}: another process has held its lock for 20ms",
        folder.0.display()
    );
    assert_eq!(error.to_string(), expected);
    assert!(!folder.socket().exists());

    // Who has given up does not take the lock later.
    drop(lock);
    let listener = try_bind(&folder.socket(), PATIENCE, listen).unwrap();
    drop(listener);
    assert!(!folder.socket().exists());
}

#[test]
fn a_lock_that_is_let_go_in_time_is_waited_for() {
    let folder = Folder::new();
    let lock = folder.locked();
    std::thread::scope(|scope| {
        let (about_to, wait) = std::sync::mpsc::channel();
        let path = folder.socket();
        let bound = scope.spawn(move || {
            about_to.send(()).unwrap();
            try_bind(&path, PATIENCE, listen)
        });
        wait.recv().unwrap();
        drop(lock);
        assert!(bound.join().unwrap().is_ok());
    });
}

#[test]
fn a_file_that_cannot_be_removed_for_a_lock_stays_and_is_replaced_later() {
    let folder = Folder::new();
    let listener = try_bind(&folder.socket(), SHORT, listen).unwrap();
    let lock = folder.locked();
    drop(listener);
    assert!(folder.socket().exists());

    drop(lock);
    let listener = try_bind(&folder.socket(), PATIENCE, listen).unwrap();
    UnixStream::connect(folder.socket()).unwrap();
    drop(listener);
    assert!(!folder.socket().exists());
}
