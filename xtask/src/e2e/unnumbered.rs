//! Peers that are found on their interface: packets go where nobody has an IPv4 address on the
//! link, and the session follows the link.
//!
//! ```text
//!   h1  lo 192.0.2.1, 2001:db8:1::1  -- fabric -- fabric --  r  lo 198.51.100.1, 2001:db8:2::1
//! ```
//!
//! `fabric` has the addresses that the kernel makes itself: link-local ones, of its MAC address.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::artifacts;
use crate::cmd::{Cmd, Daemon, tail};
use crate::lab::host;
use crate::lab::netns::Netns;
use crate::lab::two_nodes::{Medium, TwoNodes};
use crate::packages::{self, Package};
use crate::sys;
use crate::wait::{secs, until};

/// Tests by the program on the other side.
pub(super) const CASES: [(&str, Other); 3] = [
    ("routes_of_another_speaker_follow_the_link", Other::Speaker),
    ("routes_of_frr_follow_the_link", Other::Frr),
    ("routes_of_bird_follow_the_link", Other::Bird),
];

/// The program on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Other {
    Speaker,
    /// `neighbor fabric interface remote-as external`.
    Frr,
    /// Waits for whoever calls on the link.
    Bird,
}

const LINK: &str = "fabric";
const OURS: [&str; 2] = ["192.0.2.1/32", "2001:db8:1::1/128"];
const THEIRS: [&str; 2] = ["198.51.100.1/32", "2001:db8:2::1/128"];

impl Other {
    /// Whether this machine can run its test.
    pub(super) fn able(self) -> Result<()> {
        ensure!(cfg!(target_os = "linux"), "this is not Linux");
        ensure!(!sys::interrupted(), "interrupted");
        ensure!(sys::is_root(), "needs root");
        let package: &[Package] = match self {
            Self::Speaker => &[],
            Self::Frr => &[packages::FRR],
            Self::Bird => &[packages::BIRD],
        };
        packages::ensure(&[&[packages::IPROUTE], package].concat())?;
        host::probe_namespaces()
    }

    /// Starts it in the other namespace.
    fn start(self, nodes: &TwoNodes, program: &Path) -> Result<Vec<Daemon>> {
        let dir = nodes.dir().join("theirs");
        fs::create_dir_all(&dir)?;
        match self {
            Self::Speaker => {
                let config = speaker(64513, THEIRS);
                Ok(vec![start_speaker(&nodes.two, program, &dir, &config)?])
            }
            Self::Frr => start_frr(&nodes.two, &dir),
            Self::Bird => {
                let config = dir.join("bird.conf");
                fs::write(&config, bird())?;
                let command = nodes.two.command("bird").args(["-f", "-c"]).arg(config);
                let command = command.arg("-s").arg(dir.join("bird.ctl"));
                Ok(vec![command.spawn(&dir.join("bird.log"))?])
            }
        }
    }
}

/// Both sides find each other, again after the other one has come back with another address, and
/// again after the link itself was made anew.
pub(super) fn follow(other: Other) -> Result<()> {
    let program = artifacts::build_unoptimized_speaker()?;
    let nodes = TwoNodes::join(Medium::Cable, &[LINK], &[], &[])?;
    for (netns, addresses) in [(&nodes.one, OURS), (&nodes.two, THEIRS)] {
        for address in addresses {
            netns.ip(&format!("address add {address} dev lo nodad"))?;
        }
    }
    let dir = nodes.dir().join("ours");
    fs::create_dir_all(&dir)?;
    let ours = start_speaker(&nodes.one, &program, &dir, &speaker(64512, OURS))?;
    let theirs = other.start(&nodes, &program)?;
    let run = || {
        reached(&nodes).context("after the start")?;
        let before = nodes.two.link_local(LINK)?;
        nodes.two.ip(&format!("link set {LINK} down"))?;
        gone(&nodes).context("after the link went down")?;
        nodes
            .two
            .ip(&format!("link set {LINK} address 02:00:00:00:00:77 up"))?;
        reached(&nodes).context("after the other side has come back with another address")?;
        ensure!(before != nodes.two.link_local(LINK)?, "it is the same");
        nodes.one.ip(&format!("link del {LINK}"))?;
        gone(&nodes).context("after the link was deleted")?;
        let peer = nodes.two.name();
        nodes.one.ip(&format!(
            "link add {LINK} type veth peer name {LINK} netns {peer}"
        ))?;
        for netns in [&nodes.one, &nodes.two] {
            netns.ip(&format!("link set {LINK} up"))?;
        }
        reached(&nodes).context("after the link was made anew")
    };
    let logs = || -> String {
        let all: Vec<PathBuf> = theirs
            .iter()
            .chain([&ours])
            .map(|it| it.log().to_owned())
            .collect();
        let all = all.iter();
        all.map(|log| format!("--- {}\n{}\n", log.display(), tail(log, 25)))
            .collect()
    };
    run().with_context(logs)
}

