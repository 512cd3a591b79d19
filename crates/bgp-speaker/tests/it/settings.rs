//! What can be set for one peer, seen from its other side.

use std::sync::Arc;
use std::time::Duration;

use bgp_speaker::{
    DynamicPeers, Import, Initiation, PeerSettings, PrefixRange, RemoteAs, Secret, Ttl,
};
use bgp_wire::Asn;
use ipnet::IpNet;
use tokio::time::timeout;

use crate::node::{Node, Plan, introduce, net, soon};
use crate::raw_peer::Identity;

/// Two speakers that are peers, the first with these changes to its settings.
fn pair(numbers: [u32; 2], change: impl FnOnce(&mut PeerSettings)) -> (Plan, Plan) {
    let [mut a, mut b] = numbers.map(Plan::new);
    introduce(&mut a, &mut b);
    change(&mut a.config.peers[0]);
    (a, b)
}

/// A speaker and a hand-made peer of it, with these changes to its settings.
fn speaker_with_peer(change: impl FnOnce(&mut PeerSettings)) -> (Plan, Identity) {
    let mut speaker = Plan::new(64512);
    let peer = Identity::new(64513);
    peer.introduce(&mut speaker);
    change(&mut speaker.config.peers[0]);
    (speaker, peer)
}

/// Without a signature the kernel drops what comes, so that nothing answers.
async fn assert_asks_for_signature(speaker: &Node, plain: Identity) {
    let dialed = plain.dial(speaker.socket(), None);
    let dialed = timeout(Duration::from_millis(500), dialed).await;
    assert!(dialed.is_err(), "the connection needs a signature");
}

