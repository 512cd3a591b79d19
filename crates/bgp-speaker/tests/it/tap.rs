//! Who listens to a peer sees every message of both sides.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bgp_speaker::{Direction, Initiation, PeerSettings, Tap};
use bgp_wire::{MaxMessageLen, MessageType, RawMessage};
use bytes::BytesMut;

use crate::node::{Plan, soon};

/// The types of the messages in both directions, until `enough`.
async fn messages(
    tap: &mut Tap,
    enough: impl Fn(&[(Direction, MessageType)]) -> bool,
) -> Vec<(Direction, MessageType)> {
    let mut streams: BTreeMap<(SocketAddr, bool), BytesMut> = BTreeMap::new();
    let mut seen = Vec::new();
    while !enough(&seen) {
        let piece = soon(tap.next()).await.expect("the speaker runs");
        let sent = piece.direction == Direction::Sent;
        let stream = streams.entry((piece.remote, sent)).or_default();
        stream.extend_from_slice(&piece.octets);
        let max = MaxMessageLen::STANDARD;
        while let Some(message) = RawMessage::split_from(stream, max).unwrap() {
            seen.push((piece.direction, message.message_type()));
        }
    }
    seen
}

#[tokio::test]
async fn every_message_of_both_sides_is_seen_up_to_the_last_one() {
    let (mut a, mut b) = (Plan::new(64512), Plan::new(64513));
    let passive = PeerSettings {
        initiation: Initiation::Passive,
        ..a.peer(&b)
    };
    a.add_peer(passive);
    let to_a = b.peer(&a);
    b.add_peer(to_a);
    let a = a.start().await;
    let mut tap = a.handle.tap(Some(b.address.into()));
    let mut other = a.handle.tap(Some(a.address.into()));
    let b = b.start().await;
    a.established().await;
    a.announce(&["203.0.113.1/32"]);
    let update = (Direction::Sent, MessageType::UPDATE);
    let seen = messages(&mut tap, |seen| seen.contains(&update)).await;
    let of = |direction| seen.iter().filter(move |it| it.0 == direction);
    for direction in [Direction::Sent, Direction::Received] {
        let types: Vec<_> = of(direction).map(|it| it.1).take(2).collect();
        assert_eq!(types, [MessageType::OPEN, MessageType::KEEPALIVE]);
    }
    let farewell = (Direction::Sent, MessageType::NOTIFICATION);
    let (last, ()) = tokio::join!(
        messages(&mut tap, |seen| seen.contains(&farewell)),
        a.stop()
    );
    assert_eq!(last.last(), Some(&farewell));
    assert_eq!(tap.lost(), 0);
    assert_eq!(other.next().await, None, "another peer's is not seen");
    b.stop().await;
}
