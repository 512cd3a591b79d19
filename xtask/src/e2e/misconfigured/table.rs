//! The mistakes, and what the doctor has to call them.

/// One thing that somebody got wrong.
#[derive(Debug)]
pub(super) struct Mistake {
    /// The test's name.
    pub(super) name: &'static str,
    /// The peer in our configuration.
    pub(super) ours: &'static str,
    /// Our `[local]` beside what every one has.
    pub(super) local: &'static str,
    /// Further tables of our configuration.
    pub(super) more: &'static str,
    /// By how much our clock is set once our program runs, as libfaketime takes it.
    pub(super) clock: Option<&'static str>,
    /// BIRD's protocol; without it, BIRD is not started.
    pub(super) theirs: Option<&'static str>,
    /// What is done on our host before the programs start.
    pub(super) here: &'static [&'static str],
    /// And on BIRD's.
    pub(super) there: &'static [&'static str],
    /// What BIRD is told once it runs.
    pub(super) told: Option<&'static str>,
    /// The finding's word.
    pub(super) code: &'static str,
    /// What its sentence has to name.
    pub(super) words: &'static [&'static str],
}

/// Our peer as it should be.
const OURS: &str = r#"address = "10.9.0.2"
as = 64513
connect-retry = 1
idle-hold = 1
"#;

/// BIRD's end of it, as it should be.
const THEIRS: &str = "local 10.9.0.2 as 64513; neighbor 10.9.0.1 as 64512;
connect delay time 1; connect retry time 2; error wait time 1, 2;
ipv4 { import all; export all; }; ipv6 { import all; export all; };";

/// What is learned goes into the kernel.
const INSTALLED: &str = "[kernel]\ninstall = true\n";

/// All as it should be but for one thing.
const RIGHT: Mistake = Mistake {
    name: "",
    ours: OURS,
    local: "",
    more: "",
    clock: None,
    theirs: Some(THEIRS),
    here: &[],
    there: &[],
    told: None,
    code: "",
    words: &["10.9.0.2"],
};

