//! A million prefixes held and sent, a thousand idle peers: the time and memory this takes, beside
//! BIRD.
//!
//! A peer on loopback connects, takes everything until End-of-RIB and reads it. What counts is the
//! processor time and the memory of the sender's process alone.

pub(crate) mod bird;
pub(crate) mod holder;
pub(crate) mod peer;
pub(crate) mod process;

use std::env;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use self::process::Process;

/// Where the senders listen.
pub(crate) const SENDER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 2), 1790);
pub(crate) const SENDER_AS: u32 = 65001;
pub(crate) const PEER_AS: u32 = 65002;

/// Prefixes, and with how many attribute sets, one prefix after the other.
const TABLES: [(u32, u32); 2] = [(1_000_000, 1), (1_000_000, 1_000)];

/// How long idle peers are watched.
const IDLE: Duration = Duration::from_secs(10);
const IDLE_PEERS: u32 = 1_000;

pub(crate) fn run() -> Result<()> {
    println!(
        "{:>10} {:>6}  {:>14} {:>9} {:>9} {:>9} {:>8}",
        "prefixes", "sets", "", "CPU", "elapsed", "memory", "UPDATEs"
    );
    for (prefixes, sets) in TABLES {
        report(
            prefixes,
            sets,
            "bgp-speaker",
            start_holder(prefixes, sets, 1)?,
        )?;
        match bird::start(prefixes, sets)? {
            Some(bird) => report(prefixes, sets, "BIRD", bird)?,
            None => println!("{prefixes:>10} {sets:>6}  {:>14}  is not installed", "BIRD"),
        }
    }
    idle()
}

fn start_holder(prefixes: u32, sets: u32, peers: u32) -> Result<Process> {
    let numbers = [u32::from(SENDER.port()), prefixes, sets, peers].map(|it| it.to_string());
    let child = Command::new(env::current_exe()?)
        .arg("hold")
        .args(numbers)
        .stdout(Stdio::null())
        .spawn()
        .context("start the holder")?;
    Ok(Process::new(child, Vec::new()))
}

fn report(prefixes: u32, sets: u32, name: &str, sender: Process) -> Result<()> {
    let mut peer = peer::Peer::connect(peer::FIRST)?;
    // The peer's OPEN is not sent before the sender has come to rest.
    sender.settle()?;
    let cpu = sender.cpu()?;
    let begin = Instant::now();
    peer.establish()?;
    let taken = peer.take_table()?;
    let elapsed = begin.elapsed();
    let cpu = sender.cpu()? - cpu;
    let memory = sender.peak_memory()?;
    ensure!(
        taken.prefixes == u64::from(prefixes),
        "{name} has sent {} prefixes",
        taken.prefixes
    );
    println!(
        "{prefixes:>10} {sets:>6}  {name:>14} {:>6.0} ms {:>6.0} ms {:>6.1} MB {:>8}",
        cpu.as_secs_f64() * 1e3,
        elapsed.as_secs_f64() * 1e3,
        memory as f64 / 1e6,
        taken.updates
    );
    Ok(())
}

/// Many sessions over which nothing is said but KEEPALIVE.
fn idle() -> Result<()> {
    for (name, sender) in [
        ("bgp-speaker", Some(start_holder(0, 1, IDLE_PEERS)?)),
        ("BIRD", None),
    ] {
        let sender = match sender {
            Some(sender) => sender,
            None => match bird::start_idle(IDLE_PEERS)? {
                Some(bird) => bird,
                None => continue,
            },
        };
        let mut peers = Vec::new();
        for number in 0..IDLE_PEERS {
            peers.push(peer::Peer::connect(peer::address(number))?);
        }
        for peer in &mut peers {
            peer.establish()?;
        }
        let cpu = sender.cpu()?;
        thread::sleep(IDLE);
        let cpu = sender.cpu()? - cpu;
        let memory = sender.peak_memory()?;
        println!(
            "{IDLE_PEERS} idle peers, {name}: {:.1} MB, {:.1} ms CPU in {} s",
            memory as f64 / 1e6,
            cpu.as_secs_f64() * 1e3,
            IDLE.as_secs()
        );
    }
    Ok(())
}
