//! A status in the words of monitoring: one line with figures, and an exit code.

use std::fmt::Write as _;

use crate::model::Status;

/// What monitoring makes of a program, by the rules of its plugins
/// (<https://www.monitoring-plugins.org/doc/guidelines.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// How bad it is; the program's exit code.
    pub severity: Severity,
    /// What is the case in one line, with figures behind a bar.
    pub line: String,
}

/// How bad something is, by the exit codes that monitoring knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Severity {
    /// All is well.
    Ok = 0,
    /// Somebody should look.
    Warning = 1,
    /// Nobody is told of anything.
    Critical = 2,
    /// Nothing is known.
    Unknown = 3,
}

impl Severity {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// Judges a program by what it says: critical without any session, a warning
/// with anything else that is not as it should be. An address without a
/// container that serves is what health checks are for, and no fault here.
#[must_use]
pub fn check(status: &Status) -> Checked {
    let (peers, routes) = (&status.peers, &status.routes);
    let mut faults: Vec<String> = Vec::new();
    if status.docker.is_some_and(|docker| !docker.reachable) {
        faults.push("Docker can't be reached".to_owned());
    }
    if let Some(services) = status.services.filter(|it| it.undelivered > 0) {
        faults.push(format!("{} addresses undelivered", services.undelivered));
    }
    faults.extend(status.warnings.iter().map(|it| it.code.clone()));
    let severity = if peers.configured > 0 && peers.established == 0 {
        Severity::Critical
    } else if faults.is_empty() {
        Severity::Ok
    } else {
        Severity::Warning
    };
    let mut line = format!(
        "BGPLB {} - {} of {} peers up",
        severity.word(),
        peers.established,
        peers.configured
    );
    if let Some(services) = status.services {
        let all = services.announced + services.draining + services.undelivered + services.withheld;
        let _ = write!(
            line,
            ", {} of {all} addresses announced",
            services.announced
        );
    }
    faults.dedup();
    for fault in faults {
        let _ = write!(line, ", {fault}");
    }
    let _ = write!(
        line,
        " | peers={};;;0;{} advertised={} learned={}",
        peers.established, peers.configured, routes.advertised, routes.learned
    );
    if let Some(services) = status.services {
        let _ = write!(
            line,
            " announced={} draining={} undelivered={} withheld={}",
            services.announced, services.draining, services.undelivered, services.withheld
        );
    }
    Checked { severity, line }
}

/// What is said of a program that does not answer.
#[must_use]
pub fn unanswered(why: &str) -> Checked {
    let severity = Severity::Unknown;
    Checked {
        severity,
        line: format!("BGPLB {} - {why}", severity.word()),
    }
}
