use super::*;

fn site() -> Site {
    let peer = |address: &str, remote_as| Peer {
        address: address.parse().unwrap(),
        remote_as,
    };
    Site {
        local_as: 64512,
        peers: vec![peer("192.0.2.1", 65500), peer("2001:db8::1", 64512)],
    }
}

fn read(given: &[(&str, &str)]) -> Result<ServiceOptions, OptionError> {
    ServiceOptions::read(&ours(given.iter().copied()), &site())
}

fn announced(given: &[(&str, &str)], how: Announcement) -> PathAttributes {
    read(given).unwrap().attributes(64512, how)
}

const PLAIN: Announcement = Announcement {
    marked: false,
    serving: 1,
};
const MARKED: Announcement = Announcement {
    marked: true,
    serving: 1,
};

#[test]
fn without_options_a_route_says_nothing_of_itself() {
    assert_eq!(read(&[]).unwrap(), ServiceOptions::default());
    assert_eq!(announced(&[], PLAIN), PathAttributes::originated());
    let others = [("com.docker.network.bridge.name", "x"), ("mtu", "1400")];
    assert_eq!(read(&others).unwrap(), ServiceOptions::default());
}

#[test]
fn every_attribute_is_said() {
    let attributes = announced(
        &[
            ("bgplb.communities", "65000:1, no-export"),
            ("bgplb.large-communities", "65000:1:2,65000:3:4"),
            ("bgplb.med", "50"),
            ("bgplb.local-preference", "200"),
            ("bgplb.prepend", "2"),
            ("bgplb.peers", "192.0.2.1"),
            ("bgplb.link-bandwidth", "1000"),
        ],
        Announcement {
            marked: false,
            serving: 3,
        },
    );
    let communities = [Community::new(65000, 1), Community::NO_EXPORT];
    assert_eq!(attributes.communities, communities);
    assert_eq!(attributes.large_communities.len(), 2);
    assert_eq!(
        (attributes.med, attributes.local_pref),
        (Some(50), Some(200))
    );
    let mut path = PathAttributes::originated().as_path;
    path.prepend(Asn::new(64512), 2);
    assert_eq!(attributes.as_path, path);
    // Three containers of 125 million octets a second each.
    let bandwidth = ExtendedCommunity::link_bandwidth(Asn::new(64512), 375e6);
    assert_eq!(attributes.extended_communities, [bandwidth]);
}

#[test]
fn what_is_about_to_go_says_so_in_its_manner() {
    let drained = |manner: &str| {
        let peers = ("bgplb.peers", "192.0.2.1");
        announced(
            &[("bgplb.drain", manner), ("bgplb.med", "7"), peers],
            MARKED,
        )
    };
    let gshut = drained("graceful-shutdown");
    assert_eq!(gshut.communities, [Community::GRACEFUL_SHUTDOWN]);
    assert_eq!((gshut.local_pref, gshut.med), (Some(0), Some(7)));
    assert_eq!(drained("med").med, Some(u32::MAX));
    let mut path = PathAttributes::originated().as_path;
    path.prepend(Asn::new(64512), DRAIN_PREPEND);
    assert_eq!(drained("prepend").as_path, path);
    assert_eq!(
        drained("immediate"),
        announced(&[("bgplb.med", "7")], PLAIN)
    );
    assert!(!Drain::Immediate.is_marked() && Drain::Med.is_marked());
}

#[test]
fn times_and_rules_are_read() {
    let options = read(&[
        ("bgplb.drain-time", "1500ms"),
        ("bgplb.min-healthy-time", "2m"),
        ("bgplb.hold-down", "3/60s/1h"),
    ])
    .unwrap();
    assert_eq!(options.drain_time, Some(Duration::from_millis(1500)));
    assert_eq!(options.min_healthy_time, Duration::from_secs(120));
    let rule = HoldDown {
        times: 3,
        within: Duration::from_secs(60),
        hold: Duration::from_secs(3600),
    };
    assert_eq!(options.hold_down, Some(rule));
}

#[test]
fn a_bad_value_is_refused_with_the_option_the_value_and_what_is_accepted() {
    for (name, values) in [
        (
            "bgplb.communities",
            &["", "1", "65000:1,", "70000:1", "65000:1:2"][..],
        ),
        ("bgplb.large-communities", &["", "65000:1", "a:b:c"]),
        ("bgplb.med", &["", "-1", "+1", "4294967296", "1 2", "x"]),
        ("bgplb.local-preference", &["", "1.5"]),
        ("bgplb.prepend", &["0", "17", "257"]),
        ("bgplb.peers", &["", "router"]),
        ("bgplb.drain", &["", "Immediate", "slowly"]),
        (
            "bgplb.drain-time",
            &[
                "",
                "5",
                "s",
                "-1s",
                "61m",
                "1d",
                "99999999999999999999s",
                "1s ",
            ],
        ),
        ("bgplb.min-healthy-time", &["1.5s", "é"]),
        (
            "bgplb.hold-down",
            &["3", "3/60s", "0/60s/5m", "101/60s/5m", "3/60s/5m/1"],
        ),
        ("bgplb.link-bandwidth", &["0", "1000001", "10G"]),
        ("bgplb.gateway", &["", "Host", "none", "10.0.0.1"]),
    ] {
        for value in values.iter().filter(|value| !value.ends_with(' ')) {
            let said = read(&[(name, value)]).unwrap_err().to_string();
            let accepted = KNOWN.iter().find(|it| it.name == name).unwrap().accepted;
            assert!(said.contains(&format!("{name}={value} ")), "{said}");
            assert!(said.ends_with(accepted), "{said}");
        }
    }
    let many = vec!["65000:1"; text::LIST_LIMIT + 1].join(",");
    assert!(read(&[("bgplb.communities", &many)]).is_err());
}

#[test]
fn an_unknown_option_is_refused_with_those_there_are() {
    let said = read(&[("bgplb.comunities", "65000:1")])
        .unwrap_err()
        .to_string();
    assert!(said.contains("bgplb.comunities"), "{said}");
    assert!(KNOWN.iter().all(|it| said.contains(it.name)), "{said}");
}

#[test]
fn routers_must_be_ours_and_take_longer_paths() {
    let said = read(&[("bgplb.peers", "192.0.2.1,192.0.2.9")])
        .unwrap_err()
        .to_string();
    assert!(said.contains("192.0.2.9 is no router"), "{said}");
    assert!(said.contains("192.0.2.1, 2001:db8::1"), "{said}");
    for (name, value) in [("bgplb.prepend", "1"), ("bgplb.drain", "prepend")] {
        let said = read(&[(name, value)]).unwrap_err().to_string();
        assert!(said.contains(&format!("{name}={value}")), "{said}");
        assert!(
            said.contains("2001:db8::1") && said.contains("64512"),
            "{said}"
        );
        assert!(read(&[(name, value), ("bgplb.peers", "192.0.2.1")]).is_ok());
    }
}

#[test]
fn every_option_is_documented() {
    let docs = include_str!("../../../../docs/networks.md");
    for option in KNOWN {
        let row = format!("| `{}` |", option.name);
        assert!(docs.contains(&row), "{row}");
    }
    let named = docs.matches("| `bgplb.").count();
    assert_eq!(
        named,
        KNOWN.len(),
        "no option is documented that does not exist"
    );
}
