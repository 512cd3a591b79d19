//! What operators have a program do, and what a program would do.

use serde::{Deserialize, Serialize};

use super::VERSION;

/// The answer to what was to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Done {
    /// [`VERSION`].
    pub version: u32,
    /// Whether that changed anything.
    pub changed: bool,
    /// What is the case now, in one sentence.
    pub text: String,
}

impl Done {
    /// That is the case now.
    #[must_use]
    pub fn new(changed: bool, text: impl Into<String>) -> Self {
        Self {
            version: VERSION,
            changed,
            text: text.into(),
        }
    }
}

/// The answer to `/v1/diff`: what a reload would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Diff {
    /// [`VERSION`].
    pub version: u32,
    /// The peers whose session would end and begin anew, as commands call them.
    pub resets: Vec<String>,
    /// Every change, in a sentence each.
    pub changes: Vec<String>,
    /// Why a reload would be refused; `null` if it would not.
    pub refused: Option<String>,
}

impl Diff {
    /// One without any change.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            version: VERSION,
            resets: Vec::new(),
            changes: Vec::new(),
            refused: None,
        }
    }
}
