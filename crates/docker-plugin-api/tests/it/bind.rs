//! The socket's file: its mode, its folder, its end. Whose it is, `guarded-socket` tests.

use std::{
    fs, io,
    os::unix::{fs::PermissionsExt, net::UnixStream},
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
fn a_folder_that_cannot_be_made_is_named() {
    let folder = Folder::new();
    let file = folder.join("file");
    fs::write(&file, "").unwrap();
    let path = file.join("plugins/p.sock");
    let error = bind(&path).unwrap_err();
    let expected = format!(
        "plugin socket {}: folder {}",
        path.display(),
        file.display()
    );
    assert!(error.to_string().starts_with(&expected), "{error}");
}
