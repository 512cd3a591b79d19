use std::time::Duration;

use bgp_speaker::{
    BfdSettings, GracefulRestart, Import, Initiation, PrefixRange, RemoteAs, Secret, Ttl,
};
use bgp_wire::{Family, Role};
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
status-listen = "[::1]:9179"
state = "/var/lib/speaker/state.json"

[[services]]
name = "web"
addresses = ["198.51.100.80", "198.51.100.96/28"]
link = "lo"
hold-down = { times = 3, within = 60, hold = 300 }
peers = ["worker-1"]

[[services.ports]]
protocol = "udp"
port = 53
scheduler = "mh"
flags = ["port"]
destinations = [{ address = "192.168.8.9" }]

[[services.checks]]
kind = "http"
path = "/health"
interval = 0.25

[[services.checks]]
kind = "exec"
command = ["/bin/true"]
"#;

fn load(text: &str) -> Result<Config, Unusable> {
    Config::parse(
        Path::new("speaker.toml"),
        text,
        &|path| match path.to_str() {
            Some("/run/key") => Ok("s3cret\n".to_owned()),
            Some("/run/empty") => Ok("\n".to_owned()),
            _ => Err("/run/other: No such file or directory (os error 2)".to_owned()),
        },
    )
}

fn refused(text: &str) -> String {
    load(text).unwrap_err().to_string()
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
        source_v4: None,
        source_v6: None,
    };
    assert_eq!(config.kernel, Some(place));
    let socket = Path::new("/run/speaker/control.sock");
    assert_eq!(config.control.as_deref(), Some(socket));
    let state = config.state.as_deref();
    assert_eq!(state, Some(Path::new("/var/lib/speaker/state.json")));
    let listen = config.status_listen.as_ref().unwrap();
    assert_eq!(listen.to_string(), "[::1]:9179");
}

#[test]
fn every_rarer_key_arrives() {
    let config = load(
        r#"
        [local]
        as = 65500
        router-id = "192.0.2.1"
        listen = ["[::]:179"]
        [multipath]
        paths = "same-path"
        max-next-hops = 8
        internal = true
        [[peers]]
        address = "fe80::2"
        interface = "eth1"
        as = "external"
        local-as = 65501
        port = 1179
        keepalive = 2
        connect-retry = 5
        idle-hold = 3
        idle-hold-max = 30
        delay-open = 0
        send-hold = 60
        ttl-security = 1
        import = ["192.0.2.0/24", { prefix = "198.51.100.0/22", ge = 24, le = 32 }]
        import-local-pref = 120
        max-prefixes = 1000
        communities = ["no-export", "64512:1:2", "target:64512:100"]
        med = 5
        local-pref = 90
        prepend = 2
        role = "route-server-client"
        role-strict = true
        [[dynamic-peers]]
        prefix = "203.0.113.9/24"
        as = "internal"
        limit = 7
        password-file = "/run/key"
        "#,
    )
    .unwrap();
    assert_eq!(config.speaker.multipath.max_next_hops, 8);
    assert!(config.speaker.multipath.internal);
    let peer = &config.speaker.peers[0];
    assert_eq!(peer.key().to_string(), "fe80::2%eth1");
    assert_eq!(peer.remote_as, RemoteAs::External);
    assert_eq!(peer.local_as.map(Asn::get), Some(65501));
    assert_eq!(peer.port, 1179);
    assert_eq!(peer.role, Some(Role::ROUTE_SERVER_CLIENT));
    assert!(peer.role_strict);
    assert_eq!(peer.keepalive, Some(Duration::from_secs(2)));
    assert_eq!(peer.connect_retry, Some(Duration::from_secs(5)));
    assert_eq!(peer.idle_hold.unwrap().longest, Duration::from_secs(30));
    assert_eq!(peer.delay_open, Some(Duration::ZERO));
    assert_eq!(peer.send_hold, Some(Duration::from_secs(60)));
    assert_eq!(peer.ttl, Ttl::Security { hops: 1 });
    let list = [
        PrefixRange::exactly("192.0.2.0/24".parse().unwrap()),
        PrefixRange::within("198.51.100.0/22".parse().unwrap(), 24, 32).unwrap(),
    ];
    assert_eq!(peer.import, Import::Listed(Arc::new(list)));
    assert_eq!(peer.import_preference, Some(120));
    assert_eq!(peer.max_prefixes, 1000);
    assert_eq!(peer.export.communities.len(), 1);
    assert_eq!(peer.export.large_communities.len(), 1);
    assert_eq!(peer.export.extended_communities.len(), 1);
    assert_eq!(peer.export.med, Some(5));
    assert_eq!(peer.export.local_pref, Some(90));
    assert_eq!(peer.export.prepend, 2);
    let dynamic = &config.speaker.dynamic_peers[0];
    assert_eq!(dynamic.prefix.to_string(), "203.0.113.0/24");
    assert_eq!(dynamic.limit, 7);
    assert_eq!(dynamic.template.remote_as, RemoteAs::Internal);
    assert_eq!(dynamic.template.password, Some(Secret::from("s3cret")));
}

