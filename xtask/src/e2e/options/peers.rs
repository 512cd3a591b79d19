//! `bgplb.peers` with two routers: the laboratory's, and a neighbour made by hand beside it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bgp_wire::{Asn, BgpIdentifier, Capability, Family, HoldTime, MessageView, Open, RawMessage};

use crate::e2e::security::set;
use crate::lab::host::Host;
use crate::lab::netns::Netns;
use crate::lab::peer::Peer;
use crate::lab::router::ROUTER_AS;
use crate::lab::{Lab, ROUTER_V4};
use crate::wait::{secs, until};

/// The second router, in the namespace of the second host: nobody else takes connections there.
const SECOND: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 138);

/// For the first router alone, the second alone, and both: names and addresses.
const FIRSTS: (&str, Ipv4Addr) = ("first", Ipv4Addr::new(10, 0, 0, 111));
const SECONDS: (&str, Ipv4Addr) = ("second", Ipv4Addr::new(10, 0, 0, 112));
const BOTHS: (&str, Ipv4Addr) = ("both", Ipv4Addr::new(10, 0, 0, 113));

pub(super) fn named_peers(lab: &Lab) -> Result<()> {
    let [host, other] = crate::e2e::cases::hosts(lab)?;
    lab.wait_sessions(&lab.all(), secs(30))?;
    let second = format!("address add {SECOND}/24 dev uplink");
    other.netns.ip(&second)?;
    let addresses = format!("PEER_ADDRESS={ROUTER_V4},{SECOND}");
    let result =
        set(host, &[&addresses, "ROUTER_PORT=0"]).and_then(|()| announce(lab, host, &other.netns));
    // Whatever came of it, the next tests count on the settings as they were.
    let cleared = host.clear_services();
    let usual = format!("PEER_ADDRESS={ROUTER_V4}");
    let restored = set(host, &[&usual, "ROUTER_PORT=-1"]);
    let removed = other
        .netns
        .ip(&second.replacen("address add", "address delete", 1));
    result?;
    cleared?;
    restored?;
    removed?;
    lab.wait_sessions(&lab.all(), secs(30))
}

fn announce(lab: &Lab, host: &Host, second: &Netns) -> Result<()> {
    lab.wait_sessions(&lab.all(), secs(30))?;
    let open = open()?;
    // The plugin needs a moment until it listens.
    let peer = until("the second router's session", secs(20), || {
        let [local, remote] = [SECOND, host.site.v4].map(IpAddr::V4);
        Peer::connect(second, local, remote, &open)
    })?;
    let mut heard = Heard::default();
    serve(host, FIRSTS, 41, &[&format!("bgplb.peers={ROUTER_V4}")])?;
    serve(host, SECONDS, 42, &[&format!("bgplb.peers={SECOND}")])?;
    lab.wait_route(&prefix(FIRSTS), &[host], secs(10))?;
    heard.wait(&peer, SECONDS)?;
    // What came later has reached both, so what has not come by now does not.
    serve(host, BOTHS, 43, &[])?;
    lab.wait_route(&prefix(BOTHS), &[host], secs(10))?;
    heard.wait(&peer, BOTHS)?;
    let strange = heard.addresses.contains(&FIRSTS.1);
    ensure!(!strange, "the second router was told of the first one's");
    lab.wait_route(&prefix(SECONDS), &[], Duration::ZERO)
}

fn serve(host: &Host, (name, address): (&str, Ipv4Addr), last: u8, options: &[&str]) -> Result<()> {
    host.create_network_with_options(name, &address.to_string(), options)?;
    let n = host.site.number;
    let v4 = format!("172.23.{n}.{last}");
    let v6 = format!("2001:db8:0:100{n}::{last}");
    host.create_web(name, name, &["--ip", &v4, "--ip6", &v6])?;
    host.docker.run(&["start", name])?;
    host.wait_health(name, "healthy")
}

fn prefix((_, address): (&str, Ipv4Addr)) -> String {
    format!("{address}/32")
}

fn open() -> Result<Open> {
    let asn = Asn::new(ROUTER_AS);
    Ok(Open {
        asn,
        // Longer than the test: it sends no KEEPALIVE.
        hold_time: HoldTime::new(600)?,
        identifier: BgpIdentifier::from(SECOND),
        capabilities: vec![
            Capability::Multiprotocol(Family::IPV4_UNICAST),
            Capability::FourOctetAs(asn),
        ],
    })
}

/// The host addresses a neighbour was told of.
#[derive(Default)]
struct Heard {
    addresses: BTreeSet<Ipv4Addr>,
}

impl Heard {
    fn wait(&mut self, peer: &Peer, (name, address): (&str, Ipv4Addr)) -> Result<()> {
        until(&format!("{name} at the second router"), secs(10), || {
            for message in peer.heard()? {
                self.addresses.extend(told_of(&message)?);
            }
            let all = &self.addresses;
            ensure!(all.contains(&address), "it was told of {all:?}");
            Ok(())
        })
        .context("the second router is told by name")
    }
}

/// The addresses a message announces; who has never been told of a route may be told that it is
/// gone.
fn told_of(message: &RawMessage) -> Result<Vec<Ipv4Addr>> {
    let MessageView::Update(update) = message.view()? else {
        return Ok(Vec::new());
    };
    let routes = update.nlri().map(|route| anyhow::Ok(route?.addr()));
    routes.collect()
}
