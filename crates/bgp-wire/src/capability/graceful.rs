//! Graceful restart, and the long-lived one.

use alloc::vec::Vec;
use core::fmt;

use bytes::{BufMut as _, BytesMut};
use nom::Parser as _;
use nom::number::complete::{be_u8, be_u16, be_u24};

use super::{family, put_family};
use crate::number::Family;
use crate::tlv;

/// The graceful restart capability's value (RFC 4724 section 3).
///
/// ```text
/// flags (4 bits) | restart time (12 bits) | { afi (2) | safi (1) | flags (1) } …
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GracefulRestart {
    /// The R bit: the speaker has restarted just now.
    pub restarted: bool,
    /// The N bit: NOTIFICATIONs and hold timer expiry count as restarts too
    /// (RFC 8538).
    pub notification: bool,
    /// Families with their F bit: whether the forwarding state was kept.
    pub families: Vec<(Family, bool)>,
    restart_seconds: u16,
}

impl GracefulRestart {
    /// The longest restart time that can be said, in seconds.
    pub const MAX_RESTART_SECONDS: u16 = 0x0fff;

    /// Without flags or families. A restart time above
    /// [`Self::MAX_RESTART_SECONDS`] is lowered to it.
    #[must_use]
    pub const fn new(restart_seconds: u16) -> Self {
        Self {
            restarted: false,
            notification: false,
            families: Vec::new(),
            restart_seconds: if restart_seconds > Self::MAX_RESTART_SECONDS {
                Self::MAX_RESTART_SECONDS
            } else {
                restart_seconds
            },
        }
    }

    /// How long the session may be away, in seconds.
    #[must_use]
    pub const fn restart_seconds(&self) -> u16 {
        self.restart_seconds
    }

    pub(super) fn encode_value(&self, buf: &mut BytesMut) {
        let r = if self.restarted { RESTARTED } else { 0 };
        let n = if self.notification { NOTIFICATION } else { 0 };
        buf.put_u16(r | n | self.restart_seconds);
        for (family, kept) in &self.families {
            put_family(buf, *family);
            buf.put_u8(if *kept { FORWARDING } else { 0 });
        }
    }
}

/// One family of the long-lived graceful restart capability (RFC 9494 section
/// 3.1).
///
/// ```text
/// afi (2) | safi (1) | flags (1) | stale time (3)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LongLivedFamily {
    /// The family.
    pub family: Family,
    /// The F bit: whether the forwarding state was kept.
    pub forwarding_kept: bool,
    stale_seconds: u32,
}

impl LongLivedFamily {
    /// The longest stale time that can be said, in seconds.
    pub const MAX_STALE_SECONDS: u32 = 0x00ff_ffff;

    /// Without the flag. A stale time above [`Self::MAX_STALE_SECONDS`] is
    /// lowered to it.
    #[must_use]
    pub const fn new(family: Family, stale_seconds: u32) -> Self {
        Self {
            family,
            forwarding_kept: false,
            stale_seconds: if stale_seconds > Self::MAX_STALE_SECONDS {
                Self::MAX_STALE_SECONDS
            } else {
                stale_seconds
            },
        }
    }

    /// How long routes may be kept after the restart time, in seconds.
    #[must_use]
    pub const fn stale_seconds(&self) -> u32 {
        self.stale_seconds
    }

    pub(super) fn encode(&self, buf: &mut BytesMut) {
        put_family(buf, self.family);
        buf.put_u8(if self.forwarding_kept { FORWARDING } else { 0 });
        buf.put_uint(u64::from(self.stale_seconds), 3);
    }
}

/// `ipv4-unicast/86400 s`.
impl fmt::Display for LongLivedFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} s", self.family, self.stale_seconds)
    }
}

pub(super) fn graceful_restart(value: &[u8]) -> Option<GracefulRestart> {
    let (rest, head) = be_u16::<_, ()>.parse(value).ok()?;
    let families = tlv::list(rest, |input| (tlv::family, be_u8).parse(input))?;
    Some(GracefulRestart {
        restarted: head & RESTARTED != 0,
        notification: head & NOTIFICATION != 0,
        restart_seconds: head & GracefulRestart::MAX_RESTART_SECONDS,
        families: families
            .into_iter()
            .map(|(it, flags)| (family(it), flags & FORWARDING != 0))
            .collect(),
    })
}

pub(super) fn long_lived(value: &[u8]) -> Option<Vec<LongLivedFamily>> {
    let list = tlv::list(value, |input| (tlv::family, be_u8, be_u24).parse(input))?;
    let families = list.into_iter().map(|(it, flags, stale_seconds)| {
        let mut read = LongLivedFamily::new(family(it), stale_seconds);
        read.forwarding_kept = flags & FORWARDING != 0;
        read
    });
    Some(families.collect())
}

const RESTARTED: u16 = 0x8000;
const NOTIFICATION: u16 = 0x4000;
const FORWARDING: u8 = 0x80;
