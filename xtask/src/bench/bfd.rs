//! `cargo xtask bench bfd`: from the cut of a path to the end of its routes in the kernel.
//!
//! `bgplb-speaker` learns a route of each family from BIRD and installs it, with BFD at 10 ms
//! times 3 on both sessions. The switch between them parts them, so that only silence tells.
//! [`load`] keeps every processor busy instead, and counts false alarms.

pub(crate) mod load;
pub(crate) mod neighbour;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use self::neighbour::{Kind, Neighbour, Watched};
use crate::cmd::{Daemon, tail};
use crate::lab::two_nodes::{Medium, TwoNodes};
use crate::wait::{secs, until};
use crate::{artifacts, sys};

/// What BIRD announces, as `ip` writes it.
const PREFIXES: [&str; 2] = ["203.0.113.0/24", "2001:db8:113::/48"];

/// The link of both nodes, and what addresses it has at the speaker and at the other program.
const LINK: &str = "eth0";
const ADDRESSES: [[IpAddr; 2]; 2] = [addresses(1), addresses(2)];

const fn addresses(node: u8) -> [IpAddr; 2] {
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, node as u16);
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, node)), IpAddr::V6(v6)]
}

/// Both nodes on one switch.
fn join() -> Result<TwoNodes> {
    let [one, two] = ADDRESSES.map(|node| node.map(|address| (LINK, address)));
    TwoNodes::join(Medium::Switch, &[LINK], &one, &two)
}

/// Cuts so many paths and prints how long their routes stayed.
///
/// # Errors
///
/// When something does not come up, or a route stays for longer than 5 s.
pub(crate) fn run(turns: u32) -> Result<()> {
    ensure!(
        cfg!(target_os = "linux") && sys::is_root(),
        "the benchmark needs Linux and root"
    );
    ensure!(turns > 0, "at least one turn is needed");
    let speaker = artifacts::build_speaker()?;
    println!("==> {turns} turns of about 4 s");
    let (mut times, mut cutting) = (Vec::new(), Duration::ZERO);
    for _ in 0..turns {
        ensure!(!sys::interrupted(), "interrupted");
        let scene = Scene::start(&speaker, Kind::Bird, 10)?;
        let cut = scene.wait_up().and_then(|()| scene.cut());
        let Cut { took, stayed } = cut.with_context(|| scene.logs())?;
        times.push(stayed);
        cutting = cutting.max(took);
    }
    times.sort();
    let at = |percent: usize| {
        let index = (times.len() * percent / 100).min(times.len() - 1);
        times
            .get(index)
            .map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    println!("from the cut to the end of both families' routes in the kernel, in milliseconds:");
    println!("  turns       min    median      90 %       max");
    println!(
        "{:>7}  {:>8.1}  {:>8.1}  {:>8.1}  {:>8.1}",
        times.len(),
        at(0),
        at(50),
        at(90),
        at(100)
    );
    println!("the cut, which counts, took {cutting:?} at most");
    Ok(())
}

/// A path that was cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// How long the system call took that cut it.
    pub(crate) took: Duration,
    /// How long its routes stayed, from the begin of that call to the kernel's word that the
    /// last one is gone.
    pub(crate) stayed: Duration,
}

/// Our speaker and another program, with a switch between them.
pub(crate) struct Scene {
    // The programs end before their namespaces do.
    speaker: Daemon,
    neighbour: Neighbour,
    pair: TwoNodes,
}

impl Scene {
    /// Starts both programs, with BFD at `interval` milliseconds times 3.
    ///
    /// # Errors
    ///
    /// When one of them, or a namespace, does not come up.
    pub(crate) fn start(speaker: &Path, kind: Kind, interval: u32) -> Result<Self> {
        let pair = join()?;
        let sessions = ["192.0.2.1", "2001:db8::1"].map(|ours| Watched {
            ours,
            multihop_from: None,
        });
        let neighbour = Neighbour::start(kind, &pair.two, pair.dir(), interval, &sessions)?;
        let config = pair.dir().join("speaker.toml");
        fs::write(&config, self::speaker(interval))?;
        let speaker = pair
            .one
            .command(&speaker.display().to_string())
            .args(["run", "--config"])
            .arg(&config)
            .spawn(&pair.dir().join("speaker.log"))?;
        Ok(Self {
            speaker,
            neighbour,
            pair,
        })
    }

