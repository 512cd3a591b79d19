//! SIGHUP: what a running program makes of a changed file, seen by its peers.

use crate::program::{Program, config};
use crate::router::Router;

#[test]
fn changed_announcements_and_attributes_reach_sessions_that_stay() {
    let [one, other, late] = [Router::new(), Router::new(), Router::new()];
    let before = ["203.0.113.1/32", "203.0.113.2/32"];
    let peers = [one.peer(""), other.peer("")];
    let mut program = Program::start("stay", &peers, &before);
    let mut sessions = [one.accept(), other.accept()];
    for session in &mut sessions {
        assert_eq!(session.told(), "+203.0.113.1/32 +203.0.113.2/32 path 64512");
        assert_eq!(session.told(), "end");
    }
    let [mut first, mut second] = sessions;

    // Another list.
    let after = ["203.0.113.2/32", "203.0.113.3/32"];
    program.reload(&config(&peers, &after));
    for session in [&mut first, &mut second] {
        assert_eq!(session.told(), "-203.0.113.1/32");
        assert_eq!(session.told(), "+203.0.113.3/32 path 64512");
    }

    // Other attributes for one of them.
    let peers = [one.peer("med = 9\nprepend = 1"), other.peer("")];
    program.reload(&config(&peers, &after));
    program.says("updated=1 unchanged=1");
    let mut told = first.told();
    if told == "-203.0.113.1/32" {
        // Saying everything again may repeat a withdrawal, which is harmless.
        told = first.told();
    }
    assert_eq!(
        told,
        "+203.0.113.2/32 +203.0.113.3/32 path 64512 64512 med 9"
    );

    // One more peer, and one less.
    let peers = [one.peer("med = 9\nprepend = 1"), late.peer("")];
    program.reload(&config(&peers, &after));
    assert_eq!(
        late.accept().told(),
        "+203.0.113.2/32 +203.0.113.3/32 path 64512"
    );
    assert_eq!(second.told(), "-203.0.113.2/32 -203.0.113.3/32");
    let cease = second.told();
    assert!(cease.contains("Peer De-configured"), "{cease}");

    // The first session was there all the time, and heard nothing else.
    program.reload(&config(&peers, &["203.0.113.3/32"]));
    assert_eq!(first.told(), "-203.0.113.2/32");
    assert!(one.is_alone());
}

#[test]
fn a_bad_file_changes_nothing_and_is_described_in_the_log() {
    let router = Router::new();
    let peers = [router.peer("")];
    let mut program = Program::start("bad-reload", &peers, &["203.0.113.1/32"]);
    let mut session = router.accept();
    assert_eq!(session.told(), "+203.0.113.1/32 path 64512");
    assert_eq!(session.told(), "end");

    let bad = config(&[router.peer("hold-time = 2")], &["203.0.113.2/32"]);
    program.reload(&bad);
    program.says("peers[0].hold-time = 2: accepted is 0 or 3 to 65535 seconds");
    program.says("everything stays as it is");
    // What needs a new start is refused whole as well.
    let other = config(&peers, &["203.0.113.2/32"]).replace("64512", "64999");
    program.reload(&other);
    program.says("changes of [local] need a new start");

    program.reload(&config(&peers, &["203.0.113.1/32", "203.0.113.9/32"]));
    assert_eq!(session.told(), "+203.0.113.9/32 path 64512");
    assert!(router.is_alone());
}

#[test]
fn other_changes_of_a_peer_make_a_new_session() {
    let router = Router::new();
    let program = Program::start("restart", &[router.peer("")], &["203.0.113.1/32"]);
    let mut session = router.accept();
    assert_eq!(session.told(), "+203.0.113.1/32 path 64512");
    program.reload(&config(
        &[router.peer("local-as = 64777")],
        &["203.0.113.1/32"],
    ));
    assert_eq!(session.told(), "end");
    let cease = session.told();
    assert!(cease.contains("Other Configuration Change"), "{cease}");
    drop(session);
    let mut session = router.accept();
    assert_eq!(session.told(), "+203.0.113.1/32 path 64777");
}
