//! Two namespaces and what joins them, without Docker: for two programs and nothing else.
//!
//! It is a laboratory as [`super::Lab`] is: the same names, removed in the same way.

use std::fs;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::claim::Claim;
use super::netns::Netns;
use crate::cmd::{Cmd, Daemon};
use crate::wait::{secs, until};

/// What lies between the two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    /// Nothing: a link that goes down at one end goes down at the other.
    Cable,
    /// A switch, which can lose a path in silence.
    Switch,
}

/// The running pair. Dropping it removes both and ends what runs in them.
#[derive(Debug)]
pub(crate) struct TwoNodes {
    /// One of them.
    pub(crate) one: Netns,
    /// The other.
    pub(crate) two: Netns,
    switch: Option<Switch>,
    claim: Claim,
}

impl TwoNodes {
    /// Makes both namespaces and joins them by `medium` once for each name in `links`, which is
    /// the name of the link at both ends. The addresses of each come with their link's name.
    ///
    /// # Errors
    ///
    /// When a part cannot be made; what was built is removed again.
    pub(crate) fn join(
        medium: Medium,
        links: &[&str],
        one_has: &[(&str, IpAddr)],
        two_has: &[(&str, IpAddr)],
    ) -> Result<Self> {
        let claim = Claim::new()?;
        let (one, two) = (claim.netns("r")?, claim.netns("h1")?);
        let switch = match medium {
            Medium::Cable => {
                let peer = two.name();
                for link in links {
                    one.ip(&format!(
                        "link add {link} type veth peer name {link} netns {peer}"
                    ))?;
                }
                None
            }
            Medium::Switch => Some(Switch::between(&claim, &one, &two, links)?),
        };
        for (netns, addresses) in [(&one, one_has), (&two, two_has)] {
            for (link, address) in addresses {
                add(netns, link, *address)?;
            }
            for link in links {
                netns.ip(&format!("link set {link} up"))?;
            }
        }
        Ok(Self {
            one,
            two,
            switch,
            claim,
        })
    }

    /// The directory for files; it goes with the laboratory.
    pub(crate) fn dir(&self) -> &Path {
        self.claim.dir()
    }

    /// Parts both nodes: they keep their carrier, and hear no more of each other. It takes one
    /// system call a link; gives the time before the first and after the last.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, or there is no switch.
    pub(crate) fn cut(&self) -> Result<[Instant; 2]> {
        self.switch()?.set_apart(b"1")
    }

    /// Joins them again.
    ///
    /// # Errors
    ///
    /// As for [`Self::cut`].
    pub(crate) fn mend(&self) -> Result<()> {
        self.switch()?.set_apart(b"0").map(drop)
    }

    fn switch(&self) -> Result<&Switch> {
        let switch = self.switch.as_ref();
        switch.context("only a switch loses a path in silence, these nodes are joined by cables")
    }
}

fn add(netns: &Netns, link: &str, address: IpAddr) -> Result<()> {
    if matches!(address, IpAddr::V6(it) if it.is_unicast_link_local()) {
        // It shall be the only one.
        netns.ip(&format!("link set {link} addrgenmode none"))?;
    }
    let (length, flag) = match address {
        IpAddr::V4(_) => (24, ""),
        IpAddr::V6(_) => (64, "nodad"),
    };
    netns
        .ip(&format!("address add {address}/{length} dev {link} {flag}"))
        .map(drop)
}

/// A bridge in a namespace of its own, with a port for each end of each link.
#[derive(Debug)]
struct Switch {
    /// For each port of the second node, what keeps it apart from the first one's.
    apart: Vec<PathBuf>,
    /// Shows `/sys` of the switch as long as it lives.
    _holder: Daemon,
}

