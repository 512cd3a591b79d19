//! What is given out, to whom, and what comes back; the lives of many networks.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{AddressFamily, Ask, Lease, LeaseError, Leases, PoolScope, Pools};
use crate::pool::tests::pool;

mod lives;

const GRACE: Duration = Duration::from_secs(60);

fn leases(scope: PoolScope) -> Leases {
    let pools = vec![
        pool("db", &["10.9.0.0/29"], true),
        pool("six", &["2001:db8:6::/126"], true),
        pool(
            "web",
            &["192.168.0.30-192.168.0.33", "2001:db8::/126"],
            false,
        ),
    ];
    Leases::new(Pools::new(pools).unwrap(), scope)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn v4(pool: &str) -> Ask<'_> {
    Ask {
        pool,
        family: AddressFamily::V4,
        given: None,
    }
}

fn v6(pool: &str) -> Ask<'_> {
    Ask {
        family: AddressFamily::V6,
        ..v4(pool)
    }
}

fn given<'a>(ask: Ask<'a>, address: &str) -> Ask<'a> {
    Ask {
        given: Some(ip(address)),
        ..ask
    }
}

/// The address an ask gets.
#[track_caller]
fn gets(leases: &mut Leases, ask: Ask<'_>, now: Instant) -> String {
    match leases.ask(&ask, now) {
        Ok(Lease::Address(address)) => address.to_string(),
        other => panic!("{ask:?} gets {other:?}"),
    }
}

#[track_caller]
fn refused(leases: &mut Leases, ask: Ask<'_>, words: &str) {
    let before = leases.requests();
    let error = leases.ask(&ask, Instant::now_for_tests()).unwrap_err();
    assert!(error.to_string().contains(words), "{error}");
    assert_eq!(leases.requests(), before, "a refusal changes nothing");
}

/// The clock is the tests' own.
trait NowForTests {
    fn now_for_tests() -> Self;
}

impl NowForTests for Instant {
    #[expect(clippy::disallowed_methods, reason = "any instant serves as a start")]
    fn now_for_tests() -> Self {
        Self::now()
    }
}

#[test]
fn the_lowest_free_address_comes_next() {
    let (mut leases, now) = (leases(PoolScope::Host), Instant::now_for_tests());
    for wanted in ["192.168.0.30", "192.168.0.31", "192.168.0.32"] {
        assert_eq!(gets(&mut leases, v4("web"), now), wanted);
    }
    leases.release(ip("192.168.0.31"));
    leases.release(ip("192.168.0.30"));
    for wanted in ["192.168.0.30", "192.168.0.31", "192.168.0.33"] {
        assert_eq!(gets(&mut leases, v4("web"), now), wanted);
    }
    refused(
        &mut leases,
        v4("web"),
        "of its 4 IPv4 addresses 4 are in use",
    );
    leases.release(ip("192.168.0.33"));
    assert_eq!(gets(&mut leases, v4("web"), now), "192.168.0.33");
}

#[test]
fn addresses_that_confuse_old_equipment_are_left_out() {
    let (mut leases, now) = (leases(PoolScope::Host), Instant::now_for_tests());
    for last in 1..7 {
        assert_eq!(gets(&mut leases, v4("db"), now), format!("10.9.0.{last}"));
    }
    refused(
        &mut leases,
        v4("db"),
        "of its 8 IPv4 addresses 6 are in use",
    );
    // Whoever wants one by name may have it.
    assert_eq!(
        gets(&mut leases, given(v4("db"), "10.9.0.0"), now),
        "10.9.0.0"
    );
}

#[test]
fn both_families_of_a_network_have_one_number() {
    let (mut leases, now) = (leases(PoolScope::Host), Instant::now_for_tests());
    leases.take(ip("192.168.0.30"));
    assert_eq!(gets(&mut leases, v4("web"), now), "192.168.0.31");
    assert_eq!(gets(&mut leases, v6("web"), now), "2001:db8::1");
    assert_eq!(
        gets(&mut leases, given(v4("web"), "192.168.0.33"), now),
        "192.168.0.33"
    );
    assert_eq!(gets(&mut leases, v6("web"), now), "2001:db8::3");
    // Without an IPv4 address just before, the next one.
    assert_eq!(gets(&mut leases, v6("web"), now), "2001:db8::2");
    assert_eq!(gets(&mut leases, v6("six"), now), "2001:db8:6::1");
    assert_eq!(leases.ask(&v4("six"), now), Ok(Lease::NoIpv4));
}

