//! A laboratory with the addresses of a home network that has MetalLB: the router at 192.168.1.2,
//! two nodes at .5 and .6, and FRR as it is after its installation.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::artifacts::Artifacts;
use crate::book::console::{Place, Step};
use crate::cmd::{Cmd, Daemon, tail};
use crate::e2e::docs::machines;
use crate::lab::engine::Engine;
use crate::lab::host::Host;
use crate::lab::space::Space;
use crate::lab::{Lab, Options, ROUTER_V4, image};
use crate::packages;
use crate::wait::{secs, until};

/// The router's address there.
const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 2);

/// The nodes'.
const NODES: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 168, 1, 5), Ipv4Addr::new(192, 168, 1, 6)];

/// The networks of the page's services, which are called like their containers.
const CONTAINERS: [&str; 2] = ["web1", "web2"];

/// The machines of the page.
#[derive(Debug)]
pub(super) struct Scene {
    // First what runs in the router's mounts.
    bgpd: Daemon,
    zebra: Daemon,
    router: Space,
    pub(super) lab: Lab,
}

impl Scene {
    /// Starts everything, without plugins.
    ///
    /// # Errors
    ///
    /// When a part does not come up.
    pub(super) fn start(artifacts: &Artifacts) -> Result<Self> {
        let options = Options {
            router: None,
            password: None,
            narrate: false,
            engine: Engine::default(),
        };
        let mut lab = Lab::start(&options, artifacts)?;
        renumber(&mut lab)?;
        let nginx = image::build_nginx(&lab.dir().join("nginx"), &packages::busybox())?;
        for host in &lab.hosts {
            host.docker.import(nginx.clone(), "nginx")?;
        }
        let router = mounts_of_frr(&lab)?;
        let daemon = |name: &str| {
            let program = router.command(&format!("/usr/lib/frr/{name}"));
            let program = program.args(["-u", "frr", "-g", "frr", "--log", "stdout"]);
            program.spawn(&lab.dir().join(format!("{name}.log")))
        };
        let zebra = daemon("zebra")?;
        until("zebra's socket", secs(10), || {
            let there = fs::symlink_metadata(router.path("/run/frr/zserv.api"));
            there.map(drop).context("it is not there")
        })?;
        let bgpd = daemon("bgpd")?;
        let scene = Self {
            bgpd,
            zebra,
            router,
            lab,
        };
        for name in ["zebra", "bgpd"] {
            until(&format!("the terminal of {name}"), secs(10), || {
                scene.terminal(&["-d", name, "-c", "show version"]).read()
            })?;
        }
        Ok(scene)
    }

    /// Gives steps of the page `name` where they belong.
    ///
    /// # Errors
    ///
    /// As [`machines::give`].
    pub(super) fn give(&self, name: &str, steps: &[Step]) -> Result<()> {
        machines::give(name, steps, |step| {
            let shell = match step.place {
                Place::Host => of_host(self.host(0)?),
                Place::SecondHost => of_host(self.host(1)?),
                Place::Router => self.router.command("sh"),
                Place::Client => self.lab.client_netns.command("sh"),
            };
            Ok(machines::of_shell(shell, step))
        })
    }

    fn host(&self, number: usize) -> Result<&Host> {
        let host = self.lab.hosts.get(number);
        host.context("a laboratory has two hosts")
    }

    /// Has the web servers of the page say who they are where the laboratory's client asks.
    ///
    /// # Errors
    ///
    /// When a container is not there.
    pub(super) fn name_containers(&self) -> Result<()> {
        for host in &self.lab.hosts {
            let script = format!("echo {} > /usr/share/nginx/html/name", host.site.name);
            for container in CONTAINERS {
                host.exec(container, &["sh", "-c", &script])?;
            }
        }
        Ok(())
    }

    /// How many prefixes each established neighbour of FRR has announced.
    ///
    /// # Errors
    ///
    /// When FRR does not answer.
    pub(super) fn prefixes_received(&self) -> Result<BTreeMap<IpAddr, usize>> {
        let text = self
            .terminal(&["-c", "show bgp ipv4 unicast summary json"])
            .read()?;
        let summary: Value = serde_json::from_str(&text).context("parse FRR's summary")?;
        let peers = summary["peers"].as_object().cloned().unwrap_or_default();
        let established = peers.iter().filter(|(_, it)| it["state"] == "Established");
        established
            .map(|(address, peer)| {
                let count = peer["pfxRcd"].as_u64().context("pfxRcd is no number")?;
                Ok((address.parse()?, usize::try_from(count)?))
            })
            .collect()
    }

    fn terminal(&self, args: &[&str]) -> Cmd {
        self.router.command("vtysh").args(args)
    }

    /// The end of every log.
    pub(super) fn logs(&self) -> String {
        let routers = [&self.zebra, &self.bgpd].map(|daemon| tail(daemon.log(), 25));
        self.lab.logs() + &routers.concat()
    }
}

fn of_host(host: &Host) -> Cmd {
    let docker = format!("DOCKER_HOST={}", host.docker.url());
    host.space.command("env").arg(docker).arg("sh")
}

/// Gives router and hosts their addresses and the link its name, in place of the laboratory's.
fn renumber(lab: &mut Lab) -> Result<()> {
    ensure!(lab.hosts.len() == NODES.len(), "the page has two hosts");
    let router = &lab.router_netns;
    router.ip("link set lan down")?;
    router.ip("link set lan name br-lan")?;
    router.ip(&format!("address delete {ROUTER_V4}/24 dev br-lan"))?;
    router.ip(&format!("address add {ROUTER}/24 dev br-lan"))?;
    router.ip("link set br-lan up")?;
    for (host, address) in lab.hosts.iter_mut().zip(NODES) {
        let before = host.site.v4;
        host.netns
            .ip(&format!("address delete {before}/24 dev uplink"))?;
        host.netns
            .ip(&format!("address add {address}/24 dev uplink"))?;
        host.netns
            .ip(&format!("route replace default via {ROUTER}"))?;
        host.site.v4 = address;
    }
    Ok(())
}

/// The router's files as its package leaves them: a configuration without a word, and `/run`.
fn mounts_of_frr(lab: &Lab) -> Result<Space> {
    let dir = lab.dir().join("router");
    let files = dir.join("etc-frr");
    fs::create_dir_all(&files)?;
    fs::write(files.join("frr.conf"), "")?;
    fs::write(
        files.join("vtysh.conf"),
        "service integrated-vtysh-config\n",
    )?;
    let (shown, files) = (dir.display(), files.display());
    // Mounting the directory on itself marks the mount namespace as ours for the clean-up.
    let mounts = format!(
        "mount --bind {shown} {shown}\n\
         mount -t tmpfs tmpfs /run\n\
         mkdir /run/frr\n\
         chown -R frr:frr /run/frr {files}\n\
         mount --bind {files} /etc/frr\n"
    );
    Space::with_mounts("r", &lab.router_netns, &mounts)
}
