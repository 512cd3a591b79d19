//! The text: first what is short, then the services, one family after the other.

use std::collections::BTreeMap;
use std::fmt;

use ipnet::IpNet;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;
use tokio::runtime::Handle;

use super::families::Families;
use super::peers::OF_PEERS;
use super::process::Process;
use super::services::OF_SERVICES;
use super::{Facts, Measures};
use crate::model::{Service, Severity};
use crate::serve::{RouteFilter, Rows, Source};

/// Writes the whole text.
pub(super) fn write<S: Source>(
    to: &mut impl fmt::Write,
    facts: Facts,
    source: S,
    runtime: Handle,
) -> fmt::Result {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape {
        facts,
        source,
        runtime,
    }));
    text::encode(to, &registry)
}

/// One answer.
struct Scrape<S> {
    facts: Facts,
    source: S,
    runtime: Handle,
}

impl<S> fmt::Debug for Scrape<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrape").finish_non_exhaustive()
    }
}

impl<S: Source> Collector for Scrape<S> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut to = Families::new(encoder);
        self.program(&mut to)?;
        self.peers(&mut to)?;
        self.routes(&mut to)?;
        self.measured(&mut to)?;
        if let Some(counts) = &self.facts.status.services {
            let states = [
                ("announced", counts.announced),
                ("draining", counts.draining),
                ("undelivered", counts.undelivered),
                ("withheld", counts.withheld),
            ];
            let mut family = to.gauge("bgplb_services", "Addresses on this host by state")?;
            for (state, count) in states {
                family.add(&[("state", state)], count)?;
            }
            self.services(&mut to)?;
        }
        self.paths(&mut to)?;
        process(&mut to, self.facts.status.program.started)
    }
}

impl<S: Source> Scrape<S> {
    fn program(&self, to: &mut Families<'_>) -> fmt::Result {
        let status = &self.facts.status;
        let program = &status.program;
        let mut family = to.gauge("bgplb_build_info", "The program; always 1")?;
        let labels = [("program", &*program.name), ("version", &*program.version)];
        family.add(&labels, 1_u64)?;
        let mut family = to.gauge("bgplb_host_info", "The host as its peers see it; always 1")?;
        let (asn, identifier) = (
            status.host.asn.to_string(),
            status.host.identifier.to_string(),
        );
        let labels = [
            ("host", &*status.host.name),
            ("identifier", &identifier),
            ("as", &asn),
        ];
        family.add(&labels, 1_u64)?;
        let name = "bgplb_configuration_loaded_timestamp_seconds";
        let mut family = to.gauge(name, "When the configuration was read last")?;
        family.add(&[], status.configuration.loaded)?;
        if let Some(docker) = status.docker {
            let help =
                "Whether Docker's API can be reached; while it can't, what was known is held";
            let mut family = to.gauge("bgplb_docker_connected", help)?;
            family.add(&[], docker.reachable)?;
            let help = "Since when Docker's API can, or can't, be reached";
            let mut family = to.gauge("bgplb_docker_since_timestamp_seconds", help)?;
            family.add(&[], docker.since)?;
        }
        let mut family = to.gauge("bgplb_host_draining", "Whether the whole host is drained")?;
        family.add(&[], status.drain.is_some())?;
        self.findings(to)
    }

    /// What doctor finds, counted: as many series as it has words.
    fn findings(&self, to: &mut Families<'_>) -> fmt::Result {
        let word = |severity| match severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Other => "other",
        };
        let mut counts = BTreeMap::<_, u64>::new();
        for finding in &self.facts.findings {
            let key = (&*finding.code, word(finding.severity));
            *counts.entry(key).or_default() += 1;
        }
        let help = "What the command doctor finds wrong";
        let mut family = to.gauge("bgplb_findings", help)?;
        for ((code, severity), count) in counts {
            family.add(&[("code", code), ("severity", severity)], count)?;
        }
        Ok(())
    }

    fn routes(&self, to: &mut Families<'_>) -> fmt::Result {
        let routes = &self.facts.status.routes;
        let mut family = to.gauge(
            "bgplb_routes_advertised",
            "Prefixes in the table of what we announce",
        )?;
        family.add(&[], routes.advertised)?;
        let help = "Routes of peers that are held, one prefix counted for each peer";
        let mut family = to.gauge("bgplb_routes_learned", help)?;
        family.add(&[], routes.learned)?;
        if let Some(installed) = self.facts.measures.routes_installed {
            let help = "Prefixes of peers that should be in the kernel";
            let mut family = to.gauge("bgplb_routes_installed", help)?;
            family.add(&[], installed)?;
        }
        Ok(())
    }

    fn measured(&self, to: &mut Families<'_>) -> fmt::Result {
        let Measures {
            pools,
            configuration_stale,
            latency,
            ..
        } = &self.facts.measures;
        if let Some(stale) = configuration_stale {
            let help = "Whether the configuration's file is newer than what was read of it";
            let mut family = to.gauge("bgplb_configuration_stale", help)?;
            family.add(&[], *stale)?;
        }
        if !pools.is_empty() {
            let help = "Addresses of a pool: all of them, and those in use";
            let mut family = to.gauge("bgplb_pool_addresses", help)?;
            for pool in pools {
                for (kind, count) in [("total", pool.total), ("used", pool.used)] {
                    let labels = [
                        ("pool", &*pool.pool),
                        ("family", pool.family),
                        ("kind", kind),
                    ];
                    family.add_fraction(&labels, count)?;
                }
            }
        }
        if let Some([announced, withdrawn]) = latency {
            let help = "From Docker's news, or a drain's, to the kernel's taking the UPDATE for the last peer";
            let mut family = to.histogram("bgplb_event_to_wire_seconds", help)?;
            family.add_latency(&[("change", "announce")], announced)?;
            family.add_latency(&[("change", "withdraw")], withdrawn)?;
        }
        Ok(())
    }
}

