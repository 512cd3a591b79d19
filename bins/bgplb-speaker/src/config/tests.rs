use expect_test::{Expect, expect};

use super::*;

const FULL: &str = r#"
[local]
as = 65500
router-id = "192.168.8.137"
listen = ["0.0.0.0:179", "[::]:179"]

[[peers]]
address = "192.168.8.40"
as = 64512
name = "worker-1"
passive = true
password = "hunter2"
hold-time = 9
families = ["ipv6-unicast"]
next-hop-v6 = "2001:db8::1"
ttl = 3
import = "accept"

[[announce]]
prefix = "203.0.113.0/24"
communities = ["64512:100", "no-export"]
med = 7
local-pref = 200

[kernel]
install = true

[control]
socket = "/run/speaker/control.sock"
"#;

fn load(text: &str) -> Result<Config, Unusable> {
    let file = Path::new("speaker.toml");
    let raw = parse(file, text)?;
    Config::from_raw(file, raw, |path| {
        assert_eq!(path, Path::new("/run/key"));
        Ok("s3cret\n".to_owned())
    })
}

fn check_refused(text: &str, expected: Expect) {
    expected.assert_eq(&load(text).unwrap_err().to_string());
}

/// The full example with one line replaced.
fn with(line: &str, replacement: &str) -> String {
    assert!(FULL.contains(line), "{line}");
    FULL.replacen(line, replacement, 1)
}

#[test]
fn every_key_arrives() {
    let config = load(FULL).unwrap();
    let peer = &config.speaker.peers[0];
    assert_eq!(config.speaker.local_as.get(), 65500);
    assert_eq!(config.speaker.listen.len(), 2);
    assert_eq!(peer.name.as_deref(), Some("worker-1"));
    assert_eq!(peer.initiation, Initiation::Passive);
    assert_eq!(peer.password, Some(Secret::from("hunter2")));
    assert_eq!(peer.hold_time.seconds(), 9);
    assert_eq!(peer.families, [Family::IPV6_UNICAST]);
    assert_eq!(peer.next_hops.v6, Some("2001:db8::1".parse().unwrap()));
    assert_eq!(peer.ttl, Ttl::Hops(3));
    assert_eq!(peer.import, Import::Accept);
    let attributes = config.announce[0].announce.as_ref().unwrap();
    assert_eq!(attributes.communities.len(), 2);
    assert_eq!(attributes.med, Some(7));
    assert_eq!(attributes.local_pref, Some(200));
    let place = KernelTable {
        table: 254,
        metric: 30,
        protocol: 186,
    };
    assert_eq!(config.kernel, Some(place));
    let socket = Path::new("/run/speaker/control.sock");
    assert_eq!(config.control.as_deref(), Some(socket));
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = load(
        r#"
        [local]
        as = 65500
        router-id = "192.0.2.1"
        [[peers]]
        address = "2001:db8::2"
        as = 64512
        "#,
    )
    .unwrap();
    let peer = &config.speaker.peers[0];
    assert_eq!(peer.port, 179);
    assert_eq!(peer.initiation, Initiation::Active);
    assert_eq!(peer.import, Import::Reject);
    assert_eq!(peer.ttl, Ttl::Automatic);
    assert_eq!(peer.families.len(), 2);
    assert_eq!(config.kernel, None);
    assert!(config.announce.is_empty());
}