#[test]
fn an_address_somebody_chose_is_left_to_them_until_all_gave_it_back() {
    let (mut leases, now) = (leases(PoolScope::Host), Instant::now_for_tests());
    // The manager and the worker on one host.
    leases.take(ip("192.168.0.30"));
    leases.take(ip("192.168.0.30"));
    leases.hold(ip("192.168.0.30"));
    leases.release(ip("192.168.0.30"));
    leases.let_go(ip("192.168.0.30"));
    assert_eq!(gets(&mut leases, v4("web"), now), "192.168.0.31");
    leases.release(ip("192.168.0.30"));
    assert_eq!(gets(&mut leases, v4("web"), now), "192.168.0.30");
    // Its counterpart in use keeps a number from being given out.
    leases.take(ip("2001:db8::2"));
    assert_eq!(gets(&mut leases, v4("web"), now), "192.168.0.33");
    // Who gives back what they don't have changes nothing.
    leases.release(ip("192.168.0.32"));
    leases.release(ip("203.0.113.7"));
    leases.let_go(ip("203.0.113.7"));
    refused(&mut leases, v4("web"), "exhausted");
}

#[test]
fn refusals_say_what_to_do() {
    let mut host = leases(PoolScope::Host);
    refused(
        &mut host,
        v4("wep"),
        "pool \"wep\" is not known: the pools are db, six, web",
    );
    refused(
        &mut host,
        given(v4("web"), "10.9.0.1"),
        "(192.168.0.30-192.168.0.33)",
    );
    refused(
        &mut host,
        given(v6("web"), "2001:db8:6::1"),
        "2001:db8:6::1 is not in pool web",
    );
    refused(
        &mut host,
        given(v4("six"), "10.0.0.1"),
        "has no IPv4 addresses",
    );
    refused(
        &mut host,
        v6("db"),
        "pool db has no IPv6 addresses: add a range",
    );
    let mut none = Leases::new(Pools::default(), PoolScope::Host);
    refused(&mut none, v4("web"), "no pools are configured");
    let mut swarm = leases(PoolScope::Swarm);
    refused(&mut swarm, v4("six"), "v6subnet");
    refused(
        &mut swarm,
        v6("web"),
        "follows from the network's IPv4 address",
    );
}

#[test]
fn in_a_swarm_a_network_is_whole_before_the_next_begins() {
    let (mut leases, start) = (leases(PoolScope::Swarm), Instant::now_for_tests());
    assert_eq!(gets(&mut leases, v4("web"), start), "192.168.0.30");
    let later = start + Duration::from_secs(1);
    assert_eq!(leases.ask(&v4("web"), start), Ok(Lease::Later(later)));
    // Each way to be whole: its other address, a network, an allocation, an end.
    assert_eq!(gets(&mut leases, v6("web"), start), "2001:db8::");
    assert_eq!(gets(&mut leases, v4("web"), start), "192.168.0.31");
    leases.hold(ip("192.168.0.31"));
    assert_eq!(gets(&mut leases, v4("web"), start), "192.168.0.32");
    leases.settled(ip("192.168.0.32"));
    assert_eq!(gets(&mut leases, v4("web"), start), "192.168.0.33");
    leases.release(ip("192.168.0.33"));
    assert_eq!(gets(&mut leases, v4("web"), start), "192.168.0.33");
    // Docker may have given up on it.
    let twice = given(v4("web"), "192.168.0.31");
    assert_eq!(leases.ask(&twice, start), Ok(Lease::Later(later)));
    assert_eq!(gets(&mut leases, twice, later), "192.168.0.31");
    assert_eq!(gets(&mut leases, v6("web"), later), "2001:db8::1");
    // A pool of one family has nothing to wait for.
    assert_eq!(gets(&mut leases, v4("db"), start), "10.9.0.1");
    assert_eq!(gets(&mut leases, v4("db"), start), "10.9.0.2");
}

#[test]
fn hosts_of_a_swarm_come_to_the_same_ipv6_address_whatever_they_did_before() {
    let now = Instant::now_for_tests();
    let mut manager = leases(PoolScope::Swarm);
    manager.take(ip("192.168.0.30"));
    let chosen = gets(&mut manager, v4("web"), now);
    for busy in ["192.168.0.32", "2001:db8::1"] {
        let mut worker = leases(PoolScope::Swarm);
        worker.take(ip(busy));
        assert_eq!(gets(&mut worker, given(v4("web"), &chosen), now), chosen);
        assert_eq!(gets(&mut worker, v6("web"), now), "2001:db8::1");
    }
}

