//! Octets written out by hand from the RFCs' figures, and what they say.

use bgp_wire::{
    Asn, BgpIdentifier, Capability, Family, HoldTime, MessageView, Notification, NotificationCode,
    Open, PathIds, RouteRefresh, encode_end_of_rib, encode_keepalive,
};
use bytes::BytesMut;
use expect_test::{Expect, expect};

use crate::{EXTERNAL, hex, message};

const MARKER: &str = "ffffffffffffffffffffffffffffffff";

fn check(text: &str, line: Expect) {
    line.assert_eq(
        &message(&hex(&format!("{MARKER}{text}")))
            .view()
            .unwrap()
            .to_string(),
    );
}

#[test]
fn keepalive() {
    check("0013 04", expect!["KEEPALIVE"]);
    let mut buf = BytesMut::new();
    encode_keepalive(&mut buf);
    assert_eq!(buf, hex(&format!("{MARKER}0013 04")));
}

#[test]
fn open_with_what_we_announce() {
    let text = "0035 01 04 fc00 005a 0a000001 18
        0216 0104 0001 00 01 0104 0002 00 01 0200 4104 0000fc00 0600";
    check(
        text,
        expect![
            "OPEN as 64512 hold-time 90 identifier 10.0.0.1 capabilities multiprotocol ipv4-unicast, multiprotocol ipv6-unicast, route-refresh, four-octet-as 64512, extended-message"
        ],
    );
    let open = Open {
        asn: Asn::new(64512),
        hold_time: HoldTime::new(90).unwrap(),
        identifier: BgpIdentifier::from(0x0a00_0001),
        capabilities: vec![
            Capability::Multiprotocol(Family::IPV4_UNICAST),
            Capability::Multiprotocol(Family::IPV6_UNICAST),
            Capability::RouteRefresh,
            Capability::FourOctetAs(Asn::new(64512)),
            Capability::ExtendedMessage,
        ],
    };
    let mut buf = BytesMut::new();
    open.encode(&mut buf).unwrap();
    assert_eq!(buf, hex(&format!("{MARKER}{text}")));
}

#[test]
fn open_of_the_extended_form() {
    check(
        "0029 01 04 5ba0 00b4 c0000201 ff ff 0009 02 0006 4104 fa56ea00",
        expect![
            "OPEN as 23456 hold-time 180 identifier 192.0.2.1 capabilities four-octet-as 4200000000"
        ],
    );
}

#[test]
fn open_with_lists() {
    check(
        "0037 01 04 fc00 0000 c0000201 1a 0218
         4006 8078 0001 01 80  4504 0001 01 03  0506 0001 0001 0002  4600",
        expect![
            "OPEN as 64512 hold-time 0 identifier 192.0.2.1 capabilities graceful-restart 120 s ipv4-unicast, add-path ipv4-unicast/both, extended-next-hop ipv4-unicast/ipv6, enhanced-route-refresh"
        ],
    );
}

#[test]
fn open_with_a_role_and_long_lived_graceful_restart() {
    check(
        "0035 01 04 fc00 0000 c0000201 18 0216
         0901 03  4707 0001 01 80 015180  4708 0002 01 00 000078 00",
        expect![
            "OPEN as 64512 hold-time 0 identifier 192.0.2.1 capabilities role customer, long-lived-graceful-restart ipv4-unicast/86400 s, <capability 71 is malformed>"
        ],
    );
}

#[test]
fn update_of_ipv4() {
    check(
        "003a 02 0004 18 cb0071 0017
         40 01 01 00  40 02 06 02 01 0000fc00  40 03 04 c0000201  40 06 00
         20 0a000065 09 0a80",
        expect![
            "UPDATE withdraw 203.0.113.0/24 announce 10.0.0.101/32 10.128.0.0/9 next-hop 192.0.2.1 origin igp as-path [64512] atomic-aggregate"
        ],
    );
}

