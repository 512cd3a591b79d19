//! BFD over several hops (RFC 5883): the peer is behind a router.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::artifacts;
use crate::bench::bfd::neighbour::{Kind, Neighbour, Watched};
use crate::cmd::{Cmd, Daemon, tail};
use crate::lab::routed::{ONE, Routed, TWO};
use crate::wait::{secs, until};

/// Our speaker on one side of the router, another program on the other.
struct Scene {
    program: PathBuf,
    // The programs end before their namespaces do.
    speaker: Daemon,
    neighbour: Neighbour,
    lab: Routed,
}

impl Scene {
    fn start(kind: Kind, min_ttl: u8) -> Result<Self> {
        let program = artifacts::build_unoptimized_speaker()?;
        let lab = Routed::start()?;
        let sessions = [Watched {
            ours: ONE,
            multihop_from: Some(TWO),
        }];
        let neighbour = Neighbour::start(kind, &lab.two, lab.dir(), INTERVAL, &sessions)?;
        let config = lab.dir().join("speaker.toml");
        fs::write(&config, configuration(min_ttl))?;
        let speaker = lab
            .one
            .command(&program.display().to_string())
            .args(["run", "--config"])
            .arg(&config)
            .arg("--socket")
            .arg(lab.dir().join("speaker.sock"))
            .spawn(&lab.dir().join("speaker.log"))?;
        Ok(Self {
            program,
            speaker,
            neighbour,
            lab,
        })
    }

    /// What we show of the one peer.
    fn peer(&self) -> Result<Value> {
        let asked = Cmd::new(&self.program).args(["peers", "-o", "json", "--socket"]);
        let text = asked.arg(self.lab.dir().join("speaker.sock")).read()?;
        let answer: Value = serde_json::from_str(&text).context("parse the speaker's answer")?;
        Ok(answer["peers"][0].clone())
    }

    /// Waits until both sides have both sessions.
    fn wait_up(&self) -> Result<()> {
        until("both sessions", secs(60), || {
            let peer = self.peer()?;
            let up = peer["state"] == "Established" && peer["bfd"]["state"] == "Up";
            ensure!(up && peer["accepted_prefixes"] == 1, "we show {peer}");
            self.neighbour.ensure_bfd_up()
        })
    }

    fn logs(&self) -> String {
        let mut logs = self.neighbour.logs();
        logs.push(self.speaker.log());
        logs.iter()
            .map(|log| format!("--- {}\n{}\n", log.display(), tail(log, 25)))
            .collect()
    }
}

/// The session ends long before the hold time of 90 s, and its route with it.
pub(super) fn breaks(kind: Kind) -> Result<()> {
    let scene = Scene::start(kind, kind.multihop_ttl() - 1)?;
    let run = || {
        scene.wait_up()?;
        let begin = Instant::now();
        scene.lab.forward(false)?;
        until("the session's end", secs(10), || {
            let peer = scene.peer()?;
            ensure!(
                peer["state"] != "Established" && peer["accepted_prefixes"] == 0,
                "we show {peer}"
            );
            Ok(())
        })?;
        let took = begin.elapsed();
        ensure!(took < secs(5), "it took {took:?}");
        let bfd = &scene.peer()?["bfd"];
        ensure!(bfd["failures"] == 1, "we show {bfd}");
        scene.lab.forward(true)?;
        scene.wait_up()
    };
    run().with_context(|| scene.logs())
}

/// One router is one too many for a least TTL of 255, with which FRR sends. The other side is allowed it and hears us,
/// so that all that is missing is our belief in its packets.
pub(super) fn too_far() -> Result<()> {
    let scene = Scene::start(Kind::Frr, 255)?;
    let run = || {
        until("their packets", secs(60), || {
            let peer = scene.peer()?;
            ensure!(peer["state"] == "Established", "we show {peer}");
            scene.neighbour.ensure_bfd_init()
        })?;
        // It says Init with a packet of its own; until the next one everything would have come up.
        let next = Instant::now() + secs(2);
        while Instant::now() < next {
            scene.neighbour.ensure_bfd_init()?;
            let bfd = &scene.peer()?["bfd"];
            ensure!(
                bfd["state"] == "Down" && bfd["remote"].is_null(),
                "we show {bfd}"
            );
        }
        Ok(())
    };
    run().with_context(|| scene.logs())
}

/// Milliseconds.
const INTERVAL: u32 = 300;

fn configuration(min_ttl: u8) -> String {
    format!(
        r#"
[local]
as = 65500
router-id = "192.0.2.1"
listen = ["0.0.0.0:179"]

[[peers]]
address = "{TWO}"
local-address = "{ONE}"
as = 64512
ttl = 2
import = "accept"
families = ["ipv4-unicast"]
bfd = {{ min-tx = {INTERVAL}, min-rx = {INTERVAL}, multihop = true, min-ttl = {min_ttl} }}
"#
    )
}
