//! Network namespaces and what is configured inside them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::cmd::Cmd;

/// One named network namespace. It stays until [`super::cleanup`] removes it.
#[derive(Clone, Debug)]
pub(crate) struct Netns {
    name: String,
}

/// One line of `ip -j route`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Route {
    /// Outgoing link of a route with one next hop.
    pub(crate) dev: Option<String>,
    gateway: Option<IpAddr>,
    via: Option<Via>,
    #[serde(default)]
    nexthops: Vec<NextHop>,
}

#[derive(Clone, Debug, Deserialize)]
struct NextHop {
    gateway: Option<IpAddr>,
    via: Option<Via>,
}

/// A next hop of the other address family.
#[derive(Clone, Debug, Deserialize)]
struct Via {
    host: IpAddr,
}

impl Route {
    /// Every gateway of the route.
    pub(crate) fn gateways(&self) -> BTreeSet<IpAddr> {
        let one = [self.gateway, self.via.as_ref().map(|via| via.host)];
        let many = self
            .nexthops
            .iter()
            .flat_map(|hop| [hop.gateway, hop.via.as_ref().map(|via| via.host)]);
        one.into_iter().chain(many).flatten().collect()
    }
}

#[derive(Deserialize)]
struct Link {
    ifname: String,
}

#[derive(Deserialize)]
struct LinkAddresses {
    #[serde(default)]
    addr_info: Vec<AddrInfo>,
}

#[derive(Deserialize)]
struct AddrInfo {
    /// Absent in the empty entries `ip` prints for what a selector left out.
    local: Option<IpAddr>,
}

impl Netns {
    /// Makes the namespace with its loopback up, forwarding on, loose reverse path filters and
    /// no duplicate address detection, which would only delay the laboratory.
    ///
    /// # Errors
    ///
    /// What `ip` or the kernel refuses.
    pub(crate) fn create(name: String) -> Result<Self> {
        Cmd::new("ip").args(["netns", "add", &name]).run()?;
        let netns = Self { name };
        netns.ip("link set lo up")?;
        for (key, value) in [
            ("net/ipv4/ip_forward", "1"),
            ("net/ipv6/conf/all/forwarding", "1"),
            // Answers of a container leave by another link than the one that leads to its
            // service address: strict filtering would drop them.
            ("net/ipv4/conf/all/rp_filter", "2"),
            ("net/ipv4/conf/default/rp_filter", "2"),
            ("net/ipv6/conf/all/accept_dad", "0"),
            ("net/ipv6/conf/default/accept_dad", "0"),
        ] {
            netns.sysctl(key, value)?;
        }
        Ok(netns)
    }

