//! Drains, maintenance, events and what a reload would do, by command.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::program::config;
use crate::router::Router;
use crate::running::Running;

fn events(speaker: &Running) -> Vec<serde_json::Value> {
    let said = speaker.said(&["events", "-o", "json"]);
    said.lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect()
}

#[test]
fn a_drained_host_marks_its_routes_then_takes_them_back_until_that_is_undone() {
    let router = Router::new();
    let speaker = Running::start("drain", &config(&[router.peer("")], &["203.0.113.1/32"]));
    let mut session = router.accept();
    assert_eq!(session.told(), "+203.0.113.1/32 path 64512");
    assert_eq!(session.told(), "end");
    assert_eq!(
        speaker.refusal(&["drain", "web1"]),
        "there is no service web1: `services` lists them"
    );
    let said = speaker.said(&["drain", "host", "--wait"]);
    assert_eq!(said, "this host is drained: everything is withdrawn\n");
    let marked = session.told();
    assert!(marked.starts_with("+203.0.113.1/32 path 64512"), "{marked}");
    assert_eq!(session.told(), "-203.0.113.1/32");
    assert_eq!(
        speaker.said(&["drain", "host"]),
        "this host is drained already\n"
    );
    let status = speaker.said(&["status"]);
    assert!(status.contains("drained: host withdrawn"), "{status}");
    let explained = speaker.said(&["explain", "203.0.113.1"]);
    assert!(
        explained.contains("bgplb-speaker undrain host"),
        "{explained}"
    );

    // What is read again meanwhile is announced when that is over.
    let other = config(&[router.peer("")], &["203.0.113.2/32"]);
    fs::write(speaker.config(), other).unwrap();
    speaker.said(&["reload"]);
    assert_eq!(
        speaker.said(&["undrain", "host"]),
        "this host is no longer drained\n"
    );
    assert_eq!(session.told(), "+203.0.113.2/32 path 64512");
    assert_eq!(
        speaker.said(&["undrain", "host"]),
        "this host was not drained\n"
    );

    let kinds: Vec<_> = events(&speaker)
        .iter()
        .map(|it| it["kind"].clone())
        .collect();
    let wanted = [
        "started",
        "peer-established",
        "drain-begun",
        "config-reloaded",
        "drain-ended",
    ];
    assert_eq!(kinds, wanted);
    speaker.terminate();
}

#[test]
fn maintenance_that_is_taken_back_early_withdraws_nothing() {
    let router = Router::new();
    let speaker = Running::start(
        "maintenance",
        &config(&[router.peer("")], &["203.0.113.1/32"]),
    );
    let mut session = router.accept();
    assert_eq!(session.told(), "+203.0.113.1/32 path 64512");
    assert_eq!(session.told(), "end");
    assert_eq!(
        speaker.said(&["maintenance", "on"]),
        "this host is in maintenance\n"
    );
    let status = speaker.said(&["status"]);
    assert!(status.contains("in maintenance, for "), "{status}");
    session.told();
    let said = speaker.said(&["maintenance", "off"]);
    assert_eq!(said, "this host is no longer in maintenance\n");
    assert_eq!(session.told(), "+203.0.113.1/32 path 64512");
    speaker.terminate();
}

#[test]
fn a_diff_says_what_a_reload_would_do_and_does_nothing() {
    let router = Router::new();
    let speaker = Running::start("diff", &config(&[router.peer("")], &["203.0.113.1/32"]));
    let mut session = router.accept();
    assert_eq!(session.told(), "+203.0.113.1/32 path 64512");
    assert_eq!(session.told(), "end");
    assert_eq!(
        speaker.said(&["diff"]),
        "nothing would change\nsessions reset: none\n"
    );
    let other = speaker.config().with_extension("other");
    fs::write(
        &other,
        config(&[router.peer("med = 9")], &["203.0.113.2/32"]),
    )
    .unwrap();
    let file = other.to_str().unwrap();
    let said = speaker.said(&["diff", file]);
    let lines: Vec<_> = said.lines().collect();
    assert!(
        lines[0].ends_with("attributes change, the session stays"),
        "{said}"
    );
    let rest = [
        "prefix 203.0.113.1/32: withdrawn",
        "prefix 203.0.113.2/32: announced",
        "sessions reset: none",
    ];
    assert_eq!(lines[1..], rest);
    fs::write(
        &other,
        config(&[router.peer("local-as = 7")], &["203.0.113.1/32"]),
    )
    .unwrap();
    let said = speaker.said(&["diff", file]);
    assert!(
        said.contains("its session begins anew\nsessions reset: 127."),
        "{said}"
    );
    fs::write(&other, "[local]\n").unwrap();
    let said = speaker.said(&["diff", file]);
    assert!(
        said.starts_with("it would be refused, and nothing changed: "),
        "{said}"
    );
    fs::remove_file(&other).unwrap();
    // The session has heard nothing of it.
    fs::write(
        speaker.config(),
        config(&[router.peer("")], &["203.0.113.1/32", "203.0.113.9/32"]),
    )
    .unwrap();
    speaker.said(&["reload"]);
    assert_eq!(session.told(), "+203.0.113.9/32 path 64512");
    speaker.terminate();
}

