//! The networks and their containers, made by the requests an engine would send.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::thread;

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::json;

use super::docker::FakeDocker;
use super::plugin::Socket;
use crate::cmd::Cmd;
use crate::lab::host::Host;
use crate::lab::netns::Netns;
use crate::sys;

/// How many requests an engine may have under way.
const AT_ONCE: usize = 8;

/// How many are made before their links go to the containers' side: the plugin gives up endpoints
/// whose links stay where they are.
const PORTION: usize = 64;

/// One network and its container.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// Its number, from 0.
    number: u32,
    /// Docker's identifiers.
    pub(super) network: String,
    pub(super) endpoint: String,
    pub(super) container: String,
    /// What is announced for it.
    pub(super) addresses: [IpAddr; 2],
}

/// Everything that has been made so far.
pub(super) struct Crowd<'a> {
    host: &'a Host,
    containers: &'a Netns,
    members: Vec<Member>,
}

impl Member {
    fn new(number: u32) -> Self {
        // The names of links are made of the first characters of identifiers.
        let id = |kind: u32| format!("{number:08x}{kind:056x}");
        let [_, a, b, c] = number.to_be_bytes();
        let v6 = Ipv6Addr::new(0x2001, 0xdb8, 64, 0, 0, 0, 0, 0).to_bits() | u128::from(number);
        Self {
            number,
            network: id(1),
            endpoint: id(2),
            container: id(3),
            addresses: [
                Ipv4Addr::new(10, 64 + a, b, c).into(),
                Ipv6Addr::from_bits(v6).into(),
            ],
        }
    }

    /// Makes it by the requests of `docker network create` and `docker run`; gives the name of the
    /// link that the container is to have.
    fn make(&self, plugin: &Socket) -> Result<String> {
        let [v4, v6] = self.addresses;
        let pools = [format!("{v4}/32"), format!("{v6}/128")];
        for (pool, is_v6) in pools.iter().zip([false, true]) {
            let body = json!({"AddressSpace": "bgplb", "Pool": pool, "SubPool": "",
                "Options": {}, "V6": is_v6});
            plugin.ask("IpamDriver.RequestPool", &body)?;
        }
        let data = |pool: &str| json!([{"AddressSpace": "bgplb", "Pool": pool, "Gateway": pool}]);
        let body = json!({"NetworkID": self.network,
            "Options": {"com.docker.network.enable_ipv6": true, "com.docker.network.generic": {}},
            "IPv4Data": data(&pools[0]), "IPv6Data": data(&pools[1])});
        plugin.ask("NetworkDriver.CreateNetwork", &body)?;
        let body = json!({"NetworkID": self.network, "EndpointID": self.endpoint, "Options": {},
            "Interface": {"Address": pools[0], "AddressIPv6": pools[1], "MacAddress": ""}});
        plugin.ask("NetworkDriver.CreateEndpoint", &body)?;
        let body = json!({"NetworkID": self.network, "EndpointID": self.endpoint, "Options": {},
            "SandboxKey": format!("/run/docker/netns/{:012x}", self.number)});
        let joined = plugin.ask("NetworkDriver.Join", &body)?;
        let link = joined["InterfaceName"]["SrcName"].as_str();
        link.map(str::to_owned).context("Join names a link")
    }
}

impl<'a> Crowd<'a> {
    /// Nobody yet; the containers' ends of links go to the namespace `containers`.
    pub(super) const fn new(host: &'a Host, containers: &'a Netns) -> Self {
        Self {
            host,
            containers,
            members: Vec::new(),
        }
    }

    /// All, in the order they were made.
    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// So many from one on, from the beginning again after the last.
    pub(super) fn sample(&self, from: usize, count: usize) -> Vec<&Member> {
        let count = count.min(self.members.len());
        let all = self.members.iter().cycle();
        all.skip(from % self.members.len().max(1))
            .take(count)
            .collect()
    }

    /// Makes more until there are `count`.
    ///
    /// # Errors
    ///
    /// When the plugin or the kernel refuses.
    pub(super) fn grow(
        &mut self,
        count: usize,
        plugin: &Socket,
        docker: &FakeDocker,
    ) -> Result<()> {
        while self.members.len() < count {
            ensure!(!sys::interrupted(), "interrupted");
            let first = self.members.len();
            let last = count.min(first + PORTION);
            let numbers = u32::try_from(first)?..u32::try_from(last)?;
            let portion: Vec<Member> = numbers.map(Member::new).collect();
            let links = make(&portion, plugin)?;
            self.hand_over(&links)?;
            docker.add(&portion)?;
            self.members.extend(portion);
        }
        Ok(())
    }

    /// Does with links what an engine does: the container gets them and has them up.
    fn hand_over(&self, links: &[String]) -> Result<()> {
        let lines = |line: &dyn Fn(&String) -> String| links.iter().map(line).collect::<String>();
        let name = self.containers.name();
        let moves = lines(&|link| format!("link set dev {link} netns {name}\n"));
        let ups = lines(&|link| format!("link set dev {link} up\n"));
        for (netns, batch) in [(self.host.netns.name(), moves), (name, ups)] {
            let command = Cmd::new("ip").args(["-n", netns, "-batch", "-"]);
            command.stdin(batch).run()?;
        }
        Ok(())
    }
}

/// Makes them, several at once; gives the containers' links.
fn make(members: &[Member], plugin: &Socket) -> Result<Vec<String>> {
    let share = members.len().div_ceil(AT_ONCE);
    thread::scope(|scope| {
        let threads: Vec<_> = members
            .chunks(share)
            .map(|share| {
                let links = move || share.iter().map(|it| it.make(plugin)).collect();
                scope.spawn(links)
            })
            .collect();
        let mut all = Vec::new();
        for thread in threads {
            let links: Result<Vec<String>> = thread
                .join()
                .map_err(|_| anyhow!("a thread that makes networks has died"))?;
            all.extend(links?);
        }
        Ok(all)
    })
}
