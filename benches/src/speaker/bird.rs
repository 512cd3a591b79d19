//! BIRD 2 as the sender.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{self, Command, Stdio};

use anyhow::{Context as _, Result};

use super::process::Process;
use super::{PEER_AS, SENDER, SENDER_AS, holder, peer};

/// Where Debian puts it.
const BIRD: &str = "/usr/sbin/bird";

/// Starts it with the table; `None` if it is not there.
pub(crate) fn start(prefixes: u32, sets: u32) -> Result<Option<Process>> {
    let mut config = head();
    writeln!(config, "protocol static {{ ipv4;")?;
    for number in 0..prefixes {
        let prefix = holder::prefix(number);
        writeln!(
            config,
            "route {prefix} blackhole {{ bgp_med = {}; }};",
            number % sets
        )?;
    }
    writeln!(config, "}}")?;
    session(&mut config, 0)?;
    run(&config)
}

/// Starts it with an empty table and many neighbours; `None` if it is not there.
pub(crate) fn start_idle(peers: u32) -> Result<Option<Process>> {
    let mut config = head();
    for number in 0..peers {
        session(&mut config, number)?;
    }
    run(&config)
}

/// Starts it with neighbours whose routes it puts into the kernel; `None` if it is not there.
pub(crate) fn start_learning(peers: u32) -> Result<Option<Process>> {
    let mut config = head();
    writeln!(config, "protocol device {{}}")?;
    writeln!(config, "protocol direct {{ ipv4; }}")?;
    let export = "export where source = RTS_BGP;";
    writeln!(
        config,
        "protocol kernel {{ ipv4 {{ import none; {export} }}; }}"
    )?;
    for number in 0..peers {
        let import = "import all; export none;";
        neighbour(&mut config, number, import)?;
    }
    run(&config)
}

fn head() -> String {
    format!("router id {};\n", SENDER.ip())
}

fn session(config: &mut String, number: u32) -> Result<()> {
    let policy = format!(
        "import none; export all; next hop address {};",
        holder::NEXT_HOP
    );
    neighbour(config, number, &policy)
}

fn neighbour(config: &mut String, number: u32, policy: &str) -> Result<()> {
    writeln!(
        config,
        "protocol bgp p{number} {{ local {} port {} as {SENDER_AS}; strict bind; passive; multihop; \
         neighbor {} as {PEER_AS}; ipv4 {{ {policy} }}; }}",
        SENDER.ip(),
        SENDER.port(),
        peer::address(number),
    )?;
    Ok(())
}

fn run(config: &str) -> Result<Option<Process>> {
    if fs::metadata(BIRD).is_err() {
        return Ok(None);
    }
    let path = |ending: &str| -> PathBuf {
        std::env::temp_dir().join(format!("bgplb-bench-{}.{ending}", process::id()))
    };
    fs::write(path("conf"), config).context("write BIRD's configuration")?;
    let child = Command::new(BIRD)
        .args(["-f", "-c"])
        .arg(path("conf"))
        .arg("-s")
        .arg(path("ctl"))
        .stdout(Stdio::null())
        .spawn()
        .context("start BIRD")?;
    Ok(Some(Process::new(child, vec![path("conf"), path("ctl")])))
}
