//! A container that may do with its network what it likes, and wants another's.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::lab::host::Host;
use crate::lab::{Lab, ROUTER_V4, client, service_addresses};
use crate::scenario::{self, WEB};
use crate::wait::secs;

const EVIL: &str = "evil";

/// The hostile container's own addresses.
const OWN: [&str; 2] = ["10.0.0.120", "2001:db8:0:1000::120"];

pub(super) fn claim(lab: &Lab) -> Result<()> {
    let host = &lab.hosts[0];
    scenario::serve(lab)?;
    let [v4, v6] = OWN;
    host.create_service_network(EVIL, Some(v4), Some(v6))?;
    host.create_web(
        EVIL,
        EVIL,
        &[
            "--cap-add",
            "NET_ADMIN",
            "--ip",
            "172.23.1.40",
            "--ip6",
            "2001:db8:0:1001::40",
        ],
    )?;
    host.docker.run(&["start", EVIL])?;
    host.wait_health(EVIL, "healthy")?;
    for (address, length) in OWN.iter().zip([32, 128]) {
        lab.wait_route(&format!("{address}/{length}"), &[host], secs(10))?;
        lab.wait_answers_of(address.parse()?, &[host])?;
    }
    let before = Known::of(host)?;
    let link = link_to(host, v4)?;
    let script = attack(host, &link)?;
    host.exec(EVIL, &["sh", "-c", &script])?;
    // It holds them now, and answers for them.
    let addresses = inside(host, &["ip", "-o", "addr"])?;
    for address in service_addresses()? {
        ensure!(addresses.contains(&format!("{address}/")), "{addresses}");
    }
    let now = Known::of(host)?;
    ensure!(
        now == before,
        "the host has forgotten {:?} and learnt {:?}, or changed its router",
        before.all().difference(&now.all()),
        now.all().difference(&before.all())
    );
    // Nobody answers for the service but its own containers, nor is anything else announced.
    for address in service_addresses()? {
        for netns in [&lab.client_netns, &host.netns] {
            let seen = client::requests(netns, &[address], 64)?;
            ensure!(seen.failures.is_empty(), "failed: {:?}", seen.failures);
            ensure!(seen.names().all(|name| name != EVIL), "{:?}", seen.answers);
        }
    }
    lab.wait_service(&lab.all(), Duration::ZERO)?;
    lab.wait_route("10.0.0.121/32", &[], Duration::ZERO)?;
    // Once the service has left the host, the claim is worth nothing still.
    host.docker.run(&["rm", "--force", WEB])?;
    let others: Vec<&Host> = lab.hosts.iter().skip(1).collect();
    lab.wait_service(&others, secs(10))?;
    lab.wait_answers(&others)?;
    host.docker.run(&["rm", "--force", EVIL])?;
    lab.wait_route(&format!("{v4}/32"), &[], secs(10))
}

/// What the host could be made to believe.
#[derive(Debug, PartialEq, Eq)]
struct Known {
    /// Neighbours on the plugin's bridges.
    neighbours: BTreeSet<String>,
    /// The router's hardware address.
    router: String,
    /// Routes to service addresses.
    routes: BTreeSet<String>,
}

impl Known {
    fn of(host: &Host) -> Result<Self> {
        let mut neighbours = BTreeSet::new();
        let evil = bridge(host, EVIL)?;
        for link in host.plugin_links()? {
            for family in ["-4", "-6"] {
                let shown = host.netns.ip(&format!("{family} neigh show dev {link}"))?;
                // On its own bridge a container may say what it likes: no route of another leads
                // there. Only what was put there by hand has to stay.
                let counts = |line: &&str| link != evil || line.contains("PERMANENT");
                let lines = shown.lines().filter(|line| !line.starts_with("fe80"));
                neighbours.extend(
                    lines
                        .filter(counts)
                        .map(|line| format!("{link} {}", line.trim())),
                );
            }
        }
        let router = host
            .netns
            .ip(&format!("neigh show {ROUTER_V4} dev uplink"))?;
        let router = router.split_whitespace();
        let router = router.skip_while(|word| *word != "lladdr").nth(1);
        let mut routes = BTreeSet::new();
        for family in ["-4", "-6"] {
            let shown = host.netns.ip(&format!("{family} route show proto bgp"))?;
            routes.extend(shown.lines().map(|line| line.trim().to_owned()));
        }
        Ok(Self {
            neighbours,
            router: router.context("the host knows its router")?.to_owned(),
            routes,
        })
    }
}

