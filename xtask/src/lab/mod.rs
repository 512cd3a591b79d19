//! The laboratory: two or three Docker hosts, a router and a client, each in a namespace of this
//! machine.
//!
//! ```text
//!                 r  192.168.8.137, 2001:db8:8::137
//!                 |
//!        .--------+---------.  bridge lan       link client  .10 = c
//!   h1  .40, ::40      h2  .41, ::41            198.51.100.0/24, 2001:db8:c::/64
//! ```
//!
//! A third host, `h3`, has .42 and ::42.
//!
//! Everything carries one short random identifier: the namespaces `bgplb-ID-{r,c,h1,h2,h3}`, the
//! directory `bgplb-lab-ID` below the temporary directory, the control groups `bgplb-ID-h1` to
//! `-h3`. Nothing is made in the machine's own network namespace. Dropping a [`Lab`] removes it
//! all; [`cleanup`] can do the same for one that a killed run left behind.

mod claim;
pub(crate) mod cleanup;
pub(crate) mod client;
pub(crate) mod docker;
pub(crate) mod engine;
mod freezer;
pub(crate) mod host;
pub(crate) mod image;
pub(crate) mod netns;
pub(crate) mod peer;
mod power;
pub(crate) mod registry;
pub(crate) mod routed;
pub(crate) mod router;
mod segment;
pub(crate) mod service;
mod services;
pub(crate) mod space;
pub(crate) mod swarm;
pub(crate) mod two_nodes;

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};

use self::claim::Claim;
use self::engine::Engine;
use self::host::{Host, Site};
use self::netns::Netns;
use self::router::{Router, RouterKind};
use crate::artifacts::Artifacts;
use crate::packages;
use crate::wait::{secs, until};

const NETNS_PREFIX: &str = "bgplb-";
const RUN_DIR_PREFIX: &str = "bgplb-lab-";
const OWNER_FILE: &str = "owner";
const ID_LENGTH: usize = 5;

/// The service's IPv4 address in the README.
pub(crate) const SERVICE_V4: &str = "10.0.0.101";
/// The service's IPv6 address, written as in the README.
pub(crate) const SERVICE_V6: &str = "2001:0db8:0000:1000::101";

/// The router's address towards the hosts.
pub(crate) const ROUTER_V4: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 137);

/// The hosts. Every router knows all of them; a laboratory has the first [`PAIR`] of them unless it
/// is started with another number.
pub(crate) const SITES: [Site; 3] = [
    Site {
        name: "h1",
        v4: Ipv4Addr::new(192, 168, 8, 40),
        v6: Ipv6Addr::new(0x2001, 0xdb8, 8, 0, 0, 0, 0, 0x40),
        number: 1,
    },
    Site {
        name: "h2",
        v4: Ipv4Addr::new(192, 168, 8, 41),
        v6: Ipv6Addr::new(0x2001, 0xdb8, 8, 0, 0, 0, 0, 0x41),
        number: 2,
    },
    Site {
        name: "h3",
        v4: Ipv4Addr::new(192, 168, 8, 42),
        v6: Ipv6Addr::new(0x2001, 0xdb8, 8, 0, 0, 0, 0, 0x42),
        number: 3,
    },
];

/// How many hosts most laboratories have.
pub(crate) const PAIR: usize = 2;

/// How the laboratory is to be built.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Which router; `None` leaves its place free for something that looks like one.
    pub(crate) router: Option<RouterKind>,
    /// TCP MD5 password of all sessions.
    pub(crate) password: Option<String>,
    /// Print what happens, for the demonstration.
    pub(crate) narrate: bool,
    /// What the hosts run.
    pub(crate) engine: Engine,
}

/// A running laboratory.
#[derive(Debug)]
pub(crate) struct Lab {
    // First the programs, of which we are the parent.
    router: Option<Box<dyn Router>>,
    /// The hosts, `h1` first; empty only while starting.
    pub(crate) hosts: Vec<Host>,
    /// The router's namespace.
    pub(crate) router_netns: Netns,
    /// The client's namespace.
    pub(crate) client_netns: Netns,
    /// The plugin's program.
    pub(crate) plugin: PathBuf,
    claim: Claim,
}

/// The service's two addresses.
pub(crate) fn service_addresses() -> Result<[IpAddr; 2]> {
    Ok([SERVICE_V4.parse()?, SERVICE_V6.parse()?])
}

