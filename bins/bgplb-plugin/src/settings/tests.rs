//! The settings as docker-bgp-lb's users write them, and their mistakes.

use std::time::Duration;

use bgp_speaker::BfdSettings;

use super::{DrainAction, Scope, Settings, SettingsError, StopAction};

const REQUIRED: [(&str, &str); 3] = [
    ("ROUTER_ID", "192.168.8.40"),
    ("PEER_ADDRESS", "192.168.8.137"),
    ("PEER_AS", "65500"),
];

fn read(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::read(|name| {
        pairs
            .iter()
            .chain(&REQUIRED)
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn the_required_three_are_enough() {
    let settings = read(&[]).unwrap();
    assert_eq!(settings.identifier.to_string(), "192.168.8.40");
    assert_eq!(settings.listen_port, None);
    assert_eq!(settings.local_as, 64512);
    assert_eq!(settings.peers.len(), 1);
    assert_eq!(settings.peers[0].remote_as, 65500);
    assert_eq!(settings.drain, DrainAction::Off);
    assert_eq!(settings.scope, Scope::Local);
    assert_eq!(settings.passwords, [None]);
    assert!(settings.warnings.is_empty());
}

#[test]
fn empty_values_count_as_not_set() {
    let settings = read(&[
        ("PEER_PASSWORD", ""),
        ("ROUTER_PORT", ""),
        ("LOCAL_AS", " "),
    ])
    .unwrap();
    assert_eq!(settings, read(&[]).unwrap());
}

#[test]
fn a_stop_withdraws_unless_it_is_to_be_a_restart() {
    let stop = |text| read(&[("STOP_ACTION", text)]).map(|it| it.stop);
    for text in ["", "withdraw"] {
        assert_eq!(stop(text), Ok(StopAction::Withdraw));
    }
    assert_eq!(stop("restart"), Ok(StopAction::Restart));
    let refused = stop("keep").unwrap_err().to_string();
    assert!(refused.starts_with("STOP_ACTION=keep can't be used: give withdraw, or restart"));
}

#[test]
fn the_host_is_mended_only_if_that_is_wanted() {
    let mends = |text| read(&[("MEND_HOST", text)]).map(|it| it.mend_host);
    for text in ["", "false", "yes"] {
        assert_eq!(mends(text), Ok(false), "{text}");
    }
    assert_eq!(mends("true"), Ok(true));
}

#[test]
fn ports_read_as_before() {
    for (text, port) in [
        ("-1", None),
        ("0", Some(179)),
        ("179", Some(179)),
        ("1790", Some(1790)),
    ] {
        assert_eq!(read(&[("ROUTER_PORT", text)]).unwrap().listen_port, port);
    }
}

#[test]
fn bfd_is_a_switch_or_two_numbers() {
    let bfd = |text| read(&[("PEER_BFD", text)]).map(|settings| settings.bfd);
    let defaults = BfdSettings::default();
    let quick = defaults.every(Duration::from_millis(50), 3);
    for (text, expected) in [
        ("", None),
        ("false", None),
        ("true", Some(defaults)),
        ("300x3", Some(defaults)),
        ("50x3", Some(quick)),
    ] {
        assert_eq!(bfd(text).unwrap(), expected, "{text}");
    }
    for wrong in [
        "on", "TRUE", "50", "x", "50x", "x3", "50x0", "50x256", "9x3", "60001x3", "50x3x3",
        "50 x 3", "-50x3", "5e1x3",
    ] {
        let error = bfd(wrong).unwrap_err().to_string();
        let expected = format!(
            "PEER_BFD={wrong} can't be used: give true, false, or milliseconds between packets \
             (10 to 60000) and how many may be lost (1 to 255), such as 300x3"
        );
        assert_eq!(error, expected);
    }
}

#[test]
fn switches_are_on_for_exactly_true() {
    let on = read(&[("SIGUSR2_HANDLER", "true"), ("GLOBAL_SCOPE", "true")]).unwrap();
    assert_eq!((on.drain, on.scope), (DrainAction::Stop, Scope::Global));
    let off = read(&[("SIGUSR2_HANDLER", "yes"), ("GLOBAL_SCOPE", "True")]).unwrap();
    assert_eq!((off.drain, off.scope), (DrainAction::Off, Scope::Local));
    assert_eq!(off.warnings.len(), 2);
    assert!(off.warnings[0].contains("SIGUSR2_HANDLER=yes"));
}

#[test]
fn any_action_but_stop_only_withdraws() {
    let action = |value| {
        read(&[("SIGUSR2_HANDLER", "true"), ("SIGUSR2_ACTION", value)])
            .unwrap()
            .drain
    };
    assert_eq!(action("stop"), DrainAction::Stop);
    assert_eq!(action("none"), DrainAction::Withdraw);
}

#[test]
fn several_routers_share_an_as_or_have_their_own() {
    let shared = read(&[("PEER_ADDRESS", "192.168.8.137, 2001:db8:8::137")]).unwrap();
    assert_eq!(shared.peers.len(), 2);
    assert_eq!(shared.peers[1].remote_as, 65500);
    let own = read(&[
        ("PEER_ADDRESS", "192.168.8.137,192.168.8.138"),
        ("PEER_AS", "65500,65501"),
    ])
    .unwrap();
    assert_eq!(own.peers[1].remote_as, 65501);
}

#[test]
fn mistakes_are_named_with_what_is_accepted() {
    for (name, value) in [
        ("ROUTER_ID", "2001:db8::1"),
        ("ROUTER_ID", "host1"),
        ("ROUTER_ID", "127.0.0.1"),
        ("ROUTER_PORT", "bgp"),
        ("ROUTER_PORT", "70000"),
        ("ROUTER_PORT", "-2"),
        ("LOCAL_AS", "0"),
        ("LOCAL_AS", "1.10"),
        ("LOCAL_AS", "4294967296"),
        ("PEER_ADDRESS", "router.example"),
        ("PEER_ADDRESS", "0.0.0.0"),
        ("PEER_AS", "sixty"),
        ("PEER_AS", "23456"),
        ("NEXT_HOP_IPV6", "fe80::1"),
        ("DOCKER_HOST", "tcp://127.0.0.1:2375"),
    ] {
        let error = read(&[(name, value)]).unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
        assert!(error.contains(value), "{error}");
        assert!(error.contains("give "), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn a_missing_setting_is_named() {
    for missing in ["ROUTER_ID", "PEER_ADDRESS", "PEER_AS"] {
        let error = read(&[(missing, "")]).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{missing} is not set")),
            "{error}"
        );
    }
}

#[test]
fn counts_and_repeats_of_routers_are_checked() {
    assert_eq!(
        read(&[("PEER_AS", "1,2")]).unwrap_err(),
        SettingsError::PeerCount { peers: 1, ases: 2 }
    );
    let twice = read(&[("PEER_ADDRESS", "10.0.0.1,10.0.0.1")]).unwrap_err();
    assert!(twice.to_string().contains("every router once"));
}

#[test]
fn a_password_is_bounded_and_never_printed() {
    let long = "x".repeat(81);
    let error = read(&[("PEER_PASSWORD", &long)]).unwrap_err().to_string();
    assert!(error.starts_with("PEER_PASSWORD: "), "{error}");
    assert!(error.contains("81") && !error.contains("xx"), "{error}");
    let settings = read(&[
        ("PEER_PASSWORD", "hush"),
        ("PEER_ADDRESS", "192.168.8.137,2001:db8:8::137"),
    ])
    .unwrap();
    assert_eq!(settings.passwords.len(), settings.peers.len());
    for password in settings.passwords.iter().flatten() {
        assert_eq!(password.reveal(), b"hush");
    }
    for shown in [format!("{settings:?}"), format!("{settings:#?}")] {
        assert!(!shown.contains("hush"), "{shown}");
    }
}

#[test]
fn pools_leave_out_the_addresses_of_the_session() {
    for (range, setting) in [
        ("192.168.8.0/24", "ROUTER_ID"),
        ("192.168.8.130-192.168.8.140", "PEER_ADDRESS"),
        ("2001:db8:8::/120", "NEXT_HOP_IPV6"),
    ] {
        let pools = format!("web={range}");
        let error = read(&[("POOLS", &pools), ("NEXT_HOP_IPV6", "2001:db8:8::40")]).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("pool web") && error.contains(setting),
            "{error}"
        );
    }
    let settings = read(&[("POOLS", "web=192.168.0.30-192.168.0.49")]).unwrap();
    assert_eq!(settings.pools.iter().count(), 1);
}

#[test]
fn a_status_port_for_everybody_takes_a_second_word() {
    let listen = |text| read(&[("STATUS_LISTEN", text)]).map(|it| it.status_listen);
    assert_eq!(listen("").unwrap(), None);
    for (text, address) in [
        ("127.0.0.1:9179", "127.0.0.1:9179"),
        ("0.0.0.0:9179 exposed", "0.0.0.0:9179"),
    ] {
        assert_eq!(listen(text).unwrap().unwrap().to_string(), address);
    }
    let refused = listen("0.0.0.0:9179").unwrap_err().to_string();
    assert!(refused.starts_with("STATUS_LISTEN: 0.0.0.0:9179 can be reached from other hosts"));
    assert!(refused.ends_with("write `0.0.0.0:9179 exposed` if that is meant"));
}
