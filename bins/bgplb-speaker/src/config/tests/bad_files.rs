//! Files with one thing wrong, and what is said of it.

use super::*;

fn check(line: &str, replacement: &str, expected: Expect) {
    expected.assert_eq(&refused(&with(line, replacement)));
}

#[test]
fn what_is_wrong_with_the_speaker_itself() {
    check(
        "as = 65500",
        "as = 0",
        expect!["speaker.toml:3:6: local.as = 0: accepted is an AS number, 1 to 4294967295"],
    );
    check(
        "as = 65500",
        r#"as = "sixty""#,
        expect![[
            r#"speaker.toml:3:6: local.as = "sixty": accepted is an AS number, 1 to 4294967295"#
        ]],
    );
    check(
        "as = 65500",
        "asn = 65500",
        expect![[r#"
            speaker.toml:2:1: local.as: missing; accepted is an AS number, 1 to 4294967295
            speaker.toml:3:1: local.asn: unknown key; did you mean as?"#]],
    );
    check(
        "as = 65500",
        "as = 4294967296",
        expect![
            "speaker.toml:3:6: local.as = 4294967296: accepted is an AS number, 1 to 4294967295"
        ],
    );
    check(
        "as = 64512",
        r#"as = "inner""#,
        expect![[
            r#"speaker.toml:9:6: peers[0].as = "inner": accepted is an AS number, 1 to 4294967295, or "internal" or "external""#
        ]],
    );
    check(
        "192.168.8.137",
        "fe80::1",
        expect![[
            r#"speaker.toml:4:13: local.router-id = "fe80::1": accepted is an IPv4 address other than "0.0.0.0", in quotes"#
        ]],
    );
    check(
        "192.168.8.137",
        "0.0.0.0",
        expect![[
            r#"speaker.toml:4:13: local.router-id = "0.0.0.0": accepted is an IPv4 address other than "0.0.0.0", in quotes"#
        ]],
    );
    check(
        r#""0.0.0.0:179""#,
        r#""0.0.0.0""#,
        expect![[
            r#"speaker.toml:5:11: local.listen[0] = "0.0.0.0": accepted is an address with a port, such as "0.0.0.0:179" or "[::]:179""#
        ]],
    );
    check(
        r#"listen = ["0.0.0.0:179", "[::]:179"]"#,
        r#"listen = "0.0.0.0:179""#,
        expect![[
            r#"speaker.toml:5:10: local.listen = "0.0.0.0:179": accepted is a list: an address with a port, such as "0.0.0.0:179" or "[::]:179""#
        ]],
    );
}

#[test]
fn what_is_wrong_with_who_a_peer_is() {
    check(
        r#"address = "192.168.8.40""#,
        r#"adress = "192.168.8.40""#,
        expect![[r#"
            speaker.toml:7:1: peers[0].address: missing; accepted is an IPv4 or IPv6 address in quotes
            speaker.toml:8:1: peers[0].adress: unknown key; did you mean address?"#]],
    );
    check(
        r#"address = "192.168.8.40""#,
        "",
        expect![
            "speaker.toml:7:1: peers[0].address: missing; accepted is an IPv4 or IPv6 address in quotes"
        ],
    );
    check(
        "192.168.8.40",
        "192.168.8.400",
        expect![[
            r#"speaker.toml:8:11: peers[0].address = "192.168.8.400": accepted is an IPv4 or IPv6 address in quotes"#
        ]],
    );
    check(
        "192.168.8.40",
        "fe80::2",
        expect!["speaker.toml:8:11: peer fe80::2: a link-local address needs an interface"],
    );
    check(
        "192.168.8.40",
        "224.0.0.1",
        expect!["speaker.toml:8:11: peer 224.0.0.1: not an address that a peer can have"],
    );
    check(
        "ttl = 3",
        r#"interface = "eth0""#,
        expect!["speaker.toml:8:11: peer 192.168.8.40: only a link-local address has an interface"],
    );
    check(
        "passive = true",
        r#"passive = "yes""#,
        expect![[r#"speaker.toml:11:11: peers[0].passive = "yes": accepted is true or false"#]],
    );
    check(
        r#"listen = ["0.0.0.0:179", "[::]:179"]"#,
        "",
        expect![
            "speaker.toml:11:11: peer 192.168.8.40 is passive, but there is no address to listen on"
        ],
    );
}

#[test]
fn what_is_wrong_with_passwords() {
    check(
        r#"password = "hunter2""#,
        r#"password = """#,
        expect!["speaker.toml:12:12: peers[0].password = …: accepted is 1 to 80 octets in quotes"],
    );
    check(
        r#"password = "hunter2""#,
        r#"password = "a"
password-file = "/run/key""#,
        expect![
            "speaker.toml:13:17: peers[0].password-file: there is a password beside it, use one"
        ],
    );
    check(
        r#"password = "hunter2""#,
        r#"password-file = "/run/other""#,
        expect![
            "speaker.toml:12:17: peers[0].password-file: /run/other: No such file or directory (os error 2)"
        ],
    );
    check(
        r#"password = "hunter2""#,
        r#"password-file = "/run/empty""#,
        expect![
            "speaker.toml:12:17: peers[0].password-file: /run/empty holds 0 octets: accepted are 1 to 80"
        ],
    );
}

#[test]
fn what_is_wrong_with_timers_families_and_addresses() {
    check(
        "hold-time = 9",
        "hold-time = 2",
        expect!["speaker.toml:13:13: peers[0].hold-time = 2: accepted is 0 or 3 to 65535 seconds"],
    );
    check(
        "hold-time = 9",
        "keepalive = 0",
        expect!["speaker.toml:13:13: peers[0].keepalive = 0: accepted is 1 to 65535 seconds"],
    );
    check(
        "hold-time = 9",
        "hold-time = 9\nidle-hold = 90",
        expect![
            "speaker.toml:14:13: peers[0].idle-hold: the longest pause, 60 s, is shorter than the first, 90 s"
        ],
    );
    check(
        r#"families = ["ipv6-unicast"]"#,
        r#"families = ["ipv6"]"#,
        expect![[
            r#"speaker.toml:14:13: peers[0].families[0] = "ipv6": accepted is "ipv4-unicast" or "ipv6-unicast""#
        ]],
    );
    check(
        r#"families = ["ipv6-unicast"]"#,
        "families = []",
        expect!["speaker.toml:14:12: peer 192.168.8.40: a peer needs at least one address family"],
    );
    check(
        r#"next-hop-v6 = "2001:db8::1""#,
        r#"next-hop-v6 = "192.0.2.1""#,
        expect![[
            r#"speaker.toml:15:15: peers[0].next-hop-v6 = "192.0.2.1": accepted is an IPv6 address in quotes"#
        ]],
    );
    check(
        r#"next-hop-v6 = "2001:db8::1""#,
        r#"local-address = "2001:db8::1""#,
        expect![
            "speaker.toml:15:17: peer 192.168.8.40: the local address is of the other address family"
        ],
    );
}

#[test]
fn what_is_wrong_with_distances_and_attributes() {
    check(
        "ttl = 3",
        "tll = 3",
        expect!["speaker.toml:16:1: peers[0].tll: unknown key; did you mean ttl?"],
    );
    check(
        "ttl = 3",
        "ttl = 256",
        expect!["speaker.toml:16:7: peers[0].ttl = 256: accepted is a number of hops, 1 to 255"],
    );
    check(
        "ttl = 3",
        "ttl = 0",
        expect!["speaker.toml:16:7: peers[0].ttl = 0: accepted is a number of hops, 1 to 255"],
    );
    check(
        "ttl = 3",
        "ttl = 3\nttl-security = 1",
        expect![
            "speaker.toml:17:16: peers[0].ttl-security: the TTL is 255 then: leave ttl out, and say here how far away the peer may be"
        ],
    );
    check(
        "ttl = 3",
        "prepend = 65",
        expect!["speaker.toml:16:11: peers[0].prepend = 65: accepted is how often, 0 to 64"],
    );
    check(
        "ttl = 3",
        r#"colour = "blue""#,
        expect![
            "speaker.toml:16:1: peers[0].colour: unknown key; known here are address, as, bfd, communities, connect-retry, delay-open, families, graceful-restart, hold-time, idle-hold, idle-hold-max, import, import-local-pref, interface, keepalive, local-address, local-as, local-pref, max-prefixes, max-prefixes-pause, med, name, next-hop-v4, next-hop-v6, passive, password, password-file, port, prepend, role, role-strict, send-hold, ttl, ttl-security"
        ],
    );
}

#[test]
fn what_is_wrong_with_import_lists() {
    check(
        r#"import = "accept""#,
        r#"import = "all""#,
        expect![[
            r#"speaker.toml:17:10: peers[0].import = "all": accepted is "accept", "reject", or a list of prefixes"#
        ]],
    );
    check(
        r#"import = "accept""#,
        r#"import = ["10.0.0.0/8", "10.0.0.0/33"]"#,
        expect![[
            r#"speaker.toml:17:25: peers[0].import[1] = "10.0.0.0/33": accepted is a prefix in quotes, or a table { prefix = "…", ge = …, le = … }"#
        ]],
    );
    check(
        r#"import = "accept""#,
        r#"import = [{ prefix = "10.0.0.0/8", ge = 4 }]"#,
        expect![
            "speaker.toml:17:22: peers[0].import[0].prefix: no prefix within it has such a length: accepted is 8 <= ge <= le <= 32"
        ],
    );
    check(
        r#"import = "accept""#,
        r#"import = [{ prefix = "10.0.0.0/8", eq = 9 }]"#,
        expect![
            "speaker.toml:17:36: peers[0].import[0].eq: unknown key; known here are ge, le, prefix"
        ],
    );
}

#[test]
fn what_is_wrong_with_announcements() {
    check(
        "203.0.113.0/24",
        "203.0.113.0/33",
        expect![[
            r#"speaker.toml:20:10: announce[0].prefix = "203.0.113.0/33": accepted is a prefix in quotes, such as "192.0.2.0/24" or "2001:db8::/32""#
        ]],
    );
    check(
        "203.0.113.0/24",
        "127.0.0.1/32",
        expect![
            "speaker.toml:20:10: announce[0].prefix: 127.0.0.1/32 cannot be announced: it is a loopback address"
        ],
    );
    check(
        "no-export",
        "no-exprot",
        expect![[
            r#"speaker.toml:21:29: announce[0].communities[1] = "no-exprot": accepted is a community "64512:100" or by name such as "no-export", a large one "64512:1:2", or an extended one such as "target:64512:100""#
        ]],
    );
    check(
        "med = 7",
        "med = -1",
        expect!["speaker.toml:22:7: announce[0].med = -1: accepted is a number, 0 to 4294967295"],
    );
    check(
        "med = 7",
        "med = 1.5",
        expect!["speaker.toml:22:7: announce[0].med = 1.5: accepted is a number, 0 to 4294967295"],
    );
}

#[test]
fn what_is_wrong_with_the_kernel_and_multipath() {
    check(
        "[kernel]",
        "[kernal]",
        expect!["speaker.toml:25:2: kernal: unknown key; did you mean kernel?"],
    );
    check(
        "install = true",
        "metric = 20",
        expect![
            "speaker.toml:26:10: kernel.metric = 20: accepted is a number, 0 to 4294967295, but not 20: routes with it are deleted by FRR when it starts"
        ],
    );
    check(
        "install = true",
        "protocol = 4",
        expect![
            "speaker.toml:26:12: kernel.protocol = 4: accepted is a number, 5 to 255: lower ones are the kernel's own"
        ],
    );
    check(
        "install = true",
        "install = 1",
        expect!["speaker.toml:26:11: kernel.install = 1: accepted is true or false"],
    );
    check(
        "[kernel]",
        r#"[multipath]
paths = "any"

[kernel]"#,
        expect![[
            r#"speaker.toml:26:9: multipath.paths = "any": accepted is "same-length" or "same-path""#
        ]],
    );
}

#[test]
fn what_is_wrong_with_the_file_itself() {
    check(
        "[local]",
        "[local",
        expect!["speaker.toml:2:7: unclosed table, expected `]`"],
    );
    check(
        "med = 7",
        "med = ",
        expect!["speaker.toml:22:7: string values must be quoted, expected literal string"],
    );
    check(
        r#"[local]
as = 65500
router-id = "192.168.8.137"
listen = ["0.0.0.0:179", "[::]:179"]
"#,
        "",
        expect![
            "speaker.toml:1:1: local: missing; accepted is a table [local] with as and router-id"
        ],
    );
}

#[test]
fn what_is_there_twice_or_cannot_come() {
    check(
        "[kernel]",
        r#"[[peers]]
address = "192.168.8.40"
as = 1

[kernel]"#,
        expect![
            "speaker.toml:26:11: peers[1].address: 192.168.8.40 is the address of peers[0] already"
        ],
    );
    check(
        "[kernel]",
        r#"[[announce]]
prefix = "203.0.113.9/24"

[kernel]"#,
        expect![
            "speaker.toml:26:10: announce[1].prefix: 203.0.113.9/24 is announced by announce[0] already"
        ],
    );
    check(
        "[kernel]",
        r#"[[dynamic-peers]]
prefix = "10.0.0.0/8"
as = 1
limit = 0

[kernel]"#,
        expect![
            "speaker.toml:28:9: dynamic-peers[0].limit = 0: accepted is a number, 1 to 4294967295"
        ],
    );
    check(
        "[kernel]",
        r#"[[dynamic-peers]]
prefix = "10.0.0.0/8"
as = 1
address = "10.0.0.1"

[kernel]"#,
        expect![
            "speaker.toml:28:1: dynamic-peers[0].address: unknown key; known here are as, bfd, communities, connect-retry, delay-open, families, graceful-restart, hold-time, idle-hold, idle-hold-max, import, import-local-pref, keepalive, limit, local-address, local-as, local-pref, max-prefixes, max-prefixes-pause, med, name, next-hop-v4, next-hop-v6, password, password-file, prefix, prepend, role, role-strict, send-hold, ttl, ttl-security"
        ],
    );
}

#[test]
fn a_table_in_place_of_a_list_of_them() {
    // The brackets would confuse the macro.
    assert_eq!(
        refused(&with("[[announce]]", "[announce]")),
        "speaker.toml:19:1: announce = a table: accepted is a list: tables, each under a line \
         [[announce]]"
    );
}

#[test]
fn a_status_port_for_everybody_takes_a_second_word() {
    let line = r#"status-listen = "[::1]:9179""#;
    check(
        line,
        r#"status-listen = "[::]:9179""#,
        expect![
            "speaker.toml:30:17: control.status-listen: [::]:9179 can be reached from other hosts, and everybody there could read the status: give a loopback address such as 127.0.0.1:9179, or write `[::]:9179 exposed` if that is meant"
        ],
    );
    check(
        line,
        r#"status-listen = "9179""#,
        expect![
            "speaker.toml:30:17: control.status-listen: 9179 is no address with a port, such as 127.0.0.1:9179 or [::1]:9179"
        ],
    );
    check(
        line,
        r#"status-lisen = "[::1]:9179""#,
        expect![
            "speaker.toml:30:1: control.status-lisen: unknown key; did you mean status-listen?"
        ],
    );
    check(
        line,
        "status-listen = 9179",
        expect!["speaker.toml:30:17: control.status-listen = 9179: accepted is a text in quotes"],
    );
}
