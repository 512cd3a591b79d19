//! Networks and containers of a host, as the README makes them.

use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;

use anyhow::{Context as _, Result, ensure};

use super::host::{GATEWAY_NETWORK, Host, PLUGIN};
use super::{SERVICE_V4, SERVICE_V6, image};
use crate::wait::{secs, until};

impl Host {
    /// The gateway network of the README: routed, not masqueraded, announced by its label.
    ///
    /// # Errors
    ///
    /// With Docker's words when it refuses.
    pub(crate) fn create_gateway_network(&self) -> Result<()> {
        self.create_gateway_network_called(GATEWAY_NETWORK)
    }

    /// [`Self::create_gateway_network`] with another name, also of its bridge.
    ///
    /// # Errors
    ///
    /// As there.
    pub(crate) fn create_gateway_network_called(&self, name: &str) -> Result<()> {
        let n = self.site.number;
        self.docker
            .run(&[
                "network",
                "create",
                "--driver",
                "bridge",
                "--subnet",
                &format!("172.23.{n}.0/24"),
                "--gateway",
                &format!("172.23.{n}.1"),
                "--ipv6",
                "--subnet",
                &format!("2001:0db8:0000:100{n}::/64"),
                "--gateway",
                &format!("2001:0db8:0000:100{n}::1"),
                "-o",
                &format!("com.docker.network.bridge.name={name}"),
                "-o",
                "com.docker.network.bridge.enable_icc=false",
                "-o",
                "com.docker.network.bridge.enable_ip_masquerade=false",
                "--label",
                "bgplb_advertise=true",
                name,
            ])
            .map(drop)
    }

    /// The service network of the README with the given addresses (`None` leaves a family out).
    ///
    /// # Errors
    ///
    /// With Docker's words when it refuses.
    pub(crate) fn create_service_network(
        &self,
        name: &str,
        v4: Option<&str>,
        v6: Option<&str>,
    ) -> Result<()> {
        self.create_network_of(PLUGIN, name, v4, v6)
    }

    /// [`Self::create_service_network`] with another name of the plugin.
    ///
    /// # Errors
    ///
    /// As there.
    pub(crate) fn create_network_of(
        &self,
        driver: &str,
        name: &str,
        v4: Option<&str>,
        v6: Option<&str>,
    ) -> Result<()> {
        self.create_network_with(driver, name, [v4, v6], &[])
    }

    /// [`Self::create_network_of`] with driver options.
    ///
    /// # Errors
    ///
    /// As there.
    pub(crate) fn create_network_with(
        &self,
        driver: &str,
        name: &str,
        [v4, v6]: [Option<&str>; 2],
        options: &[&str],
    ) -> Result<()> {
        let mut args = vec!["network", "create", "--driver", driver];
        args.extend(["--ipam-driver", driver]);
        let subnet = v4.map(|v4| format!("{v4}/32"));
        if let Some(subnet) = &subnet {
            args.extend(["--subnet", subnet]);
        }
        let option = v6.map(|v6| format!("v6subnet={v6}/128"));
        if let Some(option) = &option {
            args.extend(["--ipv6", "--ipam-opt", option]);
        }
        args.extend(options.iter().flat_map(|option| ["--opt", option]));
        args.push(name);
        self.docker.run(&args).map(drop)
    }

    /// The service network `web1` with both addresses of the README.
    ///
    /// # Errors
    ///
    /// With Docker's words when it refuses.
    pub(crate) fn create_web1(&self) -> Result<()> {
        self.create_web1_with(&[])
    }

    /// The same with driver options.
    ///
    /// # Errors
    ///
    /// With Docker's words when it refuses.
    pub(crate) fn create_web1_with(&self, options: &[&str]) -> Result<()> {
        let addresses = [Some(SERVICE_V4), Some(SERVICE_V6)];
        self.create_network_with(PLUGIN, "web1", addresses, options)
    }

    /// A service network of one IPv4 address with driver options.
    ///
    /// # Errors
    ///
    /// With Docker's words when it refuses.
    pub(crate) fn create_network_with_options(
        &self,
        name: &str,
        v4: &str,
        options: &[&str],
    ) -> Result<()> {
        self.create_network_with(PLUGIN, name, [Some(v4), None], options)
    }

