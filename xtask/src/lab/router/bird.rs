//! BIRD 2: both families on one session, equal paths merged into the kernel's routes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::{HOST_AS, Place, ROUTER_AS, Router, address};
use crate::cmd::{Cmd, Daemon};
use crate::lab::{ROUTER_V4, SITES};
use crate::wait::{secs, until};

#[derive(Debug)]
pub(super) struct Bird {
    place: Place,
    control: PathBuf,
    daemon: Daemon,
}

impl Bird {
    pub(super) fn start(place: Place) -> Result<Self> {
        let config = place.dir.join("bird.conf");
        fs::write(&config, configuration(&place))?;
        let control = place.dir.join("bird.ctl");
        let daemon = place
            .netns
            .command("bird")
            .args(["-f", "-c"])
            .arg(&config)
            .arg("-s")
            .arg(&control)
            .spawn(&place.dir.join("bird.log"))?;
        let mut bird = Self {
            place,
            control,
            daemon,
        };
        until("BIRD's control socket", secs(10), || {
            if let Err(error) = bird.daemon.check() {
                return Ok(Err(error));
            }
            bird.ask(&["show", "status"]).map(|_| Ok(()))
        })??;
        Ok(bird)
    }

    fn ask(&self, words: &[&str]) -> Result<String> {
        Cmd::new("birdc")
            .args(["-r", "-s"])
            .arg(&self.control)
            .args(words)
            .read()
    }
}

fn configuration(place: &Place) -> String {
    let password = place
        .password
        .as_ref()
        .map(|word| format!(" password \"{word}\";"));
    let mut text = format!(
        "log stderr all;
router id {ROUTER_V4};
protocol device {{}}
protocol kernel k4 {{ merge paths on; ipv4 {{ import none; export where source = RTS_BGP; }}; }}
protocol kernel k6 {{ merge paths on; ipv6 {{ import none; export where source = RTS_BGP; }}; }}
template bgp host {{
  local {ROUTER_V4} as {ROUTER_AS};{}
  passive yes;
  ipv4 {{ import all; export none; }};
  ipv6 {{ import all; export none; }};
}}
",
        password.unwrap_or_default()
    );
    for site in SITES {
        writeln!(
            text,
            "protocol bgp {} from host {{ neighbor {} as {HOST_AS}; }}",
            site.name, site.v4
        )
        .expect("writing to a string cannot fail");
    }
    text
}

impl Router for Bird {
    fn place(&self) -> &Place {
        &self.place
    }

    fn name(&self) -> &'static str {
        "BIRD (birdc)"
    }

    fn established(&self) -> Result<BTreeSet<IpAddr>> {
        let text = self.ask(&["show", "protocols"])?;
        let is_up = |name: &str| {
            text.lines().any(|line| {
                line.split_whitespace().next() == Some(name) && line.contains("Established")
            })
        };
        Ok(SITES
            .iter()
            .filter(|site| is_up(site.name))
            .map(|site| site.v4.into())
            .collect())
    }

    fn next_hops(&self, prefix: &str) -> Result<BTreeSet<IpAddr>> {
        let finished = Cmd::new("birdc")
            .args(["-r", "-s"])
            .arg(&self.control)
            .args(["show", "route", prefix, "all"])
            .finish()?;
        // "Network not found" has an exit code of its own.
        finished
            .stdout
            .lines()
            .filter_map(|line| line.trim().strip_prefix("BGP.next_hop:"))
            .map(|hops| {
                address(
                    hops.split_whitespace()
                        .next()
                        .context("an empty next hop")?,
                )
            })
            .collect()
    }

    fn look(&self) -> Vec<String> {
        vec![format!(
            "birdc -s {} show route all",
            self.control.display()
        )]
    }

    fn logs(&self) -> Vec<PathBuf> {
        vec![self.daemon.log().to_owned()]
    }

    fn keep(&mut self) {
        self.daemon.keep();
    }
}