impl Lab {
    /// Builds the laboratory of two hosts with engines and the router, without plugins and Docker
    /// networks.
    ///
    /// # Errors
    ///
    /// When a part does not come up; what was built is removed again.
    pub(crate) fn start(options: &Options, artifacts: &Artifacts) -> Result<Self> {
        Self::start_with(PAIR, options, artifacts)
    }

    /// [`Self::start`] with the first so many of [`SITES`].
    ///
    /// # Errors
    ///
    /// As there.
    pub(crate) fn start_with(
        count: usize,
        options: &Options,
        artifacts: &Artifacts,
    ) -> Result<Self> {
        let claim = Claim::new()?;
        let router_netns = claim.netns("r")?;
        segment::build(&router_netns)?;
        let client_netns = claim.netns("c")?;
        segment::connect_client(&router_netns, &client_netns)?;
        let archive = image::build(&claim.dir().join("image"), &packages::busybox())?;
        let mut hosts = Vec::new();
        for site in SITES.into_iter().take(count) {
            let netns = claim.netns(site.name)?;
            segment::connect_host(&router_netns, &netns, site)?;
            let dir = claim.dir().join(site.name);
            let host = Host::start(site, netns, &dir, &options.engine, options.narrate)?;
            host.docker.import(archive.clone(), image::IMAGE)?;
            hosts.push(host);
        }
        let mut lab = Self {
            router: None,
            hosts,
            router_netns,
            client_netns,
            plugin: artifacts.plugin.clone(),
            claim,
        };
        if let Some(kind) = options.router {
            lab.start_router(kind, options.password.clone(), None, artifacts)?;
        }
        Ok(lab)
    }

