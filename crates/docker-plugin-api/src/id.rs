//! Checked identifiers: networks, endpoints and address pools.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, de};

/// Declares one identifier type; they differ in what they name and in nothing else.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $marks:literal) => {
        $(#[$doc])*
        ///
        /// Never empty, at most [`MAX_LEN`](Self::MAX_LEN) octets, made of ASCII letters, digits
        #[doc = concat!("and some of `", $marks, "` only, so it can stand in a log line or an")]
        /// error message as it is.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The longest identifier accepted, in octets.
            pub const MAX_LEN: usize = 256;

            /// Checks and keeps an identifier.
            ///
            /// # Errors
            ///
            /// When `id` is empty, too long or holds another character than those allowed.
            pub fn new(id: impl Into<String>) -> Result<Self, InvalidId> {
                check(id.into(), $what, $marks, Self::MAX_LEN).map(Self)
            }

            /// The whole identifier.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The first `len` characters, or all of them when there are fewer.
            ///
            /// Two identifiers may well share a short form; it is for people and for names that
            /// are checked for collisions.
            pub fn short(&self, len: usize) -> &str {
                self.0.get(..len).unwrap_or(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(id: &str) -> Result<Self, InvalidId> {
                Self::new(id)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(id: String) -> Result<Self, InvalidId> {
                Self::new(id)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    };
}

id! {
    /// A network: 64 hexadecimal digits, or 25 base-36 characters when Swarm made it.
    NetworkId, "network id", "_.-"
}
id! {
    /// A container's attachment to a network: 64 hexadecimal digits. A restarted container gets
    /// a new one.
    EndpointId, "endpoint id", "_.-"
}
id! {
    /// An address pool, named by the IPAM driver's own answer to `RequestPool` and echoed by
    /// Docker ever after.
    PoolId, "pool id", "_.-:/|"
}

/// Why a text is no identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidId {
    /// The text is empty; Docker always names the object it speaks of.
    #[error("{what} is empty")]
    Empty {
        /// Which identifier, in words.
        what: &'static str,
    },
    /// The text is longer than any Docker makes.
    #[error("{what} is {len} octets long, more than {max}")]
    TooLong {
        /// Which identifier, in words.
        what: &'static str,
        /// Octets found.
        len: usize,
        /// Octets allowed.
        max: usize,
    },
    /// A character that no identifier holds.
    #[error("{what} holds {character:?}; letters, digits and {marks} are allowed")]
    Character {
        /// Which identifier, in words.
        what: &'static str,
        /// What is allowed besides letters and digits.
        marks: &'static str,
        /// The first such character.
        character: char,
    },
}

fn check(
    id: String,
    what: &'static str,
    marks: &'static str,
    max: usize,
) -> Result<String, InvalidId> {
    if id.is_empty() {
        return Err(InvalidId::Empty { what });
    }
    if id.len() > max {
        return Err(InvalidId::TooLong {
            what,
            len: id.len(),
            max,
        });
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
    match id.chars().find(|&c| !allowed(c)) {
        Some(character) => Err(InvalidId::Character {
            what,
            marks,
            character,
        }),
        None => Ok(id),
    }
}
