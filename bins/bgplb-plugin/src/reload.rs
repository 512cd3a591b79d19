//! The files that the settings name, read again while the plugin runs. Settings
//! themselves come from the environment, which does not change.

use std::sync::{Arc, Mutex, PoisonError};

use bgp_speaker::{PeerSettings, SpeakerHandle};
use lb_status::model::{Diff, Done, Event, EventKind};
use lb_status::{EventLog, Refused};
use tracing::{info, warn};

use crate::app;
use crate::controller::Handle;
use crate::settings::Settings;

/// Reads the files, compares and takes over.
#[derive(Clone)]
pub(crate) struct Reloader {
    /// What holds now. Locked for moments.
    settings: Arc<Mutex<Settings>>,
    controller: Handle,
    speaker: SpeakerHandle,
    events: EventLog,
}

impl Reloader {
    /// One that finds `settings` to hold.
    pub(crate) fn new(
        settings: Settings,
        controller: Handle,
        speaker: SpeakerHandle,
        events: EventLog,
    ) -> Self {
        Self {
            settings: Arc::new(Mutex::new(settings)),
            controller,
            speaker,
            events,
        }
    }

    /// What a reload would do.
    pub(crate) fn diff(&self) -> Diff {
        let mut diff = Diff::none();
        match read() {
            Ok(newer) => compare(&self.held(), &newer, &mut diff),
            Err(why) => diff.refused = Some(why),
        }
        diff
    }

    /// Reads the files again and takes over what is in them; a file that can't be used
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// Why it can't be used.
    pub(crate) async fn reload(&self) -> Result<Done, Refused> {
        let newer = read().map_err(|why| {
            warn!("the files were not read again: {why}; everything stays as it is");
            Refused::conflict(format!("{why}; everything stays as it is"))
        })?;
        let mut diff = Diff::none();
        compare(&self.held(), &newer, &mut diff);
        if diff.changes.is_empty() {
            return Ok(Done::new(false, "nothing has changed in the files"));
        }
        // What may still be refused comes first.
        let peers = self.speaker.set_peers(app::peers(&newer), Vec::new());
        peers
            .await
            .map_err(|error| Refused::conflict(error.to_string()))?;
        let pools = newer.pools.clone();
        let replaced = self.controller.ask(move |it| it.replace_pools(pools)).await;
        replaced.map_err(|_| lb_status::Gone)?;
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = newer;
        let message = format!("the files were read again: {}", diff.changes.join("; "));
        info!("{message}");
        self.events
            .write(Event::new(EventKind::ConfigReloaded, message.as_str()));
        Ok(Done::new(true, message))
    }

    fn held(&self) -> Settings {
        let settings = self.settings.lock();
        settings.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn read() -> Result<Settings, String> {
    Settings::of_environment().map_err(|error| error.to_string())
}

/// What can differ: passwords and pools are in files, everything else is in the
/// environment.
fn compare(now: &Settings, newer: &Settings, diff: &mut Diff) {
    let pairs = now.passwords.iter().zip(&newer.passwords);
    let peers = app::peers(now);
    for (peer, _) in peers.iter().zip(pairs).filter(|(_, (old, new))| old != new) {
        let peer = PeerSettings::key(peer).to_string();
        diff.changes.push(format!(
            "peer {peer}: another password, its session begins anew"
        ));
        diff.resets.push(peer);
    }
    if now.pools == newer.pools {
        return;
    }
    let of = |settings: &Settings, name: &str| {
        settings.pools.iter().find(|it| it.name() == name).cloned()
    };
    for pool in newer.pools.iter() {
        match of(now, pool.name()) {
            None => diff.changes.push(format!("pool {}: added", pool.name())),
            Some(before) if before != *pool => {
                diff.changes.push(format!(
                    "pool {}: changed, for networks to come",
                    pool.name()
                ));
            }
            Some(_) => {}
        }
    }
    let gone = now
        .pools
        .iter()
        .filter(|pool| of(newer, pool.name()).is_none());
    diff.changes.extend(gone.map(|pool| {
        format!(
            "pool {}: removed, its networks keep their addresses",
            pool.name()
        )
    }));
}

#[cfg(test)]
mod tests {
    use lb_status::model::Diff;

    use super::compare;
    use crate::settings::Settings;

    fn settings(password: &str, pools: &str) -> Settings {
        let read = Settings::read(|name| {
            let value = match name {
                "ROUTER_ID" => "192.168.8.40",
                "PEER_ADDRESS" => "192.168.8.137,2001:db8::137",
                "PEER_AS" => "65500",
                "PEER_PASSWORD" => password,
                "POOLS" => pools,
                _ => return None,
            };
            Some(value.to_owned())
        });
        read.unwrap()
    }

    #[test]
    fn what_a_reload_changes_is_told_without_a_word_of_a_password() {
        let before = settings("first", "db=10.9.0.0/29;web=10.8.0.0/29");
        let mut diff = Diff::none();
        compare(&before, &before.clone(), &mut diff);
        assert_eq!(diff, Diff::none());
        let after = settings("second", "web=10.8.0.0/28;new=10.7.0.0/29");
        compare(&before, &after, &mut diff);
        assert_eq!(diff.resets, ["192.168.8.137", "2001:db8::137"]);
        let changes = [
            "peer 192.168.8.137: another password, its session begins anew",
            "peer 2001:db8::137: another password, its session begins anew",
            "pool new: added",
            "pool web: changed, for networks to come",
            "pool db: removed, its networks keep their addresses",
        ];
        assert_eq!(diff.changes, changes);
    }
}
