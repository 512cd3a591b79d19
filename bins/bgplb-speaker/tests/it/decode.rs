//! `bgplb-speaker decode`. `recorded/` holds captures of sessions between FRR
//! 8.4.4, BIRD 2.0.12 and GoBGP 3.10; how many messages are in them was counted
//! with tshark.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use crate::text;

fn decode(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
        .arg("decode")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that reads a file instead has no use for it.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// The lines of a file that is read without any complaint.
fn lines(arguments: &[&str], input: &[u8]) -> Vec<String> {
    let output = decode(arguments, input);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    text(&output.stdout).lines().map(str::to_owned).collect()
}

fn recorded(name: &str) -> String {
    format!("{}/tests/it/recorded/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn recorded_mrt(name: &str) -> String {
    let crates = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates");
    format!("{crates}/bgp-wire/tests/it/recorded/{name}.mrt")
}

/// How many of the lines hold `what`.
fn count(lines: &[String], what: &str) -> usize {
    lines.iter().filter(|line| line.contains(what)).count()
}

#[test]
fn a_capture_of_two_sessions_is_read_as_negotiated_in_each() {
    let lines = lines(&[&recorded("two-sessions.pcapng")], b"");
    assert_eq!(lines.len(), 62);
    assert_eq!(count(&lines, " OPEN "), 4);
    assert_eq!(count(&lines, " UPDATE "), 18);
    assert_eq!(count(&lines, " NOTIFICATION "), 4);
    assert_eq!(count(&lines, " KEEPALIVE"), 36);
    // BIRD sends path identifiers to FRR, and FRR sends none back.
    for line in [
        "2026-11-21T12:08:33.478643Z 10.77.0.2:179 > 10.77.0.1:50250 UPDATE announce \
         192.0.2.128/25 path 2 next-hop 10.77.0.2 origin igp as-path [4200000001]",
        "2026-11-21T12:08:33.751810Z 10.77.0.1:50250 > 10.77.0.2:179 UPDATE announce \
         192.0.2.128/25 next-hop 10.77.0.1 origin igp as-path [64512 4200000001]",
        "2026-11-21T12:08:57.494444Z [2001:db8:78::1]:37404 > [2001:db8:78::3]:179 UPDATE \
         withdraw ipv6-unicast 2001:db8:b::/48",
        "2026-11-21T12:08:57.433531Z 10.77.0.2:179 > 10.77.0.1:50250 NOTIFICATION \
         Cease / Administrative Shutdown (6/2)",
    ] {
        assert_eq!(count(&lines, line), 1, "{line}");
    }
}

#[test]
fn the_older_format_is_read_from_standard_input_too() {
    let file = recorded("one-session.pcap");
    let from_file = lines(&[&file], b"");
    assert_eq!(from_file.len(), ONE_SESSION);
    let octets = std::fs::read(&file).unwrap();
    assert_eq!(lines(&["-"], &octets), from_file);
    assert_eq!(lines(&["--format", "pcap"], &octets), from_file);
}

#[test]
fn a_capture_cut_short_is_told_behind_what_is_there() {
    let octets = std::fs::read(recorded("one-session.pcap")).unwrap();
    let output = decode(&[], &octets[..octets.len() - 1]);
    assert_eq!(output.status.code(), Some(65));
    let said = text(&output.stderr);
    let expected = "bgplb-speaker: standard input: the file ends within the record at octet ";
    assert!(said.starts_with(expected), "{said}");
    assert_eq!(said.lines().count(), 1);
    assert!(text(&output.stdout).lines().count() > ONE_SESSION / 2);
}

#[test]
fn the_routes_of_a_table_are_the_updates_that_announce_them() {
    let lines = lines(&[&recorded_mrt("gobgp-rib")], b"");
    let table = "2026-11-21T12:16:35.000000Z PEER_INDEX_TABLE collector 0.0.0.0 view \"\"";
    assert_eq!(lines[0], table);
    assert_eq!(count(&lines, "peer 1: 2001:db8:78::1 as 64512"), 1);
    for route in [
        "2001:db8:78::1 RIB UPDATE announce ipv6-unicast 2001:db8:b::/48 next-hop 2001:db8:78::1",
        "2001:db8:78::1 RIB UPDATE announce 198.51.100.0/25 next-hop 10.78.0.1 origin igp",
    ] {
        assert_eq!(count(&lines, route), 1, "{route}");
    }
    assert_eq!(count(&lines, " RIB "), 4);
}

#[test]
fn messages_and_changes_of_state_of_an_mrt_file_are_told() {
    let lines = lines(&[&recorded_mrt("bird-updates")], b"");
    let time = "2026-11-21T12:15:35.000000Z";
    let change = format!("{time} 10.77.0.1 state OpenConfirm to Established");
    assert_eq!(count(&lines, &change), 1);
    let keepalive = format!("{time} 10.77.0.1 > 10.77.0.2 KEEPALIVE");
    assert_eq!(count(&lines, &keepalive), 1);
    assert_eq!(count(&lines, " UPDATE "), 7);
}

#[test]
fn a_record_that_cannot_be_read_is_told_and_the_walk_goes_on() {
    // FRR leaves the addresses out when it forgets its own peer.
    let mut octets = std::fs::read(recorded_mrt("frr-all")).unwrap();
    octets.extend_from_slice(&std::fs::read(recorded_mrt("gobgp-updates")).unwrap());
    let output = decode(&["--format", "mrt"], &octets);
    assert_eq!(output.status.code(), Some(65));
    assert_eq!(
        text(&output.stderr),
        "bgplb-speaker: standard input: not everything could be read (lines in angle brackets: 1)\n"
    );
    let lines: Vec<_> = text(&output.stdout).lines().map(str::to_owned).collect();
    let unreadable = lines.iter().position(|it| it.ends_with("is unknown>"));
    assert!(unreadable.unwrap() + 9 < lines.len());
}

/// An UPDATE whose AS_PATH has two octets a number.
const TWO_OCTETS: &str = "ffffffff ffffffff ffffffff ffffffff 002b 02 0000 0012\n\
    40:01:01:00 40:02:04:02:01:fc:00 40:03:04:0a:00:00:01 # three attributes\n\
    080A\n";

#[test]
fn hexadecimal_digits_are_read_however_they_are_set() {
    let update = "UPDATE announce 10.0.0.0/8 next-hop 10.0.0.1 origin igp as-path [64512]";
    let two = [TWO_OCTETS, TWO_OCTETS].concat();
    let read = lines(&["--two-octet-as"], two.as_bytes());
    assert_eq!(read, [update; 2]);
    // A fault that RFC 7606 knows is a finding, not a failure to read.
    let read = lines(&["--format", "hex", "-"], TWO_OCTETS.as_bytes());
    assert_eq!(count(&read, "; treat-as-withdraw: AS_PATH is malformed"), 1);
}

#[test]
fn a_tree_begins_with_the_line_of_its_message() {
    let read = lines(&["--tree", &recorded("two-sessions.pcapng")], b"");
    let heads: Vec<_> = read.iter().filter(|it| !it.starts_with(' ')).collect();
    assert_eq!(heads.len(), 62);
    assert!(heads.iter().all(|it| it.starts_with("2026-11-21T12:08:")));
    assert!(count(&read, "192.0.2.128/25 path 2") == 1 && read.len() > 200);
}

#[test]
fn text_that_is_no_message_is_told_with_its_place() {
    let keepalive = format!("{}001304", "ff".repeat(16));
    for (behind, code, printed, said) in [
        (
            "\n\n0g",
            65,
            "KEEPALIVE\n",
            ": line 3 holds something else than hexadecimal digits\n",
        ),
        (
            "f",
            65,
            "KEEPALIVE\n",
            ": the last octet has one digit only\n",
        ),
        (
            "ff",
            65,
            "KEEPALIVE\n<octets that are no whole message: 1>\n",
            ": not everything could be read (lines in angle brackets: 1)\n",
        ),
        ("", 0, "KEEPALIVE\n", ""),
    ] {
        let output = decode(&[], format!("{keepalive}{behind}").as_bytes());
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(text(&output.stdout), printed);
        let stderr = text(&output.stderr);
        let name = "bgplb-speaker: standard input";
        assert_eq!(stderr.strip_prefix(name).unwrap_or_default(), said);
    }
}

#[test]
fn a_file_that_is_not_there_is_named_with_66() {
    let output = decode(&["/nonexistent/file"], b"");
    assert_eq!(output.status.code(), Some(66));
    assert_eq!(
        text(&output.stderr),
        "bgplb-speaker: /nonexistent/file: No such file or directory (os error 2)\n"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let keepalive = format!("{}001304\n", "ff".repeat(16));
    let mut child = Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
        .arg("decode")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    // It may end before it has read everything.
    let _ = stdin.write_all(keepalive.repeat(5000).as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

/// Messages in `one-session.pcap`.
const ONE_SESSION: usize = 23;