    /// Starts the router of a laboratory without one, with this configuration in place of the
    /// laboratory's own.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub(crate) fn start_router_with(
        &mut self,
        kind: RouterKind,
        configuration: String,
        artifacts: &Artifacts,
    ) -> Result<()> {
        self.start_router(kind, None, Some(configuration), artifacts)
    }

    fn start_router(
        &mut self,
        kind: RouterKind,
        password: Option<String>,
        configuration: Option<String>,
        artifacts: &Artifacts,
    ) -> Result<()> {
        let dir = self.claim.dir().join("router");
        fs::create_dir_all(&dir)?;
        let place = router::Place {
            netns: self.router_netns.clone(),
            dir,
            password,
            configuration,
            neighbours: Vec::new(),
            link_locals: self
                .hosts
                .iter()
                .map(|host| {
                    let link_local = host.netns.link_local("uplink")?;
                    Ok((IpAddr::V6(link_local), IpAddr::V6(host.site.v6)))
                })
                .collect::<Result<_>>()?,
        };
        self.router = Some(router::start(kind, place, artifacts)?);
        Ok(())
    }

    /// Installs and enables the plugin on every host with the README's settings and `more`.
    ///
    /// # Errors
    ///
    /// With Docker's words when it refuses.
    pub(crate) fn install_plugins(&self, plugin: &Path, more: &[(&str, String)]) -> Result<()> {
        for host in &self.hosts {
            let mut settings = self.plugin_settings(host);
            settings.extend(more.iter().cloned());
            host.install_plugin(plugin, &settings)?;
        }
        Ok(())
    }

    /// The README's settings of the plugin for one host.
    pub(crate) fn plugin_settings(&self, host: &Host) -> Vec<(&'static str, String)> {
        vec![
            ("ROUTER_ID", host.site.v4.to_string()),
            ("PEER_ADDRESS", ROUTER_V4.to_string()),
            ("PEER_AS", router::ROUTER_AS.to_string()),
            ("SIGUSR2_HANDLER", "true".to_owned()),
            ("POOLS", crate::e2e::pools::POOLS.to_owned()),
        ]
    }

    /// The directory for files; it goes with the laboratory.
    pub(crate) fn dir(&self) -> &Path {
        self.claim.dir()
    }

    /// The router.
    ///
    /// # Panics
    ///
    /// When the laboratory was started without one.
    pub(crate) fn router(&self) -> &dyn Router {
        self.router
            .as_deref()
            .expect("this laboratory was started with a router")
    }

    /// Every host, as the functions that wait for several want them.
    pub(crate) fn all(&self) -> Vec<&Host> {
        self.hosts.iter().collect()
    }

    /// Waits until the sessions of exactly these hosts are established, as the router sees it.
    ///
    /// # Errors
    ///
    /// When that does not happen within `limit`.
    pub(crate) fn wait_sessions(&self, hosts: &[&Host], limit: Duration) -> Result<()> {
        let wanted: BTreeSet<IpAddr> = hosts.iter().map(|host| host.site.v4.into()).collect();
        until(
            &format!("sessions with {wanted:?} at {}", self.router().name()),
            limit,
            || {
                let established = self.router().established()?;
                ensure!(established == wanted, "established are {established:?}");
                Ok(())
            },
        )
    }

    /// Waits until the router has routes to `prefix` (`address/length`) by exactly these hosts,
    /// in its own table and in its kernel.
    ///
    /// # Errors
    ///
    /// When that does not happen within `limit`.
    pub(crate) fn wait_route(&self, prefix: &str, hosts: &[&Host], limit: Duration) -> Result<()> {
        let v6 = prefix.contains(':');
        let wanted: BTreeSet<IpAddr> = hosts
            .iter()
            .map(|host| host.site.next_hops()[usize::from(v6)])
            .collect();
        let router = self.router();
        until(
            &format!("{prefix} by {wanted:?} at {}", router.name()),
            limit,
            || {
                let table = router.next_hops(prefix)?;
                ensure!(table == wanted, "its table says {table:?}");
                let kernel = router.kernel_next_hops(prefix)?;
                ensure!(kernel == wanted, "its kernel says {kernel:?}");
                Ok(())
            },
        )
    }

    /// [`Self::wait_route`] for both addresses of the service.
    ///
    /// # Errors
    ///
    /// As there.
    pub(crate) fn wait_service(&self, hosts: &[&Host], limit: Duration) -> Result<()> {
        let [v4, v6] = service_addresses()?;
        self.wait_route(&format!("{v4}/32"), hosts, limit)?;
        self.wait_route(&format!("{v6}/128"), hosts, limit)
    }

    /// Waits until the client's requests to both addresses of the service are answered by exactly
    /// these hosts, by all of them and without a failure.
    ///
    /// # Errors
    ///
    /// When that does not happen within 10 s.
    pub(crate) fn wait_answers(&self, hosts: &[&Host]) -> Result<()> {
        for address in service_addresses()? {
            self.wait_answers_of(address, hosts)?;
        }
        Ok(())
    }

    /// [`Self::wait_answers`] for one address.
    ///
    /// # Errors
    ///
    /// As there.
    pub(crate) fn wait_answers_of(&self, address: IpAddr, hosts: &[&Host]) -> Result<()> {
        let wanted: BTreeSet<&str> = hosts.iter().map(|host| host.site.name).collect();
        until(
            &format!("answers of {wanted:?} from {address}"),
            // One look with failing requests takes up to 10 s by itself.
            secs(30),
            || {
                let summary = client::requests(&self.client_netns, &[address], 32)?;
                ensure!(
                    summary.failures.is_empty(),
                    "failed requests: {:?}",
                    summary.failures
                );
                let names: BTreeSet<&str> = summary.names().collect();
                ensure!(names == wanted, "{names:?} answered");
                Ok(())
            },
        )
    }

    /// The end of every log, for a failed test.
    pub(crate) fn logs(&self) -> String {
        let mut logs: Vec<PathBuf> = self
            .hosts
            .iter()
            .map(|host| host.log().to_owned())
            .collect();
        logs.extend(self.router.iter().flat_map(|router| router.logs()));
        crate::cmd::tails(&logs)
    }

    /// Leaves everything running when this program ends, and says how to look around.
    pub(crate) fn keep(mut self) {
        self.claim.keep();
        for host in &mut self.hosts {
            host.keep();
        }
        if let Some(router) = self.router.as_mut() {
            router.keep();
        }
        println!("\nThe laboratory keeps running. Look around with");
        for host in &self.hosts {
            println!("  ip netns exec {} ip route", host.netns.name());
            println!("  {} -H {} ps", packages::docker(), host.docker.url());
        }
        println!("  ip netns exec {} ip route", self.router_netns.name());
        for line in self.router.iter().flat_map(|router| router.look()) {
            println!("  {line}");
        }
        println!(
            "  ip netns exec {} busybox wget -qO- http://{SERVICE_V4}/name",
            self.client_netns.name()
        );
        println!("Logs and files are in {}.", self.claim.dir().display());
        println!("`cargo xtask clean-lab` removes it.");
    }
}
