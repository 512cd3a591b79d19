//! Faults in the way of packets, made in a real kernel: seen when they are made,
//! and gone with the command that the finding names, or by the plugin itself.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use serde_json::{Value, json};

use super::hostcheck::{V4, V6, found, in_namespace, set};
use super::watched::{ip, world};
use super::{NETWORK, Policy, World, slow};
use crate::naming;

/// A host with a link towards the router of the tests' site, and a plugin that
/// looks only when it is told that something has changed.
async fn host(name: &str, mend_host: bool) -> World {
    let policy = Policy {
        mend_host,
        ..slow()
    };
    host_of(name, policy, json!({})).await
}

/// The same for a network with these options.
pub(super) async fn host_with(name: &str, options: Value) -> World {
    host_of(name, slow(), options).await
}

async fn host_of(name: &str, policy: Policy, options: Value) -> World {
    set(V4, "1");
    set(V6, "1");
    ip("link add eth0 type veth peer name router");
    ip("link set router up");
    ip("link set eth0 up");
    ip("addr add 192.0.2.9/24 dev eth0");
    let world = world(name, policy);
    let made = world.create_network_with(NETWORK, "10.0.0.101/32", options);
    assert_eq!(made.await.0, 200);
    found(&world, &[]).await;
    world
}

pub(super) fn run(line: &str) -> bool {
    let status = Command::new("sh").args(["-c", line]).status();
    status.unwrap().success()
}

/// Whether there is an iptables of this kind; says so if there is not.
pub(super) fn has(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        writeln!(std::io::stderr(), "skipped: {program} is not there").unwrap();
    }
    there
}

/// Does what the first finding says.
pub(super) async fn follow_remedy(world: &World) {
    let remedy = world
        .controller
        .ask(|controller| {
            let mut findings = controller.findings().keys();
            findings.next().map(host_check::Finding::remedy)
        })
        .await
        .unwrap();
    let remedy = remedy.expect("a finding");
    assert!(run(&remedy), "{remedy}");
}

fn value(switch: &str) -> String {
    let value = fs::read_to_string(format!("/proc/sys/net/{switch}")).unwrap();
    value.trim().to_owned()
}

#[test]
fn what_drops_forwarded_packets_is_seen_at_once_and_its_command_mends_it() {
    if !has("iptables-nft") {
        return;
    }
    in_namespace(|| async {
        let world = host("hostpath-forward", false).await;
        assert!(run("iptables-nft -P FORWARD DROP"));
        found(&world, &["forward-dropped"]).await;
        follow_remedy(&world).await;
        found(&world, &[]).await;
        assert!(run("ip6tables-nft -N DOCKER-USER"));
        assert!(run("ip6tables-nft -A FORWARD -j DOCKER-USER"));
        assert!(run("ip6tables-nft -A FORWARD -j REJECT"));
        found(&world, &["forward-dropped"]).await;
        follow_remedy(&world).await;
        found(&world, &[]).await;
        assert!(run(
            "ip6tables-nft -C DOCKER-USER -o bgplb-+ -j ACCEPT && ip6tables-nft -F"
        ));
    });
}

#[test]
fn what_drops_the_answers_is_seen_too() {
    if !has("ip6tables-nft") {
        return;
    }
    in_namespace(|| async {
        let world = host("hostpath-answers", false).await;
        // Whatever its name, it is known by its address.
        ip("link add gateway type bridge");
        ip("link set gateway up");
        ip("addr add 2001:db8:9::1/64 dev gateway nodad");
        let network = healthwatch::Network {
            id: "90dba0e0c1b2a3d4".to_owned(),
            name: "gateway".to_owned(),
            driver: "bridge".to_owned(),
            labels: Default::default(),
            subnets: vec!["2001:db8:9::/64".parse().unwrap()],
        };
        world
            .observe(healthwatch::Observation::Network(network))
            .await;
        // To our links everything may pass, but nothing back.
        assert!(run("ip6tables-nft -A FORWARD -o bgplb-+ -j ACCEPT"));
        assert!(run("ip6tables-nft -P FORWARD DROP"));
        found(&world, &["answers-dropped"]).await;
        follow_remedy(&world).await;
        found(&world, &[]).await;
    });
}