#[test]
fn a_password_file_ends_at_its_newline() {
    let text = with(r#"password = "hunter2""#, r#"password-file = "/run/key""#);
    let config = load(&text).unwrap();
    assert_eq!(
        config.speaker.peers[0].password,
        Some(Secret::from("s3cret"))
    );
}

#[test]
fn bfd_takes_its_times_in_milliseconds() {
    let bfd = |text: &str| {
        let config = load(&with("ttl = 3", text)).unwrap();
        config.speaker.peers[0].bfd
    };
    assert_eq!(bfd("ttl = 3"), None);
    let defaults = BfdSettings::default();
    assert_eq!(bfd("bfd = {}"), Some(defaults));
    let quick = defaults.every(Duration::from_millis(10), 5).multihop();
    let text = "bfd = { min-tx = 10, min-rx = 10, multiplier = 5, multihop = true }";
    assert_eq!(bfd(text), Some(quick));
    check_refused(
        &with("ttl = 3", "bfd = { min-tx = 0 }"),
        expect!["speaker.toml: peer 192.168.8.40: BFD interval 0ns is not between 1 ms and 4294 s"],
    );
    check_refused(
        &with("ttl = 3", "bfd = { multiplier = 0 }"),
        expect!["speaker.toml: peer 192.168.8.40: BFD multiplier 0 is not between 1 and 255"],
    );
    check_refused(&with("ttl = 3", "bfd = { mintx = 5 }"), expect!["speaker.toml, line 16: unknown field `mintx`, expected one of `min-tx`, `min-rx`, `multiplier`, `multihop`"]);
}

#[test]
fn an_unknown_key_is_named_with_line_and_alternatives() {
    check_refused(
        &with("ttl = 3", "tll = 3"),
        expect![
            "speaker.toml, line 16: unknown field `tll`, expected one of `address`, `as`, `name`, `port`, `passive`, `password`, `password-file`, `local-address`, `hold-time`, `families`, `next-hop-v4`, `next-hop-v6`, `ttl`, `import`, `bfd`"
        ],
    );
    check_refused(
        &with("install = true", "instal = true"),
        expect![
            "speaker.toml, line 26: unknown field `instal`, expected one of `install`, `metric`, `protocol`, `table`"
        ],
    );
}

#[test]
fn a_bad_value_is_named_with_its_line() {
    check_refused(
        &with("as = 65500", "as = 0"),
        expect!["speaker.toml, line 3: AS 0 is reserved (RFC 7607)"],
    );
    check_refused(
        &with("192.168.8.137", "fe80::1"),
        expect![
            "speaker.toml, line 4: router-id `fe80::1` is not an IPv4 address other than 0.0.0.0"
        ],
    );
    check_refused(
        &with("0.0.0.0:179", "0.0.0.0"),
        expect!["speaker.toml, line 5: invalid socket address syntax"],
    );
    check_refused(
        &with("hold-time = 9", "hold-time = 2"),
        expect!["speaker.toml, line 13: hold time of 2 s is not allowed: use 0 or at least 3"],
    );
    check_refused(
        &with("203.0.113.0/24", "203.0.113.0/33"),
        expect!["speaker.toml, line 20: invalid IP address syntax"],
    );
    check_refused(
        &with("no-export", "no-exprot"),
        expect![
            "speaker.toml, line 21: not a community: use asn:value, asn:value:value for a large one, name:asn:value for an extended one"
        ],
    );
    check_refused(
        &with("install = true", "metric = 20"),
        expect![
            "speaker.toml, line 26: metric 20 is FRR's own, which deletes such routes at its start; use another"
        ],
    );
}

#[test]
fn what_contradicts_itself_is_refused() {
    check_refused(
        &with(r#"listen = ["0.0.0.0:179", "[::]:179"]"#, ""),
        expect!["speaker.toml: peer 192.168.8.40 is passive, but there is no address to listen on"],
    );
    check_refused(
        &with("203.0.113.0/24", "127.0.0.1/32"),
        expect!["speaker.toml: prefix 127.0.0.1/32 cannot be announced: it is a loopback address"],
    );
    check_refused(
        &with(r#"password = "hunter2""#, r#"password = """#),
        expect!["speaker.toml: peer 192.168.8.40: the password has 0 octets, 1 to 80 are possible"],
    );
    check_refused(
        &format!("{FULL}\n[[announce]]\nprefix = \"203.0.113.9/24\"\n"),
        expect!["speaker.toml: prefix 203.0.113.9/24 is announced twice"],
    );
}
