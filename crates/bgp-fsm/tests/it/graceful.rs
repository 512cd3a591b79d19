//! A peer that restarts gracefully: RFC 4724, and RFC 8538 where NOTIFICATIONs
//! count.

use bgp_fsm::{Input, State, Support};
use bgp_sim::{Sim, Solo};
use bgp_wire::{Family, NotificationCode};
use expect_test::expect;

use crate::restarts::*;
use crate::support::*;

#[test]
fn a_crashed_peer_is_waited_for_and_told_apart_from_a_new_one() {
    let mut sim = Sim::new();
    sim.transcript().hide_keepalives();
    let (a, b) = sim.pair(("a", graceful(a())), ("b", graceful(b().passive())));
    sim.start(b);
    sim.start(a);
    sim.run_for(s(100));
    let _ = sim.transcript().take();
    sim.crash(b, b_again().passive());
    sim.run_for(s(2));
    sim.start(b);
    sim.run_for(s(10));
    for family in BOTH {
        sim.send(b, &end_of_rib_of(family));
    }
    sim.run_for(s(300));
    check(
        &mut sim,
        expect![[r#"
            100.000  b crash
            100.005  a keeps ipv4-unicast,ipv6-unicast for 120 s
            100.005  a Established -> Idle
            100.005  a down: TCP connection failed in Established
            100.945  a Idle -> Connect
            100.945  a dial
            100.955  a Connect -> Active
            100.955  a down: TCP connection failed in Connect
            101.836  a Active -> Connect
            101.836  a dial
            101.846  a Connect -> Active
            101.846  a down: TCP connection failed in Connect
            102.000  b Idle -> Active
            103.743  a Active -> Connect
            103.743  a dial
            103.753  a > outgoing OPEN as=65001 hold=90 id=192.0.2.1
            103.753  a Connect -> OpenSent
            103.758  b > incoming OPEN as=65002 hold=90 id=192.0.2.2 restarted
            103.758  b Active -> OpenSent
            103.758  b OpenSent -> OpenConfirm
            103.763  a OpenSent -> OpenConfirm
            103.763  a OpenConfirm -> Established
            103.763  a up: outgoing as=65002 id=192.0.2.2 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced graceful=120 restarted notification kept
            103.763  a may send End-of-RIB
            103.768  b OpenConfirm -> Established
            103.768  b up: incoming as=65001 id=192.0.2.1 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced graceful=120 notification kept
            112.000  b > incoming UPDATE of 23 octets
            112.000  b > incoming UPDATE of 29 octets
            112.005  a has UPDATE of 23 octets
            112.005  a drops stale ipv4-unicast: End-of-RIB
            112.005  a has UPDATE of 29 octets
            112.005  a drops stale ipv6-unicast: End-of-RIB
            162.000  b may send End-of-RIB
        "#]],
    );
}

#[test]
fn a_peer_that_does_not_come_back_is_dropped_when_its_time_is_over() {
    let mut solo = session(a().passive(), false);
    solo.fail(Incoming);
    solo.run_for(s(119));
    assert_eq!(solo.peer().state(), State::Active);
    solo.run_for(s(600));
    check_routes(
        &mut solo,
        &expect![[r#"
        0.000    a keeps ipv4-unicast,ipv6-unicast for 120 s
        0.000    a down: TCP connection failed in Established
        120.000  a drops stale ipv4-unicast: time is over
        120.000  a drops stale ipv6-unicast: time is over
    "#]],
    );
}

#[test]
fn a_peer_that_never_ends_its_transfer_is_limited_too() {
    let mut solo = session(a().hold_time(hold(0)), false);
    solo.fail(Incoming);
    solo.run_for(s(60));
    connect_again(&mut solo, &open_keeping(&KEPT, false));
    solo.receive(Incoming, &end_of_rib());
    solo.run_for(s(600));
    check_routes(
        &mut solo,
        &expect![[r#"
        0.000    a keeps ipv4-unicast,ipv6-unicast for 120 s
        0.000    a down: TCP connection failed in Established
        9.603    a down: TCP connection attempt timed out
        18.211   a down: TCP connection attempt timed out
        27.618   a down: TCP connection attempt timed out
        37.311   a down: TCP connection attempt timed out
        46.117   a down: TCP connection attempt timed out
        54.330   a down: TCP connection attempt timed out
        60.000   a up: incoming as=65002 id=192.0.2.2 hold=0 ipv4-unicast,ipv6-unicast extended refresh enhanced graceful=120 kept
        60.000   a drops stale ipv4-unicast: End-of-RIB
        360.000  a drops stale ipv6-unicast: time is over
    "#]],
    );
}

#[test]
fn what_was_not_kept_goes_at_once() {
    let mut solo = session(a(), false);
    solo.fail(Incoming);
    solo.run_for(s(2));
    let one = [(Family::IPV4_UNICAST, true), (Family::IPV6_UNICAST, false)];
    connect_again(&mut solo, &open_keeping(&one, false));
    check_routes(
        &mut solo,
        &expect![[r#"
        0.000    a keeps ipv4-unicast,ipv6-unicast for 120 s
        0.000    a down: TCP connection failed in Established
        2.000    a up: incoming as=65002 id=192.0.2.2 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced graceful=120 kept
        2.000    a drops stale ipv6-unicast: forwarding state not kept
    "#]],
    );
    // Without the capability nothing was kept.
    solo.fail(Incoming);
    solo.run_for(s(4));
    connect_again(&mut solo, &bytes_of(&open_of_b()));
    check_routes(
        &mut solo,
        &expect![[r#"
        2.000    a drops stale ipv4-unicast: session lost again
        2.000    a keeps ipv4-unicast,ipv6-unicast for 120 s
        2.000    a down: TCP connection failed in Established
        6.000    a up: incoming as=65002 id=192.0.2.2 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced
        6.000    a drops stale ipv4-unicast: forwarding state not kept
        6.000    a drops stale ipv6-unicast: forwarding state not kept
    "#]],
    );
}

#[test]
fn routes_are_not_kept_over_two_restarts() {
    let mut solo = session(a(), false);
    solo.fail(Incoming);
    solo.run_for(s(2));
    connect_again(&mut solo, &open_keeping(&KEPT, false));
    solo.receive(Incoming, &end_of_rib());
    solo.fail(Incoming);
    check_routes(
        &mut solo,
        &expect![[r#"
        0.000    a keeps ipv4-unicast,ipv6-unicast for 120 s
        0.000    a down: TCP connection failed in Established
        2.000    a up: incoming as=65002 id=192.0.2.2 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced graceful=120 kept
        2.000    a drops stale ipv4-unicast: End-of-RIB
        2.000    a drops stale ipv6-unicast: session lost again
        2.000    a keeps ipv4-unicast,ipv6-unicast for 120 s
        2.000    a down: TCP connection failed in Established
    "#]],
    );
}

#[test]
fn with_the_n_bit_routes_are_kept_over_more_restarts_but_for_no_longer() {
    let mut solo = session(a(), true);
    for _ in 0..3 {
        solo.fail(Incoming);
        solo.run_for(s(100));
        connect_again(&mut solo, &open_keeping(&KEPT, true));
    }
    // 60 s are left of what they may stay from the first loss on.
    solo.fail(Incoming);
    solo.run_for(s(61));
    let all = solo.transcript().take();
    let told = |line: &&str| line.contains(" keeps ") || line.contains(" drops ");
    expect![[r#"
        0.000    a keeps ipv4-unicast,ipv6-unicast for 120 s
        100.000  a keeps ipv4-unicast,ipv6-unicast for 120 s
        200.000  a keeps ipv4-unicast,ipv6-unicast for 120 s
        300.000  a keeps ipv4-unicast,ipv6-unicast for 60 s
        360.000  a drops stale ipv4-unicast: time is over
        360.000  a drops stale ipv6-unicast: time is over"#]]
    .assert_eq(&all.lines().filter(told).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_notification_ends_it_all_unless_both_set_the_n_bit() {
    let reset = notification(NotificationCode::CEASE_ADMINISTRATIVE_RESET);
    let mut solo = session(a(), false);
    solo.receive(Incoming, &reset);
    check_routes(
        &mut solo,
        &expect![[r#"
        0.000    a < incoming NOTIFICATION Cease / Administrative Reset (6/4)
        0.000    a down: received Cease / Administrative Reset (6/4)
    "#]],
    );

    let mut solo = session(a(), true);
    solo.receive(Incoming, &reset);
    check_routes(
        &mut solo,
        &expect![[r#"
        0.000    a < incoming NOTIFICATION Cease / Administrative Reset (6/4)
        0.000    a keeps ipv4-unicast,ipv6-unicast for 120 s
        0.000    a down: received Cease / Administrative Reset (6/4)
    "#]],
    );

    // One of both is not enough.
    let without = restart().notification(Support::Unsupported);
    let mut solo = Solo::new(a().graceful_restart(without), 1);
    solo.start();
    connect_again(&mut solo, &open_keeping(&KEPT, true));
    solo.receive(Incoming, &reset);
    check_routes(
        &mut solo,
        &expect![[r#"
        0.000    a up: incoming as=65002 id=192.0.2.2 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced graceful=120 kept
        0.000    a < incoming NOTIFICATION Cease / Administrative Reset (6/4)
        0.000    a down: received Cease / Administrative Reset (6/4)
    "#]],
    );
}

#[test]
fn a_hard_reset_ends_it_all() {
    let mut solo = session(a(), true);
    let said = bgp_wire::Notification::with_data(
        NotificationCode::CEASE_HARD_RESET,
        b"\x06\x02\x04over".to_vec(),
    );
    let mut octets = bytes::BytesMut::new();
    said.encode(&mut octets);
    solo.receive(Incoming, &octets);
    check_routes(
        &mut solo,
        &expect![[r#"
        0.000    a < incoming NOTIFICATION Cease / Hard Reset (6/9), data 0602046f766572
        0.000    a down: received Cease / Hard Reset (6/9): Cease / Administrative Shutdown (6/2): over
    "#]],
    );
}

#[test]
fn hold_timer_expiry_counts_as_a_restart_with_the_n_bit() {
    for (notification, expected) in [
        (
            false,
            expect![[r#"
        9.000    a > incoming NOTIFICATION Hold Timer Expired (4/0)
        9.000    a down: sent Hold Timer Expired (4/0)
    "#]],
        ),
        (
            true,
            expect![[r#"
        9.000    a > incoming NOTIFICATION Hold Timer Expired (4/0)
        9.000    a keeps ipv4-unicast,ipv6-unicast for 120 s
        9.000    a down: sent Hold Timer Expired (4/0)
    "#]],
        ),
    ] {
        let mut solo = session(a().hold_time(hold(9)), notification);
        solo.run_for(s(9));
        check_routes(&mut solo, &expected);
    }
}

#[test]
fn an_error_of_the_peer_counts_as_a_restart_with_the_n_bit() {
    let mut solo = session(a(), true);
    solo.receive(Incoming, &message(2, &[0, 9, 0, 0]));
    check_routes(
        &mut solo,
        &expect![[r#"
        0.000    a > incoming NOTIFICATION UPDATE Message Error / Malformed Attribute List (3/1)
        0.000    a keeps ipv4-unicast,ipv6-unicast for 120 s
        0.000    a down: sent UPDATE Message Error / Malformed Attribute List (3/1): lengths of the update contradict each other
    "#]],
    );
}

#[test]
fn a_stop_is_a_hard_reset_where_a_notification_would_be_a_restart() {
    for (notification, expected) in [
        (
            false,
            expect![[r#"
        0.000    a > incoming NOTIFICATION Cease / Administrative Shutdown (6/2): bye
        0.000    a down: sent Cease / Administrative Shutdown (6/2): bye
    "#]],
        ),
        (
            true,
            expect![[r#"
        0.000    a > incoming NOTIFICATION Cease / Hard Reset (6/9), data 060203627965
        0.000    a down: sent Cease / Hard Reset (6/9): Cease / Administrative Shutdown (6/2): bye
    "#]],
        ),
    ] {
        let mut solo = session(a(), notification);
        solo.stop(Some("bye"));
        check_routes(&mut solo, &expected);
        assert_eq!(solo.peer().poll_timeout(), None);
    }
}

#[test]
fn a_stop_ends_the_wait_for_a_peer() {
    let mut solo = session(a(), true);
    solo.fail(Incoming);
    solo.stop(None);
    check_routes(
        &mut solo,
        &expect![[r#"
        0.000    a keeps ipv4-unicast,ipv6-unicast for 120 s
        0.000    a down: TCP connection failed in Established
        0.000    a drops stale ipv4-unicast: stopped
        0.000    a drops stale ipv6-unicast: stopped
    "#]],
    );
    assert_eq!(solo.peer().poll_timeout(), None);
}

#[test]
fn a_dead_path_is_no_restart() {
    let mut solo = session(a(), true);
    solo.handle(Input::Reset(NotificationCode::CEASE_BFD_DOWN));
    check_routes(
        &mut solo,
        &expect![[r#"
        0.000    a > incoming NOTIFICATION Cease / Hard Reset (6/9), data 060a
        0.000    a down: sent Cease / Hard Reset (6/9): Cease / BFD Down (6/10)
    "#]],
    );
}

#[test]
fn a_forwarding_plane_that_failed_ends_the_wait_for_a_peer() {
    let mut solo = session(a(), true);
    // It has no meaning for a session that is up.
    solo.handle(Input::ForwardingFailed);
    solo.fail(Incoming);
    solo.run_for(s(2));
    solo.handle(Input::ForwardingFailed);
    solo.run_for(s(2));
    connect_again(&mut solo, &open_keeping(&KEPT, false));
    check_routes(
        &mut solo,
        &expect![[r#"
        0.000    a keeps ipv4-unicast,ipv6-unicast for 120 s
        0.000    a down: TCP connection failed in Established
        2.000    a drops stale ipv4-unicast: forwarding failed
        2.000    a drops stale ipv6-unicast: forwarding failed
        4.000    a up: incoming as=65002 id=192.0.2.2 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced graceful=120 kept
    "#]],
    );
}
