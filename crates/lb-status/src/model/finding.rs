//! What is wrong, and what to do about it.

use serde::{Deserialize, Serialize};

use super::{VERSION, Warning};

/// The answer to `/v1/doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Findings {
    /// [`VERSION`].
    pub version: u32,
    /// What is wrong; nothing if all is well.
    pub findings: Vec<Finding>,
}

impl Findings {
    /// The answer with these findings.
    #[must_use]
    pub const fn new(findings: Vec<Finding>) -> Self {
        Self {
            version: VERSION,
            findings,
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Finding {
    /// With what: `host`, `docker`, or `peer` and what the commands call it.
    pub subject: String,
    /// A stable word for programs.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// Since when it is so, or when it was last seen, in seconds since 1970.
    pub since: u64,
    /// What is so and what that breaks, in one sentence.
    pub text: String,
    /// A command that shows it; `null` where there is none.
    pub show: Option<String>,
    /// What mends it, a command where that can be; `null` where nobody knows.
    pub mend: Option<String>,
}

impl Finding {
    /// What is wrong with `subject` since then.
    #[must_use]
    pub fn new(
        subject: impl Into<String>,
        code: impl Into<String>,
        severity: Severity,
        since: u64,
        text: impl Into<String>,
    ) -> Self {
        Self {
            subject: subject.into(),
            code: code.into(),
            severity,
            since,
            text: text.into(),
            show: None,
            mend: None,
        }
    }

    /// A warning about the host.
    #[must_use]
    pub fn of_host(warning: Warning) -> Self {
        let severity = Severity::Warning;
        let mut finding = Self::new("host", warning.code, severity, warning.since, warning.text);
        finding.mend = warning.remedy;
        finding
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Severity {
    /// Something does not work as it should.
    Warning,
    /// Something does not work at all.
    Error,
    /// One that this reader does not know.
    #[serde(other)]
    Other,
}
