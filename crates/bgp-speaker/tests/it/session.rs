//! How sessions begin and end.

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bgp_fsm::State;
use bgp_speaker::{ConfigError, Initiation, PeerSettings, Secret, Speaker, Ttl};
use bgp_wire::{
    AsWidth, Asn, DecodeContext, Family, MaxMessageLen, NextHop, NotificationCode, PathAttributes,
    SessionKind, UpdateWriter,
};
use bytes::BytesMut;
use tokio::io::AsyncReadExt;

use crate::node::{PORT, Plan, introduce, soon};
use crate::raw_peer::Identity;

#[tokio::test]
async fn an_active_and_a_passive_peer_find_each_other() {
    let (mut a, mut b) = (Plan::new(64512), Plan::new(64513));
    let settings = a.peer(&b);
    a.add_peer(PeerSettings {
        initiation: Initiation::Passive,
        ..settings
    });
    let settings = b.peer(&a);
    b.add_peer(settings);
    b.config.listen.clear();
    let a = a.start().await;
    let b = b.start_now();
    a.established().await;
    b.established().await;
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn two_active_peers_end_with_one_session() {
    for _ in 0..5 {
        let (mut a, mut b) = (Plan::new(64512), Plan::new(64513));
        introduce(&mut a, &mut b);
        let (a, b) = tokio::join!(a.start(), b.start());
        a.established().await;
        b.established().await;
        a.stop().await;
        b.stop().await;
    }
}

#[tokio::test]
async fn an_internal_session_gets_no_as_in_the_path() {
    let (mut a, mut b) = (Plan::new(64512), Plan::new(64512));
    introduce(&mut a, &mut b);
    let a4 = a.next_hops().v4.unwrap();
    let (a, mut b) = (a.start().await, b.start().await);
    a.announce(&["198.51.100.1/32"]);
    // With our own AS in the path it would count as a loop.
    assert_eq!(b.learns().await, format!("198.51.100.1/32 via [{a4}]"));
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn a_stopping_speaker_says_so_to_its_peers() {
    let mut speaker = Plan::new(64512);
    let peer = Identity::new(64513);
    peer.introduce(&mut speaker);
    let speaker = speaker.start().await;
    let mut session = peer.connect(speaker.address).await;
    let (notification, ()) = tokio::join!(
        async {
            let notification = session.notified().await;
            drop(session);
            notification
        },
        speaker.stop()
    );
    assert_eq!(
        notification.code,
        NotificationCode::CEASE_ADMINISTRATIVE_SHUTDOWN
    );
}

#[tokio::test]
async fn a_restarted_peer_is_back_with_its_routes() {
    let (mut a, mut b) = (Plan::new(64512), Plan::new(64513));
    introduce(&mut a, &mut b);
    let b4 = b.next_hops().v4.unwrap();
    let again = Plan {
        address: b.address,
        config: b.config.clone(),
        addresses: b.addresses.clone(),
    };
    let (mut a, b) = (a.start().await, b.start().await);
    b.announce(&["198.51.100.1/32"]);
    assert_eq!(a.learns().await, format!("198.51.100.1/32 via [{b4}]"));
    b.stop().await;
    assert_eq!(a.learns().await, "198.51.100.1/32 via []");
    let said = NotificationCode::CEASE_ADMINISTRATIVE_SHUTDOWN.to_string();
    let status = a
        .peer(|peer| peer.negotiated.is_none() && peer.last_error.is_some())
        .await;
    let text = status.last_error.unwrap().text;
    assert!(text.contains(&said), "{text}");

    let b = again.start().await;
    b.announce(&["198.51.100.1/32"]);
    assert_eq!(a.learns().await, format!("198.51.100.1/32 via [{b4}]"));
    a.stop().await;
    b.stop().await;
}

/// UPDATEs without end; tells whether it was stopped before it gave up.
fn flood(mut stream: std::net::TcpStream, stop: &AtomicBool) -> bool {
    let mut octets = BytesMut::new();
    let session = DecodeContext::new(AsWidth::Four, SessionKind::External);
    let mut update = UpdateWriter::announce(
        &mut octets,
        MaxMessageLen::STANDARD,
        Family::IPV4_UNICAST,
        &NextHop::V4(Ipv4Addr::new(192, 0, 2, 9)),
        &PathAttributes::originated(),
        session,
    )
    .unwrap();
    for host in 0x0a00_0000_u32.. {
        let prefix = ipnet::Ipv4Net::new_assert(Ipv4Addr::from(host), 32);
        if update.push(prefix.into()).is_err() {
            break;
        }
    }
    update.finish();
    stream.set_nonblocking(false).unwrap();
    let began = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        if began.elapsed() > Duration::from_secs(8) {
            return false;
        }
        stream.write_all(&octets).unwrap();
    }
    true
}

#[tokio::test]
async fn a_peer_that_floods_us_leaves_time_for_others() {
    let mut speaker = Plan::new(64512);
    let (loud, quiet) = (Identity::new(64513), Identity::new(64514));
    loud.introduce(&mut speaker);
    quiet.introduce(&mut speaker);
    let speaker = speaker.start().await;
    let session = loud.connect(speaker.address).await;
    let stream = session.stream.into_std().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let flood = tokio::task::spawn_blocking({
        let stop = Arc::clone(&stop);
        move || flood(stream, &stop)
    });
    // All tasks share this thread, so it is one task's turn or another's.
    speaker.peer(|loud| loud.accepted_prefixes > 0).await;
    let mut session = quiet.connect(speaker.address).await;
    session.first_transfer().await;
    stop.store(true, Ordering::Relaxed);
    let stopped = soon(flood).await.unwrap();
    assert!(stopped, "the others had to wait for the end");
    speaker.stop().await;
}

#[tokio::test]
async fn strangers_are_turned_away() {
    let mut speaker = Plan::new(64512);
    Identity::new(64513).introduce(&mut speaker);
    let speaker = speaker.start().await;
    let mut stranger = soon(Identity::new(64513).dial(speaker.socket(), None))
        .await
        .unwrap();
    // Not one octet is said before the connection is closed.
    let read = soon(stranger.read(&mut [0; 1])).await;
    assert!(matches!(read, Ok(0) | Err(_)));
    assert_ne!(speaker.handle.peer_status()[0].state, State::OpenSent);
    speaker.stop().await;
}

#[tokio::test]
async fn an_unreachable_peer_is_described_in_words() {
    let mut a = Plan::new(64512);
    let nobody = Identity::new(64513);
    a.add_peer(a.peer_at(nobody.address, nobody.asn));
    let a = a.start().await;
    let status = a.peer(|peer| peer.last_error.is_some()).await;
    assert_eq!(
        status.last_error.unwrap().text,
        format!(
            "connect to {} port {PORT}: Connection refused (os error 111)",
            nobody.address
        )
    );
    a.stop().await;
}

#[tokio::test]
async fn a_wrong_as_is_described_in_words() {
    let (mut a, mut b) = (Plan::new(64512), Plan::new(64513));
    a.add_peer(a.peer_at(b.address, Asn::new(64999)));
    let settings = b.peer(&a);
    b.add_peer(PeerSettings {
        initiation: Initiation::Passive,
        ..settings
    });
    let b = b.start().await;
    let a = a.start().await;
    let status = a.peer(|peer| peer.last_error.is_some()).await;
    let text = status.last_error.unwrap().text;
    assert!(text.contains("64513") && text.contains("64999"), "{text}");
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn both_wildcards_can_be_listened_on_together() {
    let mut speaker = Plan::new(64512);
    let port = wildcard_port(0);
    speaker.config.listen = vec![
        SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port),
        SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port),
    ];
    let speaker = speaker.start().await;
    assert_eq!(speaker.handle.listening().borrow().len(), 2);
    speaker.stop().await;
}

