//! Messages as trees.

use bgp_wire::DecodeContext;
use expect_test::{Expect, expect};

use crate::{EXTERNAL, OLD, hex, message};

fn check(ctx: DecodeContext, text: &str, tree: Expect) {
    let body = hex(text);
    let length = u16::try_from(body.len() + 18).unwrap().to_be_bytes();
    let octets = [&[0xff; 16][..], &length, &body].concat();
    tree.assert_eq(&message(&octets).view().unwrap().tree(ctx).to_string());
}

#[test]
fn open() {
    check(
        EXTERNAL,
        "01 04 fc00 005a 0a000001 14 0212 0104 0001 00 01 4104 0000fc00 0901 00 02 01 00",
        expect![[r#"
            OPEN
              version 4
              as 64512
              hold-time 90 s
              identifier 10.0.0.1
              capabilities
                multiprotocol ipv4-unicast
                four-octet-as 64512
                role provider
                capability 2 is malformed: 00"#]],
    );
}

#[test]
fn keepalive() {
    check(EXTERNAL, "04", expect!["KEEPALIVE"]);
}

#[test]
fn notification() {
    check(
        EXTERNAL,
        "03 06 02 08 757067726164 6521",
        expect![[r#"
        NOTIFICATION
          code Cease / Administrative Shutdown (6/2)
          communication upgrade!
          data 087570677261646521"#]],
    );
    check(
        EXTERNAL,
        "03 02 0b",
        expect![[r#"
        NOTIFICATION
          code OPEN Message Error / Role Mismatch (2/11)"#]],
    );
}

#[test]
fn route_refresh() {
    check(
        EXTERNAL,
        "05 0002 00 01",
        expect![[r#"
        ROUTE-REFRESH
          subtype request
          family ipv6-unicast"#]],
    );
}

#[test]
fn update_with_all_kinds_of_attributes() {
    check(
        EXTERNAL,
        "02 0004 18 cb0071 009a
         90 0e 0026 0002 01 10 20010db8000000000000000000000001 00
                    80 20010db8100000000000000000000101
         40 01 01 00  40 02 06 02 01 0000fc00  40 03 04 c0000201  80 04 04 00000032  40 06 00
         c0 07 08 0000fc00 c0000201
         e0 08 08 ffff0000 fc000064  80 0f 07 0001 02 18 0a0000
         c0 10 10 0002fc0000000064 4004fc004cee6b28  c0 20 0c fa56ea00 00000001 00000002
         c0 23 04 0000fc00  e0 c8 03 010203  80 c9 00
         20 0a000065 09 0a80",
        expect![[r#"
            UPDATE
              withdrawn routes
                203.0.113.0/24
              path attributes
                MP_REACH_NLRI (optional non-transitive)
                  family ipv6-unicast
                  next-hop 2001:db8::1
                  2001:db8:1000::101/128
                ORIGIN (well-known): igp
                AS_PATH (well-known): 64512
                NEXT_HOP (well-known): 192.0.2.1
                MULTI_EXIT_DISC (optional non-transitive): 50
                ATOMIC_AGGREGATE (well-known)
                AGGREGATOR (optional transitive): 64512 192.0.2.1
                COMMUNITIES (optional transitive partial)
                  graceful-shutdown
                  64512:100
                MP_UNREACH_NLRI (optional non-transitive)
                  family ipv4-multicast
                  10.0.0.0/24
                EXTENDED_COMMUNITIES (optional transitive)
                  target:64512:100
                  link-bandwidth:64512:125000000
                LARGE_COMMUNITIES (optional transitive)
                  4200000000:1:2
                ONLY_TO_CUSTOMER (optional transitive): 64512
                attribute 200 (optional transitive partial): 010203
                attribute 201 (optional non-transitive): nothing
              nlri
                10.0.0.101/32
                10.128.0.0/9"#]],
    );
}

#[test]
fn update_of_a_family_not_read_here() {
    check(
        EXTERNAL,
        "02 0000 0015 80 0e 0b 0019 46 04 c0000201 00 ffff  40 01 01 00  40 02 00",
        expect![[r#"
            UPDATE
              path attributes
                MP_REACH_NLRI (optional non-transitive)
                  family afi-25-safi-70
                  next-hop c0000201
                  nlri ffff
                ORIGIN (well-known): igp
                AS_PATH (well-known): empty"#]],
    );
}

#[test]
fn update_of_a_speaker_of_two_octets() {
    check(
        OLD,
        "02 0000 0037 40 01 01 00  40 02 08 02 03 fbf4 5ba0 5ba0  40 03 04 c0000201
         c0 07 06 5ba0 c0000201  c0 11 0a 02 02 00010001 00010002
         c0 12 08 00010001 c0000202  08 0a",
        expect![[r#"
            UPDATE
              path attributes
                ORIGIN (well-known): igp
                AS_PATH (well-known): 64500 23456 23456
                NEXT_HOP (well-known): 192.0.2.1
                AGGREGATOR (optional transitive): 23456 192.0.2.1
                AS4_PATH (optional transitive): 65537 65538
                AS4_AGGREGATOR (optional transitive): 65537 192.0.2.2
              nlri
                10.0.0.0/8
              merged path: 64500 65537 65538"#]],
    );
}

#[test]
fn faults_are_told_where_they_are() {
    check(
        EXTERNAL,
        "02 0000 001f 40 01 01 07  40 05 04 00000064  40 06 01 00  40 01 01 00  80 0f 05 0002 01 81 20
         c0 08 08 00  08 0a",
        expect![[r#"
            UPDATE
              path attributes
                ORIGIN (well-known)
                  treat-as-withdraw: origin 7 is undefined: 07
                LOCAL_PREF (well-known)
                  attribute-discard: LOCAL_PREF is not expected on this session: 00000064
                ATOMIC_AGGREGATE (well-known)
                  attribute-discard: ATOMIC_AGGREGATE has the wrong length: 00
                ORIGIN (well-known)
                  attribute-discard: ORIGIN occurs more than once: 00
                MP_UNREACH_NLRI (optional non-transitive)
                  session-reset: MP_UNREACH_NLRI is malformed: 0002018120
              nlri
                10.0.0.0/8
              treat-as-withdraw: path attributes overrun their field
              treat-as-withdraw: AS_PATH is missing
              treat-as-withdraw: NEXT_HOP is missing
              outcome session-reset"#]],
    );
}

#[test]
fn end_of_rib() {
    check(
        EXTERNAL,
        "02 0000 0000",
        expect![[r#"
        UPDATE
          end-of-rib ipv4-unicast"#]],
    );
}
