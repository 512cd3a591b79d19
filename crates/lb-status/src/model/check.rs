//! Checks: how a program looks after a service itself.

use serde::{Deserialize, Serialize};

/// One check of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Check {
    /// What is looked at, as `http://127.0.0.1:8080/health`.
    pub target: String,
    /// What it says.
    pub state: CheckState,
    /// Since when, in seconds since 1970.
    pub since: u64,
    /// What was seen last; `null` until something was, and while it is good.
    pub failure: Option<String>,
}

impl Check {
    /// One that says this since then.
    #[must_use]
    pub const fn new(target: String, state: CheckState, since: u64) -> Self {
        Self {
            target,
            state,
            since,
            failure: None,
        }
    }
}

/// What a check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CheckState {
    /// Nothing yet.
    Unknown,
    /// The service is well.
    Passing,
    /// The service is not well.
    Failing,
    /// A word of a later version.
    #[serde(other)]
    Other,
}

impl CheckState {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Passing => "passing",
            Self::Failing => "failing",
            Self::Other => "other",
        }
    }
}
