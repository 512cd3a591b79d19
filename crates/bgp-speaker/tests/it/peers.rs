//! Who the peers are may change while a speaker runs.

use bgp_fsm::State;
use bgp_speaker::{
    ChangeError, ConfigError, DynamicPeers, Initiation, PeerKey, PeerSettings, PeerStatus,
    PeerStatuses, Secret,
};
use bgp_wire::{Asn, Community, NotificationCode};
use ipnet::IpNet;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::node::{Node, Plan, net, soon};
use crate::raw_peer::{Identity, RawPeer};

/// A speaker with two peers, both connected.
async fn with_two() -> (Node, [PeerSettings; 2], [RawPeer; 2]) {
    let mut plan = Plan::new(64512);
    let peers = [Identity::new(64513), Identity::new(64514)];
    for peer in peers {
        peer.introduce(&mut plan);
    }
    let settings = [plan.config.peers[0].clone(), plan.config.peers[1].clone()];
    let speaker = plan.start().await;
    speaker.announce(&["198.51.100.0/24"]);
    let mut sessions = [
        peers[0].connect(speaker.address).await,
        peers[1].connect(speaker.address).await,
    ];
    for session in &mut sessions {
        session.first_transfer().await;
    }
    speaker.established().await;
    (speaker, settings, sessions)
}

#[tokio::test]
async fn a_removed_peer_hears_cease_and_the_other_hears_nothing() {
    let (speaker, [one, other], [mut gone, mut kept]) = with_two().await;
    let since = speaker.handle.peer_status()[1].since;
    let change = speaker.handle.set_peers(vec![other.clone()], vec![]).await;
    let change = change.unwrap();
    assert_eq!((change.removed, change.unchanged), (1, 1));
    let code = gone.notified().await.code;
    assert_eq!(code, NotificationCode::CEASE_PEER_DECONFIGURED);
    drop(gone);
    let mut peers = speaker.handle.peers();
    let alone = soon(peers.wait_for(|peers| peers.len() == 1)).await;
    assert_eq!(alone.unwrap()[0].key(), other.key());

    speaker.announce(&["203.0.113.0/24"]);
    assert_eq!(kept.told().await.announced, [net("203.0.113.0/24")]);
    assert_eq!(speaker.handle.peer_status()[0].since, since);
    assert_eq!(speaker.handle.remove_peer(one.key()).await, Ok(false));
    assert_eq!(speaker.handle.remove_peer(other.key()).await, Ok(true));
    speaker.stop().await;
}

#[tokio::test]
async fn an_added_peer_gets_the_whole_table() {
    let mut plan = Plan::new(64512);
    let late = Identity::new(64513);
    let settings = PeerSettings {
        initiation: Initiation::Passive,
        ..plan.peer_at(late.address, late.asn)
    };
    Identity::new(64514).introduce(&mut plan);
    let speaker = plan.start().await;
    speaker.announce(&["198.51.100.0/24"]);
    speaker.handle.add_peer(settings.clone()).await.unwrap();
    let mut session = late.connect(speaker.address).await;
    assert_eq!(session.first_transfer().await, [net("198.51.100.0/24")]);
    let version = speaker.withdraw("198.51.100.0/24");
    soon(speaker.handle.flushed(version)).await;
    assert_eq!(session.told().await.withdrawn, [net("198.51.100.0/24")]);

    let again = speaker.handle.add_peer(settings.clone()).await;
    let twice = ConfigError::DuplicatePeer(settings.key());
    assert_eq!(again, Err(ChangeError::Config(twice)));
    speaker.stop().await;
}

#[tokio::test]
async fn what_is_said_of_routes_changes_without_a_new_session() {
    let (speaker, [mut one, other], [mut first, mut second]) = with_two().await;
    one.export.communities = vec![Community::NO_EXPORT];
    one.export.prepend = 2;
    one.name = Some("edge".to_owned());
    let change = speaker.handle.set_peers(vec![one, other], vec![]).await;
    let change = change.unwrap();
    assert_eq!((change.updated, change.unchanged), (1, 1));
    let attributes = first.attributes().await;
    assert_eq!(attributes.communities, [Community::NO_EXPORT]);
    assert_eq!(attributes.as_path.to_string(), "64512 64512 64512");
    // The other one hears of the next change, and of nothing before it.
    speaker.announce(&["203.0.113.0/24"]);
    assert_eq!(second.told().await.announced, [net("203.0.113.0/24")]);
    assert_eq!(first.told().await.announced, [net("203.0.113.0/24")]);
    let status = &speaker.handle.peer_status()[0];
    assert_eq!(status.name.as_deref(), Some("edge"));
    assert_eq!(status.state, State::Established);
    speaker.stop().await;
}

#[tokio::test]
async fn other_changes_end_the_session_and_begin_a_new_one() {
    let mut plan = Plan::new(64512);
    let peer = Identity::new(64513);
    peer.introduce(&mut plan);
    let mut settings = plan.config.peers[0].clone();
    let speaker = plan.start().await;
    let mut session = peer.connect(speaker.address).await;
    session.first_transfer().await;
    settings.local_as = Some(Asn::new(64999));
    let change = speaker.handle.set_peers(vec![settings], vec![]).await;
    assert_eq!(change.unwrap().restarted, 1);
    assert_eq!(
        session.notified().await.code,
        NotificationCode::CEASE_OTHER_CONFIGURATION_CHANGE
    );
    drop(session);
    // The new task is there, in the state in which it accepts.
    let fresh = |peer: &PeerStatus| {
        peer.state == State::Active && peer.negotiated.is_none() && peer.last_error.is_none()
    };
    speaker.peer(fresh).await;
    let mut session = peer.connect(speaker.address).await;
    speaker.announce(&["198.51.100.0/24"]);
    assert_eq!(session.attributes().await.as_path.to_string(), "64999");
    speaker.stop().await;
}