#[test]
fn update_of_ipv6_with_communities() {
    check(
        "0069 02 0000 0052
         90 0e 0026 0002 01 10 20010db8000000000000000000000001 00
                    80 20010db8100000000000000000000101
         40 01 01 02  40 02 00  80 04 04 00000032
         c0 08 08 ffff0000 fc000064  c0 20 0c fa56ea00 00000001 00000002",
        expect![
            "UPDATE announce ipv6-unicast 2001:db8:1000::101/128 next-hop 2001:db8::1 origin incomplete as-path [] med 50 communities [graceful-shutdown 64512:100] large-communities [4200000000:1:2]"
        ],
    );
}

#[test]
fn update_with_path_identifiers() {
    let octets = hex(&format!(
        "{MARKER} 004e 02 0009 00000007 20 cb007101 002e
         80 0e 1e 0002 01 10 20010db8000000000000000000000001 00 00000009 20 20010db8
         40 01 01 00  40 02 06 02 01 0000fc00"
    ));
    let raw = message(&octets);
    let Ok(MessageView::Update(update)) = raw.view() else {
        panic!("not an UPDATE");
    };
    let ids = PathIds::from_iter([Family::IPV4_UNICAST, Family::IPV6_UNICAST]);
    expect!["UPDATE withdraw 203.0.113.1/32 path 7 announce ipv6-unicast 2001:db8::/32 path 9 next-hop 2001:db8::1 origin igp as-path [64512]"]
        .assert_eq(&update.display(EXTERNAL.with_path_ids(ids)).to_string());
    // Who does not know that they are there reads default routes and rubbish.
    let judgement = update.judge(EXTERNAL);
    assert!(judgement.fault().is_some());
}

#[test]
fn end_of_rib() {
    let ipv4 = "0017 02 0000 0000";
    let ipv6 = "001d 02 0000 0006 80 0f 03 0002 01";
    check(ipv4, expect!["UPDATE end-of-rib ipv4-unicast"]);
    check(ipv6, expect!["UPDATE end-of-rib ipv6-unicast"]);
    for (family, text) in [(Family::IPV4_UNICAST, ipv4), (Family::IPV6_UNICAST, ipv6)] {
        let mut buf = BytesMut::new();
        encode_end_of_rib(&mut buf, family);
        assert_eq!(buf, hex(&format!("{MARKER}{text}")));
    }
}

#[test]
fn notification_with_a_shutdown_communication() {
    let text = "001e 03 06 02 08 757067726164 6521";
    check(
        text,
        expect!["NOTIFICATION Cease / Administrative Shutdown (6/2): upgrade!"],
    );
    let notification = Notification::with_shutdown_communication(
        NotificationCode::CEASE_ADMINISTRATIVE_SHUTDOWN,
        "upgrade!",
    );
    let mut buf = BytesMut::new();
    notification.encode(&mut buf);
    assert_eq!(buf, hex(&format!("{MARKER}{text}")));
}

#[test]
fn route_refresh() {
    check(
        "0017 05 0002 00 01",
        expect!["ROUTE-REFRESH request ipv6-unicast"],
    );
    let mut buf = BytesMut::new();
    RouteRefresh::request(Family::IPV6_UNICAST).encode(&mut buf);
    assert_eq!(buf, hex(&format!("{MARKER}0017 05 0002 00 01")));
}

#[test]
fn a_path_with_a_stray_octet_is_withdrawn_and_costs_no_memory() {
    let octets = hex("ffffffffffffffffffffffffffffffff 0030 02 0000 0015
         40 01 01 00  40 02 07 02 02 1521 1553 02  40 03 04 c3d3de0b  18 c1000e");
    let raw = message(&octets);
    let Ok(MessageView::Update(update)) = raw.view() else {
        panic!("not an UPDATE");
    };
    let mut ctx = EXTERNAL;
    ctx.as_width = bgp_wire::AsWidth::Two;
    expect!["UPDATE announce 193.0.14.0/24 next-hop 195.211.222.11 origin igp; treat-as-withdraw: AS_PATH is malformed"].assert_eq(&update.display(ctx).to_string());
}
