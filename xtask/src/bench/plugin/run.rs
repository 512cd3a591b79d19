//! Starting containers on a network of the plugin's, and on bridges.
//!
//! A container that is on nothing but a network without a gateway gets a second network from Docker,
//! `docker_gwbridge`, which the built-in bridge has no need of. So containers are also started on
//! a network whose gateway is the host, and on two networks each: the built-in bridge, and beside
//! it ours or another bridge.
//!
//! The built-in bridge is also the only network on which Docker gives a container no resolver of
//! its own: for any other, it starts itself once more and iptables ten times, inside the
//! container's namespace. What a driver costs is seen beside a bridge that a user made.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::figures::Figures;
use super::table::{Goal, Row};
use crate::lab::host::{Host, PLUGIN};
use crate::lab::image;
use crate::sys;

/// The container, and the plugin's networks.
const NAME: &str = "run";
const GATEWAY: &str = "run-gateway";
const BRIDGE: &str = "bridge";
const OTHER_BRIDGE: &str = "run-bridge";

/// By how much medians of the same thing differ from one run to the next.
const ALLOWANCE: f64 = 1.05;

/// The ways to start a container.
const WAYS: [Way; 6] = [
    Way {
        what: "docker run on the built-in bridge",
        first: BRIDGE,
        second: None,
    },
    Way {
        what: "docker run on another bridge (and Docker's resolver)",
        first: OTHER_BRIDGE,
        second: None,
    },
    Way {
        what: "docker run on a bgplb network (and Docker's docker_gwbridge)",
        first: NAME,
        second: None,
    },
    Way {
        what: "docker run on a bgplb network with -o bgplb.gateway=host",
        first: GATEWAY,
        second: None,
    },
    Way {
        what: "docker start on the built-in bridge and another",
        first: BRIDGE,
        second: Some(OTHER_BRIDGE),
    },
    Way {
        what: "docker start on the built-in bridge and a bgplb network",
        first: BRIDGE,
        second: Some(NAME),
    },
];

struct Way {
    what: &'static str,
    first: &'static str,
    /// Connected before the start, which alone is timed then.
    second: Option<&'static str>,
}

/// Starts containers in all ways in turn.
///
/// # Errors
///
/// When Docker refuses.
pub(super) fn measure(host: &Host, turns: u32) -> Result<Vec<Row>> {
    println!(
        "==> {turns} turns of starting containers in {} ways",
        WAYS.len()
    );
    host.create_service_network(NAME, Some("10.0.0.102"), Some("2001:db8:0:1000::102"))?;
    let addresses = [Some("10.0.0.103"), Some("2001:db8:0:1000::103")];
    host.create_network_with(PLUGIN, GATEWAY, addresses, &["bgplb.gateway=host"])?;
    let mut other = vec!["network", "create", "--ipv6"];
    other.extend(["--subnet", "fd00:db8:0:2::/64", OTHER_BRIDGE]);
    host.docker.run(&other)?;
    let mut times = [const { Vec::new() }; WAYS.len()];
    // The first container on a network is dearer than the others; one alone shows nothing anyhow.
    if turns > 1 {
        WAYS.iter().try_for_each(|way| way.time(host).map(drop))?;
    }
    for turn in 0..usize::try_from(turns)? {
        // What one leaves behind shall not always be the same other's burden.
        for index in 0..WAYS.len() {
            ensure!(!sys::interrupted(), "interrupted");
            let index = (turn + index) % WAYS.len();
            times[index].push(WAYS[index].time(host)?);
        }
    }
    for network in [NAME, GATEWAY, OTHER_BRIDGE] {
        host.docker.run(&["network", "rm", network])?;
    }
    let all = times.map(|times| Figures::new(times, "ms"));
    let goals = [
        Goal::None,
        Goal::None,
        Goal::NoSlowerThan(all[0].median(), ALLOWANCE),
        Goal::NoSlowerThan(all[1].median(), ALLOWANCE),
        Goal::None,
        Goal::NoSlowerThan(all[4].median(), ALLOWANCE),
    ];
    let rows = WAYS.iter().zip(all).zip(goals);
    let rows = rows.map(|((way, here), goal)| Row {
        what: way.what.to_owned(),
        here,
        there: "",
        goal,
    });
    Ok(rows.collect())
}

impl Way {
    /// Milliseconds until `docker run --detach` or `docker start` is done; the container is removed
    /// afterwards.
    fn time(&self, host: &Host) -> Result<f64> {
        let docker = &host.docker;
        let verb: &[&str] = match self.second {
            None => &["run", "--detach"],
            Some(_) => &["create"],
        };
        let container = ["--name", NAME, "--network", self.first];
        let program = [image::IMAGE, "/bin/busybox", "sleep", "3600"];
        let mut begin = Instant::now();
        docker.run(&[verb, &container[..], &program[..]].concat())?;
        if let Some(second) = self.second {
            docker.run(&["network", "connect", second, NAME])?;
            begin = Instant::now();
            docker.run(&["start", NAME])?;
        }
        let time = begin.elapsed();
        docker.run(&["rm", "--force", NAME])?;
        Ok(time.as_secs_f64() * 1000.0)
    }
}
