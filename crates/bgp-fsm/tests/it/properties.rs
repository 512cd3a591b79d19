//! Whatever happens in whatever order, some things hold.

use std::time::Duration;

use bgp_fsm::{Connection, PeerConfig, PrefixLimit, RestartConfig, Support};
use bgp_sim::{Operation, Oracle, Path, Sim, Solo};
use bgp_wire::{Capability, Family, GracefulRestart, NotificationCode};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::*;

fn any_connection() -> impl Strategy<Value = Connection> {
    prop_oneof![Just(Outgoing), Just(Incoming)]
}

fn any_family() -> impl Strategy<Value = Family> {
    prop_oneof![Just(Family::IPV4_UNICAST), Just(Family::IPV6_UNICAST)]
}

fn any_reset() -> impl Strategy<Value = NotificationCode> {
    prop_oneof![
        Just(NotificationCode::CEASE_OUT_OF_RESOURCES),
        Just(NotificationCode::CEASE_BFD_DOWN)
    ]
}

/// An OPEN of a peer that restarts gracefully, one way or the other.
fn any_restarting_open() -> impl Strategy<Value = Vec<u8>> {
    let families = vec((any_family(), any::<bool>()), 0..3);
    let bits = any::<[bool; 2]>();
    let time = prop_oneof![Just(0_u16), Just(5), Just(120), Just(4000)];
    (time, bits, families).prop_map(|(time, [restarted, notification], families)| {
        let mut restart = GracefulRestart::new(time);
        restart.restarted = restarted;
        restart.notification = notification;
        restart.families = families;
        let mut open = open_of_b();
        open.capabilities.push(Capability::GracefulRestart(restart));
        bytes_of(&open)
    })
}

fn any_restart() -> impl Strategy<Value = RestartConfig> {
    let deferral = prop::option::of(0_u64..200);
    (0_u64..5000, deferral, any::<bool>()).prop_map(|(time, deferral, notification)| {
        let mut restart = RestartConfig::new(s(time)).forwarding_kept([Family::IPV4_UNICAST]);
        if let Some(time) = deferral {
            restart = restart.restarting(s(time));
        }
        if !notification {
            restart = restart.notification(Support::Unsupported);
        }
        restart
    })
}

fn any_limit() -> impl Strategy<Value = PrefixLimit> {
    (4_u32..12, prop::option::of(0_u64..400)).prop_map(|(max, again)| {
        let limit = PrefixLimit::new(max).warning_at(4);
        again.map_or(limit, |time| limit.restart_after(s(time)))
    })
}

fn any_octets() -> impl Strategy<Value = Vec<u8>> {
    let open = (
        prop_oneof![Just(3_u16), Just(90), Just(0), Just(1)],
        prop_oneof![
            Just([192, 0, 2, 2]),
            Just([10, 0, 0, 1]),
            Just([192, 0, 2, 1])
        ],
        prop_oneof![9 => Just(65002_u16), 1 => any::<u16>()],
    )
        .prop_map(|(hold, id, my_as)| raw_open(4, my_as, hold, id, &[]));
    let sound = prop_oneof![
        6 => open,
        2 => Just(bytes_of(&open_of_b())),
        6 => any_restarting_open(),
        8 => Just(keepalive()),
        2 => Just(end_of_rib()),
        1 => Just(message(2, &[0, 9, 0, 0])),
        1 => Just(end_of_rib_of(Family::IPV6_UNICAST)),
        4 => (any_family(), 0_u8..4).prop_map(|(family, subtype)| refresh(family, subtype)),
        1 => Just(notification(NotificationCode::CEASE_CONNECTION_COLLISION)),
        1 => Just(notification(NotificationCode::CEASE_HARD_RESET)),
    ]
    .boxed();
    let odd =
        (any::<u8>(), vec(any::<u8>(), 0..40)).prop_map(|(kind, body)| message(kind % 8, &body));
    let cut = (sound.clone(), any::<prop::sample::Index>()).prop_map(|(mut octets, at)| {
        octets.truncate(at.index(octets.len()));
        octets
    });
    prop_oneof![
        12 => vec(sound, 1..4).prop_map(|messages| messages.concat()),
        2 => odd,
        1 => cut,
        1 => vec(any::<u8>(), 0..60),
    ]
}

