//! GoBGP with the README's dynamic neighbours, and the laboratory's own agent for its routes.
//!
//! GoBGP installs no kernel routes by itself, and the packaged version breaks down at the first
//! message of the packaged zebra. So [`super::fib_agent`] copies its table into the kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

use super::{HOST_AS, Neighbour, Place, ROUTER_AS, Router, address};
use crate::cmd::{Cmd, Daemon};
use crate::lab::ROUTER_V4;
use crate::sys;
use crate::wait::{secs, until};

/// SESSION_STATE of GoBGP's interface for an established session.
const ESTABLISHED: u64 = 6;

#[derive(Debug)]
pub(super) struct Gobgp {
    place: Place,
    socket: PathBuf,
    daemon: Daemon,
    agent: Daemon,
}

/// One path of `gobgp global rib -j`.
#[derive(Deserialize)]
struct RibPath {
    #[serde(default)]
    attrs: Vec<Attribute>,
    #[serde(default)]
    stale: bool,
}

#[derive(Deserialize)]
struct Attribute {
    nexthop: Option<String>,
}

/// Every prefix of a family with the next hops of its paths.
pub(super) type Table = BTreeMap<String, BTreeSet<IpAddr>>;

impl Gobgp {
    pub(super) fn start(place: Place) -> Result<Self> {
        let config = place.dir.join("gobgp.toml");
        fs::write(&config, configuration(&place))?;
        let socket = place.dir.join("gobgp.sock");
        let daemon = place
            .netns
            .command("gobgpd")
            .arg("-f")
            .arg(&config)
            .args(["--pprof-disable", "--api-hosts"])
            .arg(format!("unix://{}", socket.display()))
            .spawn(&place.dir.join("gobgpd.log"))?;
        let agent = place
            .netns
            .command(&sys::own_program())
            .arg("lab-fib-agent")
            .arg(&socket)
            .spawn(&place.dir.join("fib-agent.log"))?;
        let mut gobgp = Self {
            place,
            socket,
            daemon,
            agent,
        };
        until("GoBGP's interface", secs(10), || {
            if let Err(error) = gobgp.daemon.check() {
                return Ok(Err(error));
            }
            table(&gobgp.socket, "ipv4").map(|_| Ok(()))
        })??;
        gobgp.agent.check()?;
        Ok(gobgp)
    }
}

/// Reads GoBGP's table of one family, `ipv4` or `ipv6`.
pub(super) fn table(socket: &Path, family: &str) -> Result<Table> {
    parse_table(&rib(socket, family)?)
}

fn rib(socket: &Path, family: &str) -> Result<String> {
    command(socket)
        .args(["global", "rib", "-j", "-a", family])
        .timeout(secs(5))
        .read()
}

/// Every prefix with its paths, as GoBGP prints them.
fn parse_rib(text: &str) -> Result<Value> {
    let value: Value = serde_json::from_str(text).context("parse gobgp's table")?;
    // GoBGP reports some failures as an object with exit code zero.
    if let Some(error) = value.get("error").and_then(Value::as_str) {
        anyhow::bail!("gobgp: {error}");
    }
    Ok(value)
}

/// The attributes of a path, by their codes.
fn by_code(path: &Value) -> Value {
    let attributes = path["attrs"].as_array().map_or(&[][..], Vec::as_slice);
    attributes
        .iter()
        .map(|attribute| (attribute["type"].to_string(), attribute.clone()))
        .collect()
}

fn parse_table(text: &str) -> Result<Table> {
    let paths: BTreeMap<String, Vec<RibPath>> = match parse_rib(text)? {
        Value::Null => BTreeMap::new(),
        value => serde_json::from_value(value).context("read gobgp's table")?,
    };
    paths
        .into_iter()
        .map(|(prefix, paths)| {
            let hops = paths
                .iter()
                .filter(|path| !path.stale)
                .flat_map(|path| &path.attrs)
                .filter_map(|attribute| attribute.nexthop.as_deref())
                .map(address)
                .collect::<Result<_>>()?;
            Ok((prefix, hops))
        })
        .collect()
}

fn family(prefix: &str) -> &'static str {
    if prefix.contains(':') { "ipv6" } else { "ipv4" }
}

fn command(socket: &Path) -> Cmd {
    Cmd::new("gobgp")
        .arg("--target")
        .arg(format!("unix://{}", socket.display()))
}

