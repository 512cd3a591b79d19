//! JSON, TOML and YAML into [`Node`](super::node::Node)s.

mod json;
mod toml;
mod yaml;

pub(super) use self::json::json;
pub(super) use self::toml::toml;
pub(super) use self::yaml::yaml_at;

/// Why a text could not be read. It quotes nothing of it, since that may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    /// From 1.
    pub(super) line: Option<usize>,
    pub(super) text: String,
}
