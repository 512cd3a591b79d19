//! TCP MD5 signatures over loopback, which Linux signs and checks as any other.

use std::time::Duration;

use bgp_speaker::{Initiation, PeerSettings, Secret};
use tokio::time::timeout;

use crate::node::{Plan, soon};
use crate::raw_peer::Identity;

fn pair(a_key: &str, b_key: &str) -> (Plan, Plan) {
    let (mut a, mut b) = (Plan::new(64512), Plan::new(64513));
    let settings = a.peer(&b);
    a.add_peer(PeerSettings {
        password: Some(Secret::from(a_key)),
        initiation: Initiation::Passive,
        ..settings
    });
    let settings = b.peer(&a);
    b.add_peer(PeerSettings {
        password: Some(Secret::from(b_key)),
        ..settings
    });
    (a, b)
}

#[tokio::test]
async fn equal_passwords_make_a_session() {
    let (a, b) = pair("correct horse", "correct horse");
    let (a, b) = (a.start().await, b.start().await);
    a.established().await;
    b.established().await;
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn different_passwords_make_none() {
    let (a, b) = pair("correct horse", "battery staple");
    let (a, b) = (a.start().await, b.start().await);
    // The kernel drops what is wrongly signed, so the attempt ends unanswered.
    let status = b.peer(|peer| peer.last_error.is_some()).await;
    assert!(status.last_error.unwrap().text.contains("timed out"));
    assert_eq!(a.handle.peer_status()[0].last_error, None);
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn a_peer_with_a_password_cannot_connect_without() {
    let mut speaker = Plan::new(64512);
    let (signed, plain) = (Identity::new(64513), Identity::new(64514));
    let settings = speaker.peer_at(signed.address, signed.asn);
    speaker.add_peer(PeerSettings {
        password: Some(Secret::from("correct horse")),
        initiation: Initiation::Passive,
        ..settings
    });
    plain.introduce(&mut speaker);
    let speaker = speaker.start().await;
    // Another peer is not affected by the key.
    soon(plain.dial(speaker.socket(), None)).await.unwrap();
    let dialed = timeout(
        Duration::from_millis(500),
        signed.dial(speaker.socket(), None),
    );
    assert!(dialed.await.is_err(), "the connection needs a signature");
    speaker.stop().await;
}