impl Switch {
    fn between(claim: &Claim, one: &Netns, two: &Netns, links: &[&str]) -> Result<Self> {
        let netns = claim.netns("c")?;
        netns.ip("link add lan type bridge")?;
        netns.ip("link set lan up")?;
        let peer = netns.name();
        for (node, number) in [(one, 1), (two, 2)] {
            for link in links {
                let port = port(link, number);
                node.ip(&format!(
                    "link add {link} type veth peer name {port} netns {peer}"
                ))?;
                netns.ip(&format!("link set {port} master lan up"))?;
                if number == 1 {
                    // Of two ports that are isolated neither hears the other.
                    netns.ip(&format!("link set {port} type bridge_slave isolated on"))?;
                }
            }
        }
        // `ip netns exec` gives a program the `/sys` of its namespace.
        let command = ["netns", "exec", netns.name(), "sleep", "infinity"];
        let holder = Cmd::new("ip").args(command);
        let holder = holder.spawn(&claim.dir().join("switch.log"))?;
        let sys = PathBuf::from(format!("/proc/{}/root/sys/class/net", holder.pid()));
        let apart = |link: &&str| sys.join(port(link, 2)).join("brport/isolated");
        let apart: Vec<_> = links.iter().map(apart).collect();
        until("the switch's /sys", secs(10), || {
            let mut files = apart.iter();
            files
                .try_for_each(|file| fs::read(file).map(drop))
                .context("read its ports")
        })?;
        Ok(Self {
            apart,
            _holder: holder,
        })
    }

    fn set_apart(&self, value: &[u8]) -> Result<[Instant; 2]> {
        let open = |file| fs::File::options().write(true).open(file);
        let files: Vec<_> = self.apart.iter().map(open).collect::<Result<_, _>>()?;
        let begin = Instant::now();
        for mut file in files {
            file.write_all(value).context("set a port of the switch")?;
        }
        Ok([begin, Instant::now()])
    }
}

fn port(link: &str, node: u8) -> String {
    format!("{link}-{node}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages;
    use crate::sys;

    const LINK: &str = "eth0";

    fn join(medium: Medium) -> Option<TwoNodes> {
        if !cfg!(target_os = "linux") || !sys::is_root() {
            println!("skipped: namespaces need Linux and root");
            return None;
        }
        let [one, two] = addresses().map(|address| [(LINK, address)]);
        Some(TwoNodes::join(medium, &[LINK], &one, &two).unwrap())
    }

    fn addresses() -> [IpAddr; 2] {
        ["2001:db8::1", "2001:db8::2"].map(|it| it.parse().unwrap())
    }

    fn ask_two(nodes: &TwoNodes) -> Result<()> {
        let two = addresses()[1].to_string();
        let ping = nodes
            .one
            .command(&packages::busybox().display().to_string());
        ping.args(["ping", "-c", "1", "-W", "1", &two])
            .read()
            .map(drop)
    }

    /// A link takes a moment to carry packets once it is up.
    fn wait_for_two(nodes: &TwoNodes) {
        until("an answer of the second node", secs(20), || ask_two(nodes)).unwrap();
    }

    #[test]
    fn a_switch_loses_a_path_in_silence_and_finds_it_again() {
        let Some(nodes) = join(Medium::Switch) else {
            return;
        };
        wait_for_two(&nodes);
        nodes.cut().unwrap();
        assert!(ask_two(&nodes).is_err());
        for node in [&nodes.one, &nodes.two] {
            let shown = node.ip(&format!("link show {LINK}")).unwrap();
            assert!(shown.contains("LOWER_UP"), "{shown}");
        }
        nodes.mend().unwrap();
        wait_for_two(&nodes);
    }

    #[test]
    fn cables_join_the_nodes_and_go_with_them() {
        let Some(nodes) = join(Medium::Cable) else {
            return;
        };
        wait_for_two(&nodes);
        assert!(nodes.cut().is_err());
        let left = [nodes.dir().to_owned(), nodes.one.path(), nodes.two.path()];
        drop(nodes);
        for path in left {
            assert!(!path.exists(), "{}", path.display());
        }
    }
}
