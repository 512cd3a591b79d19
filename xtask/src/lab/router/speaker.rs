//! Our own `bgplb-speaker` as the router: it accepts the sessions and installs what it learns.
//!
//! Its view is read from the kernel: established TCP connections on the BGP port, and the routes
//! of protocol `bgp`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{HOST_AS, Place, ROUTER_AS, Router, address};
use crate::cmd::{Cmd, Daemon};
use crate::lab::{ROUTER_V4, SITES};
use crate::wait::{secs, until};

#[derive(Debug)]
pub(super) struct Speaker {
    place: Place,
    daemon: Daemon,
}

impl Speaker {
    pub(super) fn start(place: Place, program: &Path) -> Result<Self> {
        let config = place.dir.join("speaker.toml");
        fs::write(&config, configuration(&place))?;
        Cmd::new(program)
            .args(["check-config", "--config"])
            .arg(&config)
            .run()?;
        let daemon = place
            .netns
            .command(&program.display().to_string())
            .args(["run", "--config"])
            .arg(&config)
            .spawn(&place.dir.join("speaker.log"))?;
        let mut speaker = Self { place, daemon };
        until("the speaker's listener", secs(10), || {
            if let Err(error) = speaker.daemon.check() {
                return Ok(Err(error));
            }
            let listening = speaker
                .place
                .netns
                .command("ss")
                .args(["-Hltn", "sport = :179"])
                .read()?;
            anyhow::ensure!(!listening.is_empty(), "nobody listens on port 179");
            Ok(Ok(()))
        })??;
        Ok(speaker)
    }
}

fn configuration(place: &Place) -> String {
    let mut text = format!(
        r#"[local]
as = {ROUTER_AS}
router-id = "{ROUTER_V4}"
listen = ["0.0.0.0:179"]

[kernel]
install = true
metric = 30
"#
    );
    for site in SITES {
        let mut line =
            |line: String| writeln!(text, "{line}").expect("writing to a string cannot fail");
        line(format!(
            "\n[[peers]]\naddress = \"{}\"\nas = {HOST_AS}",
            site.v4
        ));
        line("passive = true\nimport = \"accept\"".to_owned());
        if let Some(word) = &place.password {
            line(format!("password = \"{word}\""));
        }
    }
    text
}

impl Router for Speaker {
    fn place(&self) -> &Place {
        &self.place
    }

    fn name(&self) -> &'static str {
        "bgplb-speaker (its kernel)"
    }

    fn established(&self) -> Result<BTreeSet<IpAddr>> {
        let connections = self
            .place
            .netns
            .command("ss")
            .args(["-Htn", "state", "established"])
            .read()?;
        connections
            .lines()
            .filter_map(|line| {
                let mut ends = line.split_whitespace().skip(2);
                let local = ends.next()?;
                let (peer, _) = ends.next()?.rsplit_once(':')?;
                local
                    .ends_with(":179")
                    .then(|| peer.trim_matches(['[', ']']))
            })
            .map(|peer| address(peer.strip_prefix("::ffff:").unwrap_or(peer)))
            .collect()
    }

    fn next_hops(&self, prefix: &str) -> Result<BTreeSet<IpAddr>> {
        self.kernel_next_hops(&format!("{prefix} proto bgp"))
            .context("read the speaker's routes")
    }

    fn look(&self) -> Vec<String> {
        ["-4", "-6"]
            .iter()
            .map(|family| {
                format!(
                    "ip -n {} {family} route show proto bgp",
                    self.place.netns.name()
                )
            })
            .collect()
    }

    fn logs(&self) -> Vec<PathBuf> {
        vec![self.daemon.log().to_owned()]
    }

    fn keep(&mut self) {
        self.daemon.keep();
    }
}
