//! Networks whose containers have the host as their gateway.

use std::collections::BTreeMap;

use super::hostcheck::{found, in_namespace, set};
use super::hostpath::{follow_remedy, has, host_with, run};
use super::watched::{has as holds, ip, ours, restored, serve_with, world};
use super::*;
use crate::numbers::Number;

pub(super) fn options() -> Value {
    json!({"bgplb.gateway": "host"})
}

/// The host's addresses on a network's bridge, by network and as what the
/// kernel has.
fn of_network(world: &World) -> [String; 2] {
    let number = world.remembered().networks[NETWORK].number.unwrap();
    host_addresses(number)
}

fn host_addresses(number: Number) -> [String; 2] {
    [
        format!("{}/32", number.host(false)),
        format!("{}/128", number.host(true)),
    ]
}

impl World {
    /// The addresses of the network's bridge.
    fn addresses(&self) -> Vec<String> {
        let bridge = naming::bridge(NETWORK);
        self.kernel.with(|kernel| {
            let addrs = kernel.state().addrs.iter();
            let of_bridge = addrs.filter(|it| it.link == bridge);
            of_bridge.map(|it| it.addr.to_string()).collect()
        })
    }

    async fn join(&self, interface: Value) -> Value {
        let mut body = ids(ENDPOINT);
        body["Interface"] = interface;
        self.ok("NetworkDriver.CreateEndpoint", body).await;
        let mut body = ids(ENDPOINT);
        body["SandboxKey"] = json!("/run/docker/netns/1");
        self.ok("NetworkDriver.Join", body).await
    }
}

async fn network(name: &str) -> World {
    let world = World::new(name);
    let made = world.create_network_with(NETWORK, "10.0.0.101/32", options());
    assert_eq!(made.await.0, 200);
    world
}

#[tokio::test]
async fn a_container_gets_the_host_as_the_gateway_of_each_family_it_has() {
    let (v4, v6) = ("10.0.0.101/32", "2001:db8::101/128");
    for (name, held) in [
        ("gateway-both", [v4, v6]),
        ("gateway-4", [v4, ""]),
        ("gateway-6", ["", v6]),
    ] {
        let world = network(name).await;
        let interface = json!({"Address": held[0], "AddressIPv6": held[1], "MacAddress": ""});
        let joined = world.join(interface).await;
        let addresses = of_network(&world);
        let mut routes = Vec::new();
        for ((address, held), key) in addresses.iter().zip(held).zip(["Gateway", "GatewayIPv6"]) {
            if held.is_empty() {
                assert_eq!(joined.get(key), None, "{joined}");
                continue;
            }
            let gateway = address.split('/').next().unwrap();
            assert_eq!(joined[key], json!(gateway));
            routes.push(json!({"Destination": address, "RouteType": 1, "NextHop": ""}));
        }
        assert_eq!(joined["StaticRoutes"], Value::from(routes));
        assert_eq!(world.addresses(), addresses);
    }
}

#[tokio::test]
async fn without_the_option_a_container_gets_no_gateway() {
    for options in [json!({}), json!({"bgplb.gateway": "docker"})] {
        let world = World::new("gateway-none");
        let made = world.create_network_with(NETWORK, "10.0.0.101/32", options);
        assert_eq!(made.await.0, 200);
        let joined = world.join(json!({"Address": "10.0.0.101/32"})).await;
        for key in ["Gateway", "GatewayIPv6", "StaticRoutes"] {
            assert_eq!(joined.get(key), None, "{joined}");
        }
        assert!(world.addresses().is_empty());
    }
}

#[tokio::test]
async fn a_way_out_of_an_internal_network_is_refused() {
    let world = World::new("gateway-internal");
    let body = json!({
        "NetworkID": NETWORK,
        "Options": {
            "com.docker.network.generic": options(), "com.docker.network.internal": true,
        },
        "IPv4Data": [{"AddressSpace": "bgplb", "Pool": "10.0.0.101/32", "Gateway": "10.0.0.101/32"}],
        "IPv6Data": [],
    });
    let (status, answer) = world.call("NetworkDriver.CreateNetwork", body).await;
    assert_eq!(status, 400, "{answer}");
    let said = answer["Err"].as_str().unwrap();
    assert!(said.contains("bgplb.gateway=host"), "{said}");
    assert!(said.contains("--internal"), "{said}");
    assert!(world.remembered().networks.is_empty());
    assert!(world.kernel.links().is_empty());
}

