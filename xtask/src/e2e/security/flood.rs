//! Clients of the plugin's socket that do not behave.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::peak_mib;
use crate::lab::{Lab, docker};
use crate::scenario;
use crate::wait::secs;

/// More than are served at once (256) and wait to be (128).
const CLIENTS: usize = 320;

/// The most the plugin may take, in MiB: several times what it usually has.
const BOUND: u64 = 64;

pub(super) fn flood(lab: &Lab) -> Result<()> {
    let host = &lab.hosts[0];
    scenario::serve(lab)?;
    let pid = host.plugin_pid()?;
    let socket = docker::plugin_socket(&host.space.path("/run/docker/plugins"))?;
    // Half open: a few octets of a head each, and never more.
    let mut half_open = Vec::new();
    for number in 0..CLIENTS {
        let mut client = docker::connect(&socket)?;
        if number % 2 == 0 {
            client.write_all(b"POST /NetworkDriver.CreateNet")?;
        }
        half_open.push(client);
    }
    drop(half_open);
    // Bodies longer than any, claimed and sent, all at once.
    let mut clients = Vec::new();
    for number in 0..64 {
        let mut client = docker::connect(&socket)?;
        client.set_read_timeout(Some(secs(20)))?;
        client.set_write_timeout(Some(secs(20)))?;
        let body = if number % 2 == 0 {
            "Content-Length: 99999999999"
        } else {
            "Transfer-Encoding: chunked"
        };
        let head =
            format!("POST /NetworkDriver.CreateNetwork HTTP/1.1\r\nHost: \r\n{body}\r\n\r\n");
        client.write_all(head.as_bytes())?;
        clients.push(client);
    }
    for client in &mut clients {
        send_much(client);
    }
    for client in &mut clients {
        let mut answer = Vec::new();
        // It may have closed the connection on what it did not want to read.
        drop(client.read_to_end(&mut answer));
        ensure!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    drop(clients);
    let peak = peak_mib(pid)?;
    ensure!(peak < BOUND, "the plugin took {peak} MiB");
    ensure!(host.plugin_pid()? == pid, "the plugin was restarted");
    host.create_service_network("later", Some("10.0.0.107"), None)?;
    lab.wait_service(&lab.all(), Duration::ZERO)
}

/// Sends 4 MiB, or as much of it as is taken.
fn send_much(client: &mut UnixStream) {
    let piece = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
    for _ in 0..64 {
        if client.write_all(&piece).is_err() {
            return;
        }
    }
}
