//! How long a learned route takes into the kernel, and what a table of a million costs, beside
//! BIRD.
//!
//! Everything runs in a network namespace of its own, so that no route of this machine changes:
//! [`run`] starts this program again in one, where [`inside`] does the work.

use std::env;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use netplumb::{Netlink, Watch};

use crate::speaker::holder::prefix;
use crate::speaker::peer::{self, Peer};
use crate::speaker::process::Process;
use crate::speaker::{PEER_AS, SENDER, SENDER_AS, bird};

/// Where the routes lead: a neighbour on a link that exists.
const NEXT_HOP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

const TURNS: u32 = 100;
const PEERS: u32 = 100;
const PREFIXES: u32 = 10_000;
/// Of one measurement, on whatever machine.
const LIMIT: Duration = Duration::from_secs(300);

/// Starts the measurement of `program`, the built `bgplb-speaker`.
pub(crate) fn run(program: &str) -> Result<()> {
    let done = Command::new("unshare")
        .arg("--net")
        .arg(env::current_exe()?)
        .args(["install-inside", program])
        .status()
        .context("start a program in a network namespace (which needs root)")?;
    ensure!(done.success(), "the measurement has failed");
    Ok(())
}

/// The measurement, in a namespace where nothing is but `lo`, which is down.
pub(crate) fn inside(program: &str) -> Result<()> {
    for words in [
        "link set lo up",
        "link add one type veth peer name two",
        "address add 192.0.2.1/24 dev one",
        "link set one up",
        "link set two up",
    ] {
        let done = Command::new("ip").args(words.split(' ')).status();
        ensure!(done.context("run ip")?.success(), "ip {words}");
    }
    println!("from the UPDATE to the kernel's route and back, {TURNS} turns each:");
    for name in ["bgplb-speaker", "BIRD"] {
        let Some(receiver) = start(name, program, 1)? else {
            println!("{name:>14}  is not installed");
            continue;
        };
        let [there, gone] = latency()?;
        println!("{name:>14}  there {there}, gone {gone}");
        drop(receiver);
    }
    println!("{PEERS} peers with {PREFIXES} prefixes each, all in the kernel:");
    for name in ["bgplb-speaker", "BIRD"] {
        let Some(receiver) = start(name, program, PEERS)? else {
            continue;
        };
        many(name, &receiver)?;
    }
    Ok(())
}

fn start(name: &str, program: &str, peers: u32) -> Result<Option<Process>> {
    match name {
        "BIRD" => bird::start_learning(peers),
        _ => speaker(program, peers).map(Some),
    }
}

fn speaker(program: &str, peers: u32) -> Result<Process> {
    let file = |ending: &str| -> PathBuf {
        env::temp_dir().join(format!("bgplb-bench-{}.{ending}", std::process::id()))
    };
    let mut config = format!(
        "[local]\nas = {SENDER_AS}\nrouter-id = \"{}\"\nlisten = [\"{SENDER}\"]\n\
         [kernel]\ninstall = true\n[control]\nsocket = \"{}\"\n",
        SENDER.ip(),
        file("sock").display()
    );
    for number in 0..peers {
        config += &format!(
            "[[peers]]\naddress = \"{}\"\nas = {PEER_AS}\npassive = true\nttl = 2\n\
             import = \"accept\"\nmax-prefixes = 2000000\n",
            peer::address(number)
        );
    }
    fs::write(file("toml"), config).context("write the configuration")?;
    let child = Command::new(program)
        .args(["run", "--config"])
        .arg(file("toml"))
        .env("LOG_LEVEL", "error")
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("start {program}"))?;
    Ok(Process::new(child, vec![file("toml"), file("sock")]))
}

/// One route comes and goes.
fn latency() -> Result<[String; 2]> {
    let mut peer = Peer::connect(peer::FIRST)?;
    peer.establish()?;
    let mut kernel = Netlink::open()?;
    let mut watch = Watch::open()?;
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        for (there, times) in [true, false].into_iter().zip(&mut times) {
            let begin = Instant::now();
            peer.tell(&[prefix(7)], there.then_some(NEXT_HOP))?;
            while is_there(&mut kernel)? != there {
                ensure!(
                    begin.elapsed() < LIMIT,
                    "the kernel's route does not change"
                );
                watch.wait(LIMIT)?;
            }
            times.push(begin.elapsed());
        }
    }
    Ok(times.map(|mut times| {
        times.sort();
        let ms = |time: Option<&Duration>| time.map_or(0.0, |it| it.as_secs_f64() * 1e3);
        format!(
            "{:.2} / {:.2} ms",
            ms(times.get(times.len() / 2)),
            ms(times.last())
        )
    }))
}

fn is_there(kernel: &mut Netlink) -> Result<bool> {
    let ways = kernel.routes_to([IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7))])?;
    Ok(ways.first().is_some_and(Option::is_some))
}

/// Many peers say all they have, one after the other.
fn many(name: &str, receiver: &Process) -> Result<()> {
    let mut peers = Vec::new();
    for number in 0..PEERS {
        let mut peer = Peer::connect(peer::address(number))?;
        peer.establish()?;
        peers.push(peer);
    }
    receiver.settle()?;
    let before = routes()?;
    let cpu = receiver.cpu()?;
    let begin = Instant::now();
    for (number, peer) in (0..).zip(&mut peers) {
        let own: Vec<_> = (0..PREFIXES)
            .map(|n| prefix(number * PREFIXES + n))
            .collect();
        peer.tell(&own, Some(NEXT_HOP))?;
    }
    while routes()? - before < u64::from(PEERS * PREFIXES) {
        ensure!(
            begin.elapsed() < LIMIT,
            "{name}: only {} routes",
            routes()? - before
        );
        thread::sleep(Duration::from_millis(20));
    }
    let elapsed = begin.elapsed();
    let cpu = receiver.cpu()? - cpu;
    let most = receiver.peak_memory()?;
    // All peers leave, and everything goes with them.
    drop(peers);
    let begin = Instant::now();
    while routes()? > before {
        ensure!(begin.elapsed() < LIMIT, "{name}: routes are left");
        thread::sleep(Duration::from_millis(20));
    }
    receiver.settle()?;
    println!(
        "{name:>14}  {:.1} s, {:.1} s CPU, {:.0} MB; when all have left {:.0} MB",
        elapsed.as_secs_f64(),
        cpu.as_secs_f64(),
        most as f64 / 1e6,
        receiver.memory()? as f64 / 1e6
    );
    Ok(())
}

/// How many IPv4 prefixes the main table of the namespace has.
fn routes() -> Result<u64> {
    let text = fs::read_to_string("/proc/net/fib_triestat")?;
    let main = text.split("Main:").nth(1).unwrap_or(&text);
    let line = main
        .lines()
        .find_map(|it| it.trim().strip_prefix("Prefixes:"));
    match line.map(str::trim).map(str::parse) {
        Some(Ok(count)) => Ok(count),
        _ => bail!("/proc/net/fib_triestat has no count of prefixes"),
    }
}
