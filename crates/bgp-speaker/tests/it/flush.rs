//! When a change has left for every peer, and peers that do not read.

use std::sync::Arc;
use std::time::Duration;

use bgp_speaker::RibChange;
use bgp_wire::PathAttributes;
use ipnet::{IpNet, Ipv4Net};
use tokio::time::timeout;

use crate::node::{Plan, introduce, net, soon};
use crate::raw_peer::Identity;

#[tokio::test]
async fn flushed_means_written_to_the_socket() {
    let mut speaker = Plan::new(64512);
    let peer = Identity::new(64513);
    peer.introduce(&mut speaker);
    let speaker = speaker.start().await;
    let mut session = peer.connect(speaker.address).await;
    session.first_transfer().await;
    for round in 0..20_u8 {
        let prefix = format!("198.51.100.{round}/32");
        let version = speaker.announce(&[&prefix]);
        soon(speaker.handle.flushed(version)).await;
        // Nothing but reading is left to do; no task of the speaker has to run.
        let received = session.stream.peek(&mut [0; 64]).await.unwrap();
        assert!(received > 0);
        assert_eq!(session.told().await.announced, [net(&prefix)]);
    }
    speaker.stop().await;
}

#[tokio::test]
async fn peers_that_are_not_established_do_not_count() {
    let mut speaker = Plan::new(64512);
    Identity::new(64513).introduce(&mut speaker);
    let speaker = speaker.start().await;
    let version = speaker.announce(&["198.51.100.0/24"]);
    soon(speaker.handle.flushed(version)).await;
    speaker.stop().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_delays_no_other() {
    let mut speaker = Plan::new(64512);
    let mut reader = Plan::new(64513);
    let stuck = Identity::new(64514);
    stuck.introduce(&mut speaker);
    introduce(&mut speaker, &mut reader);
    let speaker = speaker.start().await;
    let mut reader = reader.start().await;
    let small_window = stuck.connect_with(speaker.socket(), Some(4096)).await;
    speaker.established().await;

    // More than socket buffers hold: no two prefixes share an attribute set.
    let version = speaker.handle.apply(&table(100_000));
    reader
        .comes_to_learn(&last_route(&reader_next_hop(&speaker), 100_000))
        .await;
    let prefix = "203.0.113.7/32";
    speaker.announce(&[prefix]);
    reader
        .comes_to_learn(&format!("{prefix} via [{}]", reader_next_hop(&speaker)))
        .await;

    let flushed = timeout(Duration::from_millis(300), speaker.handle.flushed(version));
    assert!(
        flushed.await.is_err(),
        "the stuck peer cannot have got everything"
    );
    // Once it is gone it does not count any more.
    drop(small_window);
    soon(speaker.handle.flushed(version)).await;
    assert!(speaker.handle.is_flushed(version));
    speaker.stop().await;
    reader.stop().await;
}

#[tokio::test]
async fn a_slow_peer_gets_the_newest_state_only() {
    let mut speaker = Plan::new(64512);
    let peer = Identity::new(64513);
    peer.introduce(&mut speaker);
    let speaker = speaker.start().await;
    let mut session = peer.connect_with(speaker.socket(), Some(4096)).await;
    session.first_transfer().await;

    speaker.handle.apply(&table(100_000));
    // Waits in the table, since the buffers are full; what is undone there is
    // not told.
    for _ in 0..1000 {
        speaker.announce(&["203.0.113.7/32"]);
        speaker.withdraw("203.0.113.7/32");
    }
    let last = speaker.announce(&["203.0.113.8/32"]);
    let mut announced = 0;
    let mut withdrawn = 0;
    loop {
        let told = session.told().await;
        announced += told.announced.len();
        withdrawn += told.withdrawn.len();
        if told.announced.contains(&net("203.0.113.8/32")) {
            break;
        }
    }
    assert_eq!((announced, withdrawn), (100_001, 1));
    soon(speaker.handle.flushed(last)).await;
    speaker.stop().await;
}

/// Prefixes that share no attribute set.
fn table(prefixes: u32) -> Vec<RibChange> {
    (0..prefixes)
        .map(|number| {
            let attributes = PathAttributes {
                med: Some(number),
                ..PathAttributes::originated()
            };
            RibChange::announce(prefix(number), Arc::new(attributes))
        })
        .collect()
}

fn prefix(number: u32) -> IpNet {
    let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number);
    Ipv4Net::new(address, 32).unwrap().into()
}

fn last_route(next_hop: &str, prefixes: u32) -> String {
    format!("{} via [{next_hop}]", prefix(prefixes - 1))
}

fn reader_next_hop(speaker: &crate::node::Node) -> String {
    let last = speaker
        .address
        .to_string()
        .rsplit_once('.')
        .unwrap()
        .1
        .to_owned();
    format!("192.0.2.{last}")
}
