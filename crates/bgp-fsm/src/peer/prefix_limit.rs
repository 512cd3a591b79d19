//! The end of a session with a peer that announces too much (RFC 4271 section
//! 6.7, RFC 4486).

use std::time::Instant;

use bgp_wire::{Family, Notification, NotificationCode};
use bytes::{BufMut as _, BytesMut};

use super::Peer;
use crate::error::Cause;
use crate::io::Event;
use crate::timer::Timer;

impl Peer {
    /// The driver holds this many prefixes of the peer.
    pub(super) fn prefix_count(&mut self, now: Instant, family: Family, count: u32) {
        if self
            .negotiated()
            .is_none_or(|n| !n.families.contains(&family))
        {
            return;
        }
        let Some(limit) = self.config.prefix_limits.get(&family).copied() else {
            return;
        };
        let max = limit.max;
        if count > max {
            self.too_many(now, family, count, max);
        } else if limit.warning.is_none_or(|warning| count < warning) {
            self.prefix_warnings.remove(&family);
        } else if self.prefix_warnings.insert(family) {
            self.event(Event::PrefixWarning { family, count, max });
        }
    }

    /// Cease with the family and the limit as its data (RFC 4486 section 4),
    /// and no attempt for the configured time or at all.
    fn too_many(&mut self, now: Instant, family: Family, count: u32, max: u32) {
        let mut data = BytesMut::new();
        data.put_u16(family.afi.0);
        data.put_u8(family.safi.0);
        data.put_u32(max);
        let code = NotificationCode::CEASE_MAX_PREFIXES;
        let notification = Notification::with_data(code, data.freeze());
        let cause = Cause::PrefixLimit { family, count, max };
        let Some(reason) = self.close_all(now, &notification, &cause) else {
            return;
        };
        let limit = self.config.prefix_limits.get(&family);
        let pause = limit.and_then(|limit| limit.restart_after);
        self.fall_back(now);
        if let Some(pause) = pause {
            self.timers.set(Timer::PrefixLimit, now, pause);
        }
        self.publish_state();
        self.event(Event::Down(reason));
    }

    /// The session ends, and its warnings with it.
    pub(super) fn forget_prefixes(&mut self) {
        self.prefix_warnings.clear();
    }
}
