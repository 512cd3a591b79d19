//! `cargo xtask bench bfd --load SECONDS`: BFD at 50 ms times 3 while every processor is busy.
//!
//! Two `bgplb-speaker`, not even optimized, on one switch watch each other over both families. Twice as many threads
//! as there are processors compute as fast as they can, at the ordinary priority. Every session
//! that goes down is a false alarm.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::cmd::{Cmd, Daemon, tail};
use crate::lab::netns::Netns;
use crate::wait::{secs, until};
use crate::{artifacts, sys};

/// Loads the machine for so long and prints how often a session went down.
///
/// # Errors
///
/// When something does not come up, or a session went down.
pub(crate) fn run(seconds: u32) -> Result<()> {
    ensure!(
        cfg!(target_os = "linux") && sys::is_root(),
        "the benchmark needs Linux and root"
    );
    let program = artifacts::build_unoptimized_speaker()?;
    let pair = super::join()?;
    let ends = [
        End::start(&program, &pair.one, pair.dir(), 1)?,
        End::start(&program, &pair.two, pair.dir(), 2)?,
    ];
    until("the BFD sessions", secs(60), || {
        ends.iter().try_for_each(End::ensure_up)
    })
    .with_context(|| logs(&ends))?;
    let load = Load::start();
    println!("==> {} threads compute for {seconds} s", load.threads);
    let begin = Instant::now();
    let mut failed = 0;
    while begin.elapsed() < Duration::from_secs(seconds.into()) {
        ensure!(!sys::interrupted(), "interrupted");
        thread::sleep(secs(1));
        let now = ends.iter().map(End::failures).sum::<Result<u64>>()?;
        if now != failed {
            println!(
                "{:.0} s: {now} false alarms so far",
                begin.elapsed().as_secs_f64()
            );
            failed = now;
        }
    }
    drop(load);
    let took = begin.elapsed().as_secs_f64();
    println!("four sessions at 50 ms times 3, {took:.0} s, false alarms: {failed}");
    if failed > 0 {
        bail!("sessions went down\n{}", logs(&ends));
    }
    ends.iter().try_for_each(End::ensure_up)
}

/// Threads that do nothing useful.
struct Load {
    over: Arc<AtomicBool>,
    threads: usize,
}

impl Load {
    fn start() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let threads = 2 * thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..threads {
            let over = Arc::clone(&over);
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Self { over, threads }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// One of the two speakers.
struct End {
    program: PathBuf,
    socket: PathBuf,
    daemon: Daemon,
}

impl End {
    fn start(program: &Path, netns: &Netns, dir: &Path, number: u8) -> Result<Self> {
        let config = dir.join(format!("speaker{number}.toml"));
        fs::write(&config, configuration(number)?)?;
        let socket = dir.join(format!("speaker{number}.sock"));
        let daemon = netns
            .command(&program.display().to_string())
            .args(["run", "--config"])
            .arg(&config)
            .arg("--socket")
            .arg(&socket)
            .spawn(&dir.join(format!("speaker{number}.log")))?;
        Ok(Self {
            program: program.to_owned(),
            socket,
            daemon,
        })
    }

    /// The BFD session of each peer.
    fn sessions(&self) -> Result<Vec<Value>> {
        let asked = Cmd::new(&self.program).args(["peers", "-o", "json", "--socket"]);
        let text = asked.arg(&self.socket).read()?;
        let answer: Value = serde_json::from_str(&text).context("parse the speaker's answer")?;
        let peers = answer["peers"].as_array().context("it shows no peers")?;
        ensure!(peers.len() == 2, "it shows {answer}");
        Ok(peers.iter().map(|peer| peer["bfd"].clone()).collect())
    }

    /// Fails unless every session is Up at its own speed.
    fn ensure_up(&self) -> Result<()> {
        for session in self.sessions()? {
            let up = session["state"] == "Up" && session["detection_time"] == 150.0;
            ensure!(up, "a session is {session}");
        }
        Ok(())
    }

    fn failures(&self) -> Result<u64> {
        let sessions = self.sessions()?;
        let failures = sessions.iter().map(|it| it["failures"].as_u64());
        failures
            .sum::<Option<u64>>()
            .context("it shows no failures")
    }
}

fn logs(ends: &[End]) -> String {
    let logs = ends.iter().map(|end| end.daemon.log());
    logs.map(|log| format!("--- {}\n{}\n", log.display(), tail(log, 25)))
        .collect()
}

fn configuration(number: u8) -> Result<String> {
    let other = 3 - number;
    let mut text = format!(
        r#"[local]
as = 6450{number}
router-id = "192.0.2.{number}"
listen = ["0.0.0.0:179", "[::]:179"]
"#
    );
    for address in [format!("192.0.2.{other}"), format!("2001:db8::{other}")] {
        write!(
            text,
            r#"
[[peers]]
address = "{address}"
as = 6450{other}
bfd = {{ min-tx = 50, min-rx = 50, multiplier = 3 }}
"#
        )?;
    }
    Ok(text)
}
