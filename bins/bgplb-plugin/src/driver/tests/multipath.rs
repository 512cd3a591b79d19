//! How addresses are delivered where the kernel has no resilient groups (before
//! Linux 5.13): by multipath routes, which this one takes as well.

use std::collections::BTreeMap;
use std::process::Command;

use lb_plan::{Delivery, Share};
use netplumb::Netlink;

use super::hostcheck::in_namespace;
use super::*;
use crate::datapath::{self, Spread};
use crate::numbers::Numbers;
use crate::store::{EndpointRecord, NetworkRecord};

fn ip(words: &str) -> String {
    let output = Command::new("ip").args(words.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {words}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A network with two containers whose links are made.
fn network(kernel: &mut Netlink) -> NetworkRecord {
    let mut numbers = Numbers::default();
    let endpoints = [ENDPOINT, OTHER].map(|id| {
        let record = EndpointRecord {
            mac: naming::mac(id),
            number: numbers.take(),
            ..EndpointRecord::sample()
        };
        (id.to_owned(), record)
    });
    let record = NetworkRecord {
        v4: Some([10, 0, 0, 101].into()),
        v6: Some("2001:db8::101".parse().unwrap()),
        number: numbers.take(),
        endpoints: BTreeMap::from(endpoints),
        ..NetworkRecord::default()
    };
    apply(kernel, datapath::network(instance(), NETWORK, &record));
    for (id, endpoint) in &record.endpoints {
        let links = datapath::attach(instance(), (NETWORK, &record), (id, endpoint));
        apply(kernel, links);
        // A container has its end up; without it the bridge has no carrier.
        ip(&format!("link set {} up", naming::veth_inside(id)));
    }
    record
}

fn apply(kernel: &mut Netlink, ops: Vec<Op>) {
    for op in ops {
        kernel.apply(&op).unwrap();
    }
}

/// How many containers the kernel spreads an address over.
fn ways() -> [usize; 2] {
    let shown = [
        ip("-4 route show 10.0.0.101 metric 0"),
        ip("-6 route show 2001:db8::101 metric 1024"),
    ];
    shown.map(|text| text.matches("via ").count())
}

#[test]
fn a_kernel_without_groups_spreads_by_multipath_routes() {
    in_namespace(|| async {
        // Without any address of its own a namespace takes no gateway.
        ip("link set lo up");
        let mut kernel = Netlink::open().unwrap();
        let record = network(&mut kernel);
        let to = |ids: &[&str]| -> Delivery {
            let shares = ids.iter().map(|id| ((*id).to_owned(), Share::Full));
            shares.collect()
        };
        let mut before = to(&[]);
        for (serving, count) in [(&[ENDPOINT][..], 1), (&[ENDPOINT, OTHER], 2), (&[OTHER], 1)] {
            let now = to(serving);
            let steps = datapath::deliver(Spread::Multipath, NETWORK, &record, &before, &now);
            apply(&mut kernel, steps);
            assert_eq!(ways(), [count, count], "{}", ip("route"));
            assert_eq!(ip("nexthop show"), "");
            let observed = kernel.observe().unwrap();
            let seen = datapath::delivers_to(&observed, NETWORK, &record);
            assert!(seen.keys().all(|id| now.contains_key(id)), "{seen:?}");
            before = now;
        }
        let end = datapath::stop_delivering(Spread::Multipath, NETWORK, &record);
        apply(&mut kernel, end);
        assert_eq!(ways(), [0, 0]);
        assert_eq!(ip("neigh show nud permanent"), "");
    });
}
