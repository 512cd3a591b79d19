//! The control socket and the commands that read it.

use std::process::Command;

use crate::running::Running;
use crate::text;

const CONFIG: &str = r#"
    [local]
    as = 65500
    router-id = "192.0.2.1"
    [[peers]]
    address = "127.77.1.2"
    as = 65501
    name = "nobody"
    port = 1
    [[announce]]
    prefix = "203.0.113.0/24"
    med = 7
    communities = ["65500:1", "no-export", "65500:1:2", "target:65500:3"]
    [[announce]]
    prefix = "203.0.113.128/25"
    [[announce]]
    prefix = "198.51.100.0/24"
    [[announce]]
    prefix = "2001:db8::/32"
"#;

#[test]
fn what_is_announced_can_be_read_whole_and_by_prefix() {
    let speaker = Running::start("advertised", CONFIG);
    assert_eq!(
        speaker.said(&["routes", "advertised", "-o", "json"]),
        "{\"version\":1,\"routes\":[\n\
         {\"prefix\":\"198.51.100.0/24\",\"peers\":[],\"origin\":\"igp\",\"as_path\":\"\"},\n\
         {\"prefix\":\"203.0.113.0/24\",\"peers\":[],\"origin\":\"igp\",\"as_path\":\"\",\"med\":7,\
         \"communities\":[\"65500:1\",\"no-export\"],\
         \"extended_communities\":[\"target:65500:3\"],\
         \"large_communities\":[\"65500:1:2\"]},\n\
         {\"prefix\":\"203.0.113.128/25\",\"peers\":[],\"origin\":\"igp\",\"as_path\":\"\"},\n\
         {\"prefix\":\"2001:db8::/32\",\"peers\":[],\"origin\":\"igp\",\"as_path\":\"\"}\n]}\n"
    );
    let prefixes = |filter: &str| {
        let said = speaker.said(&["routes", "advertised", "-o", "json", filter]);
        let answer: serde_json::Value = serde_json::from_str(&said).unwrap();
        let routes = answer["routes"].as_array().unwrap().iter();
        let prefixes = routes.map(|route| route["prefix"].as_str().unwrap().to_owned());
        prefixes.collect::<Vec<_>>()
    };
    assert_eq!(prefixes("203.0.113.0/24").len(), 2);
    assert_eq!(prefixes("203.0.113.192/25"), ["203.0.113.128/25"]);
    assert_eq!(prefixes("::/0"), ["2001:db8::/32"]);
    assert_eq!(prefixes("192.0.2.0/24").len(), 0);

    let told = ["routes", "advertised", "-o", "json", "--peer", "127.77.1.2"];
    let nothing = "{\"version\":1,\"routes\":[\n]}\n";
    assert_eq!(speaker.said(&told), nothing);

    let table = speaker.said(&["routes", "advertised", "198.51.100.0/24"]);
    assert_eq!(
        table,
        "PREFIX               LP    MED   AS PATH      COMMUNITIES          TOLD\n\
         198.51.100.0/24      -     -     -            -                    -\n"
    );
    let learned = speaker.said(&["routes", "learned", "-o", "json"]);
    assert_eq!(learned, nothing);
    speaker.terminate();
}

#[test]
fn peers_are_shown_with_what_went_wrong() {
    let speaker = Running::start("peers", CONFIG);
    let said = speaker.said(&["peers", "-o", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(answer["version"], 1);
    let peer = &answer["peers"][0];
    assert_eq!(peer["address"], "127.77.1.2");
    assert_eq!(peer["name"], "nobody");
    assert_eq!(peer["as"], 65501);
    assert!(peer["session"].is_null());
    let table = speaker.said(&["peers"]);
    assert!(table.starts_with("PEER "), "{table}");
    assert!(table.contains("\n127.77.1.2      65501 "), "{table}");
    speaker.terminate();
}

#[test]
fn only_a_peer_with_a_session_can_be_asked_for_its_routes() {
    let speaker = Running::start("refresh", CONFIG);
    for (peer, wanted) in [
        ("127.77.1.2", "peer 127.77.1.2: there is no session with it"),
        ("127.77.1.9", "127.77.1.9 is no peer"),
    ] {
        let output = speaker.ask(&["refresh", peer]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(
            text(&output.stderr),
            format!("bgplb-speaker: the speaker refuses: {wanted}\n")
        );
    }
    speaker.terminate();
}

#[test]
fn a_socket_that_another_speaker_serves_is_left_to_it() {
    let first = Running::start("takeover", CONFIG);
    let second = Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
        .args(["run", "--config"])
        .arg(first.config())
        .arg("--socket")
        .arg(&first.socket)
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = text(&second.stderr);
    assert!(said.contains("another process answers there"), "{said}");
    first.said(&["peers"]);
    first.terminate();
}

#[test]
fn asking_nobody_or_for_nonsense_is_answered_by_one_sentence() {
    let speaker = Running::start("nonsense", CONFIG);
    let output = speaker.ask(&["routes", "learned", "10.0.0.0/33"]);
    assert_eq!(output.status.code(), Some(2));

    let output = Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
        .args(["peers", "--socket", "/nonexistent/control.sock"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "bgplb-speaker: ask the speaker at /nonexistent/control.sock: \
         No such file or directory (os error 2)\n"
    );
    speaker.terminate();
}