pub(super) const MISTAKES: [Mistake; 29] = [
    Mistake {
        name: "the_router_does_not_run",
        theirs: None,
        code: "refused",
        ..RIGHT
    },
    Mistake {
        name: "a_packet_filter_drops_what_is_sent_to_the_router",
        there: &["iptables -A INPUT -p tcp -j DROP"],
        code: "no-answer",
        ..RIGHT
    },
    Mistake {
        name: "a_packet_filter_here_drops_what_the_router_answers",
        here: &["iptables -A INPUT -p tcp -j DROP"],
        code: "no-answer",
        ..RIGHT
    },
    Mistake {
        name: "nobody_has_the_routers_address",
        ours: r#"address = "10.9.0.99"
as = 64513
connect-retry = 1
"#,
        code: "no-neighbour",
        words: &["10.9.0.99"],
        ..RIGHT
    },
    Mistake {
        name: "there_is_no_route_to_the_router",
        ours: r#"address = "10.77.0.2"
as = 64513
connect-retry = 1
ttl = 3
"#,
        code: "no-route",
        words: &["10.77.0.2"],
        ..RIGHT
    },
    Mistake {
        name: "the_router_is_behind_another_and_multihop_is_not_set",
        ours: r#"address = "10.78.0.2"
as = 64513
connect-retry = 1
"#,
        here: &["ip route add 10.78.0.0/24 via 10.9.0.2"],
        // On the way it is thrown away for its TTL.
        there: &[
            "sysctl -qw net.ipv4.ip_forward=1",
            "ip link add far type veth peer name farther",
            "ip address add 10.78.0.1/24 dev far",
            "ip link set far up",
        ],
        code: "multihop",
        words: &["10.78.0.2"],
        ..RIGHT
    },
    Mistake {
        name: "the_local_address_is_another_hosts",
        ours: r#"address = "10.9.0.2"
as = 64513
local-address = "10.9.0.77"
connect-retry = 1
"#,
        // One that connects itself makes up for that.
        theirs: Some(
            "local 10.9.0.2 as 64513; neighbor 10.9.0.1 as 64512; passive yes;
ipv4 { import all; export all; };",
        ),
        code: "no-such-address",
        words: &["10.9.0.77"],
        ..RIGHT
    },
    Mistake {
        name: "the_router_is_in_another_as_than_configured",
        ours: r#"address = "10.9.0.2"
as = 64599
connect-retry = 1
"#,
        code: "wrong-as",
        words: &["64513", "64599"],
        ..RIGHT
    },
    Mistake {
        name: "the_router_expects_us_in_another_as",
        theirs: Some(
            "local 10.9.0.2 as 64513; neighbor 10.9.0.1 as 64598;
connect delay time 1; connect retry time 2; error wait time 1, 2; ipv4 { import all; export all; };",
        ),
        code: "our-as-refused",
        words: &["64512"],
        ..RIGHT
    },
    Mistake {
        name: "the_router_knows_other_neighbours_only",
        theirs: Some(
            "local 10.9.0.2 as 64513; neighbor 10.9.0.50 as 64512;
ipv4 { import all; export all; };",
        ),
        code: "rejected",
        ..RIGHT
    },
    Mistake {
        name: "both_have_one_bgp_identifier",
        local: "router-id = \"192.0.2.2\"",
        // Within an AS it has to be unique (RFC 6286 section 2.1).
        ours: r#"address = "10.9.0.2"
as = 64512
connect-retry = 1
"#,
        theirs: Some(
            "local 10.9.0.2 as 64512; neighbor 10.9.0.1 as 64512;
connect delay time 1; connect retry time 2; error wait time 1, 2; ipv4 { import all; export all; };",
        ),
        code: "identifier-clash",
        words: &["192.0.2.2"],
        ..RIGHT
    },
    Mistake {
        name: "the_passwords_differ",
        ours: r#"address = "10.9.0.2"
as = 64513
password = "ours"
connect-retry = 1
"#,
        theirs: Some(
            "local 10.9.0.2 as 64513; neighbor 10.9.0.1 as 64512; password \"theirs\";
connect delay time 1; connect retry time 2; error wait time 1, 2; ipv4 { import all; export all; };",
        ),
        code: "password-differs",
        words: &["RFC 2385"],
        ..RIGHT
    },
    Mistake {
        name: "only_we_have_a_password",
        ours: r#"address = "10.9.0.2"
as = 64513
password = "ours"
connect-retry = 1
"#,
        code: "password-missing-there",
        words: &["RFC 2385"],
        ..RIGHT
    },
    Mistake {
        name: "only_the_router_has_a_password",
        theirs: Some(
            "local 10.9.0.2 as 64513; neighbor 10.9.0.1 as 64512; password \"theirs\";
connect delay time 1; connect retry time 2; error wait time 1, 2; ipv4 { import all; export all; };",
        ),
        code: "password-missing-here",
        words: &["RFC 2385"],
        ..RIGHT
    },
    Mistake {
        name: "the_router_speaks_no_family_of_ours",
        ours: r#"address = "10.9.0.2"
as = 64513
families = ["ipv6-unicast"]
connect-retry = 1
"#,
        theirs: Some(
            "local 10.9.0.2 as 64513; neighbor 10.9.0.1 as 64512;
connect delay time 1; connect retry time 2; error wait time 1, 2; ipv4 { import all; export all; };",
        ),
        code: "no-common-family",
        words: &["ipv6-unicast"],
        ..RIGHT
    },
    Mistake {
        name: "the_router_speaks_one_family_of_two",
        theirs: Some(
            "local 10.9.0.2 as 64513; neighbor 10.9.0.1 as 64512;
connect delay time 1; connect retry time 2; error wait time 1, 2; ipv4 { import all; export all; };",
        ),
        code: "family-not-negotiated",
        words: &["ipv6-unicast"],
        ..RIGHT
    },
    Mistake {
        name: "there_is_no_ipv6_next_hop_to_announce_with",
        here: &["sysctl -qw net.ipv6.conf.lan.disable_ipv6=1"],
        code: "next-hop-unknown",
        words: &["ipv6-unicast"],
        ..RIGHT
    },
    Mistake {
        name: "ttl_security_is_set_here_only",
        ours: r#"address = "10.9.0.2"
as = 64513
ttl-security = 1
connect-retry = 1
"#,
        code: "ttl-too-low",
        words: &["RFC 5082"],
        ..RIGHT
    },
    Mistake {
        name: "the_router_announces_more_than_is_allowed",
        ours: r#"address = "10.9.0.2"
as = 64513
max-prefixes = 1
connect-retry = 1
"#,
        code: "prefix-limit",
        ..RIGHT
    },
    Mistake {
        name: "the_router_allows_less_than_we_announce",
        theirs: Some(
            "local 10.9.0.2 as 64513; neighbor 10.9.0.1 as 64512;
connect delay time 1; connect retry time 2; error wait time 1, 2; ipv4 { import all; export all; receive limit 1 action disable; };",
        ),
        code: "prefix-limit",
        ..RIGHT
    },
    Mistake {
        name: "the_routers_operator_ended_the_session",
        told: Some("disable edge \"cables are changed\""),
        code: "peer-shut-down",
        words: &["cables are changed"],
        ..RIGHT
    },
    Mistake {
        name: "both_wait_for_the_other_to_connect",
        ours: r#"address = "10.9.0.2"
as = 64513
passive = true
"#,
        theirs: Some(
            "local 10.9.0.2 as 64513; neighbor 10.9.0.1 as 64512; passive yes;
ipv4 { import all; export all; };",
        ),
        code: "waiting",
        ..RIGHT
    },
    Mistake {
        name: "bfd_is_configured_here_only",
        ours: r#"address = "10.9.0.2"
as = 64513
bfd = { min-tx = 100, min-rx = 100 }
connect-retry = 1
"#,
        code: "bfd-down",
        ..RIGHT
    },
    Mistake {
        name: "the_router_tells_no_role_where_one_is_demanded",
        ours: r#"address = "10.9.0.2"
as = 64513
role = "customer"
role-strict = true
connect-retry = 1
"#,
        code: "role-mismatch",
        ..RIGHT
    },
    Mistake {
        name: "learned_routes_are_installed_and_nothing_is_forwarded",
        more: INSTALLED,
        here: &["sysctl -qw net.ipv4.ip_forward=0"],
        code: "forwarding-ipv4-off",
        words: &["net.ipv4.ip_forward", "IPv4"],
        ..RIGHT
    },
    Mistake {
        name: "a_packet_filter_drops_what_learned_routes_lead_on",
        more: INSTALLED,
        here: &[
            "sysctl -qw net.ipv4.ip_forward=1",
            "ip link add other type veth peer name another",
            "ip link set other up",
            "iptables -P FORWARD DROP",
        ],
        code: "forward-dropped",
        words: &["FORWARD", "lan"],
        ..RIGHT
    },
    Mistake {
        name: "a_reverse_path_filter_is_strict_where_routes_leave_by_several_links",
        more: INSTALLED,
        here: &[
            "sysctl -qw net.ipv4.ip_forward=1",
            "ip link add other type veth peer name another",
            "ip address add 10.8.0.1/24 dev other",
            "ip link set another up",
            "ip link set other up",
            "sysctl -qw net.ipv4.conf.all.rp_filter=0",
            "sysctl -qw net.ipv4.conf.lan.rp_filter=1",
        ],
        theirs: Some(
            "local 10.9.0.2 as 64513; neighbor 10.9.0.1 as 64512;
connect delay time 1; connect retry time 2; error wait time 1, 2;
ipv4 { import all; export filter {
    if net = 203.0.113.128/25 then bgp_next_hop = 10.8.0.9; accept; }; };",
        ),
        code: "rp-filter-strict",
        words: &["lan"],
        ..RIGHT
    },
    Mistake {
        name: "one_next_hop_of_two_has_all_connections_between_two_addresses",
        more: INSTALLED,
        here: &[
            "sysctl -qw net.ipv4.ip_forward=1",
            "sysctl -qw net.ipv4.fib_multipath_hash_policy=0",
            "ip route add 10.77.0.0/24 nexthop via 10.9.0.2 nexthop via 10.9.0.3",
        ],
        there: &["ip address add 10.9.0.3/24 dev lan"],
        theirs: Some(
            "local 10.9.0.2 as 64513; neighbor 10.9.0.1 as 64512;
connect delay time 1; connect retry time 2; error wait time 1, 2;
ipv4 { import all; export filter { bgp_next_hop = 10.77.0.1; accept; }; };",
        ),
        code: "multipath-by-address",
        words: &["net.ipv4.fib_multipath_hash_policy"],
        ..RIGHT
    },
    Mistake {
        name: "the_clock_is_set_back_while_the_program_runs",
        clock: Some("-7200"),
        code: "clock-stepped",
        words: &["back by", "s since"],
        ..RIGHT
    },
];
