//! Links of kinds that not every kernel has.

use netplumb::{
    AddrSpec, Desired, IpvlanFlags, IpvlanMode, IpvlanSpec, Kernel as _, LinkKind, LinkKindState,
    LinkName, LinkSpec, Netlink, NextHopSpec, Op, Owned, RouteSpec, plan, reconcile,
};

use crate::world::Space;

const MARK: &str = "netplumb-test:";

fn name(name: &str) -> LinkName {
    name.parse().unwrap()
}

fn owned() -> Owned {
    Owned::new(MARK, RouteSpec::PROTOCOL_BGP)
}

fn link(link: &str, kind: LinkKind) -> LinkSpec {
    LinkSpec::new(name(link), kind, format!("{MARK}{link}"))
}

fn ipvlan(child: &str, parent: &str, mode: IpvlanMode, flags: IpvlanFlags) -> LinkSpec {
    let parent = name(parent);
    let spec = IpvlanSpec {
        parent,
        mode,
        flags,
    };
    link(child, LinkKind::Ipvlan(spec))
}

fn desired(links: &[LinkSpec], addrs: &[(&str, &str)]) -> Desired {
    let mut desired = Desired::default();
    for link in links {
        desired.insert_link(link.clone());
    }
    for (link, addr) in addrs {
        desired.insert_addr(AddrSpec {
            link: name(link),
            addr: addr.parse().unwrap(),
        });
    }
    desired
}

/// Makes the kernel as desired and looks again whether it is.
fn settle(kernel: &mut Netlink, desired: &Desired) {
    let report = reconcile(kernel, desired, &owned()).unwrap();
    assert!(report.is_complete(), "{report:#?}");
    let rest = plan(desired, &kernel.observe().unwrap(), &owned());
    assert_eq!(rest, [], "a second pass has nothing to do");
}

