//! Which way the kernel would take.

use std::time::Duration;

use netplumb::{Kernel, Netlink, NextHopSpec, Op, Wake, Watch};

use crate::world::{in_namespace, ip, route};

fn way(kernel: &mut Netlink, address: &str) -> Option<String> {
    let ways = kernel.routes_to([address.parse().unwrap()]).unwrap();
    let way = ways.into_iter().next().unwrap()?;
    let hops = way
        .next_hops
        .iter()
        .map(|hop| match (&hop.gateway, &hop.link) {
            (Some(gateway), Some(link)) => format!(" via {gateway} dev {link}"),
            (None, Some(link)) => format!(" dev {link}"),
            _ => panic!("{hop:?}"),
        });
    Some(format!("{}{}", way.key(), hops.collect::<String>()))
}

#[test]
fn the_way_to_an_address_follows_routes_and_links() {
    in_namespace(|| {
        ip("link add near type veth peer name far");
        ip("link set near up");
        ip("link set far up");
        ip("addr add 192.0.2.1/24 dev near");
        ip("addr add 2001:db8::1/64 dev near nodad");
        let mut kernel = Netlink::open().unwrap();
        let connected = Some("192.0.2.0/24 metric 0 protocol 2 dev near".to_owned());
        assert_eq!(way(&mut kernel, "192.0.2.9"), connected);
        let connected6 = Some("2001:db8::/64 metric 256 protocol 2 dev near".to_owned());
        assert_eq!(way(&mut kernel, "2001:db8::9"), connected6);
        assert_eq!(way(&mut kernel, "198.51.100.1"), None);
        assert_eq!(way(&mut kernel, "2001:db8:1::1"), None);
        // What is our own address is no way to somebody else.
        assert_eq!(way(&mut kernel, "192.0.2.1"), None);

        let via = NextHopSpec::via("192.0.2.9".parse().unwrap());
        let learned = route("198.51.100.0/24", &[via]).with_metric(30);
        kernel.apply(&Op::ReplaceRoute(learned)).unwrap();
        let behind =
            Some("198.51.100.0/24 metric 30 protocol 186 via 192.0.2.9 dev near".to_owned());
        assert_eq!(way(&mut kernel, "198.51.100.1"), behind);
        ip("route add blackhole 203.0.113.0/24");
        assert_eq!(way(&mut kernel, "203.0.113.1"), None);

        // The other end of the cable is gone, which the kernel finds out soon.
        let mut watch = Watch::open().unwrap();
        for (end, expected) in [("down", None), ("up", connected)] {
            ip(&format!("link set far {end}"));
            while way(&mut kernel, "192.0.2.9") != expected {
                assert_eq!(watch.wait(SOON).unwrap(), Wake::LookAgain);
            }
        }
        ip("link set near down");
        assert_eq!(way(&mut kernel, "192.0.2.9"), None);
    });
}

const SOON: Duration = Duration::from_secs(30);
