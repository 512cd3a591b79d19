//! What is asked of the roster: another list of peers, one more, one less.

use super::{Request, Roster, Settled};
use crate::requests::PeersChange;
use crate::{ConfigError, DynamicPeers, PeerSettings, SpeakerConfig};

impl Roster {
    /// Who asked may have gone meanwhile; that changes nothing.
    pub(super) fn answer(&mut self, request: Request) {
        match request {
            Request::SetPeers {
                peers,
                dynamic_peers,
                answer,
            } => drop(answer.send(self.set_peers(peers, dynamic_peers))),
            Request::AddPeer { settings, answer } => drop(answer.send(self.add(*settings))),
            Request::RemovePeer { key, answer } => {
                let known = self.wanted.remove(&key).is_some();
                self.let_in_who_is_wanted();
                self.settle(&key);
                let _ = answer.send(known);
            }
        }
    }

    fn add(&mut self, settings: PeerSettings) -> Result<(), ConfigError> {
        let key = settings.key();
        if self.wanted.contains_key(&key) {
            return Err(ConfigError::DuplicatePeer(key));
        }
        self.config.check_peer(&settings)?;
        self.wanted.insert(key.clone(), settings);
        self.let_in_who_is_wanted();
        self.settle(&key);
        Ok(())
    }

    fn set_peers(
        &mut self,
        peers: Vec<PeerSettings>,
        dynamic_peers: Vec<DynamicPeers>,
    ) -> Result<PeersChange, ConfigError> {
        let mut config = SpeakerConfig {
            peers,
            dynamic_peers,
            ..self.config.clone()
        };
        config.check()?;
        let peers = std::mem::take(&mut config.peers);
        let keys: Vec<_> = peers.iter().map(PeerSettings::key).collect();
        let wanted = keys.iter().cloned().zip(peers).collect();
        let before = std::mem::replace(&mut self.wanted, wanted);
        self.set_dynamic_peers(config.dynamic_peers);
        self.let_in_who_is_wanted();

        let mut change = PeersChange::default();
        for key in before.keys() {
            if !self.wanted.contains_key(key) {
                change.removed += 1;
                self.settle(key);
            }
        }
        for key in &keys {
            let settled = self.settle(key);
            *match settled {
                _ if !before.contains_key(key) => &mut change.added,
                Settled::Unchanged => &mut change.unchanged,
                Settled::Updated => &mut change.updated,
                Settled::Started | Settled::Restarting | Settled::Leaving => &mut change.restarted,
            } += 1;
        }
        Ok(change)
    }

    fn set_dynamic_peers(&mut self, now: Vec<DynamicPeers>) {
        let before = std::mem::replace(&mut self.config.dynamic_peers, now);
        let now = &self.config.dynamic_peers;
        // A key that stays is not touched, not even for a moment.
        let guarded = |here: &[DynamicPeers], dynamic: &DynamicPeers| {
            let password = &dynamic.template.password;
            let mut same = here.iter().filter(|it| it.prefix == dynamic.prefix);
            same.any(|it| it.template.password == *password)
        };
        for new in now.iter().filter(|new| !guarded(&before, new)) {
            self.doors.protect_prefix(new);
        }
        for old in &before {
            let mut same = now.iter().filter(|new| new.prefix == old.prefix);
            if !same.any(|new| new.template.password.is_some()) {
                self.doors.unprotect_prefix(old);
            }
        }
        let visiting: Vec<_> = self
            .members
            .iter()
            .filter(|(_, member)| member.dynamic.is_some())
            .map(|(key, _)| key.clone())
            .collect();
        for key in visiting {
            self.settle(&key);
        }
    }
}
