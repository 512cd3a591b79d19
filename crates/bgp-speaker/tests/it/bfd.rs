//! BFD beside BGP: what ends a session, and what does not.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bfd::{DownReason, SINGLE_HOP_PORT, State, Timing};
use bgp_speaker::{BfdSettings, ConfigError, PeerNews, PeerStatus, Speaker};
use bgp_wire::NotificationCode;

use crate::bfd_peer::{BfdPeer, Order};
use crate::news::news;
use crate::node::{Node, Plan, introduce, soon};
use crate::raw_peer::{Identity, RawPeer};

const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

fn every(interval: u64, multiplier: u8) -> BfdSettings {
    BfdSettings::default().every(ms(interval), multiplier)
}

fn bfd_state(peer: &PeerStatus) -> Option<State> {
    peer.bfd.as_ref().map(|bfd| bfd.state)
}

/// A speaker with BFD, and a hand-made peer of it with both sessions up.
async fn with_peer(settings: BfdSettings) -> (Node, RawPeer, BfdPeer) {
    let mut speaker = Plan::new(64512);
    let peer = Identity::new(64513);
    peer.introduce(&mut speaker);
    speaker.config.peers[0].bfd = Some(settings);
    let speaker = speaker.start().await;
    let timing = Timing::new(settings.min_tx, settings.min_rx, settings.multiplier).unwrap();
    let bfd = BfdPeer::start(peer.address, speaker.address, timing, 255);
    let bgp = peer.connect(speaker.address).await;
    let agreed = settings.min_rx * u32::from(settings.multiplier);
    speaker
        .peer(|status| {
            let bfd = status.bfd.as_ref();
            bfd.is_some_and(|bfd| bfd.parameters.detection_time == Some(agreed))
        })
        .await;
    speaker.established().await;
    (speaker, bgp, bfd)
}

#[tokio::test]
async fn a_peer_that_falls_silent_loses_its_session_at_once() {
    let (speaker, mut bgp, bfd) = with_peer(every(50, 4)).await;
    let mut told = news(&speaker.handle);
    let silent = Instant::now();
    bfd.order(Order::Silence);
    let notification = bgp.notified().await;
    let took = silent.elapsed();
    assert_eq!(notification.code, NotificationCode::CEASE_BFD_DOWN);
    // The hold time of this session is none: nothing but BFD can have ended it.
    assert!(took < ms(1_000), "{took:?}");
    let status = speaker.peer(|peer| peer.negotiated.is_none()).await;
    let bfd = status.bfd.unwrap();
    assert_eq!((bfd.state, bfd.failures), (State::Down, 1));
    let (_, why) = bfd.last_down.unwrap();
    assert_eq!(why, DownReason::DetectionTimeExpired(ms(200)));
    let said = status.last_error.unwrap().text;
    assert!(said.contains("BFD Down"), "{said}");
    let first = soon(told.recv()).await.unwrap().1;
    assert_eq!(first, PeerNews::BfdDown(why.to_string()));
    let second = soon(told.recv()).await.unwrap().1;
    assert!(
        matches!(&second, PeerNews::Down(why) if why.contains("BFD Down")),
        "{second:?}"
    );
    speaker.stop().await;
}

#[tokio::test]
async fn a_peer_whose_operator_ends_bfd_keeps_its_session() {
    let (speaker, mut bgp, bfd) = with_peer(every(200, 5)).await;
    bgp.first_transfer().await;
    bfd.order(Order::AdminDown);
    let status = speaker
        .peer(|peer| bfd_state(peer) == Some(State::Down))
        .await;
    let bfd = status.bfd.unwrap();
    assert_eq!(bfd.failures, 0);
    assert!(matches!(
        bfd.last_down,
        Some((_, DownReason::PeerAdminDown(_)))
    ));
    speaker.announce(&["198.51.100.1/32"]);
    let told = bgp.told().await;
    assert_eq!(told.announced.len(), 1);
    assert!(speaker.handle.peer_status()[0].negotiated.is_some());
    speaker.stop().await;
}

