//! What a reload would do, without doing it.

use std::collections::BTreeMap;

use bgp_speaker::{PeerKey, PeerSettings};
use lb_status::model::Diff;

use crate::config::{Config, Unusable};

/// What it would do to take what was read in place of `config`.
pub(crate) fn of_read(config: &Config, read: Result<Config, Unusable>) -> Diff {
    match read {
        Ok(newer) => between(config, &newer.with_socket(config.control.clone())),
        Err(unusable) => {
            let mut diff = Diff::none();
            diff.refused = Some(unusable.lines().collect::<Vec<_>>().join("; "));
            diff
        }
    }
}

/// What leads from one to the other.
fn between(config: &Config, newer: &Config) -> Diff {
    let mut diff = Diff::none();
    if let Some(section) = config.needs_restart(newer) {
        let why = format!("changes of {section} need a new start of the program");
        diff.refused = Some(why);
        return diff;
    }
    let by_key = |config: &Config| -> BTreeMap<PeerKey, PeerSettings> {
        let peers = config.speaker.peers.iter();
        peers.map(|peer| (peer.key(), peer.clone())).collect()
    };
    let (before, after) = (by_key(config), by_key(newer));
    for (key, old) in &before {
        match after.get(key) {
            None => diff
                .changes
                .push(format!("peer {key}: removed, its session ends")),
            Some(new) if new == old => {}
            Some(new) if old.keeps_session_with(new) => {
                let what = "attributes change, the session stays";
                diff.changes.push(format!("peer {key}: {what}"));
            }
            Some(_) => {
                diff.changes
                    .push(format!("peer {key}: changed, its session begins anew"));
                diff.resets.push(key.to_string());
            }
        }
    }
    let added = after.keys().filter(|key| !before.contains_key(*key));
    diff.changes
        .extend(added.map(|key| format!("peer {key}: added")));
    if config.speaker.dynamic_peers != newer.speaker.dynamic_peers {
        let text =
            "peers that come by themselves: changed, sessions of those they concern may begin anew";
        diff.changes.push(text.to_owned());
    }
    if config.docker != newer.docker {
        let text = "networks of Docker: others are announced, or otherwise";
        diff.changes.push(text.to_owned());
    }
    announcements(config, newer, &mut diff);
    diff
}

fn announcements(config: &Config, newer: &Config, diff: &mut Diff) {
    let by_prefix = |config: &Config| -> BTreeMap<_, _> {
        let announced = config.announce.iter();
        announced
            .map(|change| (change.prefix, change.clone()))
            .collect()
    };
    let (before, after) = (by_prefix(config), by_prefix(newer));
    for (prefix, old) in &before {
        match after.get(prefix) {
            None => diff.changes.push(format!("prefix {prefix}: withdrawn")),
            Some(new) if new != old => {
                diff.changes
                    .push(format!("prefix {prefix}: other attributes"));
            }
            Some(_) => {}
        }
    }
    let added = after.keys().filter(|prefix| !before.contains_key(*prefix));
    diff.changes
        .extend(added.map(|prefix| format!("prefix {prefix}: announced")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_label_of_networks_is_told_and_another_engine_refused() {
        let with = |docker: &str| {
            let text =
                format!("[local]\nas = 64512\nrouter-id = \"192.0.2.1\"\n[docker]\n{docker}");
            Config::from_text(&text).unwrap()
        };
        let before = with("");
        assert!(between(&before, &with("")).changes.is_empty());
        let label = between(&before, &with("announce-label = \"other\""));
        assert!(
            label.changes[0].starts_with("networks of Docker"),
            "{label:?}"
        );
        let engine = between(&before, &with("socket = \"/run/other.sock\""));
        assert!(engine.refused.unwrap().contains("socket of [docker]"));
    }
}
