//! A host with the program, its router, a client, and what the kernel has of both.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use bgp_wire::Family;
use netplumb::Netlink;
use netplumb::ipvs::{Ipvs, IpvsKernel as _, Protocol, ServiceKey, ServiceState};

use crate::router::{Router, Session};
use crate::speaker::Speaker;
use crate::world::{DIRECTOR, Server, World, run};

/// The addresses of services, of both families.
pub const WEB: [&str; 2] = ["192.0.2.80", "2001:db8:80::80"];
pub const DNS: [&str; 2] = ["192.0.2.53", "2001:db8:80::53"];

/// The same as a router sees them.
pub const WEB_PREFIX: [&str; 2] = ["192.0.2.80/32", "2001:db8:80::80/128"];
pub const DNS_PREFIX: [&str; 2] = ["192.0.2.53/32", "2001:db8:80::53/128"];

/// A host, where the program may be started.
pub struct Host {
    pub world: World,
    pub router: Router,
    dir: PathBuf,
}

impl Host {
    /// One whose services' packets come from the client.
    pub fn new() -> Self {
        let world = World::new();
        world.lead_to_director(WEB);
        world.lead_to_director(DNS);
        let both = &[Family::IPV4_UNICAST, Family::IPV6_UNICAST];
        let router = world.director.within(|| Router::of(both));
        let dir = std::env::temp_dir().join(world.director.name());
        std::fs::create_dir_all(&dir).unwrap();
        Self { world, router, dir }
    }

    /// A file with these services.
    pub fn config(&self, services: &[&str]) -> String {
        let dir = self.dir.display();
        let peer = self.router.peer("");
        let services = services.concat();
        format!(
            "[local]\nas = 64512\nrouter-id = \"192.0.2.1\"\n{peer}{services}[control]\n\
             socket = \"{dir}/speaker.sock\"\nstate = \"{dir}/state.json\"\n\
             status-listen = \"127.0.0.1:9179\"\n"
        )
    }

    /// Starts the program with these services.
    pub fn start(&self, services: &[&str]) -> Speaker {
        Speaker::start(&self.world.director, &self.dir, &self.config(services))
    }

    /// The same with these variables.
    pub fn start_with(&self, services: &[&str], variables: &[(&str, &str)]) -> Speaker {
        let config = self.config(services);
        Speaker::start_with(&self.world.director, &self.dir, &config, variables)
    }

    /// What the host's kernel has, quickly.
    pub fn kernel(&self) -> HostKernel {
        self.world.director.within(|| HostKernel {
            netlink: Netlink::open().unwrap(),
            ipvs: Ipvs::open().unwrap(),
        })
    }

    /// Answers at a port of the host's own address with a name.
    pub fn server(
        &self,
        protocol: Protocol,
        family: usize,
        port: u16,
        name: &'static str,
    ) -> Server<'_> {
        let at = SocketAddr::new(DIRECTOR[family].parse().unwrap(), port);
        Server::start(&self.world.director, protocol, at, name)
    }

    /// What ipvsadm shows.
    pub fn ipvsadm(&self) -> Vec<String> {
        let shown = self.world.director.run("ipvsadm --save --numeric");
        let mut lines: Vec<_> = shown.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        _ = run("rm", &format!("-r {}", self.dir.display()));
    }
}

/// The kernel of a host.
pub struct HostKernel {
    netlink: Netlink,
    ipvs: Ipvs,
}

impl HostKernel {
    /// The addresses of a link; `None` when it is not there.
    pub fn addresses(&mut self, link: &str) -> Option<Vec<String>> {
        let links = self.netlink.link_states().unwrap();
        links.iter().find(|(name, _)| name.as_str() == link)?;
        let all = self.netlink.addresses().unwrap();
        let of_link = all.into_iter().filter(|(name, _)| name.as_str() == link);
        let addresses = of_link.flat_map(|(_, addresses)| addresses);
        let texts = addresses.map(|it| it.to_string());
        Some(texts.filter(|it| !it.starts_with("fe80:")).collect())
    }

    pub fn services(&mut self) -> BTreeMap<ServiceKey, ServiceState> {
        self.ipvs.services().unwrap()
    }

    /// The weight and the connections of each destination, by its port.
    pub fn destinations(&mut self, key: &ServiceKey) -> BTreeMap<u16, (u32, u32)> {
        let services = self.services();
        let destinations = services.get(key).map(|it| &it.destinations);
        let destinations = destinations.into_iter().flatten();
        destinations
            .map(|(key, it)| (key.port, (it.spec.weight, it.active)))
            .collect()
    }
}

pub fn key(protocol: Protocol, address: &str, port: u16) -> ServiceKey {
    ServiceKey {
        protocol,
        address: address.parse().unwrap(),
        port,
    }
}

pub fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), port)
}

/// A service on the dummy link `bgplb`.
pub fn service(name: &str, addresses: [&str; 2], more: &str) -> String {
    format!(
        "[[services]]\nname = \"{name}\"\naddresses = {addresses:?}\ndummy = \"bgplb\"\n{more}\n"
    )
}

/// A port that is balanced to these ports of the host's own addresses.
pub fn port(protocol: &str, port: u16, to: &[u16]) -> String {
    let destinations = to.iter().flat_map(|to| {
        DIRECTOR.map(|address| format!("{{ address = \"{address}\", port = {to} }}"))
    });
    let destinations = destinations.collect::<Vec<_>>().join(", ");
    format!(
        "[[services.ports]]\nprotocol = \"{protocol}\"\nport = {port}\n\
         destinations = [{destinations}]\n"
    )
}

/// What the router is told of these prefixes next, in any order: the same of each.
pub fn hears(session: &mut Session, what: char, prefixes: &[&str]) {
    let mut wanted: Vec<_> = prefixes.iter().map(|it| format!("{what}{it}")).collect();
    while !wanted.is_empty() {
        let told = session.told();
        for word in told.split(' ').filter(|it| it.starts_with(['+', '-'])) {
            let place = wanted.iter().position(|it| it == word);
            let place = place.unwrap_or_else(|| panic!("{told}, but not {wanted:?}"));
            wanted.remove(place);
        }
    }
}