#[tokio::test]
async fn an_external_peer_may_be_of_any_other_as() {
    let (a, b) = pair([64512, 64513], |peer| peer.remote_as = RemoteAs::External);
    let (a, b) = (a.start().await, b.start().await);
    a.established().await;
    b.established().await;
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn an_external_peer_of_our_own_as_is_refused_in_words() {
    let (a, b) = pair([64512, 64512], |peer| peer.remote_as = RemoteAs::External);
    let (a, b) = (a.start().await, b.start().await);
    // Before the other one listens there may be other trouble.
    let said = "our own AS 64512, configured is an external one";
    a.peer(|peer| {
        peer.last_error
            .as_ref()
            .is_some_and(|it| it.text.contains(said))
    })
    .await;
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn an_internal_peer_has_our_number() {
    let (a, b) = pair([64512, 64512], |peer| peer.remote_as = RemoteAs::Internal);
    let (a, b) = (a.start().await, b.start().await);
    a.established().await;
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn another_number_of_our_own_holds_for_one_peer() {
    let mut speaker = Plan::new(64512);
    let peers = [Identity::new(64513), Identity::new(64514)];
    for peer in peers {
        peer.introduce(&mut speaker);
    }
    speaker.config.peers[0].local_as = Some(Asn::new(64999));
    let speaker = speaker.start().await;
    speaker.announce(&["198.51.100.0/24"]);
    for (peer, path) in peers.into_iter().zip(["64999", "64512"]) {
        let mut session = peer.connect(speaker.address).await;
        let attributes = session.attributes().await;
        assert_eq!(attributes.as_path.to_string(), path);
    }
    speaker.stop().await;
}

#[tokio::test]
async fn ttl_security_on_both_sides_makes_a_session() {
    let near = Ttl::Security { hops: 1 };
    let (a, mut b) = pair([64512, 64513], |peer| peer.ttl = near);
    b.config.peers[0].ttl = near;
    let (a, b) = (a.start().await, b.start().await);
    a.established().await;
    b.established().await;
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn what_may_have_come_from_afar_is_not_heard() {
    let distant = Ttl::Security { hops: 1 };
    let (speaker, peer) = speaker_with_peer(|peer| peer.ttl = distant);
    let speaker = speaker.start().await;
    // The kernel sends with TTL 64 here, as if from 191 hops further away.
    assert!(peer.is_turned_away(speaker.socket()).await);
    let status = speaker.peer(|peer| peer.last_error.is_some()).await;
    assert_eq!(
        status.last_error.unwrap().text,
        "accepted connection: it came with TTL 64, at least 255 is required"
    );
    speaker.stop().await;
}

#[tokio::test]
async fn a_distance_within_the_limit_is_heard() {
    let distant = Ttl::Security { hops: 192 };
    let (speaker, peer) = speaker_with_peer(|peer| peer.ttl = distant);
    let speaker = speaker.start().await;
    let mut session = peer.connect(speaker.address).await;
    assert_eq!(session.first_transfer().await, []);
    speaker.stop().await;
}

#[tokio::test]
async fn only_listed_prefixes_are_taken() {
    let list = [PrefixRange::within(net("198.51.100.0/24"), 30, 32).unwrap()];
    let (a, b) = pair([64512, 64513], |peer| {
        peer.import = Import::Listed(Arc::new(list));
    });
    let b4 = b.next_hops().v4.unwrap();
    let (mut a, b) = (a.start().await, b.start().await);
    b.announce(&["203.0.113.1/32", "198.51.100.0/24", "198.51.100.8/31"]);
    assert_eq!(a.learns().await, format!("198.51.100.8/31 via [{b4}]"));
    let peer = a.peer(|peer| peer.first_transfer_ended()).await;
    assert_eq!(peer.accepted_prefixes, 1);
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn the_preference_we_give_a_peers_routes_decides() {
    let mut a = Plan::new(64512);
    let (mut near, mut far) = (Plan::new(64513), Plan::new(64514));
    introduce(&mut a, &mut near);
    introduce(&mut a, &mut far);
    a.config.peers[1].import_preference = Some(200);
    // Without the preference the shorter path would win.
    far.config.peers[0].export.prepend = 3;
    let far4 = far.next_hops().v4.unwrap();
    let (mut a, near, far) = (a.start().await, near.start().await, far.start().await);
    near.announce(&["198.51.100.0/24"]);
    far.announce(&["198.51.100.0/24"]);
    a.comes_to_learn(&format!("198.51.100.0/24 via [{far4}]"))
        .await;
    for node in [a, near, far] {
        node.stop().await;
    }
}

#[tokio::test]
async fn a_password_of_a_prefix_is_asked_of_everybody_there() {
    let mut speaker = Plan::new(64512);
    let mut signing = Plan::new(64513);
    let plain = Identity::new(64513);
    let password = Some(Secret::from("correct horse"));
    let template = PeerSettings {
        password: password.clone(),
        ..speaker.peer_at(signing.address, signing.asn())
    };
    let prefix = IpNet::new(signing.address, 16).unwrap();
    let dynamic = DynamicPeers::new(prefix, 9, template);
    speaker.config.dynamic_peers.push(dynamic);
    let settings = PeerSettings {
        password,
        initiation: Initiation::Active,
        ..signing.peer(&speaker)
    };
    signing.add_peer(settings);
    let (speaker, signing) = (speaker.start().await, signing.start().await);
    signing.established().await;
    assert_asks_for_signature(&speaker, plain).await;

    // Without the template there is no key, and the connection is closed.
    let change = soon(speaker.handle.set_peers(vec![], vec![])).await;
    assert!(change.is_ok());
    assert!(plain.is_turned_away(speaker.socket()).await);
    speaker.stop().await;
    signing.stop().await;
}

#[tokio::test]
async fn a_new_password_takes_the_old_ones_place() {
    let mut speaker = Plan::new(64512);
    let mut signing = Plan::new(64513);
    let settings = |password| PeerSettings {
        password: Some(Secret::from(password)),
        ..speaker.peer_at(signing.address, signing.asn())
    };
    let [old, new] = ["correct horse", "battery staple"].map(settings);
    let passive = |settings| PeerSettings {
        initiation: Initiation::Passive,
        ..settings
    };
    let (old, new) = (passive(old), passive(new));
    let other_side = PeerSettings {
        password: new.password.clone(),
        ..signing.peer(&speaker)
    };
    let plain = Identity {
        address: signing.address,
        asn: signing.asn(),
    };
    speaker.add_peer(old);
    signing.add_peer(other_side);
    let speaker = speaker.start().await;
    let change = speaker.handle.set_peers(vec![new.clone()], vec![]).await;
    assert_eq!(change.unwrap().restarted, 1);
    let signing = signing.start().await;
    signing.established().await;
    speaker.established().await;
    // The key was changed, not taken away.
    assert_asks_for_signature(&speaker, plain).await;

    let open = PeerSettings {
        password: None,
        ..new
    };
    let change = speaker.handle.set_peers(vec![open], vec![]).await;
    assert_eq!(change.unwrap().restarted, 1);
    signing.stop().await;
    speaker.peer(|peer| peer.negotiated.is_none()).await;
    soon(plain.dial(speaker.socket(), None)).await.unwrap();
    speaker.stop().await;
}
