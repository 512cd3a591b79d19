//! Whether a service is announced, and why. Pure.

use lb_status::model::{Reason, ServiceState};

/// What is known of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts<'a> {
    /// Whether its file of maintenance is there; `None` until it was looked for.
    pub(crate) maintenance: Option<bool>,
    /// How far an operator's drain has come.
    pub(crate) drain: Drain,
    /// What its checks say, in their order.
    pub(crate) checks: &'a [CheckLevel],
    /// Its checks pass, but not for long enough.
    pub(crate) unproven: bool,
    /// It came and went too often and stays away for a while.
    pub(crate) held_down: bool,
    /// What the kernel lacks to deliver; `None` when it delivers.
    pub(crate) undelivered: Option<&'a str>,
}

/// How far a drain of one service has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Drain {
    /// Nobody drains it.
    #[default]
    No,
    /// It is announced as about to go.
    Marked,
    /// It is withdrawn.
    Withdrawn,
}

/// What one check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CheckLevel {
    /// Nothing yet.
    Unknown,
    /// It passes.
    Passing,
    /// It does not, for this reason.
    Failing(String),
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) announce: Announce,
    pub(crate) state: ServiceState,
    pub(crate) reason: Reason,
    pub(crate) explanation: String,
}

/// How the prefixes of a service are announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announce {
    /// Not at all.
    No,
    /// As about to go (GRACEFUL_SHUTDOWN, RFC 8326).
    Marked,
    /// As the file says.
    Yes,
}

impl Facts<'_> {
    /// Whether every check passes; `None` while one that might fail says nothing.
    pub(crate) fn healthy(&self) -> Option<bool> {
        let failing = |it: &CheckLevel| matches!(it, CheckLevel::Failing(_));
        if self.checks.iter().any(failing) {
            return Some(false);
        }
        let unknown = self.checks.contains(&CheckLevel::Unknown) || self.maintenance.is_none();
        (!unknown).then_some(true)
    }

    /// The first gate that holds the service back decides; an operator's come
    /// first, since no check mends them.
    pub(crate) fn judge(&self) -> Verdict {
        let withheld = |reason, explanation: &str| Verdict {
            announce: Announce::No,
            state: ServiceState::Withheld,
            reason,
            explanation: explanation.to_owned(),
        };
        if self.maintenance == Some(true) {
            return withheld(
                Reason::Maintenance,
                "its maintenance file is there: remove it to have the service announced",
            );
        }
        if self.drain == Drain::Withdrawn {
            return withheld(Reason::Drained, "an operator has drained it");
        }
        match self.healthy() {
            Some(true) => {}
            Some(false) => {
                let failing = self.checks.iter().filter_map(|check| match check {
                    CheckLevel::Failing(why) => Some(why.as_str()),
                    _ => None,
                });
                let why: Vec<_> = failing.collect();
                return withheld(Reason::Unhealthy, &why.join("; "));
            }
            None => {
                return withheld(
                    Reason::HealthUnknown,
                    "not all of its checks have been made yet",
                );
            }
        }
        if self.unproven {
            return withheld(
                Reason::Unproven,
                "its checks do not pass for long enough yet",
            );
        }
        if self.held_down {
            return withheld(
                Reason::HeldDown,
                "it came and went too often and is held back for a while",
            );
        }
        if let Some(why) = self.undelivered {
            return Verdict {
                state: ServiceState::Undelivered,
                ..withheld(Reason::DatapathNotReady, why)
            };
        }
        if self.drain == Drain::Marked {
            return Verdict {
                announce: Announce::Marked,
                state: ServiceState::Draining,
                reason: Reason::Draining,
                explanation: "an operator drains it".to_owned(),
            };
        }
        Verdict {
            announce: Announce::Yes,
            state: ServiceState::Announced,
            reason: Reason::Serving,
            explanation: match self.checks.len() {
                0 => "it has no check".to_owned(),
                1 => "its check passes".to_owned(),
                more => format!("its {more} checks pass"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Facts<'static> = Facts {
        maintenance: Some(false),
        drain: Drain::No,
        checks: &[CheckLevel::Passing],
        unproven: false,
        held_down: false,
        undelivered: None,
    };

    #[test]
    fn what_is_well_is_announced() {
        let verdict = WELL.judge();
        assert_eq!(verdict.announce, Announce::Yes);
        assert_eq!(verdict.reason, Reason::Serving);
    }

    #[test]
    fn each_gate_holds_back_with_its_own_reason() {
        let failing = [
            CheckLevel::Unknown,
            CheckLevel::Failing("tcp: refused".to_owned()),
        ];
        let unknown = [CheckLevel::Passing, CheckLevel::Unknown];
        let withdrawn = Drain::Withdrawn;
        let cases = [
            (
                Facts {
                    maintenance: Some(true),
                    ..WELL
                },
                Reason::Maintenance,
            ),
            (
                Facts {
                    drain: withdrawn,
                    ..WELL
                },
                Reason::Drained,
            ),
            (
                Facts {
                    checks: &failing,
                    ..WELL
                },
                Reason::Unhealthy,
            ),
            (
                Facts {
                    maintenance: None,
                    ..WELL
                },
                Reason::HealthUnknown,
            ),
            (
                Facts {
                    checks: &unknown,
                    ..WELL
                },
                Reason::HealthUnknown,
            ),
            (
                Facts {
                    unproven: true,
                    ..WELL
                },
                Reason::Unproven,
            ),
            (
                Facts {
                    held_down: true,
                    ..WELL
                },
                Reason::HeldDown,
            ),
            (
                Facts {
                    undelivered: Some("no link"),
                    ..WELL
                },
                Reason::DatapathNotReady,
            ),
        ];
        for (facts, reason) in cases {
            let verdict = facts.judge();
            assert_eq!(verdict.announce, Announce::No, "{facts:?}");
            assert_eq!(verdict.reason, reason, "{facts:?}");
        }
    }

    #[test]
    fn a_drain_that_begins_marks_what_is_announced_and_announces_nothing_that_is_not() {
        let marked = Facts {
            drain: Drain::Marked,
            ..WELL
        };
        assert_eq!(marked.judge().announce, Announce::Marked);
        let failing = [CheckLevel::Failing("tcp: refused".to_owned())];
        let failing = Facts {
            checks: &failing,
            ..marked
        };
        assert_eq!(failing.judge().announce, Announce::No);
    }

    #[test]
    fn a_failing_check_is_told_in_its_own_words() {
        let failing = [CheckLevel::Failing("http://127.0.0.1/: 503".to_owned())];
        let verdict = Facts {
            checks: &failing,
            ..WELL
        }
        .judge();
        assert_eq!(verdict.explanation, "http://127.0.0.1/: 503");
    }
}