#[test]
fn in_a_swarm_addresses_of_different_numbers_are_refused() {
    let pair = |scope, v4: &str, v6: &str| {
        leases(scope).check_pair(v4.parse().unwrap(), v6.parse().unwrap())
    };
    let error = pair(PoolScope::Swarm, "192.168.0.30", "2001:db8::1").unwrap_err();
    assert!(matches!(error, LeaseError::Apart { .. }));
    assert!(
        error.to_string().contains("would look for 2001:db8:::"),
        "{error}"
    );
    assert_eq!(pair(PoolScope::Host, "192.168.0.30", "2001:db8::1"), Ok(()));
    for (v4, v6) in [
        ("192.168.0.31", "2001:db8::1"),
        ("10.0.0.1", "2001:db8::1"),
        ("192.168.0.31", "2001:db8:1::1"),
    ] {
        assert_eq!(pair(PoolScope::Swarm, v4, v6), Ok(()), "{v4} {v6}");
    }
}

#[test]
fn a_pool_with_fewer_ipv6_addresses_says_so_in_a_swarm() {
    let short = pool("web", &["10.0.0.1-10.0.0.2", "2001:db8::1"], false);
    let mut leases = Leases::new(Pools::new(vec![short]).unwrap(), PoolScope::Swarm);
    let now = Instant::now_for_tests();
    assert_eq!(
        gets(&mut leases, given(v4("web"), "10.0.0.2"), now),
        "10.0.0.2"
    );
    refused(
        &mut leases,
        v6("web"),
        "10.0.0.2 of pool web has no IPv6 counterpart",
    );
}

#[test]
fn what_nobody_has_is_reclaimed_after_it_was_missed_for_a_while() {
    let (mut leases, start) = (leases(PoolScope::Host), Instant::now_for_tests());
    let all = |texts: &[&str]| texts.iter().map(|text| ip(text)).collect::<BTreeSet<_>>();
    gets(&mut leases, v4("web"), start);
    gets(&mut leases, v4("web"), start);
    gets(&mut leases, v4("web"), start);
    leases.hold(ip("192.168.0.31"));
    let listed = all(&["192.168.0.32", "192.168.0.33"]);
    assert!(leases.compare(&listed, start, GRACE).is_empty());
    // One more request for it: Docker is at it again.
    let again = start + GRACE - Duration::from_secs(1);
    assert!(leases.compare(&listed, again, GRACE).is_empty());
    leases.take(ip("192.168.0.30"));
    assert!(leases.compare(&listed, start + GRACE, GRACE).is_empty());
    refused(&mut leases, v4("web"), "exhausted");
    let reclaimed = leases.compare(&listed, start + 2 * GRACE, GRACE);
    assert_eq!(reclaimed, [ip("192.168.0.30")]);
    assert_eq!(gets(&mut leases, v4("web"), start), "192.168.0.30");
    // What only the list had is free when the list has it no more.
    let listed = all(&["192.168.0.30", "192.168.0.32"]);
    assert!(leases.compare(&listed, start + 2 * GRACE, GRACE).is_empty());
    assert_eq!(gets(&mut leases, v4("web"), start), "192.168.0.33");
}

#[test]
fn a_request_is_remembered() {
    let (mut first, now) = (leases(PoolScope::Host), Instant::now_for_tests());
    gets(&mut first, v4("web"), now);
    first.take(ip("192.168.0.30"));
    first.take(ip("203.0.113.7"));
    let mut second = leases(PoolScope::Host);
    second.restore(&first.requests());
    assert_eq!(second.requests(), first.requests());
    assert_eq!(gets(&mut second, v4("web"), now), "192.168.0.31");
    second.release(ip("192.168.0.30"));
    assert_eq!(gets(&mut second, v4("web"), now), "192.168.0.32");
    second.release(ip("192.168.0.30"));
    assert_eq!(gets(&mut second, v4("web"), now), "192.168.0.30");
}

#[test]
fn other_pools_leave_in_use_what_is_in_use() {
    let now = Instant::now_for_tests();
    let mut leases = leases(PoolScope::Host);
    assert_eq!(gets(&mut leases, v4("web"), now), "192.168.0.30");
    leases.take(ip("192.168.0.41"));
    let pools = vec![pool(
        "web",
        &["192.168.0.30-192.168.0.42", "2001:db8::/124"],
        false,
    )];
    leases.replace_pools(Pools::new(pools).unwrap());
    // The network that was begun gets its other address.
    assert_eq!(gets(&mut leases, v6("web"), now), "2001:db8::");
    assert_eq!(gets(&mut leases, v4("web"), now), "192.168.0.31");
    assert_eq!(leases.requests()[&ip("192.168.0.41")], 1);
    refused(&mut leases, v4("db"), "db");
    // Of a pool that is gone, what is in use is not forgotten.
    leases.replace_pools(Pools::default());
    assert_eq!(leases.requests().len(), 4);
}
