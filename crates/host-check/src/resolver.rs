//! Whom the host asks for names.

use std::fs;
use std::io::Read as _;
use std::net::IpAddr;

use tracing::debug;

/// resolv.conf(5).
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The servers that systemd-resolved asks, where the other file names only
/// itself (systemd-resolved.service(8)).
const BEHIND_STUB: &str = "/run/systemd/resolve/resolv.conf";

/// The addresses of systemd-resolved itself.
const STUBS: [IpAddr; 2] = [
    IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 53)),
    IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 54)),
];

/// How much of a file is read. The C library takes three servers, a line each.
const LIMIT: u64 = 64 * 1024;

/// The host's name servers, each with the file that names it; none if that
/// can't be read.
pub(super) fn name_servers() -> Vec<(IpAddr, &'static str)> {
    let mut servers = servers_of(RESOLV_CONF);
    if servers.iter().any(|(server, _)| STUBS.contains(server)) {
        servers.extend(servers_of(BEHIND_STUB));
    }
    servers
}

fn servers_of(file: &'static str) -> Vec<(IpAddr, &'static str)> {
    let mut text = String::new();
    let read = fs::File::open(file).and_then(|file| file.take(LIMIT).read_to_string(&mut text));
    if let Err(error) = read {
        debug!(path = file, %error, "the name servers can't be read");
    }
    let servers = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        // A zone follows a link-local address, which no service has.
        words.next().filter(|word| *word == "nameserver")?;
        words.next()?.parse().ok()
    });
    servers.map(|server| (server, file)).collect()
}
