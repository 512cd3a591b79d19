//! Messages that are shown while they are exchanged.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::running::Running;
use crate::text;

fn config(own: &str, other: &str, asn: u32, other_as: u32, more: &str) -> String {
    format!(
        r#"
        [local]
        as = {asn}
        router-id = "192.0.2.{asn}"
        listen = ["{own}:17973"]
        [[peers]]
        address = "{other}"
        local-address = "{own}"
        as = {other_as}
        port = 17973
        {more}
        "#
    )
}

fn monitor(speaker: &Running, arguments: &[&str]) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
        .arg("monitor")
        .args(arguments)
        .arg("--socket")
        .arg(&speaker.socket)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

#[test]
fn messages_are_shown_as_they_are_exchanged_and_a_capture_has_the_same() {
    let passive = "passive = true";
    let one = Running::start(
        "monitor-one",
        &config("127.77.9.1", "127.77.9.2", 1, 2, passive),
    );
    let file = one.socket.with_extension("pcap");
    let (mut capturing, _) = monitor(&one, &["--pcap", file.to_str().unwrap()]);
    // Its head says that it is listened to.
    one.soon(|| std::fs::metadata(&file).is_ok_and(|it| it.len() >= 24));
    let (mut listening, lines) = monitor(&one, &["127.77.9.2"]);
    let mut said = BufReader::new(listening.stderr.take().unwrap()).lines();
    let said = said.next().unwrap().unwrap();
    assert_eq!(said, "bgplb-speaker: listening");
    let refused = one.refusal(&["monitor", "192.0.2.77"]);
    assert!(refused.contains("192.0.2.77"), "{refused}");

    let other = Running::start(
        "monitor-other",
        &config("127.77.9.2", "127.77.9.1", 2, 1, ""),
    );
    let mut seen = Vec::new();
    let mut lines = lines.map(Result::unwrap);
    while seen
        .iter()
        .filter(|line: &&String| line.contains("UPDATE"))
        .count()
        < 2
    {
        seen.push(lines.next().expect("the session is shown"));
    }
    other.terminate();
    one.terminate();
    seen.extend(lines);
    assert!(listening.wait().unwrap().success());
    assert!(capturing.wait().unwrap().success());
    for word in [
        "OPEN",
        "KEEPALIVE",
        "end-of-rib ipv6-unicast",
        "NOTIFICATION Cease",
    ] {
        assert!(
            seen.iter().any(|line| line.contains(word)),
            "{word}: {seen:#?}"
        );
    }
    let decoded = Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
        .args(["decode", file.to_str().unwrap()])
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(decoded.status.success(), "{}", text(&decoded.stderr));
    let decoded = text(&decoded.stdout);
    assert_eq!(decoded.lines().collect::<Vec<_>>(), seen);
}
