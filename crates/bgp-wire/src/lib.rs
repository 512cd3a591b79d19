//! Zero-copy BGP-4 codec.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod attr;
mod capability;
mod error;
mod frame;
mod judge;
mod nlri;
mod notification;
mod number;
mod open;
mod reader;
mod route_refresh;
mod tlv;
mod update;
mod writer;

pub use attr::{
    Aggregator, AsPath, AsPathSegment, AsPathSegmentView, AsPathView, AsnIter, AttributeCode,
    AttributeFlags, AttributeIter, AttributeView, ClusterIter, Community, CommunityIter,
    ExtendedCommunity, ExtendedCommunityIter, InvalidCommunity, LargeCommunity, LargeCommunityIter,
    MpReachView, MpUnreachView, NextHop, Origin, PathAttributes, SegmentIter, SegmentKind,
};
pub use capability::{AddPathMode, Capability, CapabilityCode, CapabilityView, GracefulRestart};
pub use error::{DecodeError, DecodeErrorKind, EncodeError};
pub use frame::{HEADER_LEN, MessageType, MessageView, RawMessage, encode_keepalive};
pub use judge::{Attributes, Disposition, Fault, Judgement};
pub use nlri::{IpPrefixIter, PrefixIter};
pub use notification::{Notification, NotificationCode, NotificationView};
pub use number::{
    Afi, Asn, BgpIdentifier, Family, HoldTime, InvalidAsn, InvalidHoldTime, MaxMessageLen, Safi,
};
pub use open::{CapabilityIter, Open, OpenView};
pub use route_refresh::{RouteRefresh, RouteRefreshSubtype, RouteRefreshView};
pub use update::{AsWidth, DecodeContext, SessionKind, UpdateView};
pub use writer::{PushError, UpdateWriter, encode_end_of_rib};
