//! BIRD 2: both families on one session, equal paths merged into the kernel's routes.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

use super::{End, HOST_AS, Place, ROUTER_AS, Router, address};
use crate::cmd::{Cmd, Daemon};
use crate::lab::{ROUTER_V4, SITES};
use crate::wait::{secs, until};

#[derive(Debug)]
pub(super) struct Bird {
    place: Place,
    control: PathBuf,
    daemon: RefCell<Daemon>,
}

impl Bird {
    pub(super) fn start(place: Place) -> Result<Self> {
        fs::write(place.dir.join("bird.conf"), configuration(&place))?;
        let control = place.dir.join("bird.ctl");
        let daemon = RefCell::new(spawn(&place, &control)?);
        let bird = Self {
            place,
            control,
            daemon,
        };
        bird.await_control()?;
        Ok(bird)
    }

    fn await_control(&self) -> Result<()> {
        until("BIRD's control socket", secs(10), || {
            if let Err(error) = self.daemon.borrow_mut().check() {
                return Ok(Err(error));
            }
            self.ask(&["show", "status"]).map(|_| Ok(()))
        })?
    }

    fn ask(&self, words: &[&str]) -> Result<String> {
        Cmd::new("birdc")
            .args(["-r", "-s"])
            .arg(&self.control)
            .args(words)
            .read()
    }

    /// All that is to say of a prefix, if anything.
    fn route(&self, prefix: &str) -> Result<String> {
        let finished = Cmd::new("birdc")
            .args(["-r", "-s"])
            .arg(&self.control)
            .args(["show", "route", prefix, "all"])
            .finish()?;
        // "Network not found" has an exit code of its own.
        Ok(finished.stdout)
    }
}

fn spawn(place: &Place, control: &Path) -> Result<Daemon> {
    let bird = place.netns.command("bird").args(["-f", "-c"]);
    bird.arg(place.dir.join("bird.conf"))
        .arg("-s")
        .arg(control)
        .spawn(&place.dir.join("bird.log"))
}

fn configuration(place: &Place) -> String {
    if let Some(text) = &place.configuration {
        return text.clone();
    }
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
    for neighbour in &place.neighbours {
        let super::Neighbour { name, address, asn } = neighbour;
        writeln!(
            text,
            "protocol bgp {name} from host {{ neighbor {address} as {asn};
  ipv4 {{ extended next hop on; export all; }}; ipv6 {{ export all; }}; }}"
        )
        .expect("writing to a string cannot fail");
    }
    text
}

/// The attributes in the answer to `show route all`, an object a path.
fn parse_paths(text: &str) -> Vec<Value> {
    let mut paths: Vec<Map<String, Value>> = Vec::new();
    let mut last = String::new();
    for line in text.lines() {
        // Every path has one such line in front of its attributes.
        if line.trim() == "Type: BGP univ" {
            paths.push(Map::new());
        }
        let Some(path) = paths.last_mut() else {
            continue;
        };
        if let Some((key, value)) = line.trim().split_once(':')
            && key.starts_with("BGP.")
        {
            last = key.to_owned();
            path.insert(last.clone(), value.trim().into());
        } else if line.starts_with("\t\t")
            && let Some(Value::String(value)) = path.get_mut(&last)
        {
            // A list too long for one line.
            value.push(' ');
            value.push_str(line.trim());
        }
    }
    paths.into_iter().map(Value::Object).collect()
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
        let hosts = SITES.iter().map(|site| (site.name, site.v4));
        let others = self.place.neighbours.iter();
        Ok(hosts
            .chain(others.map(|it| (it.name, it.address)))
            .filter(|(name, _)| is_up(name))
            .map(|(_, address)| address.into())
            .collect())
    }

    fn next_hops(&self, prefix: &str) -> Result<BTreeSet<IpAddr>> {
        self.route(prefix)?
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

    fn paths(&self, prefix: &str) -> Result<Vec<Value>> {
        Ok(parse_paths(&self.route(prefix)?))
    }

    fn restart_session(&self, neighbour: &str) -> Result<()> {
        // Without `-r`, which allows nothing but questions.
        Cmd::new("birdc")
            .arg("-s")
            .arg(&self.control)
            .args(["restart", neighbour])
            .run()
    }

    fn restart(&self, how: End) -> Result<()> {
        let mut daemon = self.daemon.borrow_mut();
        match how {
            End::Stopped => daemon.stop(secs(10))?,
            End::Killed => daemon.kill()?,
        }
        *daemon = spawn(&self.place, &self.control)?;
        drop(daemon);
        self.await_control()
    }

    fn look(&self) -> Vec<String> {
        vec![format!(
            "birdc -s {} show route all",
            self.control.display()
        )]
    }

    fn logs(&self) -> Vec<PathBuf> {
        vec![self.daemon.borrow().log().to_owned()]
    }

    fn keep(&mut self) {
        self.daemon.get_mut().keep();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn attributes_are_found_path_by_path_and_long_ones_whole() {
        let text = "BIRD 2.0.12 ready.
Table master4:
10.3.6.0/24          unicast [outside 13:40:00.000] * (100) [AS64513i]
\tvia 192.168.8.50 on lan
\tType: BGP univ
\tBGP.origin: IGP
\tBGP.community: (64513,1) (64513,2)
\t\t(64513,3)
\tBGP.c8 [t]: 01 02 03
                     unicast [inside 13:40:00.000] (100) [i]
\tvia 192.168.8.51 on lan
\tType: BGP univ
\tBGP.as_path:
";
        let first = json!({
            "BGP.origin": "IGP",
            "BGP.community": "(64513,1) (64513,2) (64513,3)",
            "BGP.c8 [t]": "01 02 03",
        });
        assert_eq!(parse_paths(text), [first, json!({"BGP.as_path": ""})]);
        assert!(parse_paths("BIRD 2.0.12 ready.\nNetwork not found\n").is_empty());
    }
}
