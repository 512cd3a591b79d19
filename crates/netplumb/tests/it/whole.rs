//! Links, addresses, routes and neighbours together in a real kernel.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use netplumb::{
    AddrSpec, Desired, FakeKernel, Kernel as _, Netlink, Observed, Op, plan, reconcile,
};

use crate::world::{MARK, addr, everything, in_namespace, ip, name, owned, settle, veth};

#[test]
fn everything_wanted_is_made_and_a_second_pass_is_empty() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        settle(&mut kernel, &everything());

        let bridge = ip("-d link show br0");
        assert!(bridge.contains("ageing_time 0 "), "{bridge}");
        assert!(bridge.contains("group_fwd_mask 0xfff8 "), "{bridge}");
        assert!(bridge.contains(&format!("alias {MARK}br0")), "{bridge}");
        let veth = ip("-d link show veth0");
        assert!(
            veth.contains("master br0") && veth.contains("mtu 1400"),
            "{veth}"
        );
        let inner = ip("link show inner0");
        assert!(
            inner.contains("02:42:0a:00:00:65") && inner.contains("mtu 1400"),
            "{inner}"
        );
        assert_eq!(
            ip("link")
                .lines()
                .filter(|line| line.contains(": np"))
                .count(),
            0
        );

        assert_eq!(
            ip("route show 10.0.0.101"),
            "10.0.0.101 dev br0 proto bgp scope link"
        );
        assert_eq!(
            ip("route show 10.9.0.0/16"),
            "10.9.0.0/16 proto bgp metric 77\n\
             \tnexthop via 10.1.0.2 dev br0 weight 1\n\
             \tnexthop via 10.1.0.3 dev br0 weight 3"
        );
        assert_eq!(
            ip("-6 route show 2001:db8:0:1000::101"),
            "2001:db8:0:1000::101 dev br0 proto bgp metric 1024 pref medium"
        );
        let v6 = ip("-6 route show table 4242");
        assert!(
            v6.contains("nexthop via 2001:db8:1::2") && v6.contains("nexthop via 2001:db8:1::3"),
            "{v6}"
        );
        assert!(ip("neigh show 10.0.0.101").contains("02:42:0a:00:00:65 PERMANENT"));
        assert!(ip("-6 addr show br0").contains("2001:db8:9::9/128 scope global nodad"));
    });
}

#[test]
fn nothing_wanted_leaves_nothing_of_ours_and_everything_of_others() {
    in_namespace(|| {
        ip("link add foreign type bridge");
        ip("link set foreign up");
        ip("addr add 172.16.0.1/24 dev foreign");
        ip("route add 10.50.0.0/16 dev foreign proto bgp");
        ip("neigh add 172.16.0.9 lladdr 02:00:00:00:00:09 dev foreign");
        let before = (ip("addr"), ip("route show table all"), ip("neigh"));

        let mut kernel = Netlink::open().unwrap();
        settle(&mut kernel, &everything());
        settle(&mut kernel, &Desired::default());

        // Multicast routes of the kernel differ in order only.
        let sorted = |text: String| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let after = (ip("addr"), ip("route show table all"), ip("neigh"));
        assert_eq!(before.0, after.0);
        assert_eq!(sorted(before.1), sorted(after.1));
        assert_eq!(before.2, after.2);
    });
}

#[test]
fn every_operation_can_be_repeated() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let desired = everything();
        let make = plan(&desired, &kernel.observe().unwrap(), &owned());
        for op in make.iter().chain(&make) {
            kernel.apply(op).unwrap();
        }
        // Another handle does not know who made what.
        let mut other = Netlink::open().unwrap();
        for op in &make {
            other.apply(op).unwrap();
        }
        let take = plan(&Desired::default(), &kernel.observe().unwrap(), &owned());
        assert!(!take.is_empty());
        for op in take.iter().chain(&take) {
            other.apply(op).unwrap();
        }
    });
}

#[test]
fn what_somebody_changed_is_put_right() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let desired = everything();
        settle(&mut kernel, &desired);
        for damage in [
            "link set br0 down",
            "link set veth0 nomaster",
            "link set veth0 mtu 1500",
            "link set br0 type bridge ageing_time 30000",
            "addr flush dev br0",
            "addr add 10.66.0.1/24 dev br0",
            "route del 10.0.0.101",
            "route replace 10.0.0.101 dev lo proto bgp",
            "neigh replace 10.0.0.101 lladdr 02:00:00:00:00:01 dev br0",
            "neigh del 10.0.0.101 dev br0",
            "link del veth0",
            "link del br0",
        ] {
            ip(damage);
            assert_ne!(
                plan(&desired, &kernel.observe().unwrap(), &owned()),
                [],
                "{damage}"
            );
            settle(&mut kernel, &desired);
        }
    });
}

