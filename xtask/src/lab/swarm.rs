//! Both hosts of a laboratory as one Swarm: `h1` the manager, `h2` a worker.

use anyhow::{Context as _, Result, ensure};

use super::host::{Host, PLUGIN};
use super::{Lab, SERVICE_V4, SERVICE_V6, image};
use crate::wait::{secs, until};

/// The bridge through which Swarm's containers reach the world, made before Swarm would make one
/// without IPv6.
pub(crate) const GATEWAY_NETWORK: &str = "docker_gwbridge";

/// The service's and its network's name.
const SERVICE: &str = "web1";

/// The two nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Swarm<'a> {
    /// Takes the orders, and runs tasks too.
    pub(crate) manager: &'a Host,
    /// Only runs tasks.
    pub(crate) worker: &'a Host,
}

impl<'a> Swarm<'a> {
    /// The hosts of a laboratory, whether or not they are a Swarm yet.
    ///
    /// # Errors
    ///
    /// When there are not two.
    pub(crate) fn of(lab: &'a Lab) -> Result<Self> {
        match lab.hosts.as_slice() {
            [manager, worker] => Ok(Self { manager, worker }),
            hosts => anyhow::bail!("a Swarm of {} hosts", hosts.len()),
        }
    }

    /// Makes them one.
    ///
    /// # Errors
    ///
    /// With Docker's words when it refuses.
    pub(crate) fn form(self) -> Result<()> {
        let address = self.manager.site.v4.to_string();
        let init = ["swarm", "init", "--advertise-addr", &address];
        self.manager.docker.run(&init)?;
        self.join()
    }

    /// Has the worker join, and waits until it can run tasks.
    ///
    /// # Errors
    ///
    /// With Docker's words when it refuses.
    pub(crate) fn join(self) -> Result<()> {
        let token = ["swarm", "join-token", "--quiet", "worker"];
        let token = self.manager.docker.ask(&token)?;
        let address = self.worker.site.v4.to_string();
        let manager = format!("{}:2377", self.manager.site.v4);
        let mut args = vec!["swarm", "join", "--token", &token];
        args.extend(["--advertise-addr", &address, &manager]);
        self.worker.docker.run(&args)?;
        until("both nodes to be ready", secs(20), || {
            let nodes = self.manager.docker.names(&["node", "ls"], "Status")?;
            let ready = nodes.iter().filter(|status| *status == "Ready").count();
            ensure!(ready == 2, "the nodes are {nodes:?}");
            Ok(())
        })
    }

    /// Has the worker leave as its administrator would, and the manager forget it.
    ///
    /// # Errors
    ///
    /// With Docker's words when it refuses.
    pub(crate) fn leave(self) -> Result<()> {
        self.worker.docker.run(&["swarm", "leave"])?;
        self.forget_worker()
    }

    fn forget_worker(self) -> Result<()> {
        let node = ["node", "rm", "--force", self.worker.site.name];
        self.manager.docker.run(&node).map(drop)
    }

    /// Makes the service's network, with further options of `docker network create`.
    ///
    /// # Errors
    ///
    /// With Docker's words when it refuses.
    pub(crate) fn create_network(self, options: &[&str]) -> Result<()> {
        let v4 = format!("{SERVICE_V4}/32");
        let v6 = format!("v6subnet={SERVICE_V6}/128");
        let mut args = vec!["network", "create", "--driver", PLUGIN];
        args.extend(["--ipam-driver", PLUGIN, "--subnet", &v4]);
        args.extend(["--ipv6", "--ipam-opt", &v6]);
        args.extend(options);
        args.push(SERVICE);
        self.manager.docker.run(&args).map(drop)
    }

    /// Starts the web server as a service, with further options of `docker service create`.
    ///
    /// # Errors
    ///
    /// With Docker's words when it refuses.
    pub(crate) fn create_service(self, options: &[&str]) -> Result<()> {
        let mut args = vec!["service", "create", "--detach", "--name", SERVICE];
        args.extend(["--network", SERVICE, "--no-resolve-image"]);
        args.extend(["--env", "HOST={{.Node.Hostname}}"]);
        args.extend(["--health-cmd", image::HEALTH_COMMAND]);
        args.extend(["--health-interval", "500ms", "--health-retries", "1"]);
        args.extend(["--restart-delay", "500ms"]);
        args.extend(options);
        args.push(image::IMAGE);
        self.manager.docker.run(&args).map(drop)
    }

    /// Removes the service, its network and what a failed test left otherwise.
    ///
    /// # Errors
    ///
    /// When Docker refuses.
    pub(crate) fn reset(self) -> Result<()> {
        let role = self
            .worker
            .docker
            .ask(&["info", "--format", "{{.Swarm.LocalNodeState}}"])?;
        if role != "active" {
            let nodes = self.manager.docker.names(&["node", "ls"], "Hostname")?;
            if nodes.iter().any(|name| name == self.worker.site.name) {
                self.forget_worker()?;
            }
            self.join()?;
        }
        for name in self.manager.docker.names(&["service", "ls"], "Name")? {
            self.manager.docker.ask(&["service", "rm", &name])?;
        }
        for host in [self.manager, self.worker] {
            until(
                &format!("the tasks of {} to end", host.site.name),
                secs(30),
                || {
                    let tasks = host.docker.names(&["ps", "--all"], "Names")?;
                    ensure!(tasks.is_empty(), "there are {tasks:?}");
                    Ok(())
                },
            )?;
        }
        // The manager needs a moment to see that nobody uses a network any more.
        until("the networks of services to go", secs(20), || {
            for host in [self.manager, self.worker] {
                let filter = format!("driver={PLUGIN}");
                let list = ["network", "ls", "--filter", &filter];
                for name in host.docker.names(&list, "Name")? {
                    self.manager
                        .docker
                        .ask(&["network", "rm", &name])
                        .with_context(|| format!("{name} is on {}", host.site.name))?;
                }
            }
            Ok(())
        })
    }
}
