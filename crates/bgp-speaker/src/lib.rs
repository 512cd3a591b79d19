//! A BGP speaker on tokio: it announces prefixes to peers, and turns what they
//! announce into sets of next hops.
//!
//! [`SpeakerHandle::apply`] changes what is announced. Each peer has a task of
//! its own that drives a [`bgp_fsm::Peer`], and is woken by the change: it pulls
//! what its peer lacks, packs it into as few UPDATEs as possible and writes at
//! once. A peer that does not read holds up itself alone, with bounded buffers.
//! [`SpeakerHandle::set_peers`] changes the peers of a speaker that runs;
//! sessions that need not end do not. [`SpeakerHandle::flushed`] tells when a
//! withdrawal has left for every peer, so that what stood behind the prefix may
//! go. [`SpeakerHandle::learned`] reads the routes accepted from peers, best
//! paths chosen and equal ones combined. [`SpeakerHandle::learned_page`] and
//! [`SpeakerHandle::announced_page`] show both tables to people, in pieces.
//! [`PeerStatus::diagnose`] says why a peer has no session, or one that does less
//! than it was configured for, and what mends it.
//!
//! # What it does not do
//!
//! It knows no policy beyond what [`PeerSettings`] say of a peer's routes and of
//! ours to it, passes nothing on from one peer to another, and never asks the
//! kernel about routes nor changes them: who runs it tells it the machine's
//! addresses ([`LocalAddresses`]) and, if routes shall follow them, the ways to
//! next hops ([`SpeakerHandle::set_reachable_next_hops`]), and installs what it
//! learns.
//!
//! # The contract
//!
//! [`RibVersion`]s are states, not events: a version that was flushed includes
//! every earlier one. A peer that connects later gets the whole table first,
//! then End-of-RIB, then changes.
//!
//! Peers are asked to keep our routes for two minutes when a session breaks off
//! (graceful restart). A program that comes back after a crash or an upgrade
//! sets [`SpeakerConfig::restarting`], announces what it announced before, and
//! then calls [`SpeakerHandle::initial_table_complete`]: only then do peers
//! forget what it did not announce again. Cancelling withdraws everything
//! first; [`SpeakerHandle::set_restarting`] makes it the first half of a
//! restart instead. Without BFD a machine that dies is noticed when the hold
//! time is over, and its routes stay in use for the restart time after that.
//!
//! What a peer that restarts has announced stays in use until it has told
//! everything again, or its time is over. After a restart of ours nobody reads
//! learned routes before every peer has told what it has
//! ([`SpeakerHandle::selection_deferred`]): who has kept those of before goes on
//! with them meanwhile.
//!
//! ```
//! use std::net::IpAddr;
//! use std::sync::Arc;
//!
//! use bgp_speaker::{LocalAddresses, PeerSettings, RibChange, Speaker, SpeakerConfig};
//! use bgp_wire::{Asn, BgpIdentifier, PathAttributes};
//! use tokio::sync::watch;
//! use tokio_util::sync::CancellationToken;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let identifier = BgpIdentifier::from(std::net::Ipv4Addr::new(192, 0, 2, 1));
//! let mut config = SpeakerConfig::new(Asn::new(64512), identifier);
//! let router = IpAddr::from([127, 0, 0, 2]);
//! config.peers.push(PeerSettings::new(router, Asn::new(64513)));
//!
//! let (_addresses, local_addresses) = watch::channel(Arc::new(LocalAddresses::default()));
//! let (speaker, handle) = Speaker::new(config, local_addresses)?;
//! let cancel = CancellationToken::new();
//! let running = tokio::spawn(speaker.run(cancel.clone()));
//!
//! let prefix = "203.0.113.1/32".parse()?;
//! handle.apply(&[RibChange::announce(prefix, Arc::new(PathAttributes::originated()))]);
//! let version = handle.apply(&[RibChange::withdraw(prefix)]);
//! // Every peer that is connected has heard of it.
//! handle.flushed(version).await;
//!
//! cancel.cancel();
//! running.await??;
//! # Ok(())
//! # }
//! ```
//!
//! # Standards
//!
//! RFC 4271 (sessions, decision process), 4760 (IPv6), 2918 and 7313 (route
//! refresh), 4724 and 8538 (graceful restart, both roles), 8326 (graceful
//! shutdown), 9234 (roles, ONLY_TO_CUSTOMER), 7606 (faulty UPDATEs), 2385 (TCP MD5), 4486 (limit of
//! prefixes), 4861 sections 6.1 to 6.3 as far as routers find each other,
//! 5082 (TTL security), 5880 to 5883 (BFD, which see in the
//! crate `bfd`), 9384 (Cease / BFD Down). Not covered: route reflection, confederations, ADD-PATH,
//! long-lived graceful restart, TCP-AO.

mod adj_rib_in;
mod adj_rib_out;
mod bfd;
mod config;
mod controls;
mod counters;
#[allow(unsafe_code)]
mod datagram;
mod decision;
mod diagnosis;
mod dismissal;
mod gateway;
mod guests;
mod inbox;
#[allow(unsafe_code)]
mod interface;
mod interned;
mod learned;
mod listener;
#[allow(unsafe_code)]
mod md5;
mod naming;
mod news;
mod next_hop;
mod peer_task;
mod prefix;
mod reachability;
mod requests;
mod restart;
mod rib;
mod roster;
mod secret;
mod session;
mod socket;
mod speaker;
mod status;
mod tap;
mod tcp_drops;
mod trouble;
#[allow(unsafe_code)]
mod ttl_security;
mod unnumbered;
mod view;
mod wire;

pub use self::bfd::{BfdSettings, BfdStatus};
pub use config::{
    BGP_PORT, BesideBest, ConfigError, DynamicPeers, Export, IdleHold, Import, Initiation,
    Multipath, PeerKey, PeerSettings, PrefixRange, RemoteAs, SpeakerConfig, Ttl,
};
pub use counters::{MessageCounts, PeerCounters, PrefixCounts, ResetReason};
pub use diagnosis::{Diagnosis, HostView, Way};
pub use gateway::Gateway;
pub use learned::{LearnedChange, LearnedRoutes};
pub use naming::NameError;
pub use news::PeerNews;
pub use next_hop::{LocalAddresses, NextHops};
pub use prefix::unroutable;
pub use reachability::ReachableNextHops;
pub use requests::{ChangeError, PeersChange};
pub use restart::{GracefulRestart, Restarting};
pub use rib::{RibChange, RibVersion};
pub use secret::Secret;
pub use speaker::{Speaker, SpeakerHandle};
pub use status::{PeerStatus, PeerStatuses};
pub use tap::{Direction, Piece, Tap};
pub use tcp_drops::TcpDrops;
pub use trouble::{PeerError, Trouble};
pub use unnumbered::{PeerLink, PeerLinks};
pub use view::{AnnouncedRoute, LearnedRoute};