#[test]
fn a_peer_may_be_whoever_is_on_an_interface() {
    let text = with(r#"address = "192.168.8.40""#, r#"interface = "eth1""#).replacen(
        r#"password = "hunter2""#,
        "",
        1,
    );
    let peer = &load(&text).unwrap().speaker.peers[0];
    assert_eq!(peer.key().to_string(), "eth1");
    assert_eq!(peer.initiation, Initiation::Passive);
    let active = text.replacen("passive = true", "", 1);
    let peer = &load(&active).unwrap().speaker.peers[0];
    assert_eq!(peer.initiation, Initiation::Active);
    let signed = text.replacen("ttl = 3", r#"password = "hunter2""#, 1);
    expect!["speaker.toml:8:13: peer on eth1: without an address it can have no password"]
        .assert_eq(&refused(&signed));
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
    assert_eq!(*peer, PeerSettings::new(peer.address, Asn::new(64512)));
    assert_eq!(config.kernel, None);
    assert!(config.announce.is_empty());
}

#[test]
fn everything_wrong_is_told_at_once_in_the_order_of_the_file() {
    let text = with("as = 65500", "as = 0")
        .replacen("hold-time = 9", "hold-time = 2", 1)
        .replacen("install = true", "instal = true", 1);
    expect![[r#"
        speaker.toml:3:6: local.as = 0: accepted is an AS number, 1 to 4294967295
        speaker.toml:13:13: peers[0].hold-time = 2: accepted is 0 or 3 to 65535 seconds
        speaker.toml:26:1: kernel.instal: unknown key; did you mean install?"#]]
    .assert_eq(&refused(&text));
}

#[test]
fn a_password_is_never_shown() {
    let long = format!("password = \"{}\"", "x".repeat(81));
    let said = refused(&with(r#"password = "hunter2""#, &long));
    assert!(
        said.contains("peers[0].password = …: accepted is"),
        "{said}"
    );
    assert!(!said.contains("xxx"), "{said}");
}

#[test]
fn a_change_of_what_only_a_start_can_change_is_named() {
    let old = load(FULL).unwrap();
    let restart = |text: &str| old.needs_restart(&load(text).unwrap());
    assert_eq!(restart(FULL), None);
    assert_eq!(restart(&with("med = 7", "med = 8")), None);
    assert_eq!(restart(&with("as = 65500", "as = 65501")), Some("[local]"));
    assert_eq!(
        restart(&with("install = true", "metric = 31")),
        Some("[kernel]")
    );
    assert_eq!(
        restart(&with("[::1]:9179", "[::1]:9180")),
        Some("[control]")
    );
}

#[test]
fn changes_of_announcements_withdraw_what_is_gone() {
    let old = load(FULL).unwrap();
    let new = load(&with("203.0.113.0/24", "203.0.113.0/25")).unwrap();
    let changes = old.announcements_of(&new);
    let said: Vec<_> = changes
        .iter()
        .map(|change| format!("{} {}", change.prefix, change.announce.is_some()))
        .collect();
    assert_eq!(said, ["203.0.113.0/24 false", "203.0.113.0/25 true"]);
}

mod bad_files;
mod docker;
mod services;

proptest::proptest! {
    #[test]
    fn any_file_is_either_used_or_refused_with_a_reason(
        cut in 0..FULL.len(),
        length in 0..40_usize,
        inserted in "[\\PC\n]{0,12}",
    ) {
        let mut text = FULL.to_owned();
        text.replace_range(cut..(cut + length).min(FULL.len()), &inserted);
        if let Err(unusable) = load(&text) {
            proptest::prop_assert!(unusable.lines().count() > 0);
            let whole = |line: &str| line.starts_with("speaker.toml:") && !line.contains('\n');
            proptest::prop_assert!(unusable.lines().all(whole), "{unusable}");
        }
    }
}

#[test]
fn the_documented_example_is_usable() {
    let text = include_str!("../../../../docs/bgplb-speaker.toml");
    let config = load(text).unwrap();
    assert_eq!(config.speaker.peers.len(), 3);
    assert_eq!(config.speaker.dynamic_peers.len(), 1);
    // What is written as a default is one.
    let peer = &config.speaker.peers[0];
    let defaults = PeerSettings::new(peer.address, peer.remote_as);
    assert_eq!(peer.hold_time, defaults.hold_time);
    assert_eq!(peer.max_prefixes, defaults.max_prefixes);
    assert_eq!(peer.families, defaults.families);
    assert_eq!(peer.idle_hold, Some(bgp_speaker::IdleHold::DEFAULT));
    assert_eq!(config.speaker.multipath, Multipath::default());
    let installed = text.replacen("install = false", "install = true", 1);
    let written = load(&installed).unwrap().kernel;
    let left_out = load(&with("med = 7", "")).unwrap().kernel;
    assert_eq!(written, left_out);
}

#[test]
fn every_key_is_in_the_documented_example() {
    let text = include_str!("../../../../docs/bgplb-speaker.toml");
    let unknown = |line: &str| refused(&with(line, "colour = 1"));
    let said = [
        "ttl = 3",
        "install = true",
        "med = 7",
        "link = \"lo\"",
        "protocol = \"udp\"",
        "path = \"/health\"",
        "command = [\"/bin/true\"]",
    ]
    .map(unknown)
    .join("\n");
    for list in said.split("known here are ").skip(1) {
        let keys = list.lines().next().unwrap_or_default();
        for key in keys.split(", ") {
            let written = [format!("{key} = "), format!(".{key}]]")];
            assert!(written.iter().any(|it| text.contains(it)), "{key}");
        }
    }
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
    let quick = defaults.every(Duration::from_millis(10), 5).multihop(0);
    let text = "bfd = { min-tx = 10, min-rx = 10, multiplier = 5, multihop = true }";
    assert_eq!(bfd(text), Some(quick));
    let text = "bfd = { multihop = true, min-ttl = 254 }";
    assert_eq!(bfd(text), Some(defaults.multihop(254)));
    let wrong = with("ttl = 3", "bfd = { min-tx = 0, multiplier = 0, mintx = 5 }");
    expect![[r#"
        speaker.toml:16:18: peers[0].bfd.min-tx = 0: accepted is a number of milliseconds, 1 to 4294000
        speaker.toml:16:34: peers[0].bfd.multiplier = 0: accepted is how many packets, 1 to 255
        speaker.toml:16:37: peers[0].bfd.mintx: unknown key; did you mean min-tx?"#]].assert_eq(&refused(&wrong));
    let wrong = with("ttl = 3", "bfd = { multihop = true, min-ttl = 256 }");
    expect!["speaker.toml:16:36: peers[0].bfd.min-ttl = 256: accepted is the least TTL, 1 to 255"]
        .assert_eq(&refused(&wrong));
    let wrong = with("ttl = 3", "bfd = { min-ttl = 254 }");
    expect!["speaker.toml:16:19: peers[0].bfd.min-ttl: packets of a peer on the link arrive with 255 or are not believed: leave it out, or say multihop = true"].assert_eq(&refused(&wrong));
}

#[test]
fn graceful_restart_is_offered_unless_it_is_switched_off() {
    let restart = |text: &str| {
        let config = load(&with("ttl = 3", text)).unwrap();
        config.speaker.peers[0].graceful_restart
    };
    let defaults = GracefulRestart::default();
    assert_eq!(restart("ttl = 3"), Some(defaults));
    assert_eq!(restart("graceful-restart = { enabled = false }"), None);
    let text = "graceful-restart = { restart-time = 30, stale-time = 60, notifications = false }";
    let other = GracefulRestart {
        restart_time: Duration::from_secs(30),
        stale_time: Duration::from_secs(60),
        notification: false,
    };
    assert_eq!(restart(text), Some(other));
    let wrong = with("ttl = 3", "graceful-restart = { restart-time = 4096 }");
    expect!["speaker.toml:16:37: peers[0].graceful-restart.restart-time = 4096: accepted is a number of seconds, 1 to 4095"].assert_eq(&refused(&wrong));
}