/// The README's configuration; what it lacks for IPv6 and for ECMP is marked in `docs/lab.md`.
fn configuration(place: &Place) -> String {
    if let Some(text) = &place.configuration {
        return text.clone();
    }
    let password = place
        .password
        .as_ref()
        .map(|word| format!("auth-password = \"{word}\"\n"));
    let mut text = format!(
        r#"[global.config]
as = {ROUTER_AS}
router-id = "{ROUTER_V4}"
[global.use-multiple-paths.config]
enabled = true
[[peer-groups]]
[peer-groups.config]
peer-group-name = "bgp-lb"
peer-as = {HOST_AS}
{}[[peer-groups.afi-safis]]
[peer-groups.afi-safis.config]
afi-safi-name = "ipv4-unicast"
[[peer-groups.afi-safis]]
[peer-groups.afi-safis.config]
afi-safi-name = "ipv6-unicast"
[[peer-groups.afi-safis]]
[peer-groups.afi-safis.config]
afi-safi-name = "ipv4-flowspec"
[[dynamic-neighbors]]
[dynamic-neighbors.config]
prefix = "192.168.8.0/24"
peer-group = "bgp-lb"
"#,
        password.unwrap_or_default()
    );
    for Neighbour { address, asn, .. } in &place.neighbours {
        text.push_str(&format!(
            r#"[[neighbors]]
[neighbors.config]
neighbor-address = "{address}"
peer-as = {asn}
[neighbors.transport.config]
passive-mode = true
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = "ipv4-unicast"
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = "ipv6-unicast"
"#
        ));
    }
    text
}

impl Router for Gobgp {
    fn place(&self) -> &Place {
        &self.place
    }

    fn name(&self) -> &'static str {
        "GoBGP (gobgp -j)"
    }

    fn established(&self) -> Result<BTreeSet<IpAddr>> {
        let text = command(&self.socket).args(["neighbor", "-j"]).read()?;
        let value: Value = serde_json::from_str(&text).context("parse gobgp's neighbours")?;
        let neighbours = value.as_array().map_or(&[][..], Vec::as_slice);
        neighbours
            .iter()
            .map(|neighbour| &neighbour["state"])
            .filter(|state| state["session_state"].as_u64() == Some(ESTABLISHED))
            .map(|state| address(state["neighbor_address"].as_str().unwrap_or_default()))
            .collect()
    }

    fn next_hops(&self, prefix: &str) -> Result<BTreeSet<IpAddr>> {
        Ok(table(&self.socket, family(prefix))?
            .remove(prefix)
            .unwrap_or_default())
    }

    fn paths(&self, prefix: &str) -> Result<Vec<Value>> {
        let rib = parse_rib(&rib(&self.socket, family(prefix))?)?;
        let paths = rib[prefix].as_array().map_or(&[][..], Vec::as_slice);
        Ok(paths.iter().map(by_code).collect())
    }

    fn look(&self) -> Vec<String> {
        ["ipv4", "ipv6"]
            .iter()
            .map(|family| {
                format!(
                    "gobgp --target unix://{} global rib -a {family}",
                    self.socket.display()
                )
            })
            .collect()
    }

    fn logs(&self) -> Vec<PathBuf> {
        vec![self.daemon.log().to_owned(), self.agent.log().to_owned()]
    }

    fn keep(&mut self) {
        self.daemon.keep();
        self.agent.keep();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn next_hops_of_all_fresh_paths_are_found_in_both_places() {
        let text = r#"{"2001:db8::/64":[
            {"attrs":[{"type":1,"value":0},{"type":14,"nexthop":"2001:db8:8::40","afi":2}],
             "stale":false},
            {"attrs":[{"type":14,"nexthop":"2001:db8:8::41"}],"stale":true}],
            "10.0.0.0/8":[{"attrs":[{"type":3,"nexthop":"192.168.8.40"}]}]}"#;
        let table = parse_table(text).unwrap();
        assert_eq!(
            table["2001:db8::/64"],
            BTreeSet::from(["2001:db8:8::40".parse().unwrap()])
        );
        assert_eq!(
            table["10.0.0.0/8"],
            BTreeSet::from(["192.168.8.40".parse().unwrap()])
        );
    }

    #[test]
    fn attributes_are_found_by_their_codes() {
        let path = json!({"attrs": [{"type": 4, "metric": 7}, {"type": 6}], "stale": false});
        let wanted = json!({"4": {"type": 4, "metric": 7}, "6": {"type": 6}});
        assert_eq!(by_code(&path), wanted);
        assert_eq!(by_code(&json!({})), json!({}));
    }

    #[test]
    fn a_failure_without_an_exit_code_is_a_failure() {
        let error = parse_table(r#"{"error":"context deadline exceeded"}"#).unwrap_err();
        assert_eq!(error.to_string(), "gobgp: context deadline exceeded");
    }
}
