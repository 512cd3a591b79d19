//! BIRD 2.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};

use super::super::session::{
    Announced, GRACEFUL_SHUTDOWN, LINK_WITHOUT_V4, OUR_AS, RESTART_TIME, Session, THEIR_AS, THEIRS,
};
use super::{Opponent, Place, Seen};
use crate::cmd::{Cmd, Daemon};
use crate::wait::{secs, until};

#[derive(Debug)]
pub(super) struct Bird {
    place: Place,
    daemon: Option<Daemon>,
}

pub(super) fn version() -> Result<String> {
    // It says so on standard error.
    let said = Cmd::new("bird").arg("--version").finish()?;
    let text = said.stderr + &said.stdout;
    let version = text.trim().strip_prefix("BIRD version ");
    Ok(version
        .context("BIRD does not tell its version")?
        .to_owned())
}

impl Bird {
    pub(super) const fn new(place: Place) -> Self {
        Self {
            place,
            daemon: None,
        }
    }

    fn ask(&self, words: &[&str]) -> Result<String> {
        let asked = Cmd::new("birdc").arg("-s").arg(self.place.path("bird.ctl"));
        // "Network not found" has an exit code of its own.
        let finished = asked.args(words).timeout(secs(5)).finish()?;
        ensure!(
            finished.stdout.starts_with("BIRD"),
            "birdc: {}",
            finished.complaint()
        );
        Ok(finished.stdout)
    }

    fn session(&self, session: Session) -> Result<String> {
        self.ask(&["show", "protocols", "all", session.name()])
    }

    /// A number of the line `name` of both channels.
    fn count(&self, session: Session, name: &str, column: usize) -> Result<u64> {
        let text = self.session(session)?;
        let lines = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix(name));
        let counts =
            lines.filter_map(|line| line.split_whitespace().nth(column)?.parse::<u64>().ok());
        Ok(counts.sum())
    }
}

impl Opponent for Bird {
    fn start(&mut self, restarted: bool) -> Result<()> {
        let config = self.place.path("bird.conf");
        fs::write(&config, configuration(&self.place, restarted))?;
        let mut command = self
            .place
            .netns
            .command("bird")
            .args(["-f", "-c"])
            .arg(&config);
        if restarted {
            command = command.arg("-R");
        }
        let socket = self.place.path("bird.ctl");
        let daemon = command
            .arg("-s")
            .arg(socket)
            .spawn(&self.place.path("bird.log"))?;
        self.daemon = Some(daemon);
        until("BIRD's control socket", secs(10), || {
            if let Some(Err(error)) = self.daemon.as_mut().map(Daemon::check) {
                return Ok(Err(error));
            }
            self.ask(&["show", "status"]).map(|_| Ok(()))
        })?
    }

    fn kill(&mut self) {
        self.daemon = None;
    }

    fn learned(&self, prefix: &str) -> Result<BTreeMap<Session, Seen>> {
        let mut paths = parse_paths(&self.ask(&["show", "route", prefix, "all"])?)?;
        for (session, seen) in &mut paths {
            let text = self.session(*session)?;
            seen.stale = text.contains("Neighbor graceful restart active");
        }
        Ok(paths)
    }

    fn established(&self, session: Session) -> Result<()> {
        let text = self.session(session)?;
        ensure!(
            text.lines()
                .any(|line| line.trim() == "BGP state:          Established"),
            "BIRD shows {text}"
        );
        Ok(())
    }

    fn received(&self, session: Session) -> Result<u64> {
        self.count(session, "Import updates:", 0)
    }

    fn sent(&self, session: Session) -> Result<u64> {
        self.count(session, "Export updates:", 4)
    }

    fn bfd_up(&self, session: Session) -> Result<()> {
        let text = self.ask(&["show", "bfd", "sessions"])?;
        let ours = session.ours().to_string();
        let words = |line: &str| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let mut lines = text.lines().map(words);
        let line = lines.find(|words| words.first() == Some(&ours));
        let state = line.and_then(|words| words.get(2).cloned());
        ensure!(state.as_deref() == Some("Up"), "BIRD shows {text}");
        Ok(())
    }

    fn ask_refresh(&self, session: Session) -> Result<()> {
        let said = self.ask(&["reload", "in", session.name()])?;
        ensure!(said.contains("reloading"), "birdc: {said}");
        Ok(())
    }

    fn logs(&self) -> Vec<PathBuf> {
        vec![self.place.path("bird.log")]
    }
}