#[tokio::test]
async fn an_address_that_the_kernel_refuses_leaves_nothing_half_done() {
    for nth in 1..=2 {
        let world = World::new("gateway-refused");
        // The comparison at the start looks twice and finds nothing to do.
        world
            .kernel_settles(|kernel| kernel.with(|k| k.calls()) == 2)
            .await;
        world.kernel.with(|kernel| kernel.fail(nth, EPERM));
        let made = world.create_network_with(NETWORK, "10.0.0.101/32", options());
        let (status, answer) = made.await;
        assert_eq!(status, 500, "{answer}");
        let said = answer["Err"].as_str().unwrap();
        assert!(said.contains("to bgplb-1201b136a"), "{said}");
        assert!(world.remembered().networks.is_empty());
        world
            .kernel_settles(|kernel| kernel.links().is_empty() && world.addresses().is_empty())
            .await;
    }
}

#[tokio::test]
async fn gateways_hold_over_a_crash_and_are_made_again() {
    let first = network("gateway-crash").await;
    first.attach(ENDPOINT).await;
    let addresses = of_network(&first);
    let (directory, kernel) = (first.directory.clone(), first.kernel.clone());
    drop(first);
    // What somebody deletes while no plugin runs.
    kernel.with(|kernel| kernel.state_mut().addrs.clear());
    let world = World::resume(directory, kernel, slow());
    world
        .observe(Observation::Listed {
            containers: vec![container(Level::Serving, &[ENDPOINT])],
            networks: vec![],
        })
        .await;
    world.announced(&BOTH).await;
    world
        .kernel_settles(|_| world.addresses() == addresses)
        .await;
    world.ok("NetworkDriver.DeleteNetwork", ids(ENDPOINT)).await;
    assert!(world.kernel.with(|kernel| kernel.state().addrs.is_empty()));
    assert!(world.kernel.links().is_empty());
}

#[tokio::test]
async fn a_gateway_stays_when_another_option_can_not_be_used_any_more() {
    let first = network("gateway-options").await;
    first.attach(ENDPOINT).await;
    let addresses = of_network(&first);
    let (directory, kernel) = (first.directory.clone(), first.kernel.clone());
    let mut state = first.remembered();
    drop(first);
    let network = state.networks.get_mut(NETWORK).unwrap();
    let gone = BTreeMap::from([("bgplb.peers".to_owned(), "192.0.2.77".to_owned())]);
    network.options.extend(gone);
    store::write(&directory.path, &state).unwrap();
    kernel.with(|kernel| kernel.state_mut().addrs.clear());
    let world = World::resume(directory, kernel, slow());
    world
        .kernel_settles(|_| world.addresses() == addresses)
        .await;
}

#[test]
fn a_gateway_s_address_that_somebody_deletes_is_there_again_at_once() {
    in_namespace(|| async {
        // Nothing is due by time.
        let world = world("gateway-deleted", slow());
        serve_with(&world, options()).await;
        let whole = ours();
        let bridge = naming::bridge(NETWORK);
        let addresses = of_network(&world);
        let wanted = addresses.iter().map(|it| format!("{it} {bridge}"));
        assert!(wanted.eq(whole.addresses.iter().cloned()), "{whole:#?}");
        for (address, times) in addresses.iter().zip(1..) {
            ip(&format!("addr del {address} dev {bridge}"));
            holds(&whole).await;
            world.announced(&BOTH).await;
            assert_eq!(restored(&world).await, times, "each once");
        }
        // IPv6 addresses go with this.
        for change in ["down", "address 02:00:00:00:00:01"] {
            ip(&format!("link set {bridge} {change}"));
            holds(&whole).await;
        }
        ip(&format!("link del {bridge}"));
        holds(&whole).await;
        world.announced(&BOTH).await;
        world.ok("NetworkDriver.Leave", ids(ENDPOINT)).await;
        world
            .ok("NetworkDriver.DeleteEndpoint", ids(ENDPOINT))
            .await;
        world.ok("NetworkDriver.DeleteNetwork", ids(ENDPOINT)).await;
        let left = ours();
        assert!(
            left.addresses.is_empty() && left.links.is_empty(),
            "{left:#?}"
        );
    });
}

#[test]
fn what_drops_the_answers_by_the_network_s_own_bridge_is_seen() {
    if !has("iptables-nft") {
        return;
    }
    in_namespace(|| async {
        let world = host_with("gateway-answers", options()).await;
        // To our links everything may pass, but nothing back.
        for program in ["iptables-nft", "ip6tables-nft"] {
            assert!(run(&format!(
                "{program} -A FORWARD -o bgplb-+ -j ACCEPT && {program} -P FORWARD DROP"
            )));
        }
        for left in [
            &["answers-dropped", "answers-dropped"][..],
            &["answers-dropped"],
        ] {
            found(&world, left).await;
            follow_remedy(&world).await;
        }
        found(&world, &[]).await;
        // The way back is the way there: a strict filter is in nobody's way.
        set("ipv4/conf/all/rp_filter", "1");
        ip("link add docker0 type bridge");
        found(&world, &["rp-filter-strict"]).await;
        follow_remedy(&world).await;
        found(&world, &[]).await;
    });
}
