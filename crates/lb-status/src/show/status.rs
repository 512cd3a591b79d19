//! A program at a glance, in a few lines.

use std::io::{self, Write};

use super::Screen;
use super::services::one_drain;
use super::table::harmless;
use crate::model::{Status, Warning};
use crate::time::ago;

/// Writes a program's status.
///
/// # Errors
///
/// When `to` takes no more.
pub fn status(status: &Status, screen: &Screen, to: &mut impl Write) -> io::Result<()> {
    let now = screen.now;
    let (program, host) = (&status.program, &status.host);
    writeln!(
        to,
        "{} {} on {}, up {}",
        program.name,
        program.version,
        harmless(&host.name),
        ago(now, program.started),
    )?;
    let configuration = &status.configuration;
    let loaded = ago(now, configuration.loaded);
    let from = configuration.file.as_deref().unwrap_or("environment");
    writeln!(
        to,
        "AS {}, identifier {}, configuration from {}, read {loaded} ago",
        host.asn,
        host.identifier,
        harmless(from),
    )?;
    if let Some(docker) = &status.docker {
        let word = if docker.reachable {
            "answers"
        } else {
            "can't be reached, what was known is held"
        };
        writeln!(to, "Docker {word}, for {}", ago(now, docker.since))?;
    }
    if let Some(services) = &status.services {
        writeln!(
            to,
            "addresses: {} announced, {} draining, {} undelivered, {} withheld",
            services.announced, services.draining, services.undelivered, services.withheld,
        )?;
    }
    let (peers, routes) = (&status.peers, &status.routes);
    writeln!(
        to,
        "peers: {} of {} up; routes: {} advertised, {} learned",
        peers.established, peers.configured, routes.advertised, routes.learned,
    )?;
    if let Some(drain) = &status.drain {
        writeln!(to, "drained: {}", one_drain(drain, now))?;
    }
    if let Some(since) = status.maintenance {
        writeln!(to, "in maintenance, for {}", ago(now, since))?;
    }
    status
        .warnings
        .iter()
        .try_for_each(|warning| self::warning(warning, screen, to))
}

fn warning(warning: &Warning, screen: &Screen, to: &mut impl Write) -> io::Result<()> {
    let (red, end) = if screen.colours {
        ("\x1b[31m", "\x1b[0m")
    } else {
        ("", "")
    };
    let since = ago(screen.now, warning.since);
    writeln!(
        to,
        "{red}WARNING{end} {}, for {since}: {}",
        harmless(&warning.code),
        harmless(&warning.text)
    )?;
    match &warning.remedy {
        Some(remedy) => writeln!(to, "        mend it with: {}", harmless(remedy)),
        None => Ok(()),
    }
}