#[test]
fn a_native_chain_is_named_with_a_command_of_nft() {
    if !has("nft") {
        return;
    }
    in_namespace(|| async {
        let world = host("hostpath-nft", false).await;
        assert!(run("nft 'add table inet fw'"));
        assert!(run(
            "nft 'add chain inet fw fwd_ { type filter hook forward priority 0; policy drop; }'"
        ));
        found(&world, &["forward-dropped"]).await;
        follow_remedy(&world).await;
        found(&world, &[]).await;
    });
}

#[test]
fn switches_are_seen_at_once_and_their_commands_mend_them() {
    in_namespace(|| async {
        let world = host("hostpath-switches", false).await;
        ip("link add docker0 type bridge");
        for (switch, value, code) in [
            (V4, "0", "forwarding-ipv4-off"),
            (V6, "0", "forwarding-ipv6-off"),
            ("ipv4/conf/docker0/rp_filter", "1", "rp-filter-strict"),
        ] {
            set(switch, value);
            let code: &'static [&'static str] = Box::leak(Box::new([code]));
            found(&world, code).await;
            follow_remedy(&world).await;
            found(&world, &[]).await;
        }
    });
}

#[test]
fn another_mtu_of_the_uplink_is_seen_at_once() {
    in_namespace(|| async {
        let world = host("hostpath-mtu", false).await;
        for mtu in [1400, 9000] {
            ip(&format!("link set eth0 mtu {mtu}"));
            found(&world, &["mtu-differs"]).await;
            follow_remedy(&world).await;
            found(&world, &[]).await;
        }
    });
}

#[test]
fn the_plugin_mends_what_is_safe_if_it_is_told_to() {
    if !has("iptables-nft") {
        return;
    }
    in_namespace(|| async {
        let world = host("hostpath-mend", true).await;
        ip("link add docker0 type bridge");
        set("ipv6/conf/eth0/accept_ra", "1");
        for switch in [V4, V6] {
            set(switch, "0");
        }
        set("ipv4/conf/docker0/rp_filter", "1");
        assert!(run("iptables-nft -P FORWARD DROP"));
        assert!(run("ip6tables-nft -N DOCKER-USER"));
        assert!(run("ip6tables-nft -A FORWARD -j DOCKER-USER"));
        assert!(run("ip6tables-nft -P FORWARD DROP"));
        // What is not ours alone it leaves.
        ip("link set eth0 mtu 1400");
        let mended = || {
            value(V4) == "1"
                && value(V6) == "1"
                && value("ipv4/conf/docker0/rp_filter") == "2"
                && run("iptables-nft -C FORWARD -o bgplb-+ -j ACCEPT 2> /dev/null")
                && run("ip6tables-nft -C DOCKER-USER -o bgplb-+ -j ACCEPT 2> /dev/null")
        };
        for _ in 0..100 {
            if mended() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert!(mended(), "{} {}", value(V4), value(V6));
        found(&world, &["mtu-differs"]).await;
        assert_eq!(value("ipv6/conf/eth0/accept_ra"), "2", "heard as before");
        let links = Command::new("ip").args(["link", "show", "eth0"]).output();
        let links = String::from_utf8(links.unwrap().stdout).unwrap();
        assert!(links.contains("mtu 1400"), "{links}");
        let bridge = naming::bridge(NETWORK).to_string();
        assert!(run(&format!("ip link show {bridge} | grep -q 'mtu 1500'")));
    });
}

#[test]
fn who_undoes_what_was_mended_is_not_fought() {
    in_namespace(|| async {
        let world = host("hostpath-fight", true).await;
        let is = |wanted: &'static str| async move {
            for _ in 0..100 {
                if value(V4) == wanted {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            panic!("{V4} is {}", value(V4));
        };
        set(V4, "0");
        is("1").await;
        set(V4, "0");
        // It is told of instead.
        found(&world, &["forwarding-ipv4-off"]).await;
        assert_eq!(value(V4), "0");
    });
}
