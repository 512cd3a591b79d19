//! The file of bgp-lb: one service, its checks, and the peers that are told of it.

use std::net::{IpAddr, Ipv4Addr};

use netplumb::LinkName;
use toml::Value;

use super::document::{Document, inline};
use super::node::Node;
use super::notes::{Notes, Weight};
use super::object::{Object, Spelling};
use super::speaker::{ADDRESS, ADDRESS_V4, AS_NUMBERS, PORTS, Peer, RemoteAs, Speaker, listen};

/// What bgp-lb is told by flags.
#[derive(Clone, Debug)]
pub(crate) struct Switches {
    /// The service's address is put on a dummy.
    pub(crate) network_setup: bool,
    /// Its ports are balanced by the kernel, if the address is put there.
    pub(crate) ipvs_setup: bool,
    /// Where metrics are served, as `[control] status-listen` has it.
    pub(crate) status_listen: String,
}

/// What runs the same service; `None` after a fault.
pub(super) fn import(node: &Node, switches: &Switches, notes: &Notes) -> Option<String> {
    let root = Object::root(node, Spelling::AnyCase, notes)?;
    let bgp = root.object("bgp");
    let service = root.object("service");
    for (key, found) in [("bgp", bgp.is_some()), ("service", service.is_some())] {
        if !found && !root.has(key) {
            root.say(Weight::Fault, key, "missing; accepted is a table");
        }
    }
    root.finish();
    let (bgp, service) = (bgp?, service?);
    let speaker = speaker(bgp);
    let service = Service::read(service, switches);
    let (speaker, service) = (speaker?, service?);
    let mut text = Document::default();
    speaker.write(&mut text);
    service.write(&mut text, speaker.router_id, switches);
    text.begin("[control]");
    text.set("status-listen", switches.status_listen.as_str());
    Some(text.into_text())
}

fn speaker(bgp: Object<'_>) -> Option<Speaker> {
    let mut peers = Vec::new();
    let mut complete = true;
    for from in bgp.objects("peers") {
        let address = required(&from, "address", from.parsed("address", ADDRESS), ADDRESS);
        let asn = required(&from, "as", as_number(&from), AS_NUMBERS);
        from.finish();
        complete &= address.is_some() && asn.is_some();
        peers.push(Peer {
            address,
            asn: asn.map(RemoteAs::Number),
            ..Peer::default()
        });
    }
    let local = bgp.object("local");
    if local.is_none() && !bgp.has("local") {
        bgp.say(Weight::Fault, "local", "missing; accepted is a table");
    }
    bgp.finish();
    let local = local?;
    let router_id = local.parsed("routerID", ADDRESS_V4);
    let router_id = required(&local, "routerID", router_id, ADDRESS_V4);
    let asn = required(&local, "as", as_number(&local), AS_NUMBERS);
    let port = local.number::<i32>("listenPort", LISTEN_PORT).unwrap_or(0);
    if !(-1..=65535).contains(&port) {
        let what = format!("{port} can't be used: accepted is {LISTEN_PORT}");
        local.say(Weight::Fault, "listenPort", &what);
    }
    local.finish();
    let router_id: Ipv4Addr = router_id?;
    for peer in &mut peers {
        peer.next_hop_v4 = Some(router_id);
    }
    complete.then_some(Speaker {
        asn: asn?,
        router_id,
        listen: listen(port, &peers),
        peers,
    })
}

fn as_number(from: &Object<'_>) -> Option<u32> {
    from.number("as", AS_NUMBERS)
}

/// Says that a key is missing. One that can't be used was told of already.
fn required<T>(from: &Object<'_>, key: &str, value: Option<T>, accepted: &str) -> Option<T> {
    if value.is_none() && !from.has(key) {
        let what = format!("missing; accepted is {accepted}");
        from.say(Weight::Fault, key, &what);
    }
    value
}

struct Service {
    name: String,
    address: IpAddr,
    length: u8,
    protocol: Option<&'static str>,
    /// The port of the service, and where it is served.
    ports: Vec<(u16, u16)>,
    check: Check,
}

enum Check {
    Http {
        scheme: &'static str,
        port: u16,
        path: String,
        insecure: bool,
    },
    Ping(Vec<IpAddr>),
}

impl Service {
    fn read(from: Object<'_>, switches: &Switches) -> Option<Self> {
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

    fn write(&self, to: &mut Document, router_id: Ipv4Addr, switches: &Switches) {
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

fn check(from: &Object<'_>) -> Option<Check> {
    if let Some(http) = from.object("httphealthcheck") {
        if from.has("pinghealthcheck") {
            let why = "bgp-lb looks at httphealthcheck alone when both are there";
            from.leave_out("pinghealthcheck", why);
        }
        return http_check(http);
    }
    if from.has("httphealthcheck") {
        return None;
    }
    let Some(ping) = from.object("pinghealthcheck") else {
        // What bgp-lb looks at when nothing is said.
        let answering = [[1, 1, 1, 1], [8, 8, 8, 8]];
        let answering = answering.into_iter().map(IpAddr::from);
        return Some(Check::Ping(answering.collect()));
    };
    let mut addresses = Vec::new();
    for text in ping.texts("addresses") {
        match text.trim().parse() {
            Ok(address) => addresses.push(address),
            Err(_) => {
                let what = "a name is among them, and none is looked up here: give its address";
                ping.say(Weight::LeftOut, "addresses", what);
            }
        }
    }
    if addresses.is_empty() {
        let what = "no address is there to ask, so the service would never be announced";
        ping.say(Weight::Fault, "addresses", what);
    }
    ping.finish();
    Some(Check::Ping(addresses))
}

fn http_check(from: Object<'_>) -> Option<Check> {
    let path = from.text("path").unwrap_or_default();
    let scheme = match from.text("scheme").unwrap_or_default() {
        "" | "http" => Some("http"),
        "https" => Some("https"),
        _ => {
            from.say(Weight::Fault, "scheme", "accepted is http or https");
            None
        }
    };
    let port = from.number::<u16>("port", PORTS);
    let port = required(&from, "port", port, PORTS);
    if port == Some(0) {
        from.say(Weight::Fault, "port", &format!("accepted is {PORTS}"));
    }
    let insecure = from.yes("insecureSkipVerify").unwrap_or(false);
    if !insecure {
        let what = "an answer has 3 s to come; bgp-lb waits for it without end, and meanwhile \
                    does not notice anything";
        from.say(Weight::Differs, "", what);
    }
    from.finish();
    Some(Check::Http {
        scheme: scheme?,
        port: port?,
        path: format!("/{}", path.trim_start_matches('/')),
        insecure,
    })
}

impl Check {
    /// In seconds.
    const fn timeout(&self) -> f64 {
        match self {
            Self::Http { .. } => 3.0,
            Self::Ping(_) => 5.0,
        }
    }

    fn write(&self, to: &mut Document) {
        match self {
            Self::Http {
                scheme,
                port,
                path,
                insecure,
            } => {
                to.set("kind", *scheme);
                if *scheme == "https" {
                    to.set("insecure", *insecure);
                }
                to.set("address", "127.0.0.1");
                to.set("port", i64::from(*port));
                to.set("path", path.as_str());
                to.set("redirects", 10);
            }
            Self::Ping(addresses) => {
                to.set("kind", "icmp");
                let addresses = addresses.iter().map(|it| Value::from(it.to_string()));
                to.set_all("addresses", addresses);
            }
        }
    }
}

const LISTEN_PORT: &str = "-1 for none, 0 for 179, or a port up to 65535";
