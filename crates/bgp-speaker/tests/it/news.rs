//! What happens to a peer is told when it does.

use bgp_speaker::{Initiation, PeerNews, PeerSettings, SpeakerHandle};
use tokio::sync::mpsc;

use crate::node::{Plan, soon};

/// What is told from now on of all peers.
pub fn news(speaker: &SpeakerHandle) -> mpsc::UnboundedReceiver<(String, PeerNews)> {
    let (sender, news) = mpsc::unbounded_channel();
    let told = speaker.tell_news(move |peer, what| {
        let _ = sender.send((peer.to_string(), what));
    });
    assert!(told, "somebody else is told");
    news
}

#[tokio::test]
async fn a_session_is_told_when_it_begins_and_when_it_ends() {
    let (mut a, mut b) = (Plan::new(64512), Plan::new(64513));
    let passive = PeerSettings {
        initiation: Initiation::Passive,
        ..a.peer(&b)
    };
    a.add_peer(passive);
    let to_a = b.peer(&a);
    b.add_peer(to_a);
    let a = a.start().await;
    let mut told = news(&a.handle);
    assert!(!a.handle.tell_news(|_, _| {}), "there is one listener");
    let b = b.start().await;
    let peer = b.address.to_string();
    let first = soon(told.recv()).await.unwrap();
    assert_eq!(first, (peer.clone(), PeerNews::Established));
    b.stop().await;
    let (whose, last) = soon(told.recv()).await.unwrap();
    assert_eq!(whose, peer);
    let PeerNews::Down(why) = last else {
        panic!("{last:?}");
    };
    assert!(why.contains("Administrative Shutdown"), "{why}");
    a.stop().await;
    assert_eq!(told.recv().await, None, "there was no other session");
}
