//! Zero-copy BGP-4 codec: messages, capabilities, path attributes, prefixes,
//! and what RFC 7606 says to do about malformed ones.
//!
//! [`RawMessage::split_from`] cuts whole messages out of a stream,
//! [`RawMessage::view`] looks at one without copying, and
//! [`UpdateView::judge`] applies RFC 7606 to an UPDATE in one pass. Reading
//! UPDATEs allocates nothing. Every message prints as one line, or as a tree
//! by [`MessageView::tree`]. The other way, owned types such as [`Open`] and
//! [`Notification`] append themselves to the caller's buffer, and
//! [`UpdateWriter`] packs prefixes up to the longest message.
//!
//! It does no I/O, reads no clock and keeps no state: sessions and their
//! timers, route selection, loops, and what was negotiated are the caller's.
//! It needs `alloc` and nothing else of the standard library.
//!
//! The one contract to know: **every octet may be hostile.** Reading is total.
//! It ends in a value or a [`DecodeError`], never in a panic, and takes time
//! and memory in proportion to the octets that are there, not to the lengths
//! they claim. [`DecodeError::notification`] is the only mapping from errors
//! to NOTIFICATION. What a message means in its session (the width of AS
//! numbers, whether the peer is internal, path identifiers) comes in as
//! [`DecodeContext`].
//!
//! ```
//! use bgp_wire::{
//!     AsPath, AsWidth, Asn, DecodeContext, Family, MaxMessageLen, MessageView, NextHop,
//!     PathAttributes, RawMessage, SessionKind, UpdateWriter,
//! };
//! use bytes::BytesMut;
//!
//! let session = DecodeContext::new(AsWidth::Four, SessionKind::External);
//! let mut attributes = PathAttributes::originated();
//! attributes.as_path = AsPath::sequence([Asn::new(64512)]);
//!
//! let mut stream = BytesMut::new();
//! let mut update = UpdateWriter::announce(
//!     &mut stream,
//!     MaxMessageLen::STANDARD,
//!     Family::IPV6_UNICAST,
//!     &NextHop::v6("2001:db8::1".parse()?),
//!     &attributes,
//!     session,
//! )?;
//! update.push("2001:db8:1000::101/128".parse()?)?;
//! update.finish();
//!
//! let message = RawMessage::split_from(&mut stream, MaxMessageLen::STANDARD)?.expect("whole");
//! let MessageView::Update(update) = message.view()? else { panic!("not an UPDATE") };
//! let judgement = update.judge(session);
//! assert_eq!(judgement.disposition(), None);
//! let reach = judgement.attributes().mp_reach().expect("IPv6 routes");
//! assert_eq!(reach.prefixes().next(), Some(Ok("2001:db8:1000::101/128".parse()?)));
//! assert_eq!(
//!     update.display(session).to_string(),
//!     "UPDATE announce ipv6-unicast 2001:db8:1000::101/128 next-hop 2001:db8::1 origin igp as-path [64512]"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Covered: RFC 4271, 1997, 2545, 2918, 4360 with 5668 and the common types of
//! 4577, 8097 and 9012 by name, 4456, 4486, 4724 (capability and End-of-RIB),
//! 4760 and 8950 for unicast and multicast of both IP versions, 5065 (segments),
//! 5492, 5701 (length), 6286, 6608, 6793, 7313, 7606, 7607, 7911, 8092, 8326 and
//! 7999 (communities), 8538, 8654, 9003, 9072, 9234, 9494 (capability and
//! communities), 9687 (code). What is not known by name survives from reading
//! to writing: [`OtherAttribute`], [`Capability::Unknown`].
//!
//! The feature `mrt` reads files of routing data (RFC 6396, 8050): see the
//! module of that name.
//!
//! Omitted: families other than those (their NLRI stay octets), ATTR_SET
//! (RFC 6368). AFI/SAFI disable of RFC 7606 is never asked for: such faults
//! reset the session, and [`Fault::family`] says where disabling one family
//! would do.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![warn(
    clippy::indexing_slicing,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::alloc_instead_of_core
)]

extern crate alloc;

mod attr;
mod capability;
mod dump;
mod error;
mod frame;
mod judge;
#[cfg(feature = "mrt")]
pub mod mrt;
mod nlri;
mod notification;
mod number;
mod open;
mod path_id;
mod reader;
mod role;
mod route_refresh;
mod tlv;
mod tree;
mod update;
mod writer;

pub use attr::{
    Administrator, Aggregator, AsPath, AsPathSegment, AsPathSegmentView, AsPathView, AsnIter,
    AttributeCode, AttributeFlags, AttributeIter, AttributeView, ClusterIter, Community,
    CommunityIter, ExtendedCommunity, ExtendedCommunityIter, ExtendedValue, InvalidCommunity,
    LargeCommunity, LargeCommunityIter, MpReachView, MpUnreachView, NextHop, Origin,
    OriginValidation, OtherAttribute, OtherAttributeIter, PathAttributes, SegmentIter, SegmentKind,
};
pub use capability::{
    AddPathMode, Capability, CapabilityCode, CapabilityView, GracefulRestart, LongLivedFamily,
};
pub use dump::UpdateDisplay;
pub use error::{DecodeError, DecodeErrorKind, EncodeError};
pub use frame::{HEADER_LEN, MessageType, MessageView, RawMessage, encode_keepalive};
pub use judge::{Attributes, Disposition, Fault, Judgement};
pub use nlri::{IpPrefixIter, PrefixIter};
pub use notification::{Notification, NotificationCode, NotificationView};
pub use number::{
    Afi, Asn, BgpIdentifier, Family, HoldTime, InvalidAsn, InvalidHoldTime, MaxMessageLen, Safi,
};
pub use open::{CapabilityIter, Open, OpenView};
pub use path_id::{IpNlriIter, Nlri, NlriIter, PathIds};
pub use role::{Role, RouteLeak};
pub use route_refresh::{RouteRefresh, RouteRefreshSubtype, RouteRefreshView};
pub use tree::MessageTree;
pub use update::{AsWidth, DecodeContext, SessionKind, UpdateView};
pub use writer::{PushError, UpdateWriter, encode_end_of_rib};
