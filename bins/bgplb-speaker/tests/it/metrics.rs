//! What monitoring reads of the program over TCP.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::running::Running;

fn config(own: &str, other: &str) -> String {
    format!(
        r#"
        [local]
        as = {}
        router-id = "{own}"
        listen = ["{own}:1803"]
        [[peers]]
        address = "{other}"
        as = "external"
        port = 1803
        local-address = "{own}"
        import = "accept"
        families = ["ipv4-unicast"]
        next-hop-v4 = "192.0.2.1"
        [[announce]]
        prefix = "203.0.113.0/24"
        [control]
        status-listen = "{own}:9179"
        "#,
        if own.ends_with('1') { 65501 } else { 65502 }
    )
}

/// The code and the body of an answer.
fn ask(server: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect((server, 9179)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {server}:9179\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let code = answer.split(' ').nth(1).unwrap().to_owned();
    (code, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

fn value(server: &str, series: &str) -> Option<f64> {
    let (code, text) = ask(server, "/metrics");
    assert_eq!(code, "200");
    let value = |line: &str| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok();
    text.lines().find_map(value)
}

#[test]
fn a_session_is_counted_from_its_first_message_to_its_end() {
    let [a, b] = ["127.77.9.1", "127.77.9.2"];
    let first = Running::start("metrics-a", &config(a, b));
    assert_eq!(ask(a, "/readyz").0, "503");
    assert_eq!(ask(a, "/healthz").0, "200");
    assert_eq!(
        value(a, &format!("bgplb_peer_up{{peer=\"{b}\"}}")),
        Some(0.0)
    );
    let second = Running::start("metrics-b", &config(b, a));
    let up = format!("bgplb_peer_up{{peer=\"{b}\"}}");
    first.soon(|| value(a, &up) == Some(1.0));
    assert_eq!(ask(a, "/readyz").0, "200");
    let messages = |direction: &str, kind: &str| {
        let labels = format!("peer=\"{b}\",direction=\"{direction}\",type=\"{kind}\"");
        value(a, &format!("bgplb_peer_messages_total{{{labels}}}"))
    };
    // The prefix, and End-of-RIB.
    first.soon(|| messages("sent", "update") >= Some(2.0));
    first.soon(|| messages("received", "update") >= Some(2.0));
    assert!(messages("sent", "open") >= Some(1.0));
    let prefixes = format!("peer=\"{b}\",family=\"ipv4-unicast\",kind=\"accepted\"");
    let prefixes = format!("bgplb_peer_prefixes{{{prefixes}}}");
    first.soon(|| value(a, &prefixes) == Some(1.0));
    assert_eq!(value(a, "bgplb_configuration_stale"), Some(0.0));
    let path = "prefix=\"203.0.113.0\",prefix_length=\"24\",next_hop=\"127.77.9.1\"";
    let path = format!("bgp_lb_path_advertisement{{{path}}}");
    assert_eq!(value(a, &path), Some(1.0));
    let resets = |why: &str| {
        let labels = format!("peer=\"{b}\",reason=\"{why}\"");
        value(a, &format!("bgplb_peer_resets_total{{{labels}}}"))
    };
    assert_eq!(resets("notification-received"), Some(0.0));
    second.terminate();
    first.soon(|| resets("notification-received") == Some(1.0));
    assert_eq!(messages("received", "notification"), Some(1.0));
    assert_eq!(value(a, &up), Some(0.0));
    first.terminate();
}
