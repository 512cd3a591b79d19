//! Neighbours in a real kernel.

use netplumb::{Kernel as _, Netlink, Op};

use crate::world::{bridge, in_namespace, ip, name, neigh, veth};

#[test]
fn a_neighbour_is_replaced_and_deleted() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        kernel.apply(&Op::CreateLink(bridge("br0"))).unwrap();
        for host in ["10.0.0.101", "2001:db8::101"] {
            for mac in ["02:00:00:00:00:01", "02:00:00:00:00:02"] {
                let spec = neigh("br0", host, mac);
                kernel.apply(&Op::ReplaceNeigh(spec.clone())).unwrap();
                assert!(ip(&format!("neigh show {host}")).contains(mac));
                assert_eq!(kernel.observe().unwrap().neighs[&spec.key()], spec);
            }
            let key = neigh("br0", host, "02:00:00:00:00:02").key();
            kernel.apply(&Op::DeleteNeigh(key.clone())).unwrap();
            assert!(!kernel.observe().unwrap().neighs.contains_key(&key));
        }
    });
}

#[test]
fn neighbours_on_a_bridge_with_an_address_of_its_own_stay_when_ports_come_and_go() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let bridge = bridge("br0").with_mac("02:ff:00:00:00:01".parse().unwrap());
        kernel.apply(&Op::CreateLink(bridge.clone())).unwrap();
        let hosts = [
            neigh("br0", "10.0.0.101", "02:00:00:00:00:01"),
            neigh("br0", "2001:db8::101", "02:00:00:00:00:01"),
        ];
        for host in &hosts {
            kernel.apply(&Op::ReplaceNeigh(host.clone())).unwrap();
        }
        let stay = |kernel: &mut Netlink| {
            let observed = kernel.observe().unwrap();
            for host in &hosts {
                assert_eq!(observed.neighs.get(&host.key()), Some(host));
            }
            assert_eq!(observed.links[&name("br0")].mac, bridge.mac);
        };
        let ports = [veth("veth0", "inner0"), veth("veth1", "inner1")];
        for port in ports.clone() {
            let port = port.with_master(name("br0"));
            kernel.apply(&Op::CreateLink(port)).unwrap();
            stay(&mut kernel);
            // Asking for what is there again changes nothing.
            kernel.apply(&Op::CreateLink(bridge.clone())).unwrap();
            stay(&mut kernel);
        }
        for port in ports {
            let (name, alias) = (port.name, port.alias);
            kernel.apply(&Op::DeleteLink { name, alias }).unwrap();
            stay(&mut kernel);
        }
    });
}
