//! One of the hosts: its network, its container and its speaker.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::world::{ROUTER_V6, Way, own_as};
use crate::cmd::{Cmd, Daemon};
use crate::lab::ROUTER_V4;
use crate::lab::host::Host;
use crate::lab::image::IMAGE;
use crate::lab::router::HOST_AS;
use crate::sys;
use crate::wait::{secs, until};

/// The container, and the network it is in.
pub(super) const BLUE: &str = "blue";

/// One host, and what its network has.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) host: &'a Host,
    /// Of each family.
    pub(super) subnets: [&'static str; 2],
    pub(super) containers: [&'static str; 2],
    pub(super) other: &'a Host,
    pub(super) program: &'a PathBuf,
    pub(super) way: Way,
}

impl Node<'_> {
    /// Makes the network, and runs the container, which tells who asks.
    pub(super) fn create(&self) -> Result<()> {
        let docker = &self.host.docker;
        let ([v4, v6], [ip, ip6]) = (self.subnets, self.containers);
        docker.run(&[
            "network",
            "create",
            "--subnet",
            v4,
            "--ipv6",
            "--subnet",
            v6,
            "--label",
            "bgplb_advertise=true",
            "-o",
            "com.docker.network.bridge.enable_ip_masquerade=false",
            BLUE,
        ])?;
        let name = format!("HOST={}", self.host.site.name);
        docker.run(&[
            "run",
            "--detach",
            "--name",
            BLUE,
            "--network",
            BLUE,
            "--ip",
            ip,
            "--ip6",
            ip6,
            "--env",
            &name,
            IMAGE,
            "/init",
        ])?;
        let script = "busybox mkdir -p /www/cgi-bin && cd /www/cgi-bin && \
                      printf '#!/bin/sh\\necho\\necho $REMOTE_ADDR\\n' > who && \
                      busybox chmod 755 who";
        self.host.exec(BLUE, &["sh", "-c", script])
    }

    /// Removes the container and the network.
    pub(super) fn clear(&self) -> Result<()> {
        self.host.docker.run(&["rm", "--force", BLUE])?;
        self.host.docker.run(&["network", "rm", BLUE]).map(drop)
    }

    /// Starts the speaker with more keys of `[kernel]` and more tables, and waits until it
    /// answers.
    pub(super) fn start(&self, kernel: &str, more: &str) -> Result<Daemon> {
        let site = self.host.site;
        let (asn, peer, peer_as) = match self.way {
            Way::Directly => (HOST_AS, self.other.site.v4, "internal"),
            Way::ByRouter => (own_as(site), ROUTER_V4, "external"),
        };
        let docker = self.host.dir.join("docker.sock");
        let config = format!(
            "[local]\nas = {asn}\nrouter-id = \"{v4}\"\nlisten = [\"{v4}:179\"]\n\
             [[peers]]\naddress = \"{peer}\"\nas = \"{peer_as}\"\nlocal-address = \"{v4}\"\n\
             import = \"accept\"\nhold-time = 9\nconnect-retry = 1\nnext-hop-v6 = \"{v6}\"\n\
             graceful-restart = {{ enabled = true, restart-time = {RESTART_TIME} }}\n\
             [docker]\nsocket = \"{docker}\"\n[kernel]\ninstall = true\n{kernel}\n{more}",
            v4 = site.v4,
            v6 = site.v6,
            docker = docker.display(),
        );
        let file = self.host.dir.join("speaker.toml");
        fs::write(&file, config)?;
        let command = self.host.netns.command(&self.program.display().to_string());
        let command = command.args(["run", "--config"]).arg(file);
        let command = command.arg("--socket").arg(self.socket());
        let mut daemon = command.spawn(&self.log())?;
        until("the speaker's control socket", secs(10), || {
            if let Err(error) = daemon.check() {
                return Ok(Err(error));
            }
            self.peers().map(|_| Ok(()))
        })??;
        Ok(daemon)
    }

    /// The speaker's log, of its last start.
    pub(super) fn log(&self) -> PathBuf {
        self.host.dir.join("speaker.log")
    }

    fn socket(&self) -> PathBuf {
        self.host.dir.join("speaker.sock")
    }

    fn peers(&self) -> Result<Value> {
        let asked = Cmd::new(self.program).args(["peers", "-o", "json", "--socket"]);
        serde_json::from_str(&asked.arg(self.socket()).read()?).context("parse its answer")
    }

    /// Waits until the other has told everything in this session.
    pub(super) fn wait_session(&self, other: Self) -> Result<()> {
        let address = other.host.site.v4;
        until(&format!("the tables of {address}"), secs(60), || {
            let told = self.tables_told(other)?;
            ensure!(told == 2, "it has told {told} of 2");
            Ok(())
        })
    }

    /// Of how many families the other has told everything in this session.
    pub(super) fn tables_told(&self, other: Self) -> Result<usize> {
        let address = other.host.site.v4.to_string();
        let answer = self.peers()?;
        let mut peers = answer["peers"].as_array().into_iter().flatten();
        let peer = peers.find(|it| it["peer"] == address.as_str());
        let peer = peer.context("it shows no such peer")?;
        Ok(peer["end_of_rib"].as_array().map_or(0, Vec::len))
    }

    /// Has the engine do nothing until the value is dropped.
    pub(super) fn freeze_engine(&self) -> Result<Frozen> {
        let pid = fs::read_to_string(self.host.space.path("/run/docker.pid"))?;
        let pid = pid.trim().parse().context("the engine's number")?;
        sys::kill(pid, libc::SIGSTOP)?;
        Ok(Frozen(pid))
    }

    /// The address of the container.
    pub(super) fn container(&self, family: usize) -> &'static str {
        self.containers[family]
    }

    pub(super) fn addresses(&self) -> Result<Vec<IpAddr>> {
        let all = self.containers.iter();
        all.map(|it| it.parse().context("an address")).collect()
    }

    /// Where the container serves `file`.
    pub(super) fn url(&self, family: usize, file: &str) -> String {
        match self.containers[family] {
            v6 if v6.contains(':') => format!("http://[{v6}]/{file}"),
            v4 => format!("http://{v4}/{file}"),
        }
    }

    /// What the container here gets from there.
    pub(super) fn ask(&self, url: &str) -> Result<String> {
        let asked = ["exec", BLUE, "wget", "-q", "-O", "-", url];
        self.host.docker.run(&asked)
    }

    /// Whether the kernel has routes to both subnets of the other by its addresses, and no more.
    pub(super) fn has_routes(&self, other: Self) -> Result<bool> {
        let next_hops = match self.way {
            Way::Directly => other.host.site.next_hops(),
            Way::ByRouter => [ROUTER_V4.into(), ROUTER_V6.into()],
        };
        for (family, subnet) in other.subnets.iter().enumerate() {
            let selector = format!("exact {subnet} proto bgp");
            let routes = self.host.netns.routes(family == 1, &selector)?;
            let by: Vec<_> = routes.iter().flat_map(|it| it.gateways()).collect();
            if by != [next_hops[family]] {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn wait_routes(&self, other: Self) -> Result<()> {
        let what = format!("routes to {:?} on {}", other.subnets, self.host.site.name);
        until(&what, secs(60), || {
            ensure!(self.has_routes(other)?, "they are not there");
            Ok(())
        })
    }

    pub(super) fn wait_no_routes(&self, other: Self, limit: Duration) -> Result<()> {
        let name = self.host.site.name;
        for (family, subnet) in other.subnets.iter().enumerate() {
            until(&format!("no route to {subnet} on {name}"), limit, || {
                let routes = self
                    .host
                    .netns
                    .routes(family == 1, &format!("exact {subnet}"))?;
                ensure!(routes.is_empty(), "there are {routes:?}");
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// A program that does nothing.
pub(super) struct Frozen(u32);

impl Drop for Frozen {
    fn drop(&mut self) {
        // A program that has ended needs no help.
        let _ = sys::kill(self.0, libc::SIGCONT);
    }
}

/// How long a speaker may be away, in seconds.
const RESTART_TIME: u32 = 15;