fn in_space(test: impl FnOnce(&mut Netlink, &Space) + Send) {
    let space = Space::new();
    space.within(|| test(&mut Netlink::open().unwrap(), &space));
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn a_dummy_holds_addresses_of_both_families_even_when_it_is_down() {
    in_space(|kernel, space| {
        let addrs = [("vips", "192.0.2.80/32"), ("vips", "2001:db8:80::80/128")];
        let mut wanted = desired(&[link("vips", LinkKind::Dummy)], &addrs);
        settle(kernel, &wanted);
        let shown = space.ip("-details link show vips");
        assert!(shown.contains("dummy"), "{shown}");
        for (_, addr) in addrs {
            let (address, _) = addr.split_once('/').unwrap();
            assert!(space.ip("addr show vips").contains(address));
            assert!(
                space
                    .ip(&format!("route get {address}"))
                    .starts_with("local")
            );
        }
        // IPv6 addresses need the link to be up; IPv4 ones answer anyway.
        wanted = desired(
            &[LinkSpec {
                up: false,
                ..link("vips", LinkKind::Dummy)
            }],
            &addrs[..1],
        );
        settle(kernel, &wanted);
        assert!(space.ip("route get 192.0.2.80").starts_with("local"));
        settle(kernel, &Desired::default());
        assert!(!space.ip("link").contains("vips"));
    });
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn every_ipvlan_is_shown_as_it_was_wanted() {
    in_space(|kernel, space| {
        for (mode, word) in [
            (IpvlanMode::L2, "l2"),
            (IpvlanMode::L3, "l3"),
            (IpvlanMode::L3s, "l3s"),
        ] {
            for flags in [IpvlanFlags::Bridge, IpvlanFlags::Private, IpvlanFlags::Vepa] {
                let links = [
                    link("parent", LinkKind::Dummy),
                    // Before its parent in the alphabet, and after it.
                    ipvlan("child", "parent", mode, flags),
                    ipvlan("young", "parent", mode, flags),
                ];
                // From one mode to the next the children are made anew.
                settle(kernel, &desired(&links, &[("child", "10.3.0.1/24")]));
                let shown = space.ip("-details link show child");
                let words = format!("ipvlan  mode {word} {flags}");
                assert!(shown.contains(&words), "{words}: {shown}");
                assert_eq!(
                    kernel.observe().unwrap().links[&name("young")].kind,
                    LinkKindState::Ipvlan {
                        parent: Some(name("parent")),
                        mode,
                        flags
                    }
                );
            }
        }
        settle(kernel, &Desired::default());
    });
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn an_ipvlan_that_would_change_others_is_not_made() {
    in_space(|kernel, space| {
        space.ip("link add parent type dummy");
        space.ip("link add theirs link parent type ipvlan mode l3");
        let op = |parent, mode| Op::CreateLink(ipvlan("ours", parent, mode, IpvlanFlags::Bridge));
        let refused = kernel.apply(&op("parent", IpvlanMode::L2)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "create ipvlan ours on parent: all ipvlans of `parent` have one mode: `theirs` is l3 bridge and would turn to l2 bridge"
        );
        assert!(space.ip("-details link show theirs").contains("mode l3"));
        assert!(!space.ip("link").contains("ours"));
        // What the check keeps from happening.
        space.ip("link add bad link parent type ipvlan mode l2");
        assert!(space.ip("-details link show theirs").contains("mode l2"));
        space.ip("link delete bad");

        kernel.apply(&op("parent", IpvlanMode::L2)).unwrap();
        kernel.apply(&op("parent", IpvlanMode::L2)).unwrap();
        let other = kernel.apply(&op("parent", IpvlanMode::L3)).unwrap_err();
        assert!(other.to_string().contains("made anew"), "{other}");
        let below = Op::CreateLink(ipvlan("below", "ours", IpvlanMode::L2, IpvlanFlags::Bridge));
        let below = kernel.apply(&below).unwrap_err();
        assert!(
            below.to_string().contains("an ipvlan of `parent`"),
            "{below}"
        );
        let orphan = ipvlan("orphan", "absent", IpvlanMode::L2, IpvlanFlags::Bridge);
        assert_eq!(
            kernel
                .apply(&Op::CreateLink(orphan))
                .unwrap_err()
                .to_string(),
            "create ipvlan orphan on absent: there is no link `absent`"
        );

        space.ip("link add busy type dummy");
        space.ip("link add macvlan link busy type macvlan");
        let busy = Op::CreateLink(ipvlan(
            "second",
            "busy",
            IpvlanMode::L2,
            IpvlanFlags::Bridge,
        ));
        assert_eq!(
            kernel.apply(&busy).unwrap_err().to_string(),
            "create ipvlan second on busy: Device or resource busy (EBUSY): `busy` serves something else, as a bridge, a bond or a macvlan"
        );
    });
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn a_child_in_a_container_still_tells_its_mode() {
    in_space(|kernel, space| {
        let container = Space::new();
        space.ip("link add parent type dummy");
        space.ip("link add child link parent type ipvlan mode l3s");
        space.ip(&format!("link set child netns {}", container.name()));
        let there = container.within(|| Netlink::open().unwrap().link_states().unwrap());
        let child = there.iter().find(|(link, _)| *link == name("child"));
        assert_eq!(
            child.map(|(_, state)| &state.kind),
            Some(&LinkKindState::Ipvlan {
                parent: None,
                mode: IpvlanMode::L3s,
                flags: IpvlanFlags::Bridge
            })
        );
        // From here it can't be seen.
        let other = ipvlan("ours", "parent", IpvlanMode::L3s, IpvlanFlags::Bridge);
        kernel.apply(&Op::CreateLink(other)).unwrap();
    });
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn routes_stand_in_the_table_of_a_vrf() {
    in_space(|kernel, space| {
        space.ip("link add red type vrf table 777");
        space.ip("link set red up");
        space.ip("link add port type dummy");
        space.ip("link set port master red up");
        let observed = kernel.observe().unwrap();
        let LinkKindState::Vrf { table } = observed.links[&name("red")].kind else {
            panic!("{:#?}", observed.links);
        };
        assert_eq!(table, 777);
        assert_eq!(observed.links[&name("port")].master, Some(name("red")));

        let mut wanted = desired(
            &[],
            &[("port", "10.4.0.1/24"), ("port", "2001:db8:4::1/64")],
        );
        for (dst, gateway) in [
            ("198.51.100.0/24", "10.4.0.2"),
            ("2001:db8:99::/48", "2001:db8:4::2"),
        ] {
            let hop = NextHopSpec::via_link(gateway.parse().unwrap(), name("port"));
            let route = RouteSpec::new(dst.parse().unwrap(), vec![hop]);
            wanted.insert_route(route.with_table(table));
        }
        let owned = owned().with_routes(table, 0).with_routes(table, 1024);
        let report = reconcile(kernel, &wanted, &owned).unwrap();
        assert!(report.is_complete(), "{report:#?}");
        assert_eq!(plan(&wanted, &kernel.observe().unwrap(), &owned), []);
        for (address, gateway) in [
            ("198.51.100.7", "10.4.0.2"),
            ("2001:db8:99::7", "2001:db8:4::2"),
        ] {
            let way = space.ip(&format!("route get {address} vrf red"));
            assert!(way.contains(gateway), "{way}");
        }
        assert!(!space.ip("route show table main").contains("198.51.100.0"));

        wanted.routes.clear();
        let report = reconcile(kernel, &wanted, &owned).unwrap();
        assert!(report.is_complete(), "{report:#?}");
        assert!(!space.ip("route show table 777").contains("198.51.100.0"));
        assert!(
            !space
                .ip("-6 route show table 777")
                .contains("2001:db8:99::")
        );
    });
}
