//! `cargo xtask bench bfd`: from the cut of a path to the end of its routes in the kernel.
//!
//! `bgplb-speaker` learns a route of each family from BIRD and installs it, with BFD at 10 ms
//! times 3 on both sessions. The switch between them forgets BIRD, so that only silence tells.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::artifacts;
use crate::cmd::{Cmd, Daemon, tail};
use crate::lab::two_nodes::{Medium, TwoNodes};
use crate::wait::{secs, until};
use crate::{packages, sys};

/// What BIRD announces, as `ip` writes it.
const PREFIXES: [&str; 2] = ["203.0.113.0/24", "2001:db8:113::/48"];

/// The link of both nodes, and what addresses it has at the speaker and at BIRD.
const LINK: &str = "eth0";
const ADDRESSES: [[IpAddr; 2]; 2] = [addresses(1), addresses(2)];

const fn addresses(node: u8) -> [IpAddr; 2] {
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, node as u16);
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, node)), IpAddr::V6(v6)]
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
    let mut times = Vec::new();
    for _ in 0..turns {
        ensure!(!sys::interrupted(), "interrupted");
        let scene = Scene::start(&speaker)?;
        let time = scene.wait_up().and_then(|()| scene.cut());
        times.push(time.with_context(|| scene.logs())?);
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
    Ok(())
}

/// Our speaker and BIRD, with a switch between them.
pub(crate) struct Scene {
    // The programs end before their namespaces do.
    speaker: Daemon,
    bird: Bird,
    pair: TwoNodes,
}

impl Scene {
    /// Starts both programs.
    ///
    /// # Errors
    ///
    /// When one of them, or a namespace, does not come up.
    pub(crate) fn start(speaker: &Path) -> Result<Self> {
        packages::ensure(&[packages::BIRD])?;
        let [one, two] = ADDRESSES.map(|node| node.map(|address| (LINK, address)));
        let pair = TwoNodes::join(Medium::Switch, &[LINK], &one, &two)?;
        let bird = Bird::start(&pair)?;
        let config = pair.dir().join("speaker.toml");
        fs::write(&config, SPEAKER)?;
        let speaker = pair
            .one
            .command(&speaker.display().to_string())
            .args(["run", "--config"])
            .arg(&config)
            .spawn(&pair.dir().join("speaker.log"))?;
        Ok(Self {
            speaker,
            bird,
            pair,
        })
    }

    /// Waits until both families' routes are in the kernel, and BIRD has both sessions Up.
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
            self.bird.ensure_bfd_up()
        })
    }

    /// Cuts the path, and says how long its routes stayed. The time to run `ip`, which does the
    /// cutting, counts.
    ///
    /// # Errors
    ///
    /// When a route stays for longer than 5 s.
    pub(crate) fn cut(&self) -> Result<Duration> {
        let monitor = Monitor::start(&self.pair)?;
        let begin = Instant::now();
        self.pair.cut()?;
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
        Ok(last - begin)
    }

    /// Joins the path again.
    ///
    /// # Errors
    ///
    /// When `ip` fails.
    pub(crate) fn mend(&self) -> Result<()> {
        self.pair.mend()
    }

    /// The last lines of both programs' logs.
    pub(crate) fn logs(&self) -> String {
        let logs = [self.speaker.log(), self.bird.daemon.log()];
        logs.map(|log| format!("--- {}\n{}", log.display(), tail(log, 25)))
            .join("\n")
    }
}

/// BIRD in the second namespace.
struct Bird {
    control: PathBuf,
    daemon: Daemon,
}

impl Bird {
    fn start(pair: &TwoNodes) -> Result<Self> {
        let config = pair.dir().join("bird.conf");
        fs::write(&config, BIRD)?;
        let control = pair.dir().join("bird.ctl");
        let daemon = pair
            .two
            .command("bird")
            .args(["-f", "-c"])
            .arg(&config)
            .arg("-s")
            .arg(&control)
            .spawn(&pair.dir().join("bird.log"))?;
        Ok(Self { control, daemon })
    }

    /// Fails unless both sessions are Up at 10 ms times 3.
    fn ensure_bfd_up(&self) -> Result<()> {
        let text = Cmd::new("birdc")
            .args(["-r", "-s"])
            .arg(&self.control)
            .args(["show", "bfd", "sessions"])
            .read()?;
        let up = text.lines().filter(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            words.get(2) == Some(&"Up") && words.ends_with(&["0.010", "0.030"])
        });
        ensure!(up.count() == 2, "BIRD says {text}");
        Ok(())
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

const SPEAKER: &str = r#"
[local]
as = 65500
router-id = "192.0.2.1"
listen = ["0.0.0.0:179", "[::]:179"]

[kernel]
install = true

[[peers]]
address = "192.0.2.2"
as = 64512
import = "accept"
families = ["ipv4-unicast"]
bfd = { min-tx = 10, min-rx = 10, multiplier = 3 }

[[peers]]
address = "2001:db8::2"
as = 64512
import = "accept"
families = ["ipv6-unicast"]
bfd = { min-tx = 10, min-rx = 10, multiplier = 3 }
"#;

const BIRD: &str = "
log stderr all;
router id 192.0.2.2;
protocol device {}
protocol bfd {
  interface \"*\" { min rx interval 10 ms; min tx interval 10 ms; multiplier 3; };
}
protocol static { ipv4; route 203.0.113.0/24 blackhole; }
protocol static { ipv6; route 2001:db8:113::/48 blackhole; }
template bgp speaker {
  local as 64512;
  bfd on;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 2;
}
protocol bgp v4 from speaker {
  neighbor 192.0.2.1 as 65500;
  ipv4 { import none; export all; next hop self; };
}
protocol bgp v6 from speaker {
  neighbor 2001:db8::1 as 65500;
  ipv6 { import none; export all; next hop self; };
}
";
