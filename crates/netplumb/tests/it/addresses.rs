//! Addresses in a real kernel.

use netplumb::{Desired, Kernel as _, Netlink, NextHopSpec, Op, RouteSpec};

use crate::world::{addr, bridge, in_namespace, ip, name, settle};

#[test]
fn another_prefix_length_of_the_same_address_takes_its_place() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        for (long, short) in [
            ("10.0.0.1/32", "10.0.0.1/24"),
            ("2001:db8::1/128", "2001:db8::1/64"),
        ] {
            for net in [long, short, long] {
                let mut desired = Desired::default();
                desired.insert_link(bridge("br0"));
                desired.insert_addr(addr("br0", net));
                settle(&mut kernel, &desired);
            }
            kernel.apply(&Op::AddAddr(addr("br0", long))).unwrap();
        }
        let error = kernel
            .apply(&Op::AddAddr(addr("br0", "2001:db8::1/64")))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "add 2001:db8::1/64 to br0: File exists (EEXIST): the link has it as 2001:db8::1/128: kernel says: ipv6: address already assigned"
        );
    });
}

#[test]
fn addresses_are_grouped_by_link() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        kernel.apply(&Op::CreateLink(bridge("br0"))).unwrap();
        for net in ["10.1.0.1/24", "2001:db8::1/64"] {
            kernel.apply(&Op::AddAddr(addr("br0", net))).unwrap();
        }
        let groups = kernel.addresses().unwrap();
        let (_, br0) = groups
            .iter()
            .find(|(link, _)| *link == name("br0"))
            .unwrap();
        assert!(br0.contains(&"10.1.0.1/24".parse().unwrap()));
        assert!(br0.contains(&"2001:db8::1/64".parse().unwrap()));
        let (_, lo) = groups.iter().find(|(link, _)| *link == name("lo")).unwrap();
        assert!(lo.contains(&"127.0.0.1/8".parse().unwrap()));
    });
}

#[test]
fn a_link_local_ipv4_address_is_not_the_source_of_what_goes_further() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        ip("addr add 192.0.2.1/32 dev lo");
        kernel.apply(&Op::CreateLink(bridge("br0"))).unwrap();
        for dst in ["10.0.0.101/32", "10.0.0.102/32"] {
            let hop = NextHopSpec {
                onlink: true,
                ..NextHopSpec::via_link("169.254.1.1".parse().unwrap(), name("br0"))
            };
            let route = RouteSpec::new(dst.parse().unwrap(), vec![hop]);
            kernel.apply(&Op::ReplaceRoute(route)).unwrap();
        }
        let source = |to: &str| {
            let route = ip(&format!("-o route get {to}"));
            let mut words = route.split_whitespace().skip_while(|it| *it != "src");
            words.nth(1).unwrap().to_owned()
        };
        let link_local = addr("br0", "169.254.65.0/32");
        kernel.apply(&Op::AddAddr(link_local)).unwrap();
        assert_eq!(source("10.0.0.101"), "192.0.2.1");
        // Any other on the link is.
        let global = addr("br0", "192.0.2.9/32");
        kernel.apply(&Op::AddAddr(global)).unwrap();
        assert_eq!(source("10.0.0.102"), "192.0.2.9");
    });
}
