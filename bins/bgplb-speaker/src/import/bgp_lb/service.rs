//! The service of the file: an address, where it is, and its ports.

use std::net::{IpAddr, Ipv4Addr};

use netplumb::LinkName;

use super::check::{Check, check};
use super::{Switches, required};
use crate::import::document::{Document, inline};
use crate::import::notes::Weight;
use crate::import::object::Object;
use crate::import::speaker::{ADDRESS, PORTS};

/// The service.
pub(super) struct Service {
    name: String,
    address: IpAddr,
    length: u8,
    protocol: Option<&'static str>,
    /// The port of the service, and where it is served.
    ports: Vec<(u16, u16)>,
    check: Check,
}

impl Service {
    pub(super) fn read(from: Object<'_>, switches: &Switches) -> Option<Self> {
        let name = name(&from, switches);
        let address: Option<IpAddr> = from.parsed("ip", ADDRESS);
        let address = required(&from, "ip", address, ADDRESS);
        let longest = if address.is_some_and(|it| it.is_ipv6()) {
            128
        } else {
            32
        };
        let accepted = format!("a prefix length, 1 to {longest}");
        let length = from.number::<u8>("prefixLength", &accepted);
        if let Some(length) = length.filter(|it| !(1..=longest).contains(it)) {
            let what = format!("{length} can't be used: accepted is {accepted}");
            from.say(Weight::Fault, "prefixLength", &what);
        }
        let balanced = switches.network_setup && switches.ipvs_setup;
        let (protocol, ports) = ports(&from, balanced, longest == 32);
        let check = check(&from);
        from.finish();
        Some(Self {
            name: name?,
            address: address?,
            length: length.unwrap_or(longest),
            protocol,
            ports,
            check: check?,
        })
    }

    pub(super) fn write(&self, to: &mut Document, router_id: Ipv4Addr, switches: &Switches) {
        to.begin("[[services]]");
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        to.set("name", self.name.replace(|c| !plain(c), "-"));
        to.set_all("addresses", [format!("{}/{}", self.address, self.length)]);
        match switches.network_setup {
            true => to.set("dummy", self.name.as_str()),
            false => to.set("assign", false),
        }
        for (port, local) in &self.ports {
            to.begin("[[services.ports]]");
            to.set_some("protocol", self.protocol);
            to.set("port", i64::from(*port));
            to.set("scheduler", "rr");
            let destination = inline([
                ("address", Some(router_id.to_string().into())),
                ("port", Some(i64::from(*local).into())),
            ]);
            to.set("destinations", vec![destination]);
        }
        to.begin("[[services.checks]]");
        self.check.write(to);
        to.set("interval", 1.0);
        to.set("timeout", self.check.timeout());
        to.set("rise", 1);
        to.set("fall", 1);
    }
}

/// The service's name, which is the dummy's too.
fn name(from: &Object<'_>, switches: &Switches) -> Option<String> {
    let name = from.text("name").unwrap_or_default();
    if !switches.network_setup {
        // Only a name then.
        let cut: String = name.chars().take(63).collect();
        return Some(if cut.is_empty() {
            "service".to_owned()
        } else {
            cut
        });
    }
    match name.parse::<LinkName>() {
        Ok(_) => Some(name.to_owned()),
        Err(_) => {
            let what = "it names the dummy interface: accepted are 1 to 15 octets without blanks \
                        and slashes";
            from.say(Weight::Fault, "name", what);
            None
        }
    }
}

/// The protocol and the ports, as far as they are used.
fn ports(from: &Object<'_>, balanced: bool, ipv4: bool) -> (Option<&'static str>, Vec<(u16, u16)>) {
    let known = ["tcp", "udp", "sctp"];
    let named = from.text("protocol").unwrap_or_default().to_lowercase();
    let protocol = known.into_iter().find(|it| *it == named);
    let listed = from.objects("ports");
    if !listed.is_empty() && !balanced {
        let why = "ports are balanced only with -network-setup=true and -ipvs-setup=true";
        from.say(Weight::LeftOut, "ports", why);
    } else if !listed.is_empty() && protocol.is_none() {
        let what = "missing or unknown beside ports, which would balance nothing then: accepted \
                    is tcp, udp or sctp";
        from.say(Weight::Fault, "protocol", what);
    }
    if !listed.is_empty() && balanced && !ipv4 {
        let what = "they lead to routerID, an IPv4 address, which an IPv6 service can't do: give \
                    no ports, or balance with [[services.ports]] of a file of bgplb-speaker";
        from.say(Weight::Fault, "ports", what);
    }
    let mut ports = Vec::new();
    for item in listed {
        let port = |key| {
            let port = item.number::<u16>(key, PORTS).filter(|it| *it > 0);
            if port.is_none() && balanced {
                let what = format!("accepted is {PORTS}");
                item.say(Weight::Fault, key, &what);
            }
            port
        };
        let pair = (port("servicePort"), port("targetLocalPort"));
        item.finish();
        if let (Some(port), Some(local)) = pair {
            ports.push((port, local));
        }
    }
    if !balanced {
        ports.clear();
    }
    (protocol, ports)
}
