//! `docs/commands.md`, made of what the commands print.

use expect_test::expect_file;

use super::*;
use crate::show::{check, explanation};

fn shown(write: impl FnOnce(&Screen, &mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut written = Vec::new();
    write(&Screen::plain(NOW), &mut written).unwrap();
    String::from_utf8(written).unwrap()
}

/// Why an address with a sick container is not announced.
fn explained() -> Explanation {
    let gate = |gate, about: &str, verdict, text: &str| Gate {
        gate,
        about: Some(about.to_owned()),
        verdict,
        since: None,
        text: text.to_owned(),
        remedy: None,
    };
    let gates = vec![
        gate(
            GateName::Network,
            "web9",
            Verdict::Ok,
            "10.0.0.9/32 belongs to it",
        ),
        gate(
            GateName::Endpoint,
            "web9",
            Verdict::Ok,
            "containers connected to it: 1",
        ),
        gate(
            GateName::Container,
            "web",
            Verdict::Ok,
            "it runs, and its link is in place",
        ),
        Gate {
            since: Some(NOW - 14),
            remedy: Some("docker inspect --format '{{json .State.Health}}' web".to_owned()),
            ..gate(
                GateName::Health,
                "web",
                Verdict::Blocked,
                "its health check fails",
            )
        },
        gate(
            GateName::Peer,
            "192.0.2.1",
            Verdict::Ok,
            "there is a session",
        ),
    ];
    let address = IpAddr::from([10, 0, 0, 9]);
    Explanation::new(address, Some(address.into()), false, gates)
}

#[test]
fn the_page_on_commands_shows_what_they_print() {
    let status = shown(|screen, to| status(&whole_status(), screen, to));
    let peers = shown(|screen, to| peers(&all_peers(), screen, to));
    let services = shown(|screen, to| services(&all_services(), screen, to));
    let explained = shown(|screen, to| explanation(&explained(), screen, to));
    let events = shown(write_events);
    let diff = shown(|_, to| diff(&whole_diff(), to));
    let check = check(&whole_status()).line;
    let page = format!(
        r#"# What the running program says

Both programs have these commands; `bgplb-plugin services` is the plugin's alone. They
ask at the status socket ([control-socket.md](control-socket.md)), which `--socket` names
where it is not in its place. `-o json` prints what the socket says, whose form is
described there. On a terminal a table is as wide as that and has colours, unless
`NO_COLOR` is set; anywhere else it is as wide as its words.

What follows is printed by the programs' own code out of examples with every state in
them.

## `status`

```text
{status}```

A warning has a code that does not change between versions; what mends it stands below.

## `services`

```text
{services}```

`*` marks a container that is delivered to, `-` one that only keeps what it has. The
reasons are those of [control-socket.md](control-socket.md).

## `explain ADDRESS`

Every gate on the way of an address to the routers, in order: its network, a container
on it, that it runs, its health, drains, what the kernel delivers, and for each peer the
session, the family, and what the peer may be told. A gate is `ok`, `blocked` or
`unknown`; commands that open those that are blocked stand below.

```text
{explained}```

## `peers`

```text
{peers}```

## `routes advertised`, `routes learned`

Both take a prefix, to show only that and those within it, and `--peer ADDRESS`. Marks of
learned routes: `*>` is the best one, `*=` is used beside it, `s` is left from a session
that was lost.

## `events`

What has happened of late, as far as the program still has it; `-f` goes on with what
happens, each event as it does, and `--since N` leaves out those up to that number.
The words are those of [control-socket.md](control-socket.md), times are in UTC.

```text
{events}```

## `drain SERVICE|host`, `undrain SERVICE|host`

`bgplb-plugin drain web1` takes a service back from the routers, in the manner that its
network's options say ([networks.md](networks.md)), and keeps it back until `undrain`,
over restarts too; a drain ends with its network. A service is named by its network, by four or more of the first
digits of the network's number, or by an address. No container is stopped. `--wait` ends
when what was under way has had its time. `host` does so with every service, as SIGUSR2
to the plugin does. Another host that has the address goes on.

`bgplb-speaker drain host` announces all routes as about to go (GRACEFUL_SHUTDOWN, RFC
8326) for five seconds, and then withdraws them.

## `maintenance on|off`

While it is on, nothing of this host is announced: no service, and of the plugin no
network labelled `bgplb_advertise=true` either. It ends with `off` alone, and is kept
apart from drains: what is drained stays so. The plugin writes it down, and is in
maintenance again after a crash or a restart of the host. `status`, `services` and
`explain` say so. The speaker keeps drains and maintenance in the file that `state` under
`[control]` names; without that line they end with it.

## `reload`, `diff`

The plugin's settings are its environment, and change by `docker plugin set` with a new
start. What they name in files is read again by `reload`: passwords
(`PEER_PASSWORD_FILE`) and pools (`POOLS_FILE`). The speaker reads its configuration
again. A file that can't be used changes nothing. `diff` says what `reload` would do,
and which sessions would end and begin anew; the speaker compares with another file,
too, `diff FILE`.

```text
{diff}```

## `check`

For monitoring, by the rules of its plugins: one line with figures, and as exit code 0
if all is well, 1 for a warning, 2 if no session is up, 3 if the program does not answer.

```text
{check}
```
"#
    );
    expect_file!["../../../../../docs/commands.md"].assert_eq(&page);
}
