//! `cargo xtask bench latency`: from Docker's event to the UPDATE at the peer.
//!
//! One host, its plugin, and [`sink`] as the neighbour. Docker stamps its events, the neighbour
//! stamps the UPDATEs, both with the machine's real-time clock.

pub(crate) mod bfd;
pub(crate) mod codec;
pub(crate) mod sink;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::IpAddr;
use std::process::Child;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::Value;

use self::sink::Sink;
use crate::lab::engine::Engine;
use crate::lab::host::Host;
use crate::lab::{Lab, Options, image, service_addresses};
use crate::scenario::WEB;
use crate::wait::{secs, until};
use crate::{artifacts, e2e, packages, sys};

/// What Docker says when something happens, and what the peer must hear of it.
#[derive(Clone, Copy, Debug)]
struct Kind {
    title: &'static str,
    action: &'static str,
    announced: bool,
}

const HEALTHY: Kind = Kind {
    title: "healthy",
    action: "health_status: healthy",
    announced: true,
};
const UNHEALTHY: Kind = Kind {
    title: "unhealthy",
    action: "health_status: unhealthy",
    announced: false,
};
const DIE: Kind = Kind {
    title: "die",
    action: "die",
    announced: false,
};
const SIGUSR2: Kind = Kind {
    title: "SIGUSR2",
    action: "kill",
    announced: false,
};

/// Docker's event stream.
struct Events {
    child: Child,
    lines: Receiver<(String, u128)>,
}

impl Events {
    fn start(host: &Host) -> Result<Self> {
        let args = [
            "events",
            "--filter",
            "type=container",
            "--format",
            "{{json .}}",
        ];
        let mut child = host.docker.command(&args).piped()?;
        let output = child.stdout.take().context("docker events has an output")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output)
                .lines()
                .map_while(std::io::Result::ok)
            {
                let Ok(event) = serde_json::from_str::<Value>(&line) else {
                    continue;
                };
                let action = event["Action"].as_str().unwrap_or_default().to_owned();
                let nanos = u128::from(event["timeNano"].as_u64().unwrap_or_default());
                if sender.send((action, nanos)).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines })
    }

    fn next(&self, action: &str) -> Result<u128> {
        let deadline = Instant::now() + secs(20);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (got, nanos) = self
                .lines
                .recv_timeout(left)
                .with_context(|| format!("wait for Docker's event {action:?}"))?;
            if got == action {
                return Ok(nanos);
            }
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

struct Bench {
    events: Events,
    sink: Sink,
    addresses: BTreeSet<IpAddr>,
}

impl Bench {
    /// Milliseconds from the event to the last of the UPDATEs, one for each family. Negative when
    /// the plugin learned of it by another way before Docker's event.
    fn measure(&self, kind: Kind, act: impl FnOnce() -> Result<()>) -> Result<f64> {
        act()?;
        let event = self.events.next(kind.action)?;
        let mut missing = self.addresses.clone();
        let mut last = 0;
        while !missing.is_empty() {
            let arrival = self
                .sink
                .arrivals()
                .recv_timeout(secs(5))
                .with_context(|| format!("wait for the UPDATEs after {}", kind.title))?;
            if arrival.announced == kind.announced && missing.remove(&arrival.address) {
                last = arrival.nanos;
            }
        }
        let nanos = i128::try_from(last)? - i128::try_from(event)?;
        // Microseconds fit for half an hour, which no measurement takes.
        Ok(i32::try_from(nanos / 1000).map(f64::from)? / 1000.0)
    }
}

/// Runs the benchmark with so many turns of each kind and prints median and maximum.
///
/// # Errors
///
/// When the laboratory does not come up or an UPDATE does not arrive.
pub(crate) fn latency(turns: u32) -> Result<()> {
    ensure!(
        cfg!(target_os = "linux") && sys::is_root(),
        "the benchmark needs Linux and root"
    );
    ensure!(turns > 0, "at least one turn is needed");
    packages::ensure(&packages::BASE)?;
    let artifacts = artifacts::build(&e2e::plugin_dir()?)?;
    let options = Options {
        router: None,
        password: None,
        narrate: false,
        engine: Engine::default(),
    };
    let lab = Lab::start(&options, &artifacts)?;
    let sink = Sink::start(&lab.router_netns)?;
    lab.install_plugins(&artifacts.plugin_dir, &[])?;
    let host = lab
        .hosts
        .first()
        .ok_or_else(|| anyhow!("a laboratory has hosts"))?;
    for host in &lab.hosts {
        host.create_gateway_network()?;
    }
    host.create_web1()?;
    // A quick health check shortens the benchmark, not what it measures.
    host.create_web(WEB, WEB, &["--health-interval", "100ms"])?;
    until("the session", secs(30), || {
        sink::ensure_connected(&lab.router_netns, &[host])
    })?;
    let events = Events::start(host)?;
    let addresses = service_addresses()?.into_iter().collect();
    let bench = Bench {
        events,
        sink,
        addresses,
    };
    println!("==> {turns} turns of each kind; this takes some minutes");
    let result = run_turns(&bench, host, turns).with_context(|| lab.logs());
    report(&result?);
    Ok(())
}

type Series = (Kind, Vec<f64>);

fn run_turns(bench: &Bench, host: &Host, turns: u32) -> Result<Vec<Series>> {
    let start = || host.docker.run(&["start", WEB]).map(drop);
    let kill = || host.docker.run(&["kill", WEB]).map(drop);
    let end = || {
        let command = ["exec", "--detach", WEB, "kill", "-TERM", "1"];
        host.docker.run(&command).map(drop)
    };
    let mut series = [HEALTHY, UNHEALTHY, DIE, SIGUSR2].map(|kind| (kind, Vec::new()));
    let [healthy, unhealthy, die, sigusr2] = &mut series;
    bench.measure(HEALTHY, start)?;
    for _ in 0..turns {
        ensure!(!sys::interrupted(), "interrupted");
        unhealthy
            .1
            .push(bench.measure(UNHEALTHY, || host.exec(WEB, &image::SICKEN))?);
        healthy
            .1
            .push(bench.measure(HEALTHY, || host.exec(WEB, &image::HEAL))?);
        // By itself: `docker kill` tells of the signal first, and the plugin acts on that.
        die.1.push(bench.measure(DIE, end)?);
        bench.measure(HEALTHY, start)?;
        sigusr2.1.push(bench.measure(SIGUSR2, || {
            host.docker
                .run(&["kill", "--signal", "SIGUSR2", WEB])
                .map(drop)
        })?);
        // The drain would end the container 5 s later; that is not what is measured here.
        kill()?;
        bench.events.next(DIE.action)?;
        bench.measure(HEALTHY, start)?;
    }
    Ok(series.into())
}

fn report(series: &[Series]) {
    println!("from Docker's event to the UPDATEs of both families at the peer, in milliseconds:");
    println!(
        "{:>10}  {:>5}  {:>8}  {:>8}",
        "event", "turns", "median", "max"
    );
    for (kind, times) in series {
        let mut sorted = times.clone();
        sorted.sort_by(f64::total_cmp);
        if let (Some(median), Some(max)) = (sorted.get(sorted.len() / 2), sorted.last()) {
            let (title, turns) = (kind.title, sorted.len());
            println!("{title:>10}  {turns:>5}  {median:>8.2}  {max:>8.2}");
        }
    }
}
