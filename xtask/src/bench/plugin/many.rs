//! Many networks with a container each: a restart, the memory, and one change among them.
//!
//! An engine with a thousand containers is more than a benchmark can wait for, so there is none:
//! [`docker`] plays its API and [`crowd`] asks the plugin what an engine would ask it. The plugin,
//! the kernel with its links and routes, and the session are real.

mod crowd;
mod docker;
mod plugin;

use anyhow::{Context as _, Result, ensure};

use self::crowd::{Crowd, Member};
use self::docker::FakeDocker;
use self::plugin::Plugin;
use super::Scale;
use super::figures::{Figures, between, megabytes};
use super::process;
use super::table::{Goal, Row};
use crate::bench::sink::{News, Sink};
use crate::lab::Lab;
use crate::lab::host::Host;
use crate::wait::{secs, until};
use crate::{cmd, sys};

/// With how many networks many are compared.
const FEW: usize = 10;

/// How many are changed before the kernel has to follow.
const ROUND: usize = 10;

/// How often the plugin is started again, at most.
const RESTARTS: u32 = 10;

/// By how much medians of the same thing differ from one run to the next.
const ALLOWANCE: f64 = 1.2;

/// How long anything may take before the benchmark is given up.
const LIMIT: u64 = 60;

struct Scene<'a> {
    host: &'a Host,
    sink: &'a Sink,
    docker: FakeDocker,
    plugin: Plugin<'a>,
    crowd: Crowd<'a>,
}

/// What is measured with one number of networks.
struct Measured {
    count: usize,
    restart: Figures,
    unhealthy: Figures,
    healthy: Figures,
    processor: Figures,
    memory: Figures,
}

/// Measures with few networks and with as many as `scale` says. The host must not have a plugin
/// of its engine's.
///
/// # Errors
///
/// When the plugin refuses something or an UPDATE does not come.
pub(super) fn measure(lab: &Lab, host: &Host, sink: &Sink, scale: &Scale) -> Result<Vec<Row>> {
    let docker = FakeDocker::start(&host.dir.join("fake-docker.sock"))?;
    let plugin = Plugin::start(lab, host, docker.socket())?;
    let mut scene = Scene {
        host,
        sink,
        crowd: Crowd::new(host, &lab.client_netns),
        docker,
        plugin,
    };
    let many = usize::try_from(scale.networks)?;
    println!("==> up to {many} networks; without an engine, Docker's API is played");
    let mut measure = |count| scene.measure(count, scale.turns);
    let few = measure(FEW).with_context(|| format!("with {FEW} networks"));
    let both = few.and_then(|few| {
        let many = measure(many).with_context(|| format!("with {many} networks"))?;
        Ok([few.rows(None), many.rows(Some(&few))].concat())
    });
    both.with_context(|| cmd::tails(&[scene.plugin.log()]))
}

impl Scene<'_> {
    fn measure(&mut self, count: usize, turns: u32) -> Result<Measured> {
        self.sink.forget();
        let first = self.crowd.members().len();
        self.crowd.grow(count, self.plugin.socket(), &self.docker)?;
        // What is on its way to the neighbour must not be taken for a restart's.
        let new = self.crowd.members().iter().skip(first);
        self.wait_announced(new)?;
        let mut restart = Vec::new();
        for _ in 0..turns.min(RESTARTS) {
            restart.push(self.restart()?);
        }
        // It compares everything with the kernel after a start.
        process::wait_idle(self.plugin.pid())?;
        let [mut unhealthy, mut healthy, mut processor] = [const { Vec::new() }; 3];
        for round in 0..usize::try_from(turns)?.div_ceil(ROUND) {
            let members = self.crowd.sample(round * ROUND, ROUND);
            let before = process::processor_time(self.plugin.pid())?;
            for member in &members {
                unhealthy.push(self.change(member, false)?);
            }
            let spent = process::processor_time(self.plugin.pid())? - before;
            let changes = f64::from(u32::try_from(members.len())?);
            processor.push(f64::from(u32::try_from(spent / 1000)?) / changes);
            self.wait_undelivered(&members)?;
            for member in &members {
                healthy.push(self.change(member, true)?);
            }
        }
        process::wait_idle(self.plugin.pid())?;
        let memory = megabytes(process::resident(self.plugin.pid())?)?;
        Ok(Measured {
            count,
            restart: Figures::new(restart, "ms"),
            unhealthy: Figures::new(unhealthy, "ms"),
            healthy: Figures::new(healthy, "ms"),
            processor: Figures::new(processor, "µs"),
            memory: Figures::one(memory, "MB"),
        })
    }

    /// Kills the plugin and starts it; milliseconds from that until everything is announced.
    fn restart(&mut self) -> Result<f64> {
        ensure!(!sys::interrupted(), "interrupted");
        self.plugin.kill();
        self.sink.forget();
        let begin = self.plugin.begin()?;
        between(begin, self.wait_announced(self.crowd.members().iter())?)
    }

    /// When all of them are announced.
    fn wait_announced<'b>(&self, members: impl Iterator<Item = &'b Member>) -> Result<u128> {
        let news = members.flat_map(|it| it.addresses.map(News::Announced));
        self.sink.wait_all(self.host.site.v4, news, secs(LIMIT))
    }

    /// Has Docker tell of a container's health; milliseconds until both UPDATEs are there.
    fn change(&self, member: &Member, healthy: bool) -> Result<f64> {
        ensure!(!sys::interrupted(), "interrupted");
        let news = if healthy {
            News::Announced
        } else {
            News::Withdrawn
        };
        self.sink.forget();
        let event = self.docker.tell_health(&member.container, healthy)?;
        let last =
            self.sink
                .wait_all(self.host.site.v4, member.addresses.map(news), secs(LIMIT))?;
        between(event, last)
    }

    /// Waits until the kernel has no route to these any more, so that it has to make them again.
    fn wait_undelivered(&self, members: &[&Member]) -> Result<()> {
        until("the end of routes", secs(LIMIT), || {
            for family in ["-4", "-6"] {
                let routes = self.host.netns.ip(&format!("{family} route show"))?;
                for address in members.iter().flat_map(|it| it.addresses) {
                    let start = format!("{address} ");
                    let route = routes.lines().find(|line| line.starts_with(&start));
                    ensure!(route.is_none(), "{}", route.unwrap_or_default());
                }
            }
            Ok(())
        })
    }
}

impl Measured {
    fn rows(&self, few: Option<&Self>) -> Vec<Row> {
        let count = self.count;
        let row = |what: &str, of: fn(&Self) -> &Figures| Row {
            what: format!("{count} networks: {what}"),
            here: of(self).clone(),
            there: "",
            goal: few.map_or(Goal::None, |few| {
                Goal::NoSlowerThan(of(few).median(), ALLOWANCE)
            }),
        };
        let restart = Row {
            goal: Goal::None,
            ..row("restart → all announced", |it| &it.restart)
        };
        let memory = Row {
            goal: Goal::AtMost(8.0),
            ..row("memory", |it| &it.memory)
        };
        vec![
            restart,
            row("one unhealthy → withdrawals", |it| &it.unhealthy),
            row("one healthy → routes, UPDATEs", |it| &it.healthy),
            row("processor time of a change", |it| &it.processor),
            memory,
        ]
    }
}
