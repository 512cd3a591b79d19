//! Which session a packet belongs to, and from how far it may come.

use std::net::IpAddr;

use bfd::{Arrival, ControlPacket, Discard, Discriminator, Event, Hops, Input, Output};
use bfd::{MULTIHOP_PORT, Path, SINGLE_HOP_PORT, Session, Sessions, State};

use crate::support::{A, Pair, config};

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
const OURS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn path() -> Path {
    Path {
        remote: PEER,
        local: None,
        interface: None,
        hops: Hops::Single,
    }
}

fn arrival() -> Arrival {
    Arrival {
        source: PEER,
        destination: OURS,
        interface: 3,
        port: SINGLE_HOP_PORT,
        ttl: 255,
    }
}

fn packet(state: State, yours: u32) -> ControlPacket {
    let mut pair = Pair::new(config(5), config(6));
    pair.input(A, Input::Start);
    let (_, mut packet) = pair.sent(A)[0];
    packet.state = state;
    packet.your_discriminator = Discriminator::new(yours);
    packet
}

#[test]
fn a_packet_that_names_a_session_belongs_to_it_wherever_it_came_from() {
    let mut sessions = Sessions::new(1);
    let one = sessions.insert(path(), |_| "one").unwrap();
    let elsewhere = Arrival {
        source: OURS,
        ..arrival()
    };
    let found = sessions.find(&packet(State::Up, one.get()), &elsewhere);
    assert_eq!(found, Ok(&mut "one"));
    let other = one.get() ^ 1;
    assert_eq!(
        sessions.find(&packet(State::Up, other), &arrival()),
        Err(Discard::UnknownDiscriminator(
            Discriminator::new(other).unwrap()
        ))
    );
}

#[test]
fn a_packet_that_names_none_belongs_to_the_session_with_its_addresses() {
    let mut sessions = Sessions::new(1);
    let on = |interface| Path {
        interface: Some(interface),
        ..path()
    };
    let multihop = Path {
        local: Some(OURS),
        hops: Hops::Multi { min_ttl: 250 },
        ..path()
    };
    let three = sessions.insert(on(3), |_| "three").unwrap();
    sessions.insert(on(4), |_| "four").unwrap();
    sessions.insert(multihop, |_| "far").unwrap();
    let hello = packet(State::Down, 0);
    let mut at = |change: fn(&mut Arrival)| {
        let mut arrival = arrival();
        change(&mut arrival);
        sessions.find(&hello, &arrival).map(|found| *found)
    };
    assert_eq!(at(|_| {}), Ok("three"));
    assert_eq!(at(|arrival| arrival.interface = 4), Ok("four"));
    assert_eq!(at(|arrival| arrival.port = MULTIHOP_PORT), Ok("far"));
    let nobody = Err(Discard::UnknownPath);
    assert_eq!(at(|arrival| arrival.interface = 5), nobody);
    assert_eq!(at(|arrival| arrival.source = OURS), nobody);
    let elsewhere = at(|arrival| {
        arrival.port = MULTIHOP_PORT;
        arrival.destination = PEER;
    });
    assert_eq!(elsewhere, nobody);

    assert_eq!(sessions.remove(three), Some("three"));
    assert_eq!(
        sessions.find(&hello, &arrival()),
        nobody.map(|_: &str| unreachable!())
    );
}

#[test]
fn two_sessions_a_packet_could_belong_to_are_refused() {
    let mut sessions = Sessions::new(1);
    sessions.insert(path(), |_| ()).unwrap();
    let narrower = Path {
        local: Some(OURS),
        ..path()
    };
    let taken = sessions.insert(narrower, |_| ()).unwrap_err();
    assert_eq!(
        taken.to_string(),
        "a BFD session with 192.0.2.2 exists already"
    );
    assert_eq!(sessions.len(), 1);
}

#[test]
fn discriminators_are_unique_and_follow_from_the_seed() {
    let numbers = |seed| {
        let mut sessions = Sessions::new(seed);
        let mut numbers: Vec<_> = (1..=255_u8)
            .map(|host| {
                let remote = [192, 0, 2, host].into();
                let path = Path { remote, ..path() };
                sessions.insert(path, |d| Session::new(config(d.get()), 1))
            })
            .collect::<Result<_, _>>()
            .unwrap();
        numbers.sort();
        numbers.dedup();
        assert_eq!(numbers.len(), 255);
        numbers
    };
    assert_eq!(numbers(1), numbers(1));
    assert_ne!(numbers(1), numbers(2));
}

#[test]
fn a_packet_that_was_forwarded_is_not_believed_over_a_single_hop() {
    let mut pair = Pair::new(config(5), config(6));
    pair.input(A, Input::Start);
    pair.said.clear();
    pair.receive(A, &packet(State::Down, 5).encode(), 254);
    let Output::Event(Event::Discarded(why)) = pair.said[0].output else {
        panic!("{}", pair.transcript());
    };
    assert_eq!(why.to_string(), "TTL 254, at least 255 is needed");
    assert_eq!(pair.node(A).state(), State::Down);
    pair.receive(A, &packet(State::Down, 5).encode(), 255);
    assert_eq!(pair.node(A).state(), State::Init);
}

#[test]
fn over_several_hops_the_configured_ttl_counts() {
    let far = config(5).hops(Hops::Multi { min_ttl: 250 });
    let mut pair = Pair::new(far, config(6));
    pair.input(A, Input::Start);
    pair.receive(A, &packet(State::Down, 5).encode(), 249);
    assert_eq!(pair.node(A).state(), State::Down);
    pair.receive(A, &packet(State::Down, 5).encode(), 250);
    assert_eq!(pair.node(A).state(), State::Init);
}

#[test]
fn a_packet_for_another_session_or_with_authentication_is_not_believed() {
    let mut pair = Pair::new(config(5), config(6));
    pair.input(A, Input::Start);
    let mut stranger = packet(State::Down, 6);
    for (packet, expected) in [
        (
            stranger,
            Discard::UnknownDiscriminator(Discriminator::new(6).unwrap()),
        ),
        (
            {
                stranger.your_discriminator = None;
                stranger.authenticated = true;
                stranger
            },
            Discard::Authenticated,
        ),
    ] {
        pair.said.clear();
        pair.input(A, Input::Received { packet, ttl: 255 });
        let output = pair.said[0].output;
        assert_eq!(output, Output::Event(Event::Discarded(expected)));
        assert_eq!(pair.node(A).remote(), None);
    }
}

#[test]
fn one_link_local_address_on_two_links_is_two_peers() {
    let remote: IpAddr = "fe80::2".parse().unwrap();
    let on = |interface| Path {
        remote,
        interface: Some(interface),
        ..path()
    };
    let from = |interface| Arrival {
        source: remote,
        interface,
        ..arrival()
    };
    let mut sessions = Sessions::new(1);
    sessions.insert(on(3), |_| "three").unwrap();
    let four = sessions.insert(on(4), |_| "four").unwrap();
    let first = packet(State::Down, 0);
    assert_eq!(sessions.find(&first, &from(3)), Ok(&mut "three"));
    assert_eq!(sessions.find(&first, &from(4)), Ok(&mut "four"));
    assert_eq!(sessions.find(&first, &from(5)), Err(Discard::UnknownPath));
    // A session on any link is a rival of each.
    let anywhere = Path { remote, ..path() };
    assert!(sessions.rival(&anywhere).is_some());
    assert_eq!(sessions.rival(&on(4)), Some((on(4), four)));
    assert_eq!(sessions.rival(&on(5)), None);
    assert!(sessions.insert(anywhere, |_| "any").is_err());
}
