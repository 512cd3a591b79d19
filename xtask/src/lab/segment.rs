//! What joins the nodes of a [`Lab`](super::Lab): the router's bridge, and the links to it.

use anyhow::Result;

use super::ROUTER_V4;
use super::host::Site;
use super::netns::Netns;

/// The router's side of the hosts' segment: a bridge, as a switch would be.
pub(super) fn build(router: &Netns) -> Result<()> {
    for key in [
        "net/ipv4/fib_multipath_hash_policy",
        "net/ipv6/fib_multipath_hash_policy",
    ] {
        router.sysctl(key, "1")?;
    }
    router.ip("link add lan type bridge")?;
    router.ip("link set lan up")?;
    router.ip(&format!("address add {ROUTER_V4}/24 dev lan"))?;
    router
        .ip("address add 2001:db8:8::137/64 dev lan nodad")
        .map(drop)
}

/// The client on a link of its own to the router.
pub(super) fn connect_client(router: &Netns, client: &Netns) -> Result<()> {
    let peer = router.name();
    client.ip(&format!(
        "link add eth0 type veth peer name client netns {peer}"
    ))?;
    client.ip("address add 198.51.100.10/24 dev eth0")?;
    client.ip("address add 2001:db8:c::10/64 dev eth0 nodad")?;
    client.ip("link set eth0 up")?;
    router.ip("address add 198.51.100.1/24 dev client")?;
    router.ip("address add 2001:db8:c::1/64 dev client nodad")?;
    router.ip("link set client up")?;
    client.ip("route add default via 198.51.100.1")?;
    client.ip("route add default via 2001:db8:c::1").map(drop)
}

/// A host at the bridge.
pub(super) fn connect_host(router: &Netns, host: &Netns, site: Site) -> Result<()> {
    let (name, peer) = (site.name, router.name());
    host.ip(&format!(
        "link add uplink type veth peer name {name} netns {peer}"
    ))?;
    router.ip(&format!("link set {name} master lan up"))?;
    host.ip(&format!("address add {}/24 dev uplink", site.v4))?;
    host.ip(&format!("address add {}/64 dev uplink nodad", site.v6))?;
    host.ip("link set uplink up")?;
    host.ip(&format!("route add default via {ROUTER_V4}"))?;
    host.ip("route add default via 2001:db8:8::137").map(drop)
}