impl<S> Scrape<S> {
    fn peers(&self, to: &mut Families<'_>) -> fmt::Result {
        for (name, counts, help, samples) in OF_PEERS {
            let mut family = to.of_kind(counts, name, help)?;
            for peer in &self.facts.peers.peers {
                samples(&mut family, peer, self.facts.status.at)?;
            }
        }
        Ok(())
    }
}

impl<S: Source> Scrape<S> {
    fn services(&self, to: &mut Families<'_>) -> fmt::Result {
        for (name, counts, help, samples) in OF_SERVICES {
            let mut family = to.of_kind(counts, name, help)?;
            self.each_service(|service| {
                let network = &service.network;
                let network = network.name.as_deref().unwrap_or(&network.id);
                let prefix = service.prefix.to_string();
                samples(
                    &mut family,
                    service,
                    [("network", network), ("prefix", &prefix)],
                )
            })?;
        }
        Ok(())
    }

    /// Every service, a page at a time.
    fn each_service(&self, mut see: impl FnMut(&Service) -> fmt::Result) -> fmt::Result {
        match self.source.services() {
            Some(rows) => self.each(rows, |service| see(&service)),
            None => Ok(()),
        }
    }

    /// Every row of a table. What can't be had any more breaks the text off.
    fn each<R: Rows>(
        &self,
        mut rows: R,
        mut see: impl FnMut(R::Row) -> fmt::Result,
    ) -> fmt::Result {
        while let Some(page) = self.runtime.block_on(rows.next()).map_err(|_| fmt::Error)? {
            page.into_iter().try_for_each(&mut see)?;
        }
        Ok(())
    }

    /// What dashboards of bgp-lb read.
    fn paths(&self, to: &mut Families<'_>) -> fmt::Result {
        let help = "Whether a prefix is announced, as bgp-lb says it";
        let mut family = to.gauge("bgp_lb_path_advertisement", help)?;
        let identifier = self.facts.status.host.identifier.to_string();
        let mut path = |prefix: IpNet, announced: bool| {
            let (address, length) = (prefix.addr().to_string(), prefix.prefix_len().to_string());
            let next_hop = if prefix.addr().is_ipv4() {
                &*identifier
            } else {
                ""
            };
            let labels = [
                ("prefix", &*address),
                ("prefix_length", &length),
                ("next_hop", next_hop),
            ];
            family.add(&labels, announced)
        };
        // Prefixes of services have their series whether they are announced or not,
        // and one alone where several services hold them.
        let mut few = BTreeMap::new();
        let mut many = false;
        self.each_service(|it| {
            let announced = it.attributes.is_some() || self.is_advertised(it.prefix);
            if let Some(known) = few.get_mut(&it.prefix) {
                *known |= announced;
                return Ok(());
            }
            many |= few.len() == PATHS;
            if many {
                return path(it.prefix, announced);
            }
            few.insert(it.prefix, announced);
            Ok(())
        })?;
        if !many {
            self.add_advertised(&mut few)?;
        }
        few.into_iter()
            .try_for_each(|(prefix, announced)| path(prefix, announced))
    }

    fn is_advertised(&self, prefix: IpNet) -> bool {
        let covering = self.source.covering(prefix.addr());
        covering.is_some_and(|route| route.prefix == prefix)
    }

    /// Adds what is announced without a service, up to [`PATHS`] in all.
    fn add_advertised(&self, to: &mut BTreeMap<IpNet, bool>) -> fmt::Result {
        let mut rows = self.source.advertised(RouteFilter::default());
        while to.len() < PATHS {
            let page = self.runtime.block_on(rows.next()).map_err(|_| fmt::Error)?;
            let Some(page) = page else { break };
            for route in page {
                if to.len() < PATHS {
                    to.insert(route.prefix, true);
                }
            }
        }
        Ok(())
    }
}

/// How many routes have a series each beside services.
const PATHS: usize = 1024;

fn process(to: &mut Families<'_>, started: u64) -> fmt::Result {
    let process = Process::read();
    if let Some(seconds) = process.cpu_seconds {
        let mut family = to.counter("process_cpu_seconds", "Processor time, user and system")?;
        family.add_fraction(&[], seconds)?;
    }
    let help = "When the program was started";
    let mut family = to.gauge("process_start_time_seconds", help)?;
    family.add(&[], started)?;
    let gauges = [
        (
            "process_resident_memory_bytes",
            "Memory that is in RAM",
            process.resident_bytes,
        ),
        (
            "process_virtual_memory_bytes",
            "Memory that is addressed",
            process.virtual_bytes,
        ),
        ("process_threads", "Threads", process.threads),
        (
            "process_open_fds",
            "Open file descriptors",
            process.open_fds,
        ),
        (
            "process_max_fds",
            "File descriptors that may be open",
            process.max_fds,
        ),
    ];
    for (name, help, value) in gauges {
        if let Some(value) = value {
            to.gauge(name, help)?.add(&[], value)?;
        }
    }
    Ok(())
}
