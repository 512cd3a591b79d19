//! Router Solicitations and Advertisements (RFC 4861 section 4.1 and 4.2): read and written.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// What a router's neighbour says to find it, or a router to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// Somebody wants to know which routers there are.
    Solicitation,
    /// The sender is a router.
    Advertisement,
}

/// Why a message is silently discarded (RFC 4861 section 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// Shorter than its fixed part.
    Short,
    /// Neither of the two types.
    Type(u8),
    /// Not 0.
    Code(u8),
    /// Less than 255: it may come from another link.
    HopLimit(u8),
    /// An advertisement from an address that is not link-local.
    Source,
    /// An option of length 0, or longer than what is left.
    Option,
    /// A solicitation without a source that tells a link-layer address.
    Anonymous,
}

impl Message {
    /// Reads an ICMPv6 message whose checksum the kernel has checked.
    ///
    /// # Errors
    ///
    /// What makes it invalid by RFC 4861 section 6.1.1 or 6.1.2.
    pub(crate) fn parse(octets: &[u8], source: IpAddr, hop_limit: u8) -> Result<Self, Invalid> {
        let &[kind, code, ..] = octets else {
            return Err(Invalid::Short);
        };
        let (message, fixed) = match kind {
            SOLICITATION => (Self::Solicitation, SOLICITATION_LEN),
            ADVERTISEMENT => (Self::Advertisement, ADVERTISEMENT_LEN),
            _ => return Err(Invalid::Type(kind)),
        };
        if code != 0 {
            return Err(Invalid::Code(code));
        }
        if hop_limit != HOP_LIMIT {
            return Err(Invalid::HopLimit(hop_limit));
        }
        let from_link = matches!(source, IpAddr::V6(v6) if v6.is_unicast_link_local());
        if message == Self::Advertisement && !from_link {
            return Err(Invalid::Source);
        }
        let options = octets.get(fixed..).ok_or(Invalid::Short)?;
        let tells_link_layer = check_options(options)?;
        if message == Self::Solicitation && source.is_unspecified() && tells_link_layer {
            return Err(Invalid::Anonymous);
        }
        Ok(message)
    }

    /// The message with our link-layer address, if we have one; the kernel
    /// puts the checksum in. An advertisement has a router lifetime of 0: we
    /// are a router, but nobody's default router.
    pub(crate) fn encode(self, mac: Option<[u8; 6]>) -> Vec<u8> {
        let (kind, fixed) = match self {
            Self::Solicitation => (SOLICITATION, SOLICITATION_LEN),
            Self::Advertisement => (ADVERTISEMENT, ADVERTISEMENT_LEN),
        };
        let mut octets = vec![0; fixed];
        octets[0] = kind;
        if let Some(mac) = mac {
            octets.extend([SOURCE_LINK_LAYER_ADDRESS, 1]);
            octets.extend(mac);
        }
        octets
    }

    /// Everybody whom the message is meant for.
    pub(crate) const fn group(self) -> Ipv6Addr {
        match self {
            Self::Solicitation => ALL_ROUTERS,
            Self::Advertisement => ALL_NODES,
        }
    }
}

/// Walks over the options, each of which begins with its type and its length
/// in units of eight octets; tells whether one is the source's link-layer
/// address.
fn check_options(mut rest: &[u8]) -> Result<bool, Invalid> {
    let mut found = false;
    while let [kind, after @ ..] = rest {
        let units = after.first().copied().unwrap_or(0);
        let length = 8 * usize::from(units);
        if length == 0 {
            return Err(Invalid::Option);
        }
        found |= *kind == SOURCE_LINK_LAYER_ADDRESS;
        rest = rest.get(length..).ok_or(Invalid::Option)?;
    }
    Ok(found)
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("too short"),
            Self::Type(kind) => write!(f, "type {kind}: wanted is 133 or 134"),
            Self::Code(code) => write!(f, "code {code}: wanted is 0"),
            Self::HopLimit(hops) => write!(f, "hop limit {hops}: wanted is 255"),
            Self::Source => f.write_str("its source is no link-local address"),
            Self::Option => f.write_str("an option of length 0 or beyond the end"),
            Self::Anonymous => f.write_str("a link-layer address of nobody"),
        }
    }
}