    /// Starts a second web server on `network`, which answers with `name`.
    ///
    /// # Errors
    ///
    /// With Docker's words when it refuses.
    pub(crate) fn run_second_web(&self, name: &str, network: &str) -> Result<()> {
        let n = self.site.number;
        let v4 = format!("172.23.{n}.26");
        let v6 = format!("2001:0db8:0000:100{n}::26");
        let environment = format!("HOST={name}");
        let options = ["--ip", &v4, "--ip6", &v6, "--env", &environment];
        self.create_web(name, network, &options)?;
        self.docker.run(&["start", name]).map(drop)
    }

    /// Starts a web server called `name`, attached to the gateway network and to `network`.
    /// An engine of version 20.10 takes one network at creation, hence the three commands.
    ///
    /// # Errors
    ///
    /// With Docker's words when it refuses.
    pub(crate) fn run_web(&self, name: &str, network: &str) -> Result<()> {
        self.create_web(name, network, &[])?;
        self.docker.run(&["start", name]).map(drop)
    }

    /// Whether a container has found its own address in use, as it does where an engine that was
    /// killed has left the interface that the container had before, which answers for it: then it
    /// has no IPv6, whatever the plugin does.
    ///
    /// # Errors
    ///
    /// When it does not find out in 10 s.
    pub(crate) fn has_left_a_double(&self, name: &str) -> Result<bool> {
        // linux/if_addr.h; the flags stand last but one in /proc/net/if_inet6.
        const DADFAILED: u32 = 0x08;
        const TENTATIVE: u32 = 0x40;
        until(
            "the container's addresses to be its own or not",
            secs(10),
            || {
                let table = self
                    .docker
                    .run(&["exec", name, "cat", "/proc/net/if_inet6"])?;
                let flags: Vec<u32> = table
                    .lines()
                    .filter_map(|line| line.split_whitespace().nth(4))
                    .map(|flags| u32::from_str_radix(flags, 16))
                    .collect::<Result<_, _>>()
                    .context("flags of an address")?;
                let failed = flags.iter().any(|flags| flags & DADFAILED != 0);
                ensure!(
                    failed || flags.iter().all(|flags| flags & TENTATIVE == 0),
                    "some are tentative: {table}"
                );
                Ok(failed)
            },
        )
    }

    /// Whether the engine runs the container's health check: an engine that ends in the moment in
    /// which it would begin with that never does, and what it says of the health stays as it was.
    ///
    /// # Errors
    ///
    /// When Docker does not know the container.
    pub(crate) fn probes(&self, name: &str) -> Result<bool> {
        let log = || {
            let container = self.docker.inspect("container", name)?;
            anyhow::Ok(container["State"]["Health"]["Log"].clone())
        };
        let before = log()?;
        // What does not happen can't be awaited: several times the interval and the time limit of
        // a check.
        thread::sleep(secs(5));
        Ok(log()? != before)
    }

    /// Creates the web server without starting it, with further options of `docker create`.
    ///
    /// # Errors
    ///
    /// With Docker's words when it refuses.
    pub(crate) fn create_web(&self, name: &str, network: &str, options: &[&str]) -> Result<()> {
        let n = self.site.number;
        let v4 = format!("172.23.{n}.25");
        let v6 = format!("2001:0db8:0000:100{n}::25");
        let environment = format!("HOST={}", self.site.name);
        let mac = fresh_mac(n);
        let mut args = vec!["create", "--name", name, "--network", GATEWAY_NETWORK];
        args.extend(["--ip", &v4, "--ip6", &v6, "--env", &environment]);
        args.extend(["--mac-address", &mac]);
        args.extend([
            "--health-cmd",
            image::HEALTH_COMMAND,
            "--health-interval",
            "500ms",
        ]);
        args.extend(["--health-retries", "1", "--stop-timeout", "30"]);
        args.extend(["--stop-signal", "SIGUSR2"]);
        args.extend(options);
        args.push(image::IMAGE);
        self.docker.run(&args)?;
        self.docker
            .run(&["network", "connect", network, name])
            .map(drop)
    }
}

/// A MAC address in the gateway network that no container of the laboratory had before. Docker
/// makes it from the IPv4 address, and an engine that was killed may leave the interface of a
/// container that has ended on the bridge: for the next one with its MAC address, and so with its
/// link-local address, that is a duplicate, and there is no IPv6.
fn fresh_mac(host: u8) -> String {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    format!("02:62:67:{host:02x}:{high:02x}:{low:02x}")
}