#[tokio::test]
async fn an_ipv4_peer_is_known_on_an_ipv6_listener() {
    let mut speaker = Plan::new(64512);
    let peer = Identity::new(64513);
    peer.introduce(&mut speaker);
    let port = wildcard_port(1);
    speaker.config.listen = vec![SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)];
    let address = speaker.address;
    let speaker = speaker.start().await;
    let mut session = peer
        .connect_with(SocketAddr::new(address, port), None)
        .await;
    assert_eq!(session.first_transfer().await, []);
    assert_eq!(speaker.handle.peer_status()[0].local_address, Some(address));
    speaker.stop().await;
}

#[test]
fn what_cannot_work_is_refused() {
    let refused = |change: fn(&mut PeerSettings)| {
        let mut plan = Plan::new(64512);
        let other = Identity::new(64513);
        let mut settings = plan.peer_at(other.address, other.asn);
        change(&mut settings);
        plan.add_peer(settings);
        let (_, addresses) = tokio::sync::watch::channel(Default::default());
        Speaker::new(plan.config, addresses)
            .err()
            .map(|error| error.to_string())
    };
    let text = |change| {
        let text: String = refused(change).unwrap();
        // The address differs from run to run.
        text.split_once(' ')
            .unwrap()
            .1
            .split_once([' ', ':'])
            .unwrap()
            .1
            .trim()
            .to_owned()
    };
    assert_eq!(refused(|_| {}), None);
    assert_eq!(
        text(|p| p.remote_as = Asn::new(0).into()),
        "AS 0 is reserved and cannot be used"
    );
    assert_eq!(
        text(|p| p.password = Some(Secret::from(""))),
        "the password has 0 octets, 1 to 80 are possible"
    );
    assert_eq!(text(|p| p.ttl = Ttl::Hops(0)), "TTL 0 cannot be used");
    assert_eq!(
        text(|p| p.local_address = Some("2001:db8::1".parse().unwrap())),
        "the local address is of the other address family"
    );
    assert_eq!(text(|p| p.port = 0), "port 0 cannot be connected to");
    assert!(refused(|p| p.families.clear()).is_some());

    let mut twice = Plan::new(64512);
    let settings = twice.peer_at(Identity::new(1).address, Asn::new(64513));
    twice.add_peer(settings.clone());
    twice.add_peer(settings.clone());
    let (_, addresses) = tokio::sync::watch::channel(Default::default());
    let error = Speaker::new(twice.config, addresses).unwrap_err();
    assert_eq!(error, ConfigError::DuplicatePeer(settings.key()));
}

/// A port that no other test listens on, since a wildcard takes it on every
/// address, nor another run of the tests.
fn wildcard_port(number: u16) -> u16 {
    let run = u16::try_from(std::process::id() % 5000).unwrap();
    20_000 + 2 * run + number
}
