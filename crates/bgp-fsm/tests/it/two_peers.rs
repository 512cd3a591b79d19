//! Two whole peers and the network between them.

use bgp_fsm::State;
use bgp_sim::{Path, Sim};
use expect_test::expect;

use crate::support::*;

#[test]
fn an_active_and_a_passive_peer_meet_and_part() {
    let mut sim = Sim::new();
    let (a, b) = sim.pair(("a", a().hold_time(hold(9))), ("b", b().passive()));
    sim.start(b);
    sim.start(a);
    sim.run_for(s(4));
    sim.send(a, &end_of_rib());
    sim.run_for(s(1));
    sim.stop(b, Some("done"));
    sim.run_for(ms(100));
    check(
        &mut sim,
        expect![[r#"
            0.000    b Idle -> Active
            0.000    a Idle -> Connect
            0.000    a dial
            0.010    a > outgoing OPEN as=65001 hold=9 id=192.0.2.1
            0.010    a Connect -> OpenSent
            0.015    b > incoming OPEN as=65002 hold=90 id=192.0.2.2
            0.015    b Active -> OpenSent
            0.015    b > incoming KEEPALIVE
            0.015    b OpenSent -> OpenConfirm
            0.020    a > outgoing KEEPALIVE
            0.020    a OpenSent -> OpenConfirm
            0.020    a OpenConfirm -> Established
            0.020    a up: outgoing as=65002 id=192.0.2.2 hold=9 ipv4-unicast,ipv6-unicast extended refresh enhanced
            0.020    a may send End-of-RIB
            0.025    b OpenConfirm -> Established
            0.025    b up: incoming as=65001 id=192.0.2.1 hold=9 ipv4-unicast,ipv6-unicast extended refresh enhanced
            0.025    b may send End-of-RIB
            2.708    b > incoming KEEPALIVE
            2.828    a > outgoing KEEPALIVE
            4.000    a > outgoing UPDATE of 23 octets
            4.005    b has UPDATE of 23 octets
            5.000    b > incoming NOTIFICATION Cease / Administrative Shutdown (6/2): done
            5.000    b close incoming
            5.000    b Established -> Idle
            5.000    b down: sent Cease / Administrative Shutdown (6/2): done
            5.005    a close outgoing
            5.005    a Established -> Idle
            5.005    a down: received Cease / Administrative Shutdown (6/2): done
        "#]],
    );
}

#[test]
fn a_peer_that_starts_late_is_found_within_seconds() {
    let mut sim = Sim::new();
    let (a, b) = sim.pair(("a", a()), ("b", b().passive()));
    sim.start(a);
    sim.run_for(s(300));
    let _ = sim.transcript().take();
    sim.start(b);
    let begin = sim.now();
    while sim.peer(a).state() != State::Established {
        sim.run_for(ms(100));
        assert!(sim.now() - begin <= s(31), "{}", sim.transcript());
    }
}

#[test]
fn a_router_that_restarts_is_back_within_two_seconds() {
    let mut sim = Sim::new();
    let (a, b) = sim.pair(("a", a()), ("b", b()));
    sim.start(a);
    sim.start(b);
    sim.run_for(s(120));
    let _ = sim.transcript().take();
    sim.stop(b, None);
    sim.run_for(s(1));
    sim.start(b);
    sim.run_for(s(2));
    assert_eq!(sim.peer(a).state(), State::Established);
    check(
        &mut sim,
        expect![[r#"
            120.000  b > outgoing NOTIFICATION Cease / Administrative Shutdown (6/2)
            120.000  b close outgoing
            120.000  b Established -> Idle
            120.000  b down: sent Cease / Administrative Shutdown (6/2)
            120.005  a close incoming
            120.005  a Established -> Idle
            120.005  a down: received Cease / Administrative Shutdown (6/2)
            120.974  a Idle -> Connect
            120.974  a dial
            120.984  a Connect -> Active
            120.984  a down: TCP connection failed in Connect
            121.000  b Idle -> Connect
            121.000  b dial
            121.010  b > outgoing OPEN as=65002 hold=90 id=192.0.2.2
            121.010  b Connect -> OpenSent
            121.015  a > incoming OPEN as=65001 hold=90 id=192.0.2.1
            121.015  a Active -> OpenSent
            121.015  a > incoming KEEPALIVE
            121.015  a OpenSent -> OpenConfirm
            121.020  b > outgoing KEEPALIVE
            121.020  b OpenSent -> OpenConfirm
            121.020  b OpenConfirm -> Established
            121.020  b up: outgoing as=65001 id=192.0.2.1 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced
            121.020  b may send End-of-RIB
            121.025  a OpenConfirm -> Established
            121.025  a up: incoming as=65002 id=192.0.2.2 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced
            121.025  a may send End-of-RIB
        "#]],
    );
}

#[test]
fn a_dead_path_is_noticed_by_both_and_healed() {
    let mut sim = Sim::new();
    let (a, b) = sim.pair(("a", a().hold_time(hold(3))), ("b", b()));
    sim.transcript().hide_keepalives();
    sim.start(a);
    sim.start(b);
    sim.run_for(s(70));
    let _ = sim.transcript().take();
    sim.set_path(a, Path::Swallowing);
    sim.run_for(s(5));
    assert_ne!(sim.peer(a).state(), State::Established);
    assert_ne!(sim.peer(b).state(), State::Established);
    sim.set_path(a, Path::Open);
    sim.run_for(s(20));
    assert_eq!(sim.peer(a).state(), State::Established);
    assert_eq!(sim.peer(b).state(), State::Established);
}

#[test]
fn a_refusing_path_is_retried_until_it_opens() {
    let mut sim = Sim::new();
    let (a, b) = sim.pair(("a", a()), ("b", b().passive()));
    sim.set_path(a, Path::Refusing);
    sim.start(b);
    sim.start(a);
    sim.run_for(s(5));
    sim.set_path(a, Path::Open);
    sim.run_for(s(5));
    check(
        &mut sim,
        expect![[r#"
            0.000    a path refusing
            0.000    b Idle -> Active
            0.000    a Idle -> Connect
            0.000    a dial
            0.010    a Connect -> Active
            0.010    a down: TCP connection failed in Connect
            0.946    a Active -> Connect
            0.946    a dial
            0.956    a Connect -> Active
            0.956    a down: TCP connection failed in Connect
            2.678    a Active -> Connect
            2.678    a dial
            2.688    a Connect -> Active
            2.688    a down: TCP connection failed in Connect
            5.000    a path open
            6.451    a Active -> Connect
            6.451    a dial
            6.461    a > outgoing OPEN as=65001 hold=90 id=192.0.2.1
            6.461    a Connect -> OpenSent
            6.466    b > incoming OPEN as=65002 hold=90 id=192.0.2.2
            6.466    b Active -> OpenSent
            6.466    b > incoming KEEPALIVE
            6.466    b OpenSent -> OpenConfirm
            6.471    a > outgoing KEEPALIVE
            6.471    a OpenSent -> OpenConfirm
            6.471    a OpenConfirm -> Established
            6.471    a up: outgoing as=65002 id=192.0.2.2 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced
            6.471    a may send End-of-RIB
            6.476    b OpenConfirm -> Established
            6.476    b up: incoming as=65001 id=192.0.2.1 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced
            6.476    b may send End-of-RIB
        "#]],
    );
}

#[test]
fn a_session_that_is_cut_comes_back() {
    let mut sim = Sim::new();
    let (a, b) = sim.pair(("a", a()), ("b", b()));
    sim.start(a);
    sim.start(b);
    for _ in 0..20 {
        sim.run_for(s(70));
        assert_eq!(sim.peer(a).state(), State::Established);
        sim.cut(b);
        assert_eq!(sim.peer(a).state(), State::Idle);
        sim.run_for(s(10));
        assert_eq!(sim.peer(a).state(), State::Established);
        assert_eq!(sim.peer(b).state(), State::Established);
    }
}

#[test]
fn wrong_as_numbers_never_make_a_tight_loop() {
    let mut sim = Sim::new();
    let (a, b) = sim.pair(("a", a()), ("b", config([192, 0, 2, 2], 65009, A)));
    sim.start(a);
    sim.start(b);
    sim.run_for(s(600));
    let lines = sim.transcript().as_str().lines().count();
    let refusals = sim
        .transcript()
        .as_str()
        .matches("Bad Peer AS (2/2)")
        .count();
    assert!(refusals > 4 && lines < 1000, "{}", sim.transcript());
}

#[test]
fn many_pairs_live_in_one_thread() {
    let mut sim = Sim::new();
    let pairs: Vec<_> = (0..20).map(|_| sim.pair(("a", a()), ("b", b()))).collect();
    for (a, b) in &pairs {
        sim.start(*a);
        sim.start(*b);
    }
    sim.run_for(s(3600));
    for (a, b) in pairs {
        assert_eq!(sim.peer(a).state(), State::Established);
        assert_eq!(sim.peer(b).state(), State::Established);
    }
}
