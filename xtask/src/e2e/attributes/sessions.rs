//! The hand-made neighbours: one external, one internal, one external that knows no AS numbers
//! of four octets.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context as _, Result, ensure};
use bgp_wire::{
    Afi, AsWidth, Asn, BgpIdentifier, Capability, DecodeContext, Family, HoldTime, Open,
    RawMessage, SessionKind, encode_keepalive,
};
use bytes::BytesMut;

use crate::lab::ROUTER_V4;
use crate::lab::netns::Netns;
use crate::lab::peer::Peer;
use crate::lab::router::{Neighbour, Place, ROUTER_AS, Router};
use crate::lab::two_nodes::{Medium, TwoNodes};
use crate::wait::{secs, until};

/// The AS of [`Sender::External`].
pub(super) const EXTERNAL_AS: u32 = 64513;
/// The AS of [`Sender::Old`].
pub(super) const OLD_AS: u32 = 64514;

/// The link of router and neighbours.
const LINK: &str = "lan";

/// Seconds, more than any case takes.
const HOLD_TIME: u16 = 90;

/// By which session a row goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// eBGP.
    External,
    /// iBGP.
    Internal,
    /// eBGP without the capability for four-octet AS numbers (RFC 6793).
    Old,
}

impl Sender {
    const ALL: [Self; 3] = [Self::External, Self::Internal, Self::Old];

    const fn neighbour(self) -> Neighbour {
        let (name, last, asn) = match self {
            Self::External => ("outside", 50, EXTERNAL_AS),
            Self::Internal => ("inside", 51, ROUTER_AS),
            Self::Old => ("two_octets", 52, OLD_AS),
        };
        Neighbour {
            name,
            address: Ipv4Addr::new(192, 168, 8, last),
            asn,
        }
    }

    /// How UPDATEs are written to the router.
    pub(super) const fn context(self) -> DecodeContext {
        match self {
            Self::External => DecodeContext::new(AsWidth::Four, SessionKind::External),
            Self::Internal => DecodeContext::new(AsWidth::Four, SessionKind::Internal),
            Self::Old => DecodeContext::new(AsWidth::Two, SessionKind::External),
        }
    }

    /// GoBGP 3.10 ends sessions without a hold time at the first message it sends, so there is one.
    fn open(self) -> Result<Open> {
        let Neighbour { address, asn, .. } = self.neighbour();
        let asn = Asn::new(asn);
        let mut capabilities = vec![
            Capability::Multiprotocol(Family::IPV4_UNICAST),
            Capability::Multiprotocol(Family::IPV6_UNICAST),
            Capability::ExtendedNextHop(vec![(Family::IPV4_UNICAST, Afi::IPV6)]),
        ];
        if self != Self::Old {
            capabilities.push(Capability::FourOctetAs(asn));
        }
        Ok(Open {
            asn,
            hold_time: HoldTime::new(HOLD_TIME)?,
            identifier: BgpIdentifier::from(address),
            capabilities,
        })
    }
}

/// Whom the router has to expect.
fn neighbours() -> [Neighbour; 3] {
    Sender::ALL.map(Sender::neighbour)
}

/// A namespace for the router, the place it is given, and a namespace with all neighbours'
/// addresses.
///
/// # Errors
///
/// When it cannot be made.
pub(super) fn place() -> Result<(TwoNodes, Place)> {
    let router = [IpAddr::V4(ROUTER_V4), v6_of(ROUTER_V4)].map(|it| (LINK, it));
    let neighbours = neighbours();
    let theirs = neighbours
        .iter()
        .flat_map(|it| [IpAddr::V4(it.address), v6_of(it.address)])
        .map(|it| (LINK, it));
    let theirs: Vec<_> = theirs.collect();
    let nodes = TwoNodes::join(Medium::Cable, &[LINK], &router, &theirs)?;
    let dir = nodes.dir().join("router");
    fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
    let place = Place {
        configuration: None,
        netns: nodes.one.clone(),
        dir,
        password: None,
        neighbours: neighbours.to_vec(),
        link_locals: BTreeMap::new(),
    };
    Ok((nodes, place))
}

/// An IPv6 address whose last octets are as the decimal digits of the IPv4 address' last.
fn v6_of(address: Ipv4Addr) -> IpAddr {
    let last = u16::from(address.octets()[3]);
    let digits = last / 100 * 256 + last / 10 % 10 * 16 + last % 10;
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 8, 0, 0, 0, 0, digits))
}

/// All sessions with one router, each opened once.
pub(super) struct Sessions {
    peers: Vec<(Sender, Peer)>,
}

impl Sessions {
    /// Opens all of them.
    ///
    /// # Errors
    ///
    /// When the router refuses one for 20 s.
    pub(super) fn open(from: &Netns, router: &dyn Router) -> Result<Self> {
        let mut peers = Vec::new();
        for sender in Sender::ALL {
            let open = sender.open()?;
            let Neighbour { name, address, .. } = sender.neighbour();
            let local = IpAddr::V4(address);
            // A router may need some seconds before it takes connections.
            let peer = until(&format!("the session called {name}"), secs(20), || {
                Peer::connect(from, local, IpAddr::V4(ROUTER_V4), &open)
            })?;
            peers.push((sender, peer));
        }
        let mut sessions = Self { peers };
        sessions.check(router)?;
        Ok(sessions)
    }

    /// Sends an UPDATE by one session, and a KEEPALIVE by the others.
    ///
    /// # Errors
    ///
    /// When a session is gone.
    pub(super) fn send(&mut self, by: Sender, update: &[u8]) -> Result<()> {
        let mut keepalive = BytesMut::new();
        encode_keepalive(&mut keepalive);
        self.peers.iter_mut().try_for_each(|(sender, peer)| {
            let octets = if *sender == by { update } else { &keepalive };
            peer.send(octets)
                .with_context(|| format!("session {sender:?}"))
        })
    }

    /// What the router has said to any neighbour since the last look.
    ///
    /// # Errors
    ///
    /// When a session is over.
    pub(super) fn heard(&mut self) -> Result<Vec<RawMessage>> {
        let mut heard = Vec::new();
        for (sender, peer) in &mut self.peers {
            let messages = peer.heard();
            heard.extend(messages.with_context(|| format!("session {sender:?}"))?);
        }
        Ok(heard)
    }

    /// Makes sure that every session is established still, on both sides.
    ///
    /// # Errors
    ///
    /// When one is not.
    pub(super) fn check(&mut self, router: &dyn Router) -> Result<()> {
        self.heard()?;
        // A session that is over stays so; a busy router may need a second question.
        until("the router's view of the sessions", secs(5), || {
            let established = router.established()?;
            let wanted = neighbours().map(|it| IpAddr::V4(it.address)).into();
            ensure!(established == wanted, "established are {established:?}");
            Ok(())
        })
    }
}