fn any_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => Just(Operation::Start),
        1 => Just(Operation::Stop),
        1 => any_reset().prop_map(Operation::Reset),
        8 => any_connection().prop_map(Operation::Connected),
        3 => any_connection().prop_map(Operation::Failed),
        20 => (any_connection(), any_octets()).prop_map(|(c, octets)| Operation::Received(c, octets)),
        1 => Just(Operation::UpdateSent),
        2 => any_connection().prop_map(Operation::WriteBlocked),
        1 => any_connection().prop_map(Operation::WriteProgress),
        1 => Just(Operation::InitialTableComplete),
        2 => any_family().prop_map(Operation::EndOfRibSent),
        1 => any_family().prop_map(Operation::RequestRefresh),
        2 => any_family().prop_map(Operation::RefreshSent),
        1 => (any_family(), 0_u32..12).prop_map(|(f, count)| Operation::PrefixCount(f, count)),
        1 => Just(Operation::EarlyTimeout),
        6 => (0_u64..400_000).prop_map(|time| Operation::Run(ms(time))),
        6 => (0_u64..3_000).prop_map(|time| Operation::Run(ms(time))),
    ]
}

/// Some operations at random, and some that lead to a session.
fn any_operations(max: usize) -> impl Strategy<Value = Vec<Operation>> {
    let open = prop_oneof![2 => Just(bytes_of(&open_of_b())), 5 => any_restarting_open()];
    let session = (open, 0_u64..70_000)
        .prop_map(|(open, pause)| {
            vec![
                Operation::Start,
                Operation::Run(ms(pause)),
                Operation::Connected(Incoming),
                Operation::Received(Incoming, open),
                Operation::Received(Incoming, keepalive()),
            ]
        })
        .boxed();
    let replaced = any_restarting_open().prop_map(|open| {
        vec![
            Operation::Start,
            Operation::Connected(Outgoing),
            Operation::Received(Outgoing, open.clone()),
            Operation::Received(Outgoing, keepalive()),
            Operation::Run(ms(11_000)),
            Operation::Connected(Incoming),
            Operation::Received(Incoming, open),
            Operation::Received(Incoming, keepalive()),
        ]
    });
    let said = prop_oneof![
        2 => any_family().prop_map(end_of_rib_of),
        4 => (any_family(), 0_u8..4).prop_map(|(family, subtype)| refresh(family, subtype)),
    ];
    let talk = prop_oneof![
        4 => said.prop_map(|octets| Operation::Received(Incoming, octets)),
        2 => any_family().prop_map(Operation::EndOfRibSent),
        1 => any_family().prop_map(Operation::RefreshSent),
        1 => (any_family(), 0_u32..12).prop_map(|(f, count)| Operation::PrefixCount(f, count)),
        1 => (0_u64..400).prop_map(|time| Operation::Run(ms(time))),
    ];
    let piece = prop_oneof![
        8 => any_operation().prop_map(|it| vec![it]),
        1 => session.clone(),
        1 => replaced,
        1 => (session, vec(talk, 1..10)).prop_map(|(session, talk)| [session, talk].concat()),
    ];
    vec(piece, 1..max).prop_map(|pieces| pieces.concat())
}

