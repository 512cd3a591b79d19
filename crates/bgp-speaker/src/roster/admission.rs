//! Whose connection it is that was accepted, and whether it is wanted.

use std::net::{IpAddr, SocketAddr};

use bgp_fsm::State;
use bgp_wire::NotificationCode;
use ipnet::IpNet;
use tracing::{debug, info};

use super::found::anybody_on;
use super::{Member, Roster};
use crate::listener::Accepted;
use crate::{PeerKey, interface};

impl Roster {
    /// Hands a connection to the peer it comes from.
    pub(super) fn admit(&mut self, connection: Accepted) {
        let Accepted { stream, from, door } = connection;
        let mut key = key_of(from);
        if let Some(interface) = key.interface()
            && !self.members.contains_key(&key)
        {
            let anybody = anybody_on(interface);
            if let IpAddr::V6(address) = key.address()
                && self.members.contains_key(&anybody)
            {
                if !self.take(&anybody, address) {
                    return debug!(peer = %key, "connection closed: another one is the peer there");
                }
                key = anybody;
            }
        }
        if !self.members.contains_key(&key)
            && let Err(why) = self.welcome(&key, door)
        {
            debug!(peer = %key, "connection closed: {why}");
            return;
        }
        let Some(member) = self.members.get(&key) else {
            return;
        };
        if member.unprotected.contains(&door) {
            debug!(peer = %key, "connection closed: its signatures are not checked here");
        } else if member.dismissal.has_come() {
            debug!(peer = %key, "connection closed: the peer's task is ending");
        } else if member.inbox.replace(stream).is_some() {
            debug!(peer = %key, "connection closed: there is a newer one");
        }
    }

    /// Makes a peer of a stranger if there is room for such.
    fn welcome(&mut self, key: &PeerKey, door: usize) -> Result<(), &'static str> {
        let address = key.address();
        let ours = self.config.dynamic_peers.iter();
        let ours = ours.filter(|dynamic| dynamic.prefix.contains(&address));
        let Some(dynamic) = ours.max_by_key(|dynamic| dynamic.prefix.prefix_len()) else {
            return Err("not one of our peers");
        };
        if key.interface().is_some() {
            return Err("link-local peers have to be configured one by one");
        }
        if self.doors.leaves_unprotected(dynamic, door) {
            return Err("its signatures are not checked here");
        }
        let prefix = dynamic.prefix;
        let settings = dynamic.settings(address);
        self.make_room(prefix, dynamic.limit)?;
        info!(peer = %key, %prefix, "a dynamic peer");
        self.start(key, settings, Some(prefix));
        Ok(())
    }

    /// Finds a place for one more dynamic peer of the prefix. When all are
    /// taken, who is there for the longest time without ever having had a
    /// session goes: a host that only connects, whatever it is, takes no place
    /// that a neighbour needs for longer than that neighbour needs to come.
    fn make_room(&self, prefix: IpNet, limit: usize) -> Result<(), &'static str> {
        let members = self.members.iter();
        let there = members.filter(|(_, member)| member.dynamic == Some(prefix));
        let (leaving, staying): (Vec<_>, Vec<_>) =
            there.partition(|(_, member)| member.dismissal.has_come());
        if staying.len() < limit {
            return Ok(());
        }
        if leaving.len() >= limit {
            return Err("those that make room in its prefix have not gone yet");
        }
        let statuses = self.shared.statuses.borrow();
        // A dynamic peer goes with its session, so one without has had none.
        let established = |member: &Member| {
            let status = statuses.of(member.slot);
            status.is_some_and(|status| status.state == State::Established)
        };
        let idle = staying.into_iter().filter(|(_, it)| !established(it));
        let Some((key, oldest)) = idle.min_by_key(|(_, member)| member.since) else {
            return Err("as many dynamic peers of its prefix as allowed are there");
        };
        info!(peer = %key, %prefix, "a dynamic peer without a session makes room for another");
        let code = NotificationCode::CEASE_CONNECTION_REJECTED;
        oldest.dismissal.dismiss(code);
        Ok(())
    }
}

/// Whose connection this is.
fn key_of(from: SocketAddr) -> PeerKey {
    let interface = match from {
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => interface::name(v6.scope_id()),
        _ => None,
    };
    PeerKey::new(IpAddr::to_canonical(&from.ip()), interface.as_deref())
}
