//! What of the host itself keeps packets from the services: found, kept as
//! data, and told to the operator once, with the command that mends it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use tracing::{debug, info, warn};

/// What was found, by a name that stays the same from version to version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Code {
    /// The kernel forwards no IPv4 packets.
    ForwardingV4Off,
    /// The kernel forwards no IPv6 packets.
    ForwardingV6Off,
}

impl Code {
    const ALL: [Self; 2] = [Self::ForwardingV4Off, Self::ForwardingV6Off];

    /// The name for logs and programs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ForwardingV4Off => "forwarding-ipv4-off",
            Self::ForwardingV6Off => "forwarding-ipv6-off",
        }
    }

    /// The switch of the kernel, as `sysctl` names it
    /// (Documentation/networking/ip-sysctl.rst).
    const fn sysctl(self) -> &'static str {
        match self {
            Self::ForwardingV4Off => "net.ipv4.ip_forward",
            Self::ForwardingV6Off => "net.ipv6.conf.all.forwarding",
        }
    }

    const fn family(self) -> &'static str {
        match self {
            Self::ForwardingV4Off => "IPv4",
            Self::ForwardingV6Off => "IPv6",
        }
    }

    const fn concerns(self, in_use: Families) -> bool {
        match self {
            Self::ForwardingV4Off => in_use.v4,
            Self::ForwardingV6Off => in_use.v6,
        }
    }

    /// The sentence for the operator.
    fn sentence(self) -> String {
        let (name, family) = (self.sysctl(), self.family());
        format!(
            "{name} is 0: this host drops the {family} packets that routers send for services; mend it with: sysctl -w {name}=1"
        )
    }
}

/// Families of addresses that services have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Families {
    pub(crate) v4: bool,
    pub(crate) v6: bool,
}

/// Looks at the network namespace of the calling thread, as far as it concerns
/// addresses that are in use.
pub(crate) fn look(in_use: Families) -> BTreeMap<Code, String> {
    let found = Code::ALL.into_iter().filter(|code| code.concerns(in_use));
    found
        .filter(|code| is_off(code.sysctl()))
        .map(|code| (code, code.sentence()))
        .collect()
}

/// Tells what has come and what has gone between two looks.
pub(crate) fn tell(before: &BTreeMap<Code, String>, now: &BTreeMap<Code, String>) {
    for (code, sentence) in now {
        if before.get(code) != Some(sentence) {
            warn!(code = code.name(), "{sentence}");
        }
    }
    for code in before.keys().filter(|code| !now.contains_key(code)) {
        info!(code = code.name(), "the host is as it should be again");
    }
}

/// Whether a switch of the kernel is off. One that can't be read is none that
/// could be mended: a kernel without IPv6 has no IPv6 services.
fn is_off(sysctl: &str) -> bool {
    let path = Path::new("/proc/sys").join(sysctl.replace('.', "/"));
    match fs::read_to_string(&path) {
        Ok(value) => value.trim() == "0",
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => {
            debug!(path = %path.display(), %error, "a switch of the kernel can't be read");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn the_sentence_names_the_switch_what_it_breaks_and_the_command() {
        expect_test::expect![
            "net.ipv4.ip_forward is 0: this host drops the IPv4 packets that routers send for services; mend it with: sysctl -w net.ipv4.ip_forward=1"
        ]
        .assert_eq(&Code::ForwardingV4Off.sentence());
    }
}