/// The types of ICMPv6.
pub(crate) const SOLICITATION: u8 = 133;
pub(crate) const ADVERTISEMENT: u8 = 134;
/// What a message from the link itself arrives with.
pub(crate) const HOP_LIMIT: u8 = 255;
/// Who listens for solicitations.
pub(crate) const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const SOURCE_LINK_LAYER_ADDRESS: u8 = 1;
const SOLICITATION_LEN: usize = 8;
const ADVERTISEMENT_LEN: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 7];

    fn from(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn parse(octets: &[u8]) -> Result<Message, Invalid> {
        Message::parse(octets, from("fe80::1"), 255)
    }

    #[test]
    fn what_is_written_is_read() {
        for message in [Message::Solicitation, Message::Advertisement] {
            for mac in [None, Some(MAC)] {
                assert_eq!(parse(&message.encode(mac)), Ok(message));
            }
        }
    }

    #[test]
    fn we_are_a_router_but_nobodys_default_router() {
        let octets = Message::Advertisement.encode(Some(MAC));
        let expected = [[134, 0, 0, 0, 0, 0, 0, 0], [0; 8], [1, 1, 2, 0, 0, 0, 0, 7]];
        assert_eq!(octets, expected.concat());
    }

    #[test]
    fn what_may_come_from_another_link_is_invalid() {
        let octets = Message::Advertisement.encode(Some(MAC));
        for hops in [0, 1, 64, 254] {
            let read = Message::parse(&octets, from("fe80::1"), hops);
            assert_eq!(read, Err(Invalid::HopLimit(hops)));
        }
        for source in ["2001:db8::1", "::", "::1", "ff02::1", "192.0.2.1"] {
            let read = Message::parse(&octets, from(source), 255);
            assert_eq!(read, Err(Invalid::Source), "{source}");
        }
    }

    #[test]
    fn other_messages_and_codes_are_invalid() {
        let mut octets = Message::Advertisement.encode(None);
        octets[1] = 1;
        assert_eq!(parse(&octets), Err(Invalid::Code(1)));
        octets[0] = 135;
        assert_eq!(parse(&octets), Err(Invalid::Type(135)));
    }

    #[test]
    fn a_message_without_its_fixed_part_is_invalid() {
        for message in [Message::Solicitation, Message::Advertisement] {
            let octets = message.encode(None);
            for length in 0..octets.len() {
                assert_eq!(parse(&octets[..length]), Err(Invalid::Short), "{length}");
            }
        }
    }

    #[test]
    fn options_of_no_length_or_beyond_the_end_are_invalid() {
        let with = |options: &[u8]| {
            let fixed = Message::Advertisement.encode(None);
            parse(&[&fixed, options].concat())
        };
        assert_eq!(
            with(&[5, 1, 0, 0, 0, 0, 5, 220]),
            Ok(Message::Advertisement)
        );
        assert_eq!(with(&[5, 0, 0, 0, 0, 0, 5, 220]), Err(Invalid::Option));
        assert_eq!(with(&[5, 2, 0, 0, 0, 0, 5, 220]), Err(Invalid::Option));
        assert_eq!(with(&[5]), Err(Invalid::Option));
        assert_eq!(with(&[5, 1, 0, 0, 0, 0, 5]), Err(Invalid::Option));
        // An unknown one is passed over.
        assert_eq!(
            with(&[200, 1, 0, 0, 0, 0, 0, 0]),
            Ok(Message::Advertisement)
        );
    }

    #[test]
    fn nobody_has_no_link_layer_address() {
        let nobody = |octets: &[u8]| Message::parse(octets, from("::"), 255);
        let asks = Message::Solicitation;
        assert_eq!(nobody(&asks.encode(None)), Ok(asks));
        assert_eq!(nobody(&asks.encode(Some(MAC))), Err(Invalid::Anonymous));
    }

    proptest! {
        #[test]
        fn any_octets_are_survived(
            kind in prop_oneof![Just(133_u8), Just(134), any::<u8>()],
            rest in prop::collection::vec(prop_oneof![0..3_u8, any::<u8>()], 0..200),
            hops in prop_oneof![Just(255_u8), any::<u8>()],
        ) {
            let octets = [&[kind, 0], &rest[..]].concat();
            let read = Message::parse(&octets, from("fe80::1"), hops);
            if hops != 255 {
                prop_assert!(read.is_err());
            }
        }
    }
}
