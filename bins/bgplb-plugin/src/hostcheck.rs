//! What of the host itself keeps packets from the services: found, kept as
//! data, and told to the operator once, with the command that mends it.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
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
}

impl Finding {
    /// The name for logs and programs, the same from version to version.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::ForwardingV4Off => "forwarding-ipv4-off",
            Self::ForwardingV6Off => "forwarding-ipv6-off",
            Self::RpFilterStrict { .. } => "rp-filter-strict",
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
        }
    }
}

const FORWARDING_V4: &str = "net.ipv4.ip_forward";
const FORWARDING_V6: &str = "net.ipv6.conf.all.forwarding";

/// `rp_filter` as RFC 3704's strict filter.
const STRICT: u8 = 1;

/// What services depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct InUse {
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
    found
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
    use expect_test::expect;

    use super::Finding;

    #[test]
    fn the_sentence_names_the_object_what_it_breaks_and_the_command() {
        let strict = Finding::RpFilterStrict {
            bridge: "docker0".to_owned(),
        };
        let sentences = format!("{}\n{strict}", Finding::ForwardingV4Off);
        expect![[r#"
            net.ipv4.ip_forward is 0: this host drops the IPv4 packets that routers send for services; mend it with: sysctl -w net.ipv4.ip_forward=1
            reverse path filter of docker0 is strict: this host drops the answers of services whose containers have their gateway there; mend it with: sysctl -w net.ipv4.conf.docker0.rp_filter=2"#]].assert_eq(&sentences);
    }
}