#[tokio::test]
async fn a_list_that_cannot_be_changes_nothing() {
    let (speaker, [one, other], [mut first, _]) = with_two().await;
    let wrong = PeerSettings {
        password: Some(Secret::from("")),
        ..other
    };
    let refused = speaker.handle.set_peers(vec![wrong], vec![]).await;
    assert!(matches!(
        refused,
        Err(ChangeError::Config(ConfigError::PasswordLength { .. }))
    ));
    let twice = vec![one.clone(), one];
    assert!(speaker.handle.set_peers(twice, vec![]).await.is_err());
    speaker.announce(&["203.0.113.0/24"]);
    assert_eq!(first.told().await.announced, [net("203.0.113.0/24")]);
    let handle = speaker.handle.clone();
    speaker.stop().await;
    assert_eq!(
        handle.set_peers(vec![], vec![]).await,
        Err(ChangeError::Ended)
    );
}

#[tokio::test]
async fn dynamic_peers_come_and_go_up_to_their_limit() {
    let mut plan = Plan::new(64512);
    let visitors = [
        Identity::new(64513),
        Identity::new(64513),
        Identity::new(64513),
    ];
    let prefix = IpNet::new(visitors[0].address, 16).unwrap();
    let template = plan.peer_at(visitors[0].address, Asn::new(64513));
    let dynamic = DynamicPeers::new(prefix, 2, template);
    plan.config.dynamic_peers.push(dynamic);
    let speaker = plan.start().await;
    assert!(speaker.handle.peer_status().is_empty());
    speaker.announce(&["198.51.100.0/24"]);

    let mut first = visitors[0].connect(speaker.address).await;
    assert_eq!(first.first_transfer().await, [net("198.51.100.0/24")]);
    let mut second = visitors[1].connect(speaker.address).await;
    second.first_transfer().await;
    assert!(speaker.handle.peer_status().iter().all(|peer| peer.dynamic));
    // There is no room for a third one until one of them goes.
    assert!(visitors[2].is_turned_away(speaker.socket()).await);
    drop(first);
    soon(speaker.handle.peers().wait_for(|peers| peers.len() == 1))
        .await
        .unwrap();
    let mut third = visitors[2].connect(speaker.address).await;
    assert_eq!(third.first_transfer().await, [net("198.51.100.0/24")]);

    // Without their prefix they are nobody.
    let change = speaker.handle.set_peers(vec![], vec![]).await;
    assert_eq!(change.unwrap().removed, 0);
    second.notified().await;
    third.notified().await;
    speaker.stop().await;
}

#[tokio::test]
async fn a_dynamic_peer_without_a_session_makes_room_for_one_that_comes() {
    let mut plan = Plan::new(64512);
    let hosts: [_; 5] = std::array::from_fn(|_| Identity::new(64513));
    let prefix = IpNet::new(hosts[0].address, 16).unwrap();
    let template = plan.peer_at(hosts[0].address, Asn::new(64513));
    let dynamic = DynamicPeers::new(prefix, 2, template);
    plan.config.dynamic_peers.push(dynamic);
    let speaker = plan.start().await;
    let there = |wanted: [PeerKey; 2]| {
        let mut peers = speaker.handle.peers();
        async move {
            let so = |peers: &PeerStatuses| {
                let mut keys: Vec<_> = peers.iter().map(PeerStatus::key).collect();
                keys.sort();
                keys == wanted
            };
            soon(peers.wait_for(so)).await.map(drop).unwrap();
        }
    };
    let key = |host: usize| hosts[host].address.into();

    // Two that connect and then say nothing have taken every place.
    let first = soon(hosts[0].dial(speaker.socket(), None)).await.unwrap();
    speaker.peer_count(1).await;
    let second = soon(hosts[1].dial(speaker.socket(), None)).await.unwrap();
    there([key(0), key(1)]).await;
    // Who connects once more takes no other one's place.
    let second_again = soon(hosts[1].dial(speaker.socket(), None)).await.unwrap();

    let mut third = hosts[2].connect(speaker.address).await;
    third.first_transfer().await;
    there([key(1), key(2)]).await;
    assert!(last_words(first).await.ends_with(&CONNECTION_REJECTED));
    let mut fourth = hosts[3].connect(speaker.address).await;
    fourth.first_transfer().await;
    there([key(2), key(3)]).await;
    drop((second, second_again));

    // Those with a session stay.
    assert!(hosts[4].is_turned_away(speaker.socket()).await);
    speaker.announce(&["203.0.113.0/24"]);
    for mut session in [third, fourth] {
        assert_eq!(session.told().await.announced, [net("203.0.113.0/24")]);
    }
    speaker.stop().await;
}

/// NOTIFICATION, Cease / Connection Rejected.
const CONNECTION_REJECTED: [u8; 3] = [3, 6, 5];

/// Everything the speaker says until it closes the connection.
async fn last_words(mut stream: TcpStream) -> Vec<u8> {
    let mut words = Vec::new();
    soon(stream.read_to_end(&mut words)).await.unwrap();
    words
}

#[tokio::test]
async fn strangers_are_no_dynamic_peers() {
    let mut plan = Plan::new(64512);
    let stranger = Identity::new(64513);
    let template = plan.peer_at(stranger.address, Asn::new(64513));
    let elsewhere = DynamicPeers::new(net("192.0.2.0/24"), 9, template);
    plan.config.dynamic_peers.push(elsewhere);
    let speaker = plan.start().await;
    assert!(stranger.is_turned_away(speaker.socket()).await);
    assert!(speaker.handle.peer_status().is_empty());
    speaker.stop().await;
}
