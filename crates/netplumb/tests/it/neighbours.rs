//! Neighbours in a real kernel.

use netplumb::{Kernel as _, Netlink, Op};

use crate::world::{bridge, in_namespace, ip, neigh};

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
