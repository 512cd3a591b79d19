use std::ops::Bound;
use std::sync::Arc;

use bgp_wire::{PathAttributes, SessionKind};
use ipnet::IpNet;

use super::*;
use crate::Multipath;
use crate::decision::Path;
use crate::learned::LearnedShared;
use crate::rib::Table;

/// One peer's IPv4 prefixes, with the learned routes that keep them.
struct Peer {
    accepted: Accepted,
    learned: LearnedShared,
}

impl Peer {
    fn with(numbers: &[u8]) -> Self {
        let mut peer = Self {
            accepted: Accepted::default(),
            learned: LearnedShared::new(Multipath::default(), false, false),
        };
        numbers.iter().for_each(|it| peer.insert(net(*it)));
        peer
    }

    fn insert(&mut self, prefix: IpNet) {
        let path = Arc::new(Path {
            peer: 7,
            session: SessionKind::External,
            next_hop: [192, 0, 2, 1].into(),
            local_pref: 100,
            neighbour: None,
            identifier: std::net::Ipv4Addr::new(192, 0, 2, 1).into(),
            peer_address: [192, 0, 2, 1].into(),
            attributes: PathAttributes::originated(),
            rate: None,
            interface: None,
            epoch: 0,
        });
        let generation = self.accepted.generation();
        let more = self.learned.announce(&path, [prefix], |_| generation);
        self.accepted.add(more.v4);
    }

    /// Takes back what is older, and returns that.
    fn take(&mut self, older: u32) -> Vec<IpNet> {
        let mut before = self.prefixes();
        let gone = self
            .learned
            .take_back(7, Table::V4, Some(older), usize::MAX);
        self.accepted.remove(gone);
        let left = self.prefixes();
        before.retain(|prefix| !left.contains(prefix));
        assert_eq!((before.len(), left.len()), (gone, self.accepted.len()));
        before
    }

    fn take_retained(&mut self) -> Vec<IpNet> {
        let older = self.accepted.end_retention();
        self.take(older)
    }

    fn take_unrefreshed(&mut self) -> Vec<IpNet> {
        let older = self.accepted.end_refresh();
        self.take(older)
    }

    fn prefixes(&self) -> Vec<IpNet> {
        let mut all = Vec::new();
        self.learned
            .page(Bound::Unbounded, usize::MAX, |prefix, _, _, _| {
                all.push(prefix);
            });
        all
    }
}

fn net(number: u8) -> IpNet {
    IpNet::new([10, 0, 0, number].into(), 32).unwrap()
}

#[test]
fn what_was_announced_again_is_not_left_from_before() {
    let mut peer = Peer::with(&[1, 2, 3]);
    peer.accepted.retain();
    peer.insert(net(2));
    peer.insert(net(4));
    assert_eq!(peer.take_retained(), [net(1), net(3)]);
    assert_eq!(peer.accepted.len(), 2);
    assert_eq!(peer.take_retained(), []);
}

#[test]
fn a_refresh_takes_what_was_not_repeated() {
    let mut peer = Peer::with(&[1, 2]);
    assert_eq!(peer.take_unrefreshed(), []);
    peer.accepted.refresh();
    peer.insert(net(2));
    peer.insert(net(3));
    assert_eq!(peer.take_unrefreshed(), [net(1)]);
    assert_eq!(peer.accepted.len(), 2);
}

#[test]
fn end_of_rib_within_a_refresh_spares_what_this_session_announced() {
    let mut peer = Peer::with(&[1]);
    peer.accepted.retain();
    peer.insert(net(2));
    peer.accepted.refresh();
    assert_eq!(peer.take_retained(), [net(1)]);
    assert_eq!(peer.take_unrefreshed(), [net(2)]);
}

#[test]
fn a_lost_session_ends_its_refresh() {
    let mut peer = Peer::with(&[1]);
    peer.accepted.refresh();
    peer.accepted.retain();
    assert_eq!(peer.take_unrefreshed(), []);
    assert_eq!(peer.take_retained(), [net(1)]);
}