fn any_config() -> impl Strategy<Value = PeerConfig> {
    (
        prop_oneof![Just(0_u16), Just(3), Just(90), Just(65535)],
        any::<bool>(),
        prop::option::of(0_u64..20),
        prop_oneof![
            Just(vec![Family::IPV6_UNICAST]),
            Just(vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST])
        ],
        prop_oneof![Just(Support::Supported), Just(Support::Unsupported)],
        prop::option::weighted(0.8, any_restart()),
        prop::option::of(any_limit()),
        any::<bool>(),
    )
        .prop_map(
            |(hold_time, passive, delay_open, families, extended, restart, limit, collide)| {
                let mut config = a()
                    .hold_time(hold(hold_time))
                    .extended_message(extended)
                    .families(families)
                    .unwrap();
                if passive {
                    config = config.passive();
                }
                if let Some(restart) = restart {
                    config = config.graceful_restart(restart);
                }
                if collide {
                    config = config.collision_detect_established();
                }
                if let Some(limit) = limit {
                    config = config.prefix_limit(Family::IPV6_UNICAST, limit);
                }
                if let Some(delay) = delay_open {
                    config = config.delay_open_time(s(delay));
                }
                config
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_peer_keeps_its_promises_whatever_happens(
        config in any_config(),
        seed in any::<u64>(),
        steps in any_operations(60),
    ) {
        let mut oracle = Oracle::new(config, seed);
        for step in &steps {
            oracle.step(step);
        }
    }

    #[test]
    fn inputs_that_no_driver_should_make_do_no_harm(
        config in any_config(),
        steps in any_operations(60),
    ) {
        let mut solo = Solo::new(config, 1);
        for step in steps {
            step.apply(&mut solo);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_transcript(
        config in any_config(),
        seed in any::<u64>(),
        steps in any_operations(40),
    ) {
        let run = || {
            let mut oracle = Oracle::new(config.clone(), seed);
            for step in &steps {
                oracle.step(step);
            }
            oracle.transcript().take()
        };
        prop_assert_eq!(run(), run());
    }
}

/// One thing that may happen to the network between two peers.
#[derive(Clone, Debug)]
enum Trouble {
    Path(Path),
    Cut,
    Inject(usize, Connection, Vec<u8>),
    Stop(usize),
    Start(usize),
    Update(usize),
    Latency(Duration),
    Run(Duration),
}

fn any_trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        2 => prop_oneof![Just(Path::Open), Just(Path::Refusing), Just(Path::Swallowing)]
            .prop_map(Trouble::Path),
        2 => Just(Trouble::Cut),
        2 => (0..2_usize, any_connection(), any_octets())
            .prop_map(|(node, connection, octets)| Trouble::Inject(node, connection, octets)),
        1 => (0..2_usize).prop_map(Trouble::Stop),
        2 => (0..2_usize).prop_map(Trouble::Start),
        1 => (0..2_usize).prop_map(Trouble::Update),
        1 => (1_u64..2_000).prop_map(|time| Trouble::Latency(ms(time))),
        4 => (0_u64..100).prop_map(|time| Trouble::Run(ms(time))),
        4 => (0_u64..30_000).prop_map(|time| Trouble::Run(ms(time))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn after_any_trouble_two_peers_find_each_other(
        seed in any::<u64>(),
        passive in any::<bool>(),
        graceful in any::<bool>(),
        piece in 1..200_usize,
        troubles in vec(any_trouble(), 0..40),
    ) {
        let mut sim = Sim::new();
        let restart = || RestartConfig::new(s(120)).forwarding_kept([Family::IPV4_UNICAST]);
        let (config_of_a, config_of_b) = match graceful {
            true => (a().graceful_restart(restart()), b().graceful_restart(restart())),
            false => (a(), b()),
        };
        let config_of_b = if passive { config_of_b.passive() } else { config_of_b };
        let (a, b) = sim.pair(("a", config_of_a), ("b", config_of_b));
        sim.seed(a, seed);
        sim.seed(b, !seed);
        sim.pieces_of(piece);
        let nodes = [a, b];
        for trouble in troubles {
            match trouble {
                Trouble::Path(path) => sim.set_path(a, path),
                Trouble::Cut => sim.cut(a),
                Trouble::Inject(node, connection, octets) => {
                    sim.inject(nodes[node], connection, &octets);
                }
                Trouble::Stop(node) => sim.stop(nodes[node], None),
                Trouble::Start(node) => sim.start(nodes[node]),
                Trouble::Update(node) => {
                    sim.send(nodes[node], &end_of_rib());
                }
                Trouble::Latency(latency) => sim.latency(a, latency),
                Trouble::Run(time) => sim.run_for(time),
            }
        }
        sim.set_path(a, Path::Open);
        sim.latency(a, ms(20));
        sim.start(a);
        sim.start(b);
        // A connection that was swallowed needs up to four minutes to be
        // given up, and then the longest pauses.
        sim.run_for(s(900));
        let one = sim.peer(a).negotiated().map(|n| n.connection);
        let other = sim.peer(b).negotiated().map(|n| n.connection);
        prop_assert!(one.is_some() && other.is_some() && one != other, "{}", sim.transcript());
    }
}