#[test]
fn events_are_followed_as_they_happen_and_a_reader_that_goes_ends_it() {
    let router = Router::new();
    let text = config(&[router.peer("")], &["203.0.113.1/32"]);
    let speaker = Running::start("events", &text);
    let mut following = Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
        .args(["events", "-f", "--since", "1", "--socket"])
        .arg(&speaker.socket)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let head = lines.next().unwrap().unwrap();
    assert!(head.starts_with("NUMBER TIME"), "{head}");
    let session = router.accept();
    let line = lines.next().unwrap().unwrap();
    assert!(line.contains("peer-established"), "{line}");
    drop(lines);
    // What comes now is for nobody.
    drop(session);
    speaker.soon(|| following.try_wait().unwrap().is_some());
    assert!(following.wait().unwrap().success());
    speaker.terminate();
}

/// A folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("bgplb-speaker-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn maintenance_outlives_a_program_that_is_killed_and_its_end_does_too() {
    const PREFIX: &str = "203.0.113.1/32";
    let folder = Folder::new("state");
    let file = folder.0.join("state.json");
    fs::write(&file, r#"{"of-another-part": [1]}"#).unwrap();
    let router = Router::new();
    let text = config(&[router.peer("")], &[PREFIX]);
    let text = format!("{text}[control]\nstate = {file:?}\n");
    let status = |speaker: &Running| -> serde_json::Value {
        serde_json::from_str(&speaker.said(&["status", "-o", "json"])).unwrap()
    };

    let speaker = Running::start("state-1", &text);
    let mut session = router.accept();
    assert_eq!(session.told(), format!("+{PREFIX} path 64512"));
    assert_eq!(session.told(), "end");
    speaker.said(&["maintenance", "on"]);
    let since = status(&speaker)["maintenance"].clone();
    assert!(since.is_u64(), "{since}");
    // It is killed while routers still have the mark, with SIGKILL.
    drop(speaker);

    let speaker = Running::start("state-2", &text);
    let mut session = router.accept();
    assert_eq!(session.told(), "end", "nothing is announced");
    let shown = status(&speaker);
    assert_eq!(shown["maintenance"], since);
    assert_eq!(shown["drain"]["stage"], "withdrawn");
    assert_eq!(
        speaker.said(&["maintenance", "off"]),
        "this host is no longer in maintenance\n"
    );
    assert_eq!(session.told(), format!("+{PREFIX} path 64512"));
    drop(speaker);

    let speaker = Running::start("state-3", &text);
    let mut session = router.accept();
    assert_eq!(session.told(), format!("+{PREFIX} path 64512"));
    assert_eq!(session.told(), "end");
    assert_eq!(status(&speaker)["maintenance"], serde_json::Value::Null);
    let kept: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(kept["of-another-part"], serde_json::json!([1]));
    speaker.terminate();
}

#[test]
fn what_cannot_be_kept_is_done_and_said_to_end_with_the_program() {
    let folder = Folder::new("state-refused");
    let file = folder.0.join("state.json");
    // In its place nothing can be written, by root either.
    fs::create_dir(folder.0.join("state.json.new")).unwrap();
    let router = Router::new();
    let text = config(&[router.peer("")], &["203.0.113.1/32"]);
    let text = format!("{text}[control]\nstate = {file:?}\n");
    let speaker = Running::start("state-refused", &text);
    let why = speaker.refusal(&["maintenance", "on"]);
    let begin = "this host is in maintenance, and would not be so after a restart: ";
    assert!(why.starts_with(begin), "{why}");
    assert!(why.contains("state.json: "), "{why}");
    let status = speaker.said(&["status"]);
    assert!(status.contains("in maintenance"), "{status}");
    speaker.terminate();
}
