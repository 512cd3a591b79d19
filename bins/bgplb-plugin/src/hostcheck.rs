//! What of the host itself keeps packets from the services: found, kept as
//! data, and told to the operator once, with the command that mends it.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::net::IpAddr;
use std::path::Path;

use tracing::{debug, info, warn};

/// One thing that is in the way of the services.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Finding {
    /// The kernel forwards no IPv4 packets.
    ForwardingV4Off,
    /// The kernel forwards no IPv6 packets.
    ForwardingV6Off,
    /// The kernel takes packets from a bridge of Docker's only if it would send
    /// the answers there (RFC 3704 section 2.2). A container's answers come by
    /// its gateway's bridge, and its service address is behind another one.
    RpFilterStrict {
        /// The bridge's name.
        bridge: String,
    },
    /// The host asks a service of its own for names. Engines before 27 ask for
    /// a pool again and again if one without `--subnet` holds a name server, and
    /// while no container serves, the host resolves nothing.
    NameServerIsService {
        /// The address of both.
        address: IpAddr,
    },
}

impl Finding {
    /// The name for logs and programs, the same from version to version.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::ForwardingV4Off => "forwarding-ipv4-off",
            Self::ForwardingV6Off => "forwarding-ipv6-off",
            Self::RpFilterStrict { .. } => "rp-filter-strict",
            Self::NameServerIsService { .. } => "name-server-is-service",
        }
    }
}

/// The sentence for the operator. The switches are the kernel's
/// (Documentation/networking/ip-sysctl.rst).
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let off = |f: &mut fmt::Formatter<'_>, name, family| {
            write!(
                f,
                "{name} is 0: this host drops the {family} packets that routers send for services; mend it with: sysctl -w {name}=1"
            )
        };
        match self {
            Self::ForwardingV4Off => off(f, FORWARDING_V4, "IPv4"),
            Self::ForwardingV6Off => off(f, FORWARDING_V6, "IPv6"),
            Self::RpFilterStrict { bridge } => write!(
                f,
                "reverse path filter of {bridge} is strict: this host drops the answers of services whose containers have their gateway there; mend it with: sysctl -w net.ipv4.conf.{bridge}.rp_filter=2"
            ),
            Self::NameServerIsService { address } => write!(
                f,
                "name server {address} of {RESOLV_CONF} is a service's address: this host resolves no names while no container of it serves, Docker's pulls included; mend it by replacing the line “nameserver {address}” there"
            ),
        }
    }
}

const FORWARDING_V4: &str = "net.ipv4.ip_forward";
const FORWARDING_V6: &str = "net.ipv6.conf.all.forwarding";

/// resolv.conf(5).
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// How much of it is read. The C library takes three servers, a line each.
const RESOLV_CONF_LIMIT: u64 = 64 * 1024;

/// `rp_filter` as RFC 3704's strict filter.
const STRICT: u8 = 1;

/// What services depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct InUse {
    /// The services' addresses.
    pub(crate) addresses: BTreeSet<IpAddr>,
    /// Services have IPv4 addresses.
    pub(crate) v4: bool,
    /// Services have IPv6 addresses.
    pub(crate) v6: bool,
    /// The bridges by which containers' answers may come, should they exist.
    pub(crate) bridges: Vec<String>,
}

/// Looks at the network namespace of the calling thread, as far as it concerns
/// what is in use.
pub(crate) fn look(in_use: &InUse) -> BTreeSet<Finding> {
    let mut found = BTreeSet::new();
    if in_use.v4 && switch(FORWARDING_V4) == Some(0) {
        found.insert(Finding::ForwardingV4Off);
    }
    if in_use.v6 && switch(FORWARDING_V6) == Some(0) {
        found.insert(Finding::ForwardingV6Off);
    }
    if in_use.v4 {
        let strict = in_use.bridges.iter().filter(|bridge| is_strict(bridge));
        found.extend(strict.map(|bridge| Finding::RpFilterStrict {
            bridge: bridge.clone(),
        }));
    }
    let servers = name_servers().into_iter();
    let ours = servers.filter(|server| in_use.addresses.contains(server));
    found.extend(ours.map(|address| Finding::NameServerIsService { address }));
    found
}

/// The host's name servers; none if the file can't be read.
fn name_servers() -> Vec<IpAddr> {
    let mut text = String::new();
    let read = fs::File::open(RESOLV_CONF)
        .and_then(|file| file.take(RESOLV_CONF_LIMIT).read_to_string(&mut text));
    if let Err(error) = read {
        debug!(path = RESOLV_CONF, %error, "the name servers can't be read");
    }
    let servers = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        // A zone follows a link-local address, which no service has.
        words.next().filter(|word| *word == "nameserver")?;
        words.next()?.parse().ok()
    });
    servers.collect()
}

/// Tells what has come and what has gone between two looks.
pub(crate) fn tell(before: &BTreeSet<Finding>, now: &BTreeSet<Finding>) {
    for finding in now.difference(before) {
        warn!(code = finding.code(), "{finding}");
    }
    for finding in before.difference(now) {
        info!(code = finding.code(), ?finding, "no longer the case");
    }
}

/// Whether the bridge exists and filters so: the kernel goes by the greater
/// value of its own and everybody's. There is no such filter for IPv6.
fn is_strict(bridge: &str) -> bool {
    let own = switch(&format!("net.ipv4.conf.{bridge}.rp_filter"));
    own.is_some_and(|own| own.max(switch("net.ipv4.conf.all.rp_filter").unwrap_or(0)) == STRICT)
}

/// The value of a switch of the kernel. One that can't be read is none that
/// could be mended: a kernel without IPv6 has no IPv6 services.
fn switch(name: &str) -> Option<u8> {
    let path = Path::new("/proc/sys").join(name.replace('.', "/"));
    match fs::read_to_string(&path) {
        Ok(value) => value.trim().parse().ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            debug!(path = %path.display(), %error, "a switch of the kernel can't be read");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use expect_test::expect;

    use super::Finding;

    #[test]
    fn the_sentence_names_the_object_what_it_breaks_and_the_command() {
        let strict = Finding::RpFilterStrict {
            bridge: "docker0".to_owned(),
        };
        let server = Finding::NameServerIsService {
            address: IpAddr::from([10, 0, 0, 101]),
        };
        let sentences = format!("{}\n{strict}\n{server}", Finding::ForwardingV4Off);
        expect![[r#"
            net.ipv4.ip_forward is 0: this host drops the IPv4 packets that routers send for services; mend it with: sysctl -w net.ipv4.ip_forward=1
            reverse path filter of docker0 is strict: this host drops the answers of services whose containers have their gateway there; mend it with: sysctl -w net.ipv4.conf.docker0.rp_filter=2
            name server 10.0.0.101 of /etc/resolv.conf is a service's address: this host resolves no names while no container of it serves, Docker's pulls included; mend it by replacing the line “nameserver 10.0.0.101” there"#]].assert_eq(&sentences);
    }
}
