//! Links in a real kernel.

use netplumb::{Desired, Kernel as _, LinkKindState, Netlink, Op, plan, reconcile};

use crate::world::{MARK, addr, bridge, everything, in_namespace, ip, name, owned, settle, veth};

#[test]
fn a_pair_whose_inner_end_lives_in_a_container_is_in_order() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let mut desired = Desired::default();
        desired.insert_link(bridge("br0"));
        desired.insert_link(veth("veth0", "inner0").with_master(name("br0")));
        settle(&mut kernel, &desired);

        let container = Container::start();
        ip(&format!(
            "link set inner0 netns {} name eth0",
            container.0.id()
        ));
        let observed = kernel.observe().unwrap();
        assert_eq!(
            observed.links[&name("veth0")].kind,
            LinkKindState::Veth { peer: None }
        );
        assert_eq!(plan(&desired, &observed, &owned()), []);
        kernel
            .apply(&Op::CreateLink(desired.links[&name("veth0")].clone()))
            .unwrap();

        settle(&mut kernel, &Desired::default());
    });
}

/// A process in a network namespace of its own.
struct Container(std::process::Child);

impl Container {
    fn start() -> Self {
        let mut child = std::process::Command::new("unshare")
            .args(["--net", "sh", "-c", "echo; exec cat"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // The first octet says that the namespace is there.
        let stdout = child.stdout.as_mut().unwrap();
        std::io::Read::read_exact(stdout, &mut [0]).unwrap();
        Self(child)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

#[test]
fn a_foreign_link_of_the_wanted_name_is_left_alone() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        ip("link add web type bridge");
        let mut desired = Desired::default();
        desired.insert_link(bridge("web"));
        desired.insert_addr(addr("web", "10.0.0.1/32"));
        let report = reconcile(&mut kernel, &desired, &owned()).unwrap();
        let [(op, error)] = report.failed.as_slice() else {
            panic!("{report:#?}");
        };
        assert_eq!(*op, Op::CreateLink(bridge("web")));
        assert!(error.is_not_ours());
        assert_eq!(
            error.to_string(),
            "create bridge web: a link of that name exists without a mark, it is not ours and is left alone"
        );
        assert!(!ip("addr show web").contains("10.0.0.1"));

        let error = kernel
            .apply(&Op::CreateLink(veth("web", "inner")))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "create veth web with peer inner: a bridge of that name exists, it is not ours and is left alone"
        );
        let delete = Op::DeleteLink {
            name: name("web"),
            alias: format!("{MARK}web"),
        };
        assert!(kernel.apply(&delete).unwrap_err().is_not_ours());
        ip("link show web");
    });
}

#[test]
fn a_link_with_another_mark_of_ours_is_made_anew() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let mut desired = everything();
        settle(&mut kernel, &desired);
        let before = kernel.observe().unwrap().links[&name("br0")].index;
        let mut other = desired.links[&name("br0")].clone();
        other.alias.push_str("-2");
        desired.insert_link(other);
        settle(&mut kernel, &desired);
        assert_ne!(kernel.observe().unwrap().links[&name("br0")].index, before);
    });
}

#[test]
fn two_owners_in_one_namespace_leave_each_other_alone() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let owner = |mark: &str| netplumb::Owned::new(mark, netplumb::RouteSpec::PROTOCOL_BGP);
        let world = |mark: &str, link: &str, dst: &str| {
            let mut desired = Desired::default();
            desired.insert_link(netplumb::LinkSpec {
                alias: format!("{mark}{link}"),
                ..bridge(link)
            });
            let dst = dst.parse().unwrap();
            desired.insert_route(netplumb::RouteSpec::on_link(dst, name(link)));
            desired.insert_neigh(crate::world::neigh(link, "10.0.0.9", "02:00:00:00:00:01"));
            desired
        };
        let one = (owner("mark:1:"), world("mark:1:", "br1", "10.0.0.1/32"));
        let two = (owner("mark:2:"), world("mark:2:", "br2", "10.0.0.2/32"));
        for (owned, desired) in [&one, &two, &one, &two] {
            assert!(
                reconcile(&mut kernel, desired, owned)
                    .unwrap()
                    .is_complete()
            );
        }
        for (owned, desired) in [&one, &two] {
            assert_eq!(plan(desired, &kernel.observe().unwrap(), owned), []);
        }
        // One that wants nothing any more takes away its own.
        let nothing = Desired::default();
        assert!(
            reconcile(&mut kernel, &nothing, &one.0)
                .unwrap()
                .is_complete()
        );
        assert_eq!(plan(&two.1, &kernel.observe().unwrap(), &two.0), []);
        assert!(!ip("link").contains("br1"));
    });
}

#[test]
fn a_mark_changes_hands_only_if_it_is_the_expected_one() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let mark = |from: &str, to: &str| Op::SetAlias {
            name: name("br0"),
            from: from.to_owned(),
            to: to.to_owned(),
        };
        assert!(kernel.apply(&mark("", "new")).is_err(), "there is no br0");
        ip("link add br0 type bridge");
        kernel.apply(&mark("", "new")).unwrap();
        assert!(ip("link show br0").contains("alias new"));
        let refused = kernel.apply(&mark("old", "newer")).unwrap_err();
        assert!(refused.to_string().contains("`new`"), "{refused}");
        assert!(
            kernel.apply(&mark("new", "")).is_err(),
            "no mark is no owner"
        );
        kernel.apply(&mark("new", "newer")).unwrap();
        kernel.apply(&mark("new", "newer")).unwrap();
        assert!(ip("link show br0").contains("alias newer"));
    });
}
