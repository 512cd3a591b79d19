//! What an error says.

use netplumb::{Kernel as _, LinkKind, LinkSpec, Netlink, NextHopSpec, Op};

use crate::world::{MARK, addr, bridge, in_namespace, ip, name, route, veth, via};

#[test]
fn errors_carry_the_kernels_reason() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let message = |kernel: &mut Netlink, op: Op| kernel.apply(&op).unwrap_err().to_string();

        let mut bad = bridge("web");
        bad.kind = LinkKind::Bridge(netplumb::BridgeSpec {
            group_fwd_mask: Some(1),
            ..Default::default()
        });
        assert_eq!(
            message(&mut kernel, Op::CreateLink(bad)),
            "create bridge web: Invalid argument (EINVAL)"
        );

        let flat = LinkSpec::new(
            name("web"),
            LinkKind::Bridge(Default::default()),
            format!("{MARK}web"),
        );
        let text = message(&mut kernel, Op::CreateLink(flat.with_mtu(10)));
        assert!(text.contains("kernel says: mtu"), "{text}");

        kernel.apply(&Op::CreateLink(bridge("br0"))).unwrap();
        let text = message(
            &mut kernel,
            Op::ReplaceRoute(route("10.9.0.0/16", &[via("10.1.0.2", "br0")])),
        );
        assert_eq!(
            text,
            "replace route 10.9.0.0/16 metric 0 protocol 186: Network is unreachable (ENETUNREACH): kernel says: Nexthop has invalid gateway"
        );
        assert_eq!(
            message(&mut kernel, Op::AddAddr(addr("none", "10.0.0.1/32"))),
            "add 10.0.0.1/32 to none: there is no link `none`"
        );
        let on_two_links = [
            NextHopSpec::on_link(name("br0")),
            NextHopSpec::on_link(name("lo")),
        ];
        let text = message(
            &mut kernel,
            Op::ReplaceRoute(route("2001:db8:99::/48", &on_two_links)),
        );
        assert!(
            text.contains("Device only routes can not be added for IPv6 using the multipath API"),
            "{text}"
        );

        kernel
            .apply(&Op::CreateLink(veth("veth0", "inner0")))
            .unwrap();
        let text = message(&mut kernel, Op::CreateLink(veth("veth1", "inner0")));
        assert!(
            text.contains("the name of the peer, `inner0`, is taken"),
            "{text}"
        );
        let lost = veth("veth2", "inner2").with_master(name("none"));
        assert_eq!(
            message(&mut kernel, Op::CreateLink(lost)),
            "create veth veth2 with peer inner2: there is no link `none`"
        );
        let text = message(
            &mut kernel,
            Op::CreateLink(veth("veth3", "inner3").with_master(name("lo"))),
        );
        assert!(text.contains("(EOPNOTSUPP)"), "{text}");
        let links = ip("-br link");
        assert_eq!(
            links.lines().count(),
            4,
            "a failed creation leaves nothing: {links}"
        );
    });
}

#[test]
fn a_link_type_the_kernel_lacks_is_named() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let spec = LinkSpec::new(name("web"), LinkKind::Dummy, format!("{MARK}web"));
        match kernel.apply(&Op::CreateLink(spec)) {
            Ok(()) => assert!(ip("-d link show web").contains("dummy")),
            Err(error) => {
                assert_eq!(
                    error.to_string(),
                    "create dummy web: Operation not supported (EOPNOTSUPP): the kernel lacks the `dummy` link type: kernel says: Unknown device type"
                );
                assert_eq!(error.kernel_message(), Some("Unknown device type"));
            }
        }
    });
}
