//! What the kernel knows of the routers on a link.

use std::net::Ipv6Addr;
use std::time::Duration;

use netplumb::{Netlink, RouterLink, Wake, Watch};

use crate::world::{in_namespace, ip, name};

fn addresses(texts: &[&str]) -> Vec<Ipv6Addr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Both ends of a cable, with no addresses.
fn cable() {
    ip("link add near type veth peer name far");
    for end in ["near", "far"] {
        ip(&format!("link set {end} addrgenmode none"));
    }
}

fn look(kernel: &mut Netlink) -> RouterLink {
    kernel.router_link(&name("near")).unwrap().unwrap()
}

#[test]
fn routers_and_silent_neighbours_of_one_link_are_told_apart() {
    in_namespace(|| {
        cable();
        ip("link set near up");
        ip("link set far up");
        for (host, rest) in [
            ("fe80::2", "lladdr 02:00:00:00:00:02 router nud reachable"),
            ("fe80::3", "lladdr 02:00:00:00:00:03 nud reachable"),
            ("fe80::4", "router nud failed"),
            (
                "2001:db8::5",
                "lladdr 02:00:00:00:00:05 router nud reachable",
            ),
        ] {
            ip(&format!("neigh add {host} dev near {rest}"));
        }
        ip("neigh add fe80::9 dev far lladdr 02:00:00:00:00:09 router nud reachable");
        let link = look(&mut Netlink::open().unwrap());
        assert_eq!(link.routers, addresses(&["fe80::2"]));
        assert_eq!(link.unreachable, addresses(&["fe80::4"]));
        assert!(link.running);
        let mac = link.mac.unwrap().to_string();
        assert!(ip("link show near").contains(&mac), "{mac}");
    });
}

#[test]
fn a_link_tells_its_own_addresses_once_they_can_be_used() {
    in_namespace(|| {
        cable();
        let mut kernel = Netlink::open().unwrap();
        assert!(!look(&mut kernel).running);
        ip("link set near up");
        assert!(!look(&mut kernel).running, "the other end is down");
        let mut watch = Watch::open_for_routers().unwrap();
        ip("link set far up");
        assert!(look(&mut kernel).running);
        ip("addr add fe80::1/64 dev near");
        ip("addr add 2001:db8::1/64 dev near nodad");
        // Nobody else has it, which takes the kernel some time to find out.
        assert_eq!(look(&mut kernel).link_local, addresses(&[]));
        while look(&mut kernel).link_local.is_empty() {
            assert_eq!(
                watch.wait(Duration::from_secs(30)).unwrap(),
                Wake::LookAgain
            );
        }
        assert_eq!(look(&mut kernel).link_local, addresses(&["fe80::1"]));
        ip("link del near");
        assert_eq!(kernel.router_link(&name("near")).unwrap(), None);
    });
}

#[test]
fn the_watch_for_routers_sleeps_through_other_neighbours() {
    in_namespace(|| {
        cable();
        ip("link set near up");
        ip("link set far up");
        let mut watch = Watch::open_for_routers().unwrap();
        while watch.wait(Duration::from_millis(100)).unwrap() == Wake::LookAgain {}
        for neighbour in ["fe80::3", "192.0.2.3"] {
            let mac = "lladdr 02:00:00:00:00:03";
            ip(&format!("neigh add {neighbour} dev near {mac} nud noarp"));
        }
        assert_eq!(watch.wait(Duration::from_millis(200)).unwrap(), Wake::Quiet);
        for change in [
            "neigh replace fe80::3 dev near lladdr 02:00:00:00:00:03 router nud noarp",
            "neigh del fe80::3 dev near",
            "link set near down",
        ] {
            ip(change);
            let woken = watch.wait(Duration::from_secs(5)).unwrap();
            assert_eq!(woken, Wake::LookAgain, "{change}");
            while watch.wait(Duration::from_millis(100)).unwrap() == Wake::LookAgain {}
        }
    });
}