#[test]
fn tables_are_read_whole_while_they_change() {
    in_namespace(|| {
        let mut kernel = many_links();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // A thread begins in the namespace of the one that starts it.
            scope.spawn(|| an_address_comes_and_goes(&|| done.load(Ordering::Relaxed)));
            let looks: Vec<_> = (0..3).map(|_| kernel.observe()).collect();
            done.store(true, Ordering::Relaxed);
            for look in looks {
                match look {
                    Ok(observed) => assert_whole(&observed),
                    // Never half an answer.
                    Err(error) => assert!(error.to_string().contains("kept changing"), "{error}"),
                }
            }
        });
    });
}

#[test]
fn tables_that_come_to_a_rest_are_read() {
    in_namespace(|| {
        let mut kernel = many_links();
        let begun = Barrier::new(3);
        let busy = || {
            begun.wait();
            let end = Instant::now() + Duration::from_millis(800);
            an_address_comes_and_goes(&|| Instant::now() > end);
        };
        std::thread::scope(|scope| {
            scope.spawn(busy);
            scope.spawn(busy);
            begun.wait();
            assert_whole(&kernel.observe().unwrap());
        });
    });
}

/// Enough links and addresses for several datagrams of each dump.
fn many_links() -> Netlink {
    let mut kernel = Netlink::open().unwrap();
    for number in 0..100_u8 {
        let link = veth(&format!("v{number}"), &format!("p{number}"));
        kernel.apply(&Op::CreateLink(link)).unwrap();
        for host in 0..40_u8 {
            let net = addr(&format!("v{number}"), &format!("10.1.{number}.{host}/32"));
            kernel.apply(&Op::AddAddr(net)).unwrap();
        }
    }
    kernel
}

/// Makes and deletes an address, as quickly as that goes, until `done`.
fn an_address_comes_and_goes(done: &dyn Fn() -> bool) {
    let mut other = Netlink::open().unwrap();
    let coming = addr("v0", "10.2.0.1/32");
    while !done() {
        // Adding what is there and deleting what is not are no errors.
        other.apply(&Op::AddAddr(coming.clone())).unwrap();
        other.apply(&Op::DeleteAddr(coming.clone())).unwrap();
    }
}

/// All that [`many_links`] made is there.
fn assert_whole(observed: &Observed) {
    let named = |prefix| {
        let names = observed.links.keys();
        names
            .filter(move |name| name.as_str().starts_with(prefix))
            .count()
    };
    assert_eq!([named("v"), named("p")], [100, 100]);
    assert!(observed.addrs.len() >= 4000);
}

#[test]
fn the_fake_kernel_does_as_the_real_one() {
    in_namespace(|| {
        let mut real = Netlink::open().unwrap();
        let mut fake = FakeKernel::new();
        let mut fewer = everything();
        fewer.links.remove(&name("veth0"));
        fewer.addrs.remove(&addr("br0", "10.1.0.1/24"));
        fewer.routes.clear();
        fewer.neighs.clear();
        for desired in [everything(), fewer, everything(), Desired::default()] {
            settle(&mut real, &desired);
            let report = reconcile(&mut fake, &desired, &owned()).unwrap();
            assert!(report.is_complete());
            assert_eq!(essence(&real.observe().unwrap()), essence(fake.state()));
        }
    });
}

/// What both kernels can agree on: nothing the real one makes by itself.
fn essence(observed: &Observed) -> String {
    let mut lines = Vec::new();
    for (name, link) in observed
        .links
        .iter()
        .filter(|(name, _)| name.as_str() != "lo")
    {
        let (kind, master) = (&link.kind, &link.master);
        lines.push(format!(
            "{name} {kind:?} {} {master:?} {}",
            link.up, link.alias
        ));
    }
    let global =
        |addr: &&AddrSpec| addr.link.as_str() != "lo" && !addr.addr.to_string().starts_with("fe80");
    lines.extend(
        observed
            .addrs
            .iter()
            .filter(global)
            .map(|addr| format!("{addr:?}")),
    );
    let bgp = observed
        .routes
        .iter()
        .filter(|(key, _)| key.protocol == 186);
    lines.extend(bgp.map(|(key, route)| format!("{key} {:?}", route.next_hops)));
    lines.extend(observed.neighs.values().map(|neigh| format!("{neigh:?}")));
    lines.join("\n")
}
