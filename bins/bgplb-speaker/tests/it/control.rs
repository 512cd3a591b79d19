//! The control socket and the commands that read it.

use std::process::Command;
use std::time::{Duration, Instant};

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
fn two_speakers_show_each_others_bfd_session() {
    let config = |own: &str, other: &str| {
        format!(
            r#"
            [local]
            as = 65500
            router-id = "192.0.2.1"
            [[peers]]
            address = "{other}"
            local-address = "{own}"
            as = 65501
            port = 1
            bfd = {{ min-tx = 200, min-rx = 100, multiplier = 7 }}
            "#
        )
    };
    let one = Running::start("bfd-one", &config("127.77.3.1", "127.77.3.2"));
    let peer = |speaker: &Running| -> serde_json::Value {
        let said = speaker.said(&["peers", "-o", "json"]);
        let answer: serde_json::Value = serde_json::from_str(&said).unwrap();
        answer["peers"][0]["bfd"].clone()
    };
    let soon = |speaker: &Running, there: &dyn Fn(&serde_json::Value) -> bool| {
        let limit = Instant::now() + Duration::from_secs(20);
        loop {
            let shown = peer(speaker);
            if there(&shown) {
                return shown;
            }
            assert!(Instant::now() < limit, "{shown}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    // The socket answers before the session has begun.
    let alone = soon(&one, &|bfd| bfd["state"] == "Down");
    assert_eq!(alone["remote"], serde_json::Value::Null, "{alone}");

    let other = Running::start("bfd-other", &config("127.77.3.2", "127.77.3.1"));
    // At its own speed once the other side has taken the times over.
    let quick = |bfd: &serde_json::Value| bfd["detection_time"] == 1400.0;
    let (ours, theirs) = (soon(&one, &quick), soon(&other, &quick));
    for (ours, theirs) in [(&ours, &theirs), (&theirs, &ours)] {
        assert_eq!(ours["state"], "Up");
        assert_eq!(ours["diagnostic"], "No Diagnostic");
        assert_eq!(ours["transmit_interval"], 200.0);
        assert_eq!(ours["failures"], 0);
        let remote = &ours["remote"];
        assert_eq!(remote["discriminator"], theirs["discriminator"]);
        assert_eq!(remote["state"], "Up");
        assert_eq!(remote["min_tx"], 200.0);
        assert_eq!(remote["min_rx"], 100.0);
        assert_eq!(remote["multiplier"], 7);
        assert_eq!(remote["control_plane_independent"], false);
    }
    let table = one.said(&["peers"]);
    assert!(table.contains(" Up/1400ms "), "{table}");

    other.terminate();
    let down = soon(&one, &|bfd| bfd["state"] == "Down");
    assert_eq!(down["failures"], 0);
    assert_eq!(down["diagnostic"], "Neighbor Signaled Session Down");
    let why = "peer signaled AdminDown (Administratively Down)";
    assert_eq!(down["last_down"]["text"], why);
    assert_eq!(down["remote"]["diagnostic"], "Administratively Down");
    let table = one.said(&["peers"]);
    assert!(table.contains(" Down "), "{table}");
    one.terminate();
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
fn the_speaker_is_shown_at_a_glance_with_what_is_wrong() {
    let speaker = Running::start("status", CONFIG);
    let said = speaker.said(&["status", "-o", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(answer["version"], 1);
    assert_eq!(answer["program"]["name"], "bgplb-speaker");
    assert_eq!(answer["host"]["as"], 65500);
    assert_eq!(answer["host"]["identifier"], "192.0.2.1");
    let file = speaker.config().display().to_string();
    assert_eq!(answer["configuration"]["file"], file);
    assert_eq!(answer["peers"]["configured"], 1);
    assert_eq!(answer["peers"]["established"], 0);
    assert_eq!(answer["routes"]["advertised"], 4);
    assert!(answer["services"].is_null() && answer["docker"].is_null());
    assert_eq!(answer["warnings"][0]["code"], "peer-down");
    let shown = speaker.said(&["status"]);
    for line in [
        "peers: 0 of 1 up; routes: 4 advertised, 0 learned\n",
        "WARNING peer-down, for ",
        "no session with 127.77.1.2, which is ",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    speaker.terminate();
}

#[test]
fn an_address_is_explained_and_the_whole_is_judged() {
    let speaker = Running::start("explain", CONFIG);
    let explained = |address: &str| -> serde_json::Value {
        let said = speaker.said(&["explain", address, "-o", "json"]);
        serde_json::from_str(&said).unwrap()
    };
    let answer = explained("203.0.113.200");
    assert_eq!(answer["prefix"], "203.0.113.128/25", "the longest one");
    assert_eq!(answer["told"], false);
    assert_eq!(answer["gates"][0]["verdict"], "ok");
    assert_eq!(answer["gates"][1]["gate"], "peer");
    assert_eq!(answer["gates"][1]["verdict"], "blocked");
    let answer = explained("192.0.2.200");
    assert!(answer["prefix"].is_null());
    assert_eq!(answer["gates"][0]["verdict"], "blocked");
    let shown = speaker.said(&["explain", "192.0.2.200"]);
    assert!(
        shown.contains("to unblock it: a service or an [[announce]] "),
        "{shown}"
    );

    let judged = speaker.ask(&["check"]);
    assert_eq!(judged.status.code(), Some(2));
    let line = "BGPLB CRITICAL - 0 of 1 peers up, peer-down | \
                peers=0;;;0;1 advertised=4 learned=0\n";
    assert_eq!(text(&judged.stdout), line);
    let socket = speaker.socket.clone();
    speaker.terminate();
    let judged = Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
        .args(["check", "--socket"])
        .arg(socket)
        .output()
        .unwrap();
    assert_eq!(judged.status.code(), Some(3));
    let said = text(&judged.stdout);
    assert!(
        said.starts_with("BGPLB UNKNOWN - ask the speaker at "),
        "{said}"
    );
}

#[test]
fn only_a_peer_with_a_session_can_be_asked_for_its_routes() {
    let speaker = Running::start("refresh", CONFIG);
    for (peer, wanted) in [
        ("127.77.1.2", "peer 127.77.1.2: there is no session with it"),
        ("127.77.1.9", "127.77.1.9 is no peer: there are 127.77.1.2"),
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
fn peers_on_interfaces_are_told_apart_by_what_they_are_called() {
    // Links that are not there: what is wanted of their peers holds all the same.
    let peer = |address: &str, interface: &str| {
        format!("[[peers]]\n{address}interface = \"{interface}\"\nas = 65501\n")
    };
    let config = [
        "[local]\nas = 65500\nrouter-id = \"192.0.2.1\"\n".to_owned(),
        peer("", "absent0"),
        peer("", "absent1&2"),
        peer("address = \"fe80::1\"\n", "absent2"),
        peer("address = \"fe80::1\"\n", "absent3"),
    ];
    let speaker = Running::start("naming", &config.concat());
    let shown = || {
        let said = speaker.said(&["peers", "-o", "json"]);
        let answer: serde_json::Value = serde_json::from_str(&said).unwrap();
        let peers = answer["peers"].as_array().unwrap().iter();
        let shown = peers.map(|it| (it["peer"].clone(), it["administratively_down"].clone()));
        shown.collect::<Vec<_>>()
    };
    let names = ["absent0", "absent1&2", "fe80::1%absent2", "fe80::1%absent3"];
    // Each is taken down alone, and comes up again before the next one's turn.
    for name in names {
        speaker.said(&["down", name]);
        speaker.soon(|| {
            let wanted: Vec<_> = names.map(|it| (it.into(), (it == name).into())).into();
            shown() == wanted
        });
        speaker.said(&["up", name]);
    }
    speaker.said(&["graceful-shutdown", "on", "absent2"]);
    for (name, why) in [
        (
            "fe80::1",
            "fe80::1 may be fe80::1%absent2 or fe80::1%absent3",
        ),
        (
            "absent9",
            "absent9 is no peer: there are absent0, absent1&2, fe80::1%absent2, fe80::1%absent3",
        ),
    ] {
        for command in [&["refresh", name][..], &["graceful-shutdown", "on", name]] {
            let output = speaker.ask(command);
            assert_eq!(output.status.code(), Some(1));
            let said = format!("bgplb-speaker: the speaker refuses: {why}\n");
            assert_eq!(text(&output.stderr), said);
        }
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