    /// The name `ip netns` knows.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The file that stands for the namespace.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.name)
    }

    /// A command to be run inside; only the network is another one, `/sys` and the mounts stay.
    pub(crate) fn command(&self, program: &str) -> Cmd {
        Cmd::new("nsenter")
            .arg(format!("--net={}", self.path().display()))
            .arg("--")
            .arg(program)
    }

    /// Runs `ip` inside, with arguments separated by blanks, and gives what it prints.
    ///
    /// # Errors
    ///
    /// What `ip` refuses.
    pub(crate) fn ip(&self, args: &str) -> Result<String> {
        Cmd::new("ip")
            .args(["-n", &self.name])
            .args(args.split_whitespace())
            .read()
    }

    /// Writes one kernel setting, named by its path below `/proc/sys`.
    ///
    /// # Errors
    ///
    /// When the kernel does not have or take it.
    pub(crate) fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        self.command("sh")
            .args(["-c", &format!("echo {value} > /proc/sys/{key}")])
            .run()
            .with_context(|| format!("set {key} in {}", self.name))
    }

    /// The routes of the main table that `selector` picks, for instance `10.0.0.101` or
    /// `dev eth0`; IPv6 ones when `v6`.
    ///
    /// # Errors
    ///
    /// When `ip` fails or prints something unexpected.
    pub(crate) fn routes(&self, v6: bool, selector: &str) -> Result<Vec<Route>> {
        let family = if v6 { "-6" } else { "-4" };
        let text = self.ip(&format!("-j {family} route show {selector}"))?;
        parse_list(&text)
    }

    /// One of the kernel's extended TCP counters, as `/proc/net/netstat` names them.
    ///
    /// # Errors
    ///
    /// When there is no such counter.
    pub(crate) fn tcp_counter(&self, name: &str) -> Result<u64> {
        let text = self.command("cat").arg("/proc/net/netstat").read()?;
        let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
        let names = lines.next().unwrap_or_default().split_whitespace();
        let values = lines.next().unwrap_or_default().split_whitespace();
        let value = names
            .zip(values)
            .find_map(|(key, value)| (key == name).then_some(value));
        let value = value.with_context(|| format!("the kernel counts no {name}"))?;
        value.parse().with_context(|| format!("read {name}"))
    }

    /// The names of all links.
    ///
    /// # Errors
    ///
    /// When `ip` fails or prints something unexpected.
    pub(crate) fn links(&self) -> Result<BTreeSet<String>> {
        let links: Vec<Link> = parse_list(&self.ip("-j link show")?)?;
        Ok(links.into_iter().map(|link| link.ifname).collect())
    }

    /// The link-local IPv6 address of a link.
    ///
    /// # Errors
    ///
    /// When the link has none.
    pub(crate) fn link_local(&self, link: &str) -> Result<Ipv6Addr> {
        let text = self.ip(&format!("-j -6 address show dev {link} scope link"))?;
        let links: Vec<LinkAddresses> = parse_list(&text)?;
        links
            .iter()
            .flat_map(|link| &link.addr_info)
            .find_map(|info| match info.local {
                Some(IpAddr::V6(address)) => Some(address),
                Some(IpAddr::V4(_)) | None => None,
            })
            .with_context(|| format!("{link} in {} has no link-local address", self.name))
    }

    /// The processes inside that carry this command name.
    ///
    /// # Errors
    ///
    /// When `ip` fails.
    pub(crate) fn processes_named(&self, command: &str) -> Result<Vec<u32>> {
        let pids = Cmd::new("ip").args(["netns", "pids", &self.name]).read()?;
        Ok(pids
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .filter(|pid| {
                std::fs::read_to_string(format!("/proc/{pid}/comm"))
                    .is_ok_and(|name| name.trim() == command)
            })
            .collect())
    }
}

/// Reads a JSON list as `ip -j` prints it: nothing at all stands for an empty one, and empty
/// objects stand for entries that the selector left out.
fn parse_list<T: for<'a> Deserialize<'a>>(text: &str) -> Result<Vec<T>> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let values: Vec<serde_json::Value> =
        serde_json::from_str(text).context("parse the JSON of ip")?;
    values
        .into_iter()
        .filter(|value| value.as_object().is_none_or(|object| !object.is_empty()))
        .map(|value| serde_json::from_value(value).context("read an entry of ip's JSON"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateways(text: &str) -> Vec<String> {
        let routes: Vec<Route> = parse_list(text).unwrap();
        routes
            .iter()
            .flat_map(Route::gateways)
            .map(|hop| hop.to_string())
            .collect()
    }

    #[test]
    fn every_next_hop_of_a_multipath_route_is_found() {
        let text = r#"[{"dst":"10.0.0.101","nexthops":[
            {"gateway":"192.168.8.40","dev":"lan","weight":1,"flags":[]},
            {"gateway":"192.168.8.41","dev":"lan","weight":1,"flags":[]}]}]"#;
        assert_eq!(gateways(text), ["192.168.8.40", "192.168.8.41"]);
    }

    #[test]
    fn a_single_next_hop_may_be_of_the_other_family() {
        let text =
            r#"[{"dst":"10.0.0.101","via":{"family":"inet6","host":"fe80::1"},"dev":"lan"}]"#;
        assert_eq!(gateways(text), ["fe80::1"]);
        let text = r#"[{"dst":"10.0.0.101","gateway":"192.168.8.40","dev":"lan"}]"#;
        assert_eq!(gateways(text), ["192.168.8.40"]);
    }

    #[test]
    fn no_output_and_empty_entries_are_no_routes() {
        assert!(gateways("").is_empty());
        assert!(gateways("[{},{}]").is_empty());
    }
}
