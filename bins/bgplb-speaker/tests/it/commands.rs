//! The commands that have a running program do something, seen by its peer.

use std::fs;

use crate::program::config;
use crate::router::Router;
use crate::running::Running;

const PREFIX: &str = "203.0.113.1/32";

/// The program with one router, to which it has told everything.
fn with_router(name: &str) -> (Running, Router, crate::router::Session, String) {
    let router = Router::new();
    let text = config(&[router.peer("")], &[PREFIX]);
    let program = Running::start(name, &text);
    let mut session = router.accept();
    assert_eq!(session.told(), format!("+{PREFIX} path 64512"));
    assert_eq!(session.told(), "end");
    (program, router, session, text)
}

#[test]
fn down_tells_the_peer_why_and_up_brings_it_back() {
    let (program, router, mut session, _) = with_router("down");
    let peer = router.address().to_string();
    program.said(&["down", &peer, "--message", "new line cards, back at 14:00"]);
    let said = session.told();
    assert!(said.contains("Administrative Shutdown"), "{said}");
    assert!(said.contains("new line cards, back at 14:00"), "{said}");
    let shown = program.peer();
    assert_eq!(shown["administratively_down"], true);
    assert_eq!(shown["state"], "Idle");
    assert!(program.said(&["peers"]).contains(" Idle (down) "));

    program.said(&["up", &peer]);
    let mut session = router.accept();
    assert_eq!(session.told(), format!("+{PREFIX} path 64512"));
    assert_eq!(program.peer()["administratively_down"], false);
    program.terminate();
}

#[test]
fn graceful_shutdown_is_told_to_one_peer_or_to_all_and_taken_back() {
    let (program, router, mut session, _) = with_router("going");
    let peer = router.address().to_string();
    for target in [vec![], vec![peer.as_str()]] {
        let switch = |state| [&["graceful-shutdown", state][..], &target].concat();
        program.said(&switch("on"));
        assert_eq!(
            session.told(),
            format!("+{PREFIX} path 64512 graceful-shutdown")
        );
        assert_eq!(program.peer()["graceful_shutdown"], true);
        assert!(program.said(&["peers"]).contains(" Established (going) "));
        program.said(&switch("off"));
        assert_eq!(session.told(), format!("+{PREFIX} path 64512"));
        assert_eq!(program.peer()["graceful_shutdown"], false);
    }
    program.terminate();
}

#[test]
fn reload_says_what_changed_or_why_nothing_did() {
    let (program, router, mut session, text) = with_router("reload-command");
    let with_more = text.clone() + "[[announce]]\nprefix = \"203.0.113.2/32\"\n";
    fs::write(program.config(), with_more).unwrap();
    assert_eq!(
        program.said(&["reload"]),
        "peers: 0 added, 0 removed, 0 restarted, 0 updated, 1 unchanged; prefixes: 2\n"
    );
    assert_eq!(session.told(), "+203.0.113.2/32 path 64512");

    fs::write(program.config(), text.clone() + "[[announce]]\n").unwrap();
    let why = program.refusal(&["reload"]);
    assert!(why.contains("announce[1].prefix"), "{why}");
    fs::write(program.config(), text.replace("64512", "64999")).unwrap();
    let why = program.refusal(&["reload"]);
    assert_eq!(why, "changes of [local] need a new start of the program");

    fs::write(program.config(), text).unwrap();
    program.said(&["reload"]);
    assert_eq!(session.told(), "-203.0.113.2/32");
    assert!(router.is_alone());
    program.terminate();
}

#[test]
fn what_cannot_be_done_is_refused_in_a_sentence() {
    let (program, router, _session, _) = with_router("refusals");
    let peer = router.address().to_string();
    for command in [
        &["down", "192.0.2.99"][..],
        &["up", "192.0.2.99"],
        &["graceful-shutdown", "on", "192.0.2.99"],
    ] {
        let why = format!("192.0.2.99 is no peer: there are {peer}");
        assert_eq!(program.refusal(command), why);
    }
    let long = "x".repeat(256);
    assert_eq!(
        program.refusal(&["down", &peer, "--message", &long]),
        "the message has 256 octets: accepted are up to 255 (RFC 9003)"
    );
    assert_eq!(program.peer()["administratively_down"], false);
    program.terminate();
}
