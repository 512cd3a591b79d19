//! Peers that announce too many prefixes (RFC 4271 section 6.7, RFC 4486).

use bgp_fsm::{Input, PrefixLimit, RestartConfig, State};
use bgp_sim::{Sim, Solo};
use bgp_wire::Family;
use expect_test::expect;

use crate::support::*;

const V4: Family = Family::IPV4_UNICAST;

fn limited(limit: PrefixLimit) -> Solo {
    established(a().hold_time(hold(0)).prefix_limit(V4, limit), Outgoing)
}

#[test]
fn the_limit_is_told_and_the_peer_left_alone_for_its_time() {
    let mut sim = Sim::new();
    let limit = PrefixLimit::new(100).restart_after(s(60));
    let config = a().hold_time(hold(0)).prefix_limit(V4, limit);
    let (a, b) = sim.pair(("a", config), ("b", b()));
    sim.start(a);
    sim.run_for(s(1));
    sim.start(b);
    sim.run_for(s(10));
    let _ = sim.transcript().take();
    sim.input(a, Input::PrefixCount(V4, 100));
    sim.input(a, Input::PrefixCount(V4, 101));
    sim.run_for(s(50));
    assert_eq!(sim.peer(a).state(), State::Idle);
    assert!(!sim.peer(a).accepts_incoming());
    sim.run_for(s(45));
    assert_eq!(sim.peer(a).state(), State::Established);
    let said = sim.transcript().take();
    let lines: Vec<_> = said.lines().take(8).collect();
    expect![[r#"
        11.000   a > incoming NOTIFICATION Cease / Maximum Number of Prefixes Reached (6/1), data 00010100000064
        11.000   a close incoming
        11.000   a Established -> Idle
        11.000   a down: sent Cease / Maximum Number of Prefixes Reached (6/1): 101 prefixes of ipv4-unicast, 100 are allowed
        11.005   b close outgoing
        11.005   b Established -> Idle
        11.005   b down: received Cease / Maximum Number of Prefixes Reached (6/1), data 00010100000064
        11.942   b Idle -> Connect"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn without_a_time_it_takes_a_start() {
    let mut solo = limited(PrefixLimit::new(2));
    solo.handle(Input::PrefixCount(V4, 3));
    assert_eq!(solo.peer().poll_timeout(), None);
    assert!(!solo.peer().accepts_incoming());
    solo.run_for(s(86_400));
    solo.start();
    check_solo(
        &mut solo,
        expect![[r#"
        0.000    a > outgoing NOTIFICATION Cease / Maximum Number of Prefixes Reached (6/1), data 00010100000002
        0.000    a close outgoing
        0.000    a Established -> Idle
        0.000    a down: sent Cease / Maximum Number of Prefixes Reached (6/1): 3 prefixes of ipv4-unicast, 2 are allowed
        86400.000 a < start
        86400.000 a Idle -> Connect
        86400.000 a dial
    "#]],
    );
}

#[test]
fn a_start_ends_the_time() {
    let mut solo = limited(PrefixLimit::new(2).restart_after(s(300)));
    solo.handle(Input::PrefixCount(V4, 3));
    solo.run_for(s(10));
    solo.start();
    solo.fail(Outgoing);
    assert_eq!(solo.peer().state(), State::Active);
    solo.run_for(s(2));
    assert_eq!(solo.peer().state(), State::Connect);
}

#[test]
fn a_warning_is_given_once_until_there_are_fewer() {
    let mut solo = limited(PrefixLimit::new(10).warning_at(8));
    for count in [7, 8, 9, 10, 7, 8] {
        solo.handle(Input::PrefixCount(V4, count));
    }
    check_solo(
        &mut solo,
        expect![[r#"
        0.000    a warning: 8 of 10 prefixes of ipv4-unicast
        0.000    a warning: 8 of 10 prefixes of ipv4-unicast
    "#]],
    );
}

#[test]
fn counts_of_other_families_and_without_a_session_mean_nothing() {
    let mut solo = limited(PrefixLimit::new(2).warning_at(1));
    solo.handle(Input::PrefixCount(Family::IPV6_UNICAST, 1000));
    solo.fail(Outgoing);
    let _ = solo.transcript().take();
    solo.handle(Input::PrefixCount(V4, 1000));
    check_solo(&mut solo, expect![""]);
}

#[test]
fn a_peer_that_restarts_gracefully_gets_a_hard_reset() {
    let restart = || RestartConfig::new(s(120)).forwarding_kept([V4]);
    let config = a().prefix_limit(V4, PrefixLimit::new(2));
    let mut sim = Sim::new();
    let (a, b) = sim.pair(
        ("a", config.graceful_restart(restart())),
        ("b", b().passive().graceful_restart(restart())),
    );
    sim.start(b);
    sim.start(a);
    sim.run_for(s(1));
    let _ = sim.transcript().take();
    sim.input(a, Input::PrefixCount(V4, 3));
    sim.run_for(ms(100));
    check(
        &mut sim,
        expect![[r#"
        1.000    a > outgoing NOTIFICATION Cease / Hard Reset (6/9), data 060100010100000002
        1.000    a close outgoing
        1.000    a Established -> Idle
        1.000    a down: sent Cease / Hard Reset (6/9): 3 prefixes of ipv4-unicast, 2 are allowed
        1.005    b close incoming
        1.005    b Established -> Idle
        1.005    b down: received Cease / Hard Reset (6/9): Cease / Maximum Number of Prefixes Reached (6/1), data 00010100000002
    "#]],
    );
}

#[test]
fn a_connection_beside_the_session_goes_too() {
    let mut solo = limited(PrefixLimit::new(2));
    solo.connect(Incoming);
    let _ = solo.transcript().take();
    solo.handle(Input::PrefixCount(V4, 3));
    check_solo(
        &mut solo,
        expect![[r#"
        0.000    a > outgoing NOTIFICATION Cease / Maximum Number of Prefixes Reached (6/1), data 00010100000002
        0.000    a close outgoing
        0.000    a > incoming NOTIFICATION Cease / Maximum Number of Prefixes Reached (6/1), data 00010100000002
        0.000    a close incoming
        0.000    a Established -> Idle
        0.000    a down: sent Cease / Maximum Number of Prefixes Reached (6/1): 3 prefixes of ipv4-unicast, 2 are allowed
    "#]],
    );
}
