//! ICMP echo messages (RFC 792, RFC 4443 section 4), without their IP header.

use std::net::IpAddr;

/// What makes a reply ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Echo {
    /// The kernel puts a socket's port here where it keeps the socket's
    /// messages apart itself.
    pub(crate) identifier: u16,
    pub(crate) sequence: u16,
    /// Sent along and expected back.
    pub(crate) token: u64,
}

impl Echo {
    /// A request to `to`, with its checksum for IPv4; the kernel adds that of IPv6.
    pub(crate) fn request(self, to: IpAddr) -> [u8; LENGTH] {
        let mut message = [0; LENGTH];
        message[0] = if to.is_ipv4() { REQUEST_V4 } else { REQUEST_V6 };
        message[4..6].copy_from_slice(&self.identifier.to_be_bytes());
        message[6..8].copy_from_slice(&self.sequence.to_be_bytes());
        message[8..].copy_from_slice(&self.token.to_be_bytes());
        if to.is_ipv4() {
            let checksum = checksum(&message);
            message[2..4].copy_from_slice(&checksum.to_be_bytes());
        }
        message
    }

    /// Whether `packet` from `from` is a reply to this request. A raw socket
    /// gives the IPv4 header too, and what is for others; the identifier is
    /// not compared where the kernel replaced it.
    pub(crate) fn is_answered(self, packet: &[u8], from: IpAddr, is_raw: bool) -> bool {
        let message = if is_raw && from.is_ipv4() {
            let words = packet.first().map_or(0, |first| usize::from(first & 0x0f));
            packet.get(words * 4..).unwrap_or_default()
        } else {
            packet
        };
        let Some(message) = message.get(..LENGTH) else {
            return false;
        };
        let reply = if from.is_ipv4() { REPLY_V4 } else { REPLY_V6 };
        message[0] == reply
            && message[1] == 0
            && (!is_raw || message[4..6] == self.identifier.to_be_bytes())
            && message[6..8] == self.sequence.to_be_bytes()
            && message[8..] == self.token.to_be_bytes()
    }
}

/// The internet checksum (RFC 1071).
fn checksum(message: &[u8; LENGTH]) -> u16 {
    let mut sum = 0_u32;
    for pair in message.chunks_exact(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], pair[1]]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

/// The header and a token of eight octets.
pub(crate) const LENGTH: usize = 16;
const REQUEST_V4: u8 = 8;
const REPLY_V4: u8 = 0;
const REQUEST_V6: u8 = 128;
const REPLY_V6: u8 = 129;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);
    const ECHO: Echo = Echo {
        identifier: 0x1234,
        sequence: 7,
        token: 0x0102_0304_0506_0708,
    };

    fn reply(to: IpAddr) -> [u8; LENGTH] {
        let mut message = ECHO.request(to);
        message[0] = if to.is_ipv4() { REPLY_V4 } else { REPLY_V6 };
        message
    }

    #[test]
    fn a_request_sums_up_to_all_ones() {
        let message = ECHO.request(V4);
        assert_eq!(message[..2], [8, 0]);
        assert_eq!(checksum(&message), 0);
        assert_eq!(ECHO.request(V6)[..4], [128, 0, 0, 0]);
    }

    #[test]
    fn only_its_own_reply_answers_a_request() {
        assert!(ECHO.is_answered(&reply(V4), V4, false));
        assert!(ECHO.is_answered(&reply(V6), V6, false));
        assert!(ECHO.is_answered(&reply(V6), V6, true));
        assert!(!ECHO.is_answered(&ECHO.request(V4), V4, false));
        let mut header = vec![0x46; 24];
        header.extend(reply(V4));
        assert!(ECHO.is_answered(&header, V4, true));
        assert!(!ECHO.is_answered(&reply(V4)[..15], V4, false));
        for other in [
            Echo {
                sequence: 8,
                ..ECHO
            },
            Echo { token: 1, ..ECHO },
        ] {
            assert!(!other.is_answered(&reply(V4), V4, false));
        }
        let other = Echo {
            identifier: 1,
            ..ECHO
        };
        assert!(!other.is_answered(&header, V4, true));
        assert!(other.is_answered(&reply(V4), V4, false));
    }

    proptest! {
        #[test]
        fn nothing_that_comes_in_by_chance_is_an_answer(packet in prop::collection::vec(any::<u8>(), 0..64)) {
            for (from, is_raw) in [(V4, false), (V4, true), (V6, false), (V6, true)] {
                prop_assert!(!ECHO.is_answered(&packet, from, is_raw));
            }
        }
    }
}
