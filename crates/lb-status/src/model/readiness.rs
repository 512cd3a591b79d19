//! Whether a program does what it is there for.

use serde::{Deserialize, Serialize};

use super::VERSION;

/// The answer to `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Readiness {
    /// [`VERSION`].
    pub version: u32,
    /// Whether nothing is missing.
    pub ready: bool,
    /// What it takes.
    pub missing: Vec<Missing>,
}

impl Readiness {
    /// That of a program which lacks this.
    #[must_use]
    pub const fn new(missing: Vec<Missing>) -> Self {
        Self {
            version: VERSION,
            ready: missing.is_empty(),
            missing,
        }
    }
}

/// Something without which a program does not do what it is there for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Missing {
    /// A stable word for programs: `configuration`, `first-verdicts`,
    /// `data-path`, `peer`.
    pub code: String,
    /// What is so, in one sentence.
    pub text: String,
}

impl Missing {
    /// What this word and this sentence say.
    pub fn new(code: &str, text: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            text: text.into(),
        }
    }
}