fn configuration(place: &Place, restarted: bool) -> String {
    let mut text = "log stderr all;
router id 192.168.8.137;
graceful restart wait 3;
protocol device { scan time 1; }
protocol bfd { interface \"*\" { min rx interval 100 ms; min tx interval 100 ms; }; }
"
    .to_owned();
    let mut line =
        |line: String| writeln!(text, "{line}").expect("writing to a string cannot fail");
    let routes = THEIRS.routes(restarted);
    for (family, v6) in [("ipv4", false), ("ipv6", true)] {
        line(format!("protocol static {{ {family};"));
        for route in routes.iter().filter(|route| route.is_v6() == v6) {
            line(format!(
                "  route {} blackhole {{ {}}};",
                route.prefix,
                marks(route)
            ));
        }
        line("}".to_owned());
    }
    line(format!(
        "template bgp speaker {{
  graceful restart on; graceful restart time {RESTART_TIME};
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv4 {{ import all; export where source = RTS_STATIC; }};
  ipv6 {{ import all; export where source = RTS_STATIC; }};
}}"
    ));
    line(format!(
        "protocol radv {{ interface \"{LINK_WITHOUT_V4}\" {{ max ra interval 10; }}; }}"
    ));
    for session in &place.sessions {
        let extra = match session {
            // It is we who call: it tells us of itself by its advertisements alone.
            Session::LinkLocal => "passive on; ipv4 { extended next hop on; };",
            Session::ExtendedNextHop => "ipv4 { extended next hop on; };",
            Session::Bfd => "bfd on;",
            _ => "",
        };
        let password = session
            .their_password()
            .map(|word| format!("password \"{word}\";"));
        line(format!(
            "protocol bgp {} from speaker {{ local {} as {THEIR_AS}; neighbor {} as {OUR_AS}; {extra} {} }}",
            session.name(),
            session.theirs(),
            quoted(session.ours_with_link()),
            password.unwrap_or_default()
        ));
    }
    text
}

/// The name of a link stands in quotes.
fn quoted(address: String) -> String {
    match address.split_once('%') {
        Some((address, link)) => format!("{address}%'{link}'"),
        None => address,
    }
}

/// The statements that put the communities on a static route.
fn marks(route: &Announced) -> String {
    let mut text = String::new();
    for (list, communities) in [
        ("bgp_community", route.standard),
        ("bgp_ext_community", route.extended),
        ("bgp_large_community", route.large),
    ] {
        for community in communities {
            let community = match *community {
                GRACEFUL_SHUTDOWN => "65535:0",
                other => other,
            };
            let community = community.replace("target:", "rt:").replace(':', ",");
            text.push_str(&format!("{list}.add(({community})); "));
        }
    }
    text
}

/// The answer to `show route … all`, a path for each session.
fn parse_paths(text: &str) -> Result<BTreeMap<Session, Seen>> {
    let mut paths = BTreeMap::new();
    let mut last: Option<Session> = None;
    let mut key = String::new();
    for line in text.lines() {
        // The line that begins a path names the protocol: "unicast [over_v4 13:40:00.000] * (100)".
        if let Some((_, rest)) = line.split_once('[')
            && !line.starts_with('\t')
        {
            let name = rest.split_whitespace().next().unwrap_or_default();
            last = Session::named(name);
        }
        let Some(session) = last else {
            continue;
        };
        let seen: &mut Seen = paths.entry(session).or_default();
        let value = match line.trim().split_once(':') {
            Some((name, value)) if line.starts_with("\tBGP.") => {
                name.clone_into(&mut key);
                value
            }
            // A list too long for one line.
            _ if line.starts_with("\t\t") => line,
            _ => continue,
        };
        read_attribute(seen, &key, value.trim())?;
    }
    Ok(paths)
}

fn read_attribute(seen: &mut Seen, key: &str, value: &str) -> Result<()> {
    let words = value.split_whitespace();
    match key {
        "BGP.as_path" => {
            for word in words {
                seen.as_path.push(word.parse().context("read the AS_PATH")?);
            }
        }
        "BGP.next_hop" => {
            let hop = words.into_iter().next().context("an empty next hop")?;
            seen.next_hop = Some(hop.parse().context("read the next hop")?);
        }
        "BGP.community" | "BGP.ext_community" | "BGP.large_community" => {
            // "(64512,1) (64512, 2)": blanks stand only in large and extended ones.
            for part in value.split(')').filter(|part| !part.trim().is_empty()) {
                let part = part.trim().trim_start_matches('(');
                let fields: Vec<_> = part.split(',').map(str::trim).collect();
                let community = match fields.as_slice() {
                    ["65535", "0"] => GRACEFUL_SHUTDOWN.to_owned(),
                    ["rt", rest @ ..] => format!("target:{}", rest.join(":")),
                    [] => bail!("an empty community"),
                    all => all.join(":"),
                };
                seen.communities.insert(community);
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart_by_their_session() {
        let text = "BIRD 2.0.12 ready.
Table master4:
192.0.2.128/25       unicast [over_v4 13:40:00.000] * (100) [AS4200000040i]
\tvia 192.168.8.40 on uplink
\tType: BGP univ
\tBGP.origin: IGP
\tBGP.as_path: 4200000040
\tBGP.next_hop: 192.168.8.40
\tBGP.community: (64512,7) (65535,0)
\tBGP.ext_community: (rt, 64512, 8)
\tBGP.large_community: (4200000040, 9, 10)
                     unicast [over_v6 13:40:00.000 from 2001:db8:8::40] (100) [AS4200000040i]
\tvia 192.168.8.40 on uplink
\tType: BGP univ
\tBGP.as_path: 4200000040
";
        let paths = parse_paths(text).unwrap();
        let communities = [
            "64512:7",
            "graceful-shutdown",
            "target:64512:8",
            "4200000040:9:10",
        ];
        assert_eq!(
            paths[&Session::V4],
            Seen {
                next_hop: Some(Session::V4.ours()),
                as_path: vec![OUR_AS],
                communities: communities.map(str::to_owned).into(),
                stale: false,
            }
        );
        assert_eq!(paths[&Session::V6].as_path, [OUR_AS]);
        assert_eq!(paths.len(), 2);
        assert!(
            parse_paths("BIRD 2.0.12 ready.\nNetwork not found\n")
                .unwrap()
                .is_empty()
        );
    }
}
