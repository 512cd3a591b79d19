//! A network namespace of the test's own, and iproute2 as a second opinion.
#![allow(unsafe_code)]

use std::io::Write;
use std::process::Command;

use netplumb::{
    AddrSpec, BridgeSpec, Desired, Kernel as _, LinkKind, LinkName, LinkSpec, NeighSpec, Netlink,
    NextHopSpec, Owned, RouteSpec, plan, reconcile,
};

pub(crate) const MARK: &str = "netplumb-test:";

/// Runs `test` on a thread of its own in a new network namespace, which ends
/// with the thread. Says so and does nothing without the right to.
pub(crate) fn in_namespace(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        // SAFETY: `unshare` takes no pointers; it changes the namespace of
        // this thread alone, which ends with the closure.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            let why = std::io::Error::last_os_error();
            // Not by `print!`, which the test harness keeps to itself.
            let line = format!("skipped: no network namespace of our own: {why}\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            return;
        }
        ip("link set lo up");
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs `ip` in this thread's namespace and returns what it prints.
pub(crate) fn ip(args: &str) -> String {
    let output = Command::new("ip").args(args.split(' ')).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {args}: {stderr}");
    // Whether a bridge has carrier is not what is looked at, and iproute2 ends
    // lines with a space.
    let text = String::from_utf8(output.stdout).unwrap();
    let text = text.replace(" linkdown", "");
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// Makes the kernel as desired and looks again whether it is.
pub(crate) fn settle(kernel: &mut Netlink, desired: &Desired) {
    let report = reconcile(kernel, desired, &owned()).unwrap();
    assert!(report.is_complete(), "{report:#?}");
    let rest = plan(desired, &kernel.observe().unwrap(), &owned());
    assert_eq!(rest, [], "a second pass has nothing to do");
}

pub(crate) fn name(name: &str) -> LinkName {
    name.parse().unwrap()
}

pub(crate) fn owned() -> Owned {
    Owned::new(MARK, RouteSpec::PROTOCOL_BGP)
}

pub(crate) fn bridge(link: &str) -> LinkSpec {
    LinkSpec::new(
        name(link),
        LinkKind::Bridge(BridgeSpec::default()),
        format!("{MARK}{link}"),
    )
}

pub(crate) fn veth(link: &str, peer: &str) -> LinkSpec {
    let kind = LinkKind::Veth {
        peer: name(peer),
        peer_mac: None,
    };
    LinkSpec::new(name(link), kind, format!("{MARK}{link}"))
}

pub(crate) fn addr(link: &str, addr: &str) -> AddrSpec {
    AddrSpec {
        link: name(link),
        addr: addr.parse().unwrap(),
    }
}

pub(crate) fn route(dst: &str, hops: &[NextHopSpec]) -> RouteSpec {
    RouteSpec::new(dst.parse().unwrap(), hops.to_vec())
}

pub(crate) fn via(gateway: &str, link: &str) -> NextHopSpec {
    NextHopSpec::via_link(gateway.parse().unwrap(), name(link))
}

pub(crate) fn neigh(link: &str, ip: &str, mac: &str) -> NeighSpec {
    NeighSpec {
        link: name(link),
        ip: ip.parse().unwrap(),
        mac: mac.parse().unwrap(),
    }
}

/// The bridge `br0` with these addresses, for routes to lead by.
pub(crate) fn bridged(addresses: &[&str]) -> Desired {
    let mut desired = Desired::default();
    desired.insert_link(bridge("br0"));
    for address in addresses {
        desired.insert_addr(addr("br0", address));
    }
    desired
}

/// A bridge with a port, addresses of both families, link routes, neighbours
/// and multipath routes of both families.
pub(crate) fn everything() -> Desired {
    let mut desired = Desired::default();
    let bridge_kind = LinkKind::Bridge(BridgeSpec {
        ageing: Some(std::time::Duration::ZERO),
        group_fwd_mask: Some(0xfff8),
    });
    desired.insert_link(LinkSpec {
        kind: bridge_kind,
        ..bridge("br0")
    });
    let port = veth("veth0", "inner0").with_master(name("br0"));
    desired.insert_link(LinkSpec {
        kind: LinkKind::Veth {
            peer: name("inner0"),
            peer_mac: Some("02:42:0a:00:00:65".parse().unwrap()),
        },
        ..port.with_mtu(1400)
    });
    for net in [
        "10.1.0.1/24",
        "192.0.2.9/32",
        "2001:db8:1::1/64",
        "2001:db8:9::9/128",
    ] {
        desired.insert_addr(addr("br0", net));
    }
    for dst in ["10.0.0.101/32", "2001:db8:0:1000::101/128"] {
        desired.insert_route(RouteSpec::on_link(dst.parse().unwrap(), name("br0")));
    }
    for ip in ["10.0.0.101", "2001:db8:0:1000::101"] {
        desired.insert_neigh(neigh("br0", ip, "02:42:0a:00:00:65"));
    }
    let heavy = NextHopSpec {
        weight: 3,
        ..via("10.1.0.3", "br0")
    };
    let v4 = route("10.9.0.0/16", &[via("10.1.0.2", "br0"), heavy]).with_metric(77);
    desired.insert_route(v4);
    let v6 = route(
        "2001:db8:99::/48",
        &[via("2001:db8:1::2", "br0"), via("2001:db8:1::3", "br0")],
    );
    desired.insert_route(v6.with_table(4242));
    desired
}
