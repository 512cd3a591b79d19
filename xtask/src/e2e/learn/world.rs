//! The laboratory of two hosts, and of a router where they are to hear of each other by one.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use super::node::Node;
use crate::artifacts::{self, Artifacts};
use crate::cmd::tails;
use crate::lab::engine::Engine;
use crate::lab::host::{self, Site};
use crate::lab::router::{HOST_AS, ROUTER_AS, RouterKind};
use crate::lab::{Lab, Options, ROUTER_V4};
use crate::packages;
use crate::sys;

/// The laboratory.
pub(super) struct World {
    lab: Lab,
    program: PathBuf,
    way: Way,
}

/// How the hosts hear of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From each other, within one system.
    Directly,
    /// Each in a system of its own, by a router that all packets go through.
    ByRouter,
}

/// Whether this machine can run it.
pub(super) fn able(way: Way) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this is not Linux");
    ensure!(!sys::interrupted(), "interrupted");
    ensure!(sys::is_root(), "needs root");
    packages::ensure(&packages::BASE)?;
    if way == Way::ByRouter {
        packages::ensure(&[packages::FRR])?;
    }
    host::probe_namespaces()
}

impl World {
    /// Starts the engines, makes a network on each and runs a container in it.
    pub(super) fn start(way: Way) -> Result<Self> {
        let program = artifacts::build_unoptimized_speaker()?;
        // There is no plugin.
        let artifacts = Artifacts {
            plugin_dir: program.clone(),
            plugin: program.clone(),
            speaker: program.clone(),
        };
        let options = Options {
            router: None,
            password: None,
            narrate: false,
            engine: Engine::default(),
        };
        let mut lab = Lab::start(&options, &artifacts)?;
        if way == Way::ByRouter {
            let configuration = router(lab.hosts.iter().map(|host| host.site));
            lab.start_router_with(RouterKind::Frr, configuration, &artifacts)?;
        }
        let world = Self { lab, program, way };
        for node in world.nodes() {
            // The engine forwards nothing to its networks that they did not ask for.
            let iptables = node.host.netns.command("iptables");
            iptables.args(["-I", "DOCKER-USER", "-j", "ACCEPT"]).run()?;
            node.create().with_context(|| world.logs())?;
        }
        Ok(world)
    }

    /// Both hosts.
    pub(super) fn nodes(&self) -> [Node<'_>; 2] {
        let [one, two] = [0, 1].map(|n| &self.lab.hosts[n]);
        let (program, way) = (&self.program, self.way);
        [
            Node {
                host: one,
                subnets: ["10.1.1.0/24", "2001:db8:a1::/64"],
                containers: ["10.1.1.2", "2001:db8:a1::2"],
                other: two,
                program,
                way,
            },
            Node {
                host: two,
                subnets: ["10.1.2.0/24", "2001:db8:a2::/64"],
                containers: ["10.1.2.2", "2001:db8:a2::2"],
                other: one,
                program,
                way,
            },
        ]
    }

    /// The ends of all logs.
    pub(super) fn logs(&self) -> String {
        self.lab.logs() + &tails(&self.nodes().map(|node| node.log()))
    }
}

/// FRR's configuration: it tells each host of the others, and to come by itself.
fn router(sites: impl Iterator<Item = Site>) -> String {
    let (mut neighbours, mut v4, mut v6) = Default::default();
    for site in sites {
        let (address, asn) = (site.v4, own_as(site));
        write_line(
            &mut neighbours,
            &format!("neighbor {address} remote-as {asn}"),
        );
        write_line(
            &mut neighbours,
            &format!("neighbor {address} timers connect 1"),
        );
        for family in [&mut v4, &mut v6] {
            write_line(family, &format!("neighbor {address} activate"));
            write_line(family, &format!("neighbor {address} next-hop-self"));
        }
    }
    format!(
        "router bgp {ROUTER_AS}\n bgp router-id {ROUTER_V4}\n no bgp ebgp-requires-policy\n \
         no bgp default ipv4-unicast\n{neighbours} address-family ipv4 unicast\n{v4} \
         exit-address-family\n address-family ipv6 unicast\n{v6} exit-address-family\n"
    )
}

fn write_line(text: &mut String, line: &str) {
    text.push(' ');
    text.push_str(line);
    text.push('\n');
}

/// The system of a host that has one of its own.
pub(super) fn own_as(site: Site) -> u32 {
    HOST_AS + u32::from(site.number)
}

/// The router's IPv6 address towards the hosts.
pub(super) const ROUTER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 8, 0, 0, 0, 0, 0x137);