    /// Waits until both families' routes are in the kernel, and the other program has both
    /// sessions Up at their own speed.
    ///
    /// # Errors
    ///
    /// When that takes longer than 60 s.
    pub(crate) fn wait_up(&self) -> Result<()> {
        until("routes and BFD sessions", secs(60), || {
            for (prefix, v6) in PREFIXES.into_iter().zip([false, true]) {
                let routes = self.pair.one.routes(v6, prefix)?;
                ensure!(!routes.is_empty(), "no route to {prefix}");
            }
            self.neighbour.ensure_bfd_up()
        })
    }

    /// Cuts the path, and says how long its routes stayed.
    ///
    /// # Errors
    ///
    /// When a route stays for longer than 5 s.
    pub(crate) fn cut(&self) -> Result<Cut> {
        let monitor = Monitor::start(&self.pair)?;
        let [begin, end] = self.pair.cut()?;
        let mut missing = PREFIXES.to_vec();
        let mut last = begin;
        while !missing.is_empty() {
            let (at, line) = monitor
                .lines
                .recv_timeout(secs(5))
                .with_context(|| format!("wait for the end of {missing:?}"))?;
            if line.starts_with("Deleted ") {
                missing.retain(|prefix| !line.contains(prefix));
                last = at;
            }
        }
        Ok(Cut {
            took: end - begin,
            stayed: last - begin,
        })
    }

    /// Joins the path again.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub(crate) fn mend(&self) -> Result<()> {
        self.pair.mend()
    }

    /// The last lines of both programs' logs.
    pub(crate) fn logs(&self) -> String {
        let mut logs = self.neighbour.logs();
        logs.push(self.speaker.log());
        logs.iter()
            .map(|log| format!("--- {}\n{}\n", log.display(), tail(log, 25)))
            .collect()
    }
}

/// What the kernel says of its routes, with the time of each line.
struct Monitor {
    child: Child,
    lines: Receiver<(Instant, String)>,
}

impl Monitor {
    fn start(pair: &TwoNodes) -> Result<Self> {
        let mut child = pair
            .one
            .command("ip")
            .args(["-o", "monitor", "label", "route"])
            .piped()?;
        let output = child.stdout.take().context("ip monitor has an output")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output)
                .lines()
                .map_while(std::io::Result::ok)
            {
                let line = line.trim_start_matches("[ROUTE]").to_owned();
                if sender.send((Instant::now(), line)).is_err() {
                    return;
                }
            }
        });
        let monitor = Self { child, lines };
        // It listens once it tells of a route that is made for it to see.
        until("ip monitor", secs(5), || {
            pair.one.ip("route replace blackhole 198.51.100.0/24")?;
            pair.one.ip("route delete 198.51.100.0/24")?;
            let (_, line) = monitor.lines.recv_timeout(Duration::from_millis(100))?;
            ensure!(line.contains("198.51.100.0/24"), "it says {line}");
            Ok(())
        })?;
        Ok(monitor)
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn speaker(milliseconds: u32) -> String {
    let times = format!("min-tx = {milliseconds}, min-rx = {milliseconds}, multiplier = 3");
    let mut text = r#"
[local]
as = 65500
router-id = "192.0.2.1"
listen = ["0.0.0.0:179", "[::]:179"]

[kernel]
install = true
"#
    .to_owned();
    for (address, family) in [("192.0.2.2", "ipv4"), ("2001:db8::2", "ipv6")] {
        text.push_str(&format!(
            r#"
[[peers]]
address = "{address}"
as = 64512
import = "accept"
families = ["{family}-unicast"]
bfd = {{ {times} }}
"#
        ));
    }
    text
}
