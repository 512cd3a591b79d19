//! Our speaker on one host, BIRD on another, and a cable between them.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Mistake;
use crate::cmd::{self, Cmd, Daemon};
use crate::lab::netns::Netns;
use crate::lab::two_nodes::{Medium, TwoNodes};
use crate::wait::{secs, until};

const LINK: &str = "lan";

/// Tells a program another time.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// Both, running. Dropping it ends and removes everything.
pub(super) struct Scene {
    // Before the namespaces, whose end takes all processes with it.
    _theirs: Option<Daemon>,
    _ours: Daemon,
    program: PathBuf,
    nodes: TwoNodes,
}

impl Scene {
    pub(super) fn start(mistake: &Mistake, program: &Path) -> Result<Self> {
        let ours = addresses(["10.9.0.1", "2001:db8:9::1"])?;
        let theirs = addresses(["10.9.0.2", "2001:db8:9::2"])?;
        let nodes = TwoNodes::join(Medium::Cable, &[LINK], &ours, &theirs)?;
        for (netns, commands) in [(&nodes.one, mistake.here), (&nodes.two, mistake.there)] {
            commands.iter().try_for_each(|line| run_in(netns, line))?;
        }
        let router = match mistake.theirs {
            Some(protocol) => Some(start_bird(&nodes, protocol)?),
            None => None,
        };
        let speaker = start_speaker(&nodes, mistake, program)?;
        if let Some(line) = mistake.told {
            until("the session", secs(20), || {
                let shown = ask_bird(&nodes, "show protocols edge")?;
                ensure!(shown.contains("Established"), "{shown}");
                Ok(())
            })?;
            ask_bird(&nodes, line)?;
        }
        Ok(Self {
            _theirs: router,
            _ours: speaker,
            program: program.to_owned(),
            nodes,
        })
    }

    /// What the doctor finds now.
    pub(super) fn found(&self) -> Result<Value> {
        // By its exit code it says how bad that is.
        let finished = self
            .nodes
            .one
            .command(&self.program.display().to_string())
            .args(["doctor", "-o", "json", "--socket"])
            .arg(self.nodes.dir().join("speaker.sock"))
            .finish()?;
        let answer: Value =
            serde_json::from_str(&finished.stdout).with_context(|| finished.complaint())?;
        Ok(answer["findings"].clone())
    }

    /// The end of both logs.
    pub(super) fn logs(&self) -> String {
        let dir = self.nodes.dir();
        cmd::tails(&[dir.join("speaker.log"), dir.join("bird.log")])
    }
}

fn addresses(list: [&str; 2]) -> Result<Vec<(&'static str, IpAddr)>> {
    let parse = |text: &str| Ok((LINK, text.parse()?));
    list.into_iter().map(parse).collect()
}

fn run_in(netns: &Netns, line: &str) -> Result<()> {
    let mut words = line.split_whitespace();
    let program = words.next().context("a command has a name")?;
    netns.command(program).args(words).run()
}

fn start_speaker(nodes: &TwoNodes, mistake: &Mistake, program: &Path) -> Result<Daemon> {
    let local = match mistake.local {
        "" => "router-id = \"192.0.2.1\"",
        other => other,
    };
    // Two routes, for a router that takes but one.
    let text = format!(
        "[local]\nas = 64512\n{local}\nlisten = [\"0.0.0.0:179\"]\n[[peers]]\n{}\n\
         import = \"accept\"\n\
         [[announce]]\nprefix = \"198.51.100.1/32\"\n\
         [[announce]]\nprefix = \"198.51.100.2/32\"\n{}",
        mistake.ours, mistake.more
    );
    let config = nodes.dir().join("speaker.toml");
    fs::write(&config, text)?;
    let program = program.display().to_string();
    let clock = nodes.dir().join("clock");
    let command = match mistake.clock {
        None => nodes.one.command(&program),
        // Of the kernel's clocks the wall's alone.
        Some(_) => nodes
            .one
            .command("env")
            .arg(format!("LD_PRELOAD={FAKETIME}"))
            .arg(format!("FAKETIME_TIMESTAMP_FILE={}", clock.display()))
            .args(["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"])
            .arg(&program),
    };
    fs::write(&clock, "+0\n")?;
    let socket = nodes.dir().join("speaker.sock");
    let speaker = command
        .args(["run", "--config"])
        .arg(config)
        .arg("--socket")
        .arg(&socket)
        .spawn(&nodes.dir().join("speaker.log"))?;
    if let Some(by) = mistake.clock {
        until("the control socket", secs(20), || {
            ensure!(socket.exists(), "it is not there");
            Ok(())
        })?;
        fs::write(&clock, format!("{by}\n"))?;
    }
    Ok(speaker)
}

fn start_bird(nodes: &TwoNodes, protocol: &str) -> Result<Daemon> {
    let text = format!(
        "router id 192.0.2.2;\nprotocol device {{}}\n\
         protocol static {{ ipv4; route 203.0.113.0/25 blackhole; \
         route 203.0.113.128/25 blackhole; }}\n\
         protocol bgp edge {{\n{protocol}\n}}\n"
    );
    let dir = nodes.dir();
    let config = dir.join("bird.conf");
    fs::write(&config, text)?;
    let mut daemon = nodes
        .two
        .command("bird")
        .args(["-f", "-c"])
        .arg(config)
        .arg("-s")
        .arg(control(nodes))
        .spawn(&dir.join("bird.log"))?;
    until("BIRD's control socket", secs(10), || {
        // It ends at once if it does not like its configuration.
        if let Err(error) = daemon.check() {
            return Ok(Err(error));
        }
        ask_bird(nodes, "show status").map(Ok)
    })??;
    Ok(daemon)
}

fn ask_bird(nodes: &TwoNodes, line: &str) -> Result<String> {
    let birdc = Cmd::new("birdc").arg("-s").arg(control(nodes));
    birdc.args(line.split_whitespace()).read()
}

fn control(nodes: &TwoNodes) -> PathBuf {
    nodes.dir().join("bird.ctl")
}
