//! From Docker's event to the UPDATEs of both families at the peer. Docker stamps its events, the
//! neighbour stamps the UPDATEs, both with the machine's real-time clock.

use std::net::IpAddr;

use anyhow::{Context as _, Result, ensure};

use super::figures::{Figures, between};
use super::table::{Goal, Row};
use crate::bench::events::Events;
use crate::bench::sink::{News, Sink};
use crate::lab::host::Host;
use crate::lab::{image, service_addresses};
use crate::scenario::WEB;
use crate::sys;
use crate::wait::{secs, until};

/// What Docker says when something happens, and what the peer must hear of it.
#[derive(Clone, Copy, Debug)]
struct Kind {
    action: &'static str,
    news: fn(IpAddr) -> News,
}

const HEALTHY: Kind = Kind {
    action: "health_status: healthy",
    news: News::Announced,
};
const UNHEALTHY: Kind = Kind {
    action: "health_status: unhealthy",
    news: News::Withdrawn,
};
const DIE: Kind = Kind {
    action: "die",
    news: News::Withdrawn,
};
const SIGUSR2: Kind = Kind {
    action: "kill",
    news: News::Withdrawn,
};

/// How long UPDATEs may take before the benchmark is given up.
const LIMIT: u64 = 10;

struct Scene<'a> {
    host: &'a Host,
    events: Events,
    sink: &'a Sink,
}

/// Makes the service on a host whose plugin is enabled, and measures so many turns of each kind.
///
/// # Errors
///
/// When an event or an UPDATE does not come.
pub(super) fn measure(host: &Host, sink: &Sink, turns: u32) -> Result<Vec<Row>> {
    host.create_gateway_network()?;
    host.create_web1()?;
    // A quick health check shortens the benchmark, not what it measures.
    host.create_web(WEB, WEB, &["--health-interval", "200ms"])?;
    let events = Events::start(host)?;
    let scene = Scene { host, events, sink };
    println!("==> {turns} turns of healthy, unhealthy, die and SIGUSR2");
    scene.run(turns)
}

impl Scene<'_> {
    /// Milliseconds from the event to the last of the UPDATEs, one for each family. Negative when
    /// the plugin learned of it by another way before Docker's event.
    fn time(&self, kind: Kind, act: impl FnOnce() -> Result<()>) -> Result<f64> {
        ensure!(!sys::interrupted(), "interrupted");
        self.sink.forget();
        act()?;
        let event = self.events.next(kind.action)?;
        let news = service_addresses()?.map(kind.news);
        let last = self
            .sink
            .wait_all(self.host.site.v4, news, secs(LIMIT))
            .with_context(|| format!("after {:?}", kind.action))?;
        between(event, last)
    }

    fn run(&self, turns: u32) -> Result<Vec<Row>> {
        let docker = &self.host.docker;
        let start = || docker.run(&["start", WEB]).map(drop);
        let end = || {
            let command = ["exec", "--detach", WEB, "kill", "-TERM", "1"];
            docker.run(&command).map(drop)
        };
        let drain = || docker.run(&["kill", "--signal", "SIGUSR2", WEB]).map(drop);
        let [mut first, mut again, mut unhealthy, mut die, mut sigusr2] = [const { Vec::new() }; 5];
        // The session may not be up yet.
        start()?;
        until("the service at the neighbour", secs(30), || {
            let news = service_addresses()?.map(News::Announced);
            self.sink.wait_all(self.host.site.v4, news, secs(1))
        })?;
        self.events.next(HEALTHY.action)?;
        for _ in 0..turns {
            let sicken = || self.host.exec(WEB, &image::SICKEN);
            unhealthy.push(self.time(UNHEALTHY, sicken)?);
            again.push(self.time(HEALTHY, || self.host.exec(WEB, &image::HEAL))?);
            // By itself: `docker kill` tells of the signal first, and the plugin acts on that.
            die.push(self.time(DIE, end)?);
            first.push(self.time(HEALTHY, start)?);
            sigusr2.push(self.time(SIGUSR2, drain)?);
            // The drain would end the container 5 s later; that is not what is measured here.
            docker.run(&["kill", WEB])?;
            self.events.next(DIE.action)?;
            first.push(self.time(HEALTHY, start)?);
        }
        let row = |what: &str, values, there| Row {
            what: what.to_owned(),
            here: Figures::new(values, "ms"),
            there,
            goal: Goal::MostlyBelow(5.0),
        };
        Ok(vec![
            row("healthy for the first time → UPDATEs", first, "909 ms"),
            row("healthy again → UPDATEs", again, "never"),
            row("unhealthy → withdrawals", unhealthy, "never"),
            row("SIGUSR2 → withdrawals", sigusr2, "6.3 ms"),
            row("die → withdrawals", die, "3.2 ms"),
            Row {
                what: "memory with one network".to_owned(),
                here: super::memory(self.host)?,
                there: "22.2 MB",
                goal: Goal::AtMost(8.0),
            },
        ])
    }
}