/// Each side has routes to the other's addresses by its link-local one, and packets go both ways.
fn reached(nodes: &TwoNodes) -> Result<()> {
    for (at, prefixes, from) in [
        (&nodes.one, THEIRS, &nodes.two),
        (&nodes.two, OURS, &nodes.one),
    ] {
        for prefix in prefixes {
            let what = format!("the route to {prefix} in {}", at.name());
            until(&what, secs(60), || {
                let address: IpAddr = from.link_local(LINK)?.into();
                let routes = at.routes(prefix.contains(':'), prefix)?;
                let by = |route: &crate::lab::netns::Route| {
                    route.dev.as_deref() == Some(LINK) && route.gateways().contains(&address)
                };
                ensure!(
                    routes.iter().any(by),
                    "wanted is one by {address} on {LINK}, there are {routes:?}"
                );
                Ok(())
            })?;
        }
    }
    for target in OURS {
        let (target, _) = target.split_once('/').context("a prefix has a length")?;
        // BGP's own port: the connection is taken, and then closed.
        let connect = format!("exec 3<>/dev/tcp/{target}/179");
        until(&format!("a connection to {target}"), secs(10), || {
            let command = nodes.two.command("bash").args(["-c", &connect]);
            command.timeout(secs(5)).run()
        })?;
    }
    Ok(())
}

/// We have no route left.
fn gone(nodes: &TwoNodes) -> Result<()> {
    for prefix in THEIRS {
        until(
            &format!("the end of the route to {prefix}"),
            secs(10),
            || {
                let routes = nodes.one.routes(prefix.contains(':'), prefix)?;
                ensure!(routes.is_empty(), "there are {routes:?}");
                Ok(())
            },
        )?;
    }
    Ok(())
}

fn start_speaker(netns: &Netns, program: &Path, dir: &Path, config: &str) -> Result<Daemon> {
    let file = dir.join("speaker.toml");
    fs::write(&file, config)?;
    let command = netns.command(&program.display().to_string());
    let command = command.args(["run", "--config"]).arg(file);
    let command = command.arg("--socket").arg(dir.join("speaker.sock"));
    command.spawn(&dir.join("speaker.log"))
}

fn speaker(asn: u32, announced: [&str; 2]) -> String {
    let [v4, v6] = announced;
    let (id, _) = v4.split_once('/').unwrap_or((v4, ""));
    format!(
        r#"
[local]
as = {asn}
router-id = "{id}"
listen = ["0.0.0.0:179", "[::]:179"]
[[peers]]
interface = "{LINK}"
as = "external"
import = "accept"
[[announce]]
prefix = "{v4}"
[[announce]]
prefix = "{v6}"
[kernel]
install = true
"#
    )
}

fn bird() -> String {
    let [v4, v6] = THEIRS;
    format!(
        r#"
log stderr all;
router id 198.51.100.1;
protocol device {{ scan time 1; }}
protocol radv {{ interface "{LINK}" {{ max ra interval 10; }}; }}
protocol static {{ ipv4; route {v4} via "lo"; }}
protocol static {{ ipv6; route {v6} via "lo"; }}
protocol kernel {{ ipv4 {{ export where source = RTS_BGP; }}; }}
protocol kernel {{ ipv6 {{ export where source = RTS_BGP; }}; }}
protocol bgp {{
  local as 64513;
  neighbor range fe80::/10 external;
  interface "{LINK}";
  ipv4 {{ import all; export where source = RTS_STATIC; extended next hop on; }};
  ipv6 {{ import all; export where source = RTS_STATIC; }};
}}
"#
    )
}

/// zebra, which advertises and installs, and bgpd. They drop their privileges and need a directory
/// of their own.
fn start_frr(netns: &Netns, dir: &Path) -> Result<Vec<Daemon>> {
    let [v4, v6] = THEIRS;
    let bgpd = format!(
        "log stdout
router bgp 64513
 bgp router-id 198.51.100.1
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 neighbor {LINK} interface remote-as external
 neighbor {LINK} timers connect 1
 address-family ipv4 unicast
  network {v4}
  neighbor {LINK} activate
 exit-address-family
 address-family ipv6 unicast
  network {v6}
  neighbor {LINK} activate
 exit-address-family
"
    );
    fs::write(dir.join("zebra.conf"), "log stdout\n")?;
    fs::write(dir.join("bgpd.conf"), bgpd)?;
    Cmd::new("chown").args(["-R", "frr:frr"]).arg(dir).run()?;
    let mut daemons = Vec::new();
    for name in ["zebra", "bgpd"] {
        let command = netns.command(&format!("/usr/lib/frr/{name}"));
        let command = command.args(["-u", "frr", "-g", "frr", "-f"]);
        let command = command.arg(dir.join(format!("{name}.conf"))).arg("-i");
        let command = command.arg(dir.join(format!("{name}.pid"))).arg("-z");
        let command = command.arg(dir.join("zserv.api")).arg("--vty_socket");
        daemons.push(command.arg(dir).spawn(&dir.join(format!("{name}.log")))?);
        until("zebra's socket", secs(10), || {
            let socket = fs::symlink_metadata(dir.join("zserv.api"));
            socket.map(drop).context("it is not there")
        })?;
    }
    Ok(daemons)
}