#[tokio::test]
async fn a_peer_without_bfd_gets_its_session_all_the_same() {
    let mut speaker = Plan::new(64512);
    let peer = Identity::new(64513);
    peer.introduce(&mut speaker);
    speaker.config.peers[0].bfd = Some(every(10, 3));
    let speaker = speaker.start().await;
    let _bgp = peer.connect(speaker.address).await;
    speaker.established().await;
    let status = speaker.peer(|peer| bfd_state(peer).is_some()).await;
    assert_eq!(bfd_state(&status), Some(State::Down));
    speaker.stop().await;
}

#[tokio::test]
async fn packets_that_were_forwarded_bring_no_single_hop_session_up() {
    let mut speaker = Plan::new(64512);
    let (near, far) = (Identity::new(64513), Identity::new(64514));
    for peer in [near, far] {
        peer.introduce(&mut speaker);
    }
    for settings in &mut speaker.config.peers {
        settings.bfd = Some(every(200, 5));
    }
    let speaker = speaker.start().await;
    let timing = Timing::new(ms(200), ms(200), 5).unwrap();
    let _far = BfdPeer::start(far.address, speaker.address, timing, 254);
    let _near = BfdPeer::start(near.address, speaker.address, timing, 255);
    speaker
        .peer(|peer| bfd_state(peer) == Some(State::Up))
        .await;
    // The far one began first and is as quick, but is not believed.
    let status = speaker.handle.peer_status();
    assert_eq!(bfd_state(&status[1]), Some(State::Down));
    speaker.stop().await;
}

#[tokio::test]
async fn two_speakers_part_without_taking_it_for_a_failure() {
    let (mut a, mut b) = (Plan::new(64512), Plan::new(64513));
    introduce(&mut a, &mut b);
    a.config.peers[0].bfd = Some(every(50, 3));
    b.config.peers[0].bfd = Some(every(100, 5));
    let (a, b) = (a.start().await, b.start().await);
    for node in [&a, &b] {
        node.peer(|peer| bfd_state(peer) == Some(State::Up)).await;
        node.established().await;
    }
    let agreed = a
        .peer(|peer| {
            let bfd = peer.bfd.as_ref().unwrap();
            bfd.parameters.detection_time == Some(ms(500))
        })
        .await;
    let sending = agreed.bfd.unwrap().parameters.transmit_interval;
    assert_eq!(sending, Some(ms(100)));

    b.stop().await;
    let status = a.peer(|peer| bfd_state(peer) == Some(State::Down)).await;
    let bfd = status.bfd.unwrap();
    assert!(matches!(
        bfd.last_down,
        Some((_, DownReason::PeerAdminDown(_)))
    ));
    assert_eq!(bfd.failures, 0);
    a.stop().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_and_bgp_goes_on() {
    let mut speaker = Plan::new(64512);
    let _other_program = UdpSocket::bind((speaker.address, SINGLE_HOP_PORT)).unwrap();
    let peer = Identity::new(64513);
    peer.introduce(&mut speaker);
    speaker.config.peers[0].bfd = Some(every(10, 3));
    let speaker = speaker.start().await;
    let status = speaker
        .peer(|peer| peer.bfd.as_ref().is_some_and(|bfd| bfd.problem.is_some()))
        .await;
    let problem = status.bfd.unwrap().problem.unwrap();
    let address = speaker.address;
    assert_eq!(
        problem,
        format!("receive BFD packets at {address}:3784: Address already in use (os error 98)")
    );
    let _bgp = peer.connect(speaker.address).await;
    speaker.established().await;
    speaker.stop().await;
}

#[tokio::test]
async fn times_that_bfd_cannot_keep_are_refused() {
    let mut speaker = Plan::new(64512);
    let peer = Identity::new(64513);
    peer.introduce(&mut speaker);
    speaker.config.peers[0].bfd = Some(every(0, 3));
    let (_sender, addresses) = tokio::sync::watch::channel(Arc::default());
    let error = Speaker::new(speaker.config, addresses)
        .map(drop)
        .unwrap_err();
    assert!(matches!(error, ConfigError::Bfd { .. }));
    let text = format!(
        "peer {}: BFD interval 0ns is not between 1 ms and 4294 s",
        peer.address
    );
    assert_eq!(error.to_string(), text);
}
