//! What the system does not permit, tried by a process that is not root.

use std::{
    env,
    ffi::OsStr,
    fs::{self, Permissions},
    io::ErrorKind,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::UnixListener,
        process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
};

use guarded_socket::bind;

use crate::folder::Folder;

const ROLE: &str = "GUARDED_SOCKET_TEST_FOLDER";

/// The user `nobody`.
const NOBODY: u32 = 65534;

#[test]
fn a_lack_of_permission_is_told_and_changes_nothing() {
    if let Some(folder) = env::var_os(ROLE) {
        return without_permission(&folder);
    }
    let folder = Folder::new();
    let dead = folder.join("dead.sock");
    drop(UnixListener::bind(&dead).unwrap());
    fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
    let mut child = Command::new(env::current_exe().unwrap());
    child
        .args([
            "--exact",
            "permission::a_lack_of_permission_is_told_and_changes_nothing",
        ])
        .env(ROLE, folder.path())
        .stdout(Stdio::null());
    if fs::metadata(folder.path()).unwrap().uid() == 0 {
        child.uid(NOBODY).gid(NOBODY);
    }
    assert!(child.status().unwrap().success());

    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    assert!(dead.exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

fn without_permission(folder: &OsStr) {
    for name in ["new.sock", "dead.sock"] {
        let path = Path::new(folder).join(name);
        let error = bind(&path, 0o600).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        let expected = format!("{}: ", path.display());
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}
