//! Whom the peers on interfaces are: routers that are heard there, or that connect to us.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use bgp_fsm::State;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::{Member, Roster};
use crate::unnumbered::{Choice, News, Verdict};
use crate::{PeerError, PeerKey, Trouble};

/// Who was found on a peer's interface.
#[derive(Debug)]
pub(super) struct Found {
    interface: String,
    choice: Choice,
    /// For the peer's task.
    neighbour: watch::Sender<Option<Ipv6Addr>>,
    /// The kernel's number of the link while it ran.
    link: Option<u32>,
}

impl Found {
    pub(super) fn on(interface: &str) -> Self {
        Self {
            interface: interface.to_owned(),
            choice: Choice::default(),
            neighbour: watch::Sender::new(None),
            link: None,
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Option<Ipv6Addr>> {
        self.neighbour.subscribe()
    }
}

impl Roster {
    /// Begins to look for a peer that is whoever is on its interface.
    pub(super) fn look_on(&mut self, key: &PeerKey) {
        let Some(interface) = key.interface().filter(|_| key.is_anybody()) else {
            return;
        };
        self.shared.unnumbered.interfaces.send_modify(|all| {
            Arc::make_mut(all).insert(interface.to_owned());
        });
        self.follow_link(interface);
    }

    /// Nobody looks for the peer any more.
    pub(super) fn look_away(&self, member: &Member) {
        if let Some(found) = &member.found {
            self.shared.unnumbered.interfaces.send_modify(|all| {
                Arc::make_mut(all).remove(&found.interface);
            });
        }
    }

    /// Looks at every link with a peer to be found.
    pub(super) fn follow_links(&mut self) {
        let all: Vec<_> = self
            .shared
            .unnumbered
            .interfaces
            .borrow()
            .iter()
            .cloned()
            .collect();
        for interface in all {
            self.follow_link(&interface);
        }
    }

    /// Looks at one link.
    pub(super) fn follow_link(&mut self, interface: &str) {
        let links = Arc::clone(&self.shared.unnumbered.links.borrow());
        let link = links.get(interface).filter(|link| link.running);
        let others = self.configured_on(interface);
        let key = anybody_on(interface);
        let Some((slot, found)) = self.found(&key) else {
            return;
        };
        let index = link.map(|link| link.index);
        let before = std::mem::replace(&mut found.link, index);
        if before.is_some() && before != index {
            warn!(peer = %key, "its link is down");
            found.choice.forget();
        }
        if let Some(link) = link {
            let mut routers = link.routers.clone();
            routers.retain(|it| !others.contains(it) && !link.link_local.contains(it));
            found
                .choice
                .learn(Instant::now(), &routers, &link.unreachable);
        }
        let neighbour = found.choice.current();
        found.tell();
        self.show(slot, neighbour);
    }

    /// Takes note of what the links tell.
    pub(super) fn note(&mut self, news: News) {
        match news {
            News::Router { interface, address } => {
                if !self.configured_on(&interface).contains(&address) {
                    self.take(&anybody_on(&interface), address);
                }
            }
            News::Deaf(reason) => {
                let found = self.members.values().filter(|it| it.found.is_some());
                for member in found {
                    let text = format!("the peer cannot be looked for: {reason}");
                    self.shared.update_status(member.slot, |status| {
                        status.last_error = Some(PeerError::now(text, Trouble::Other));
                    });
                }
            }
        }
    }

    /// Somebody on the interface of `key` has spoken, or connects to us;
    /// whether that is the peer.
    pub(super) fn take(&mut self, key: &PeerKey, address: Ipv6Addr) -> bool {
        let established = self.members.get(key).is_some_and(|member| {
            let statuses = self.shared.statuses.borrow();
            let status = statuses.of(member.slot);
            status.is_some_and(|status| status.state == State::Established)
        });
        let Some((slot, found)) = self.found(key) else {
            return false;
        };
        match found.choice.hear(Instant::now(), address, established) {
            Verdict::Known => true,
            Verdict::Taken => {
                info!(peer = %key, %address, "its address was found");
                found.tell();
                self.show(slot, Some(address));
                true
            }
            Verdict::Refused { by, news: true } => {
                warn!(peer = %key, kept = %by, other = %address, "another router is on the link");
                false
            }
            Verdict::Refused { by, .. } => {
                debug!(peer = %key, kept = %by, other = %address, "another router is on the link");
                false
            }
        }
    }

    fn found(&mut self, key: &PeerKey) -> Option<(usize, &mut Found)> {
        let Member { slot, found, .. } = self.members.get_mut(key)?;
        Some((*slot, found.as_mut()?))
    }

    /// Peers on the interface that have an address of their own.
    fn configured_on(&self, interface: &str) -> BTreeSet<Ipv6Addr> {
        let keys = self
            .wanted
            .keys()
            .filter(|key| key.interface() == Some(interface));
        keys.filter_map(|key| match key.address() {
            IpAddr::V6(address) if !address.is_unspecified() => Some(address),
            _ => None,
        })
        .collect()
    }

    fn show(&self, slot: usize, neighbour: Option<Ipv6Addr>) {
        self.shared.statuses.send_if_modified(|all| {
            let Some(status) = all.get_mut(slot) else {
                return false;
            };
            let now = neighbour.map(IpAddr::from);
            std::mem::replace(&mut status.neighbour, now) != now
        });
    }
}

impl Found {
    fn tell(&self) {
        let now = self.choice.current();
        self.neighbour.send_if_modified(|before| {
            let changed = *before != now;
            *before = now;
            changed
        });
    }
}

/// The peer that is whoever is on the interface.
pub(super) fn anybody_on(interface: &str) -> PeerKey {
    PeerKey::new(Ipv6Addr::UNSPECIFIED.into(), Some(interface))
}
