//! Socket activation in a process of its own, as systemd starts one.

use std::{
    env,
    io::{Read, Write},
    os::{
        fd::OwnedFd,
        unix::net::{UnixListener, UnixStream},
    },
    process::{Command, Stdio},
    sync::Arc,
};

use docker_plugin_api::{activated, serve};
use tokio_util::sync::CancellationToken;

use crate::{bind::Folder, driver::Recorder};

const ROLE: &str = "DOCKER_PLUGIN_API_TEST_ACTIVATED";

#[test]
fn a_socket_passed_by_systemd_is_served_and_left_in_place() {
    if env::var_os(ROLE).is_some() {
        return as_the_plugin();
    }
    let folder = Folder::new();
    let path = folder.join("p.sock");
    let socket = UnixListener::bind(&path).unwrap();
    // A shell, because the variable has to hold the number of the process that exec leaves.
    let mut plugin = Command::new("/bin/sh")
        .args([
            "-c",
            r#"LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@" 3<&1 >/dev/null"#,
        ])
        .arg(env::current_exe().unwrap())
        .args([
            "--exact",
            "activation::a_socket_passed_by_systemd_is_served_and_left_in_place",
        ])
        .env(ROLE, "plugin")
        .stdin(Stdio::piped())
        .stdout(OwnedFd::from(socket.try_clone().unwrap()))
        .spawn()
        .unwrap();

    let mut client = UnixStream::connect(&path).unwrap();
    client
        .write_all(b"POST /Plugin.Activate HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");

    drop(plugin.stdin.take());
    assert!(plugin.wait().unwrap().success());
    assert!(path.exists());
    // The socket still listens: it is systemd's, and the next instance's.
    UnixStream::connect(&path).unwrap();
}

/// Serves until its standard input ends.
fn as_the_plugin() {
    let listener = activated().unwrap().unwrap();
    assert_eq!(listener.path(), None);
    assert!(activated().unwrap().is_none());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let shutdown = CancellationToken::new();
    runtime.block_on(async {
        let router = Arc::new(Recorder::default()).router();
        let server = tokio::spawn(serve(listener, router, shutdown.clone()));
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()).unwrap())
            .await
            .unwrap();
        shutdown.cancel();
        server.await.unwrap().unwrap();
    });
}
