//! Whose files they are, and what they hold.

use super::Documents;
use super::metallb;
use super::node::{Node, Value};
use super::notes::{Notes, Weight, lines};
use super::read::{self, Syntax};

/// Whose configuration it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Origin {
    /// bgp-lb's JSON.
    BgpLb,
    /// gobgpd's TOML, of 2015 or of today.
    Gobgpd,
    /// MetalLB's objects or configuration map.
    Metallb,
}

/// Reads files, and finds out whose they are unless that is known.
pub(super) fn read(
    files: &[(String, String)],
    known: Option<Origin>,
    notes: &Notes,
) -> Option<(Origin, Documents)> {
    let mut documents = Vec::new();
    let mut before = 0;
    for (name, text) in files {
        match documents_of(name, text, before, known) {
            Ok(found) => documents.extend(found),
            Err(error) => {
                notes.say(Weight::Fault, error.line, "", &error.text);
                return None;
            }
        }
        before += lines(text);
    }
    let origin = known.or_else(|| documents.iter().find_map(guessed));
    if origin.is_none() {
        let what = "it holds nothing by which it could be told whose it is: give --from";
        notes.say(Weight::Fault, None, "", what);
    }
    Some((origin?, documents))
}

/// What a text holds that stands behind so many lines of others.
fn documents_of(
    name: &str,
    text: &str,
    before: usize,
    known: Option<Origin>,
) -> Result<Documents, Syntax> {
    let moved = |error: Syntax| Syntax {
        line: error.line.map(|line| line + before),
        ..error
    };
    let yaml = [".yaml", ".yml"].iter().any(|it| name.ends_with(it));
    match known {
        Some(Origin::BgpLb) => return read::json(text).map(|it| vec![it]).map_err(moved),
        Some(Origin::Metallb) => return read::yaml_at(text, before),
        _ => {}
    }
    if text.trim_start().starts_with('{') && !yaml {
        return read::json(text).map(|it| vec![it]).map_err(moved);
    }
    if yaml {
        return read::yaml_at(text, before);
    }
    // What is in one notation is rarely in the other, but for a list of comments.
    let refused = match read::toml(text) {
        Ok(node) if node.value != Value::Map(Vec::new()) => return Ok(vec![node]),
        Ok(_) => None,
        Err(error) => Some(moved(error)),
    };
    match read::yaml_at(text, before) {
        Ok(documents) if documents.iter().any(|it| guessed(it).is_some()) => Ok(documents),
        Err(error) if known.is_none() && refused.is_none() => Err(error),
        _ => refused.map_or_else(|| Ok(Vec::new()), Err),
    }
}

/// Whose it probably is.
fn guessed(node: &Node) -> Option<Origin> {
    let Value::Map(entries) = &node.value else {
        return None;
    };
    let has = |wanted: &str| entries.iter().any(|(key, _)| key.to_lowercase() == wanted);
    if has("global") {
        return Some(Origin::Gobgpd);
    }
    if metallb::is_ours(node) {
        return Some(Origin::Metallb);
    }
    (has("bgp") || has("service")).then_some(Origin::BgpLb)
}