impl Known {
    fn all(&self) -> BTreeSet<&String> {
        self.neighbours.iter().chain(&self.routes).collect()
    }
}

/// The bridge of a network.
fn bridge(host: &Host, network: &str) -> Result<String> {
    let id = host.docker.inspect("network", network)?["Id"].clone();
    let id = id.as_str().and_then(|id| id.get(..9));
    Ok(format!("bgplb-{}", id.context("a network has an id")?))
}

/// The container's link with this address.
fn link_to(host: &Host, address: &str) -> Result<String> {
    let shown = inside(host, &["ip", "-o", "-4", "addr"])?;
    let line = shown.lines().find(|line| line.contains(address));
    let link = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(link.context("the container has its address")?.to_owned())
}

fn inside(host: &Host, command: &[&str]) -> Result<String> {
    host.docker.run(&[&["exec", EVIL], command].concat())
}

/// Takes the victim's addresses, another network's and the router's, and tells everybody.
fn attack(host: &Host, link: &str) -> Result<String> {
    let victim = link_to_mac(host)?;
    let mut script = format!("busybox sysctl -w net.ipv6.conf.{link}.ndisc_notify=1\n");
    let router: IpAddr = ROUTER_V4.into();
    let foreign = ["10.0.0.121".parse()?, router, host.site.v4.into()];
    let claimed = service_addresses()?.into_iter().chain(foreign);
    for address in claimed {
        if address.is_ipv6() {
            script += &format!("ip addr add {address}/128 dev {link}\n");
        } else {
            script += &format!("ip addr add {address}/32 dev {link}\n");
            // As announcement, as answer, and as question.
            for kind in ["-U", "-A"] {
                script += &format!("busybox arping {kind} -c 2 -I {link} {address}\n");
            }
            script += &format!(
                "busybox arping -c 1 -w 1 -s {address} -I {link} {v4}\n",
                v4 = host.site.v4
            );
        }
    }
    // The victim's hardware address, and packets that come from the victim's.
    script += &format!(
        "ip link set {link} down; ip link set {link} address {victim}; ip link set {link} up\n"
    );
    script += &format!(
        "busybox arping -U -c 2 -I {link} {}\n",
        service_addresses()?[0]
    );
    script += &format!(
        "busybox ping -c 2 -W 1 -I {} {}\n",
        service_addresses()?[0],
        host.site.v4
    );
    script += &format!(
        "ip addr add {}/128 dev {link}; ip addr add {}/128 dev {link}\n",
        service_addresses()?[1],
        OWN[1]
    );
    // Until it has found nobody else with them, a second or two later, and told everybody.
    script += &format!(
        "for _ in 1 2 3 4 5 6 7 8 9 10; do
           ip -o -6 addr show dev {link} | busybox grep -q tentative || break
           busybox sleep 1
         done\n"
    );
    Ok(script)
}

/// The victim's hardware address on its service network.
fn link_to_mac(host: &Host) -> Result<String> {
    let networks = host.docker.inspect("container", WEB)?["NetworkSettings"]["Networks"].clone();
    let mac = networks[WEB]["MacAddress"].as_str().unwrap_or_default();
    ensure!(!mac.is_empty(), "{WEB} has no hardware address: {networks}");
    Ok(mac.to_owned())
}
