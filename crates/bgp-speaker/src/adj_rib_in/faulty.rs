//! A faulty UPDATE in words: what is wrong, and whose routes that concerns.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use bgp_wire::{Attributes, Disposition, Fault, NextHop, UpdateView};
use tracing::warn;

/// Puts what RFC 7606 made of an UPDATE of `peer` into the log (section 8 asks
/// for it).
pub(super) fn report(
    peer: IpAddr,
    update: UpdateView<'_>,
    attributes: &Attributes<'_>,
    fault: Fault<'_>,
) {
    let (prefixes, next_hop) = concerned(update, attributes);
    let attribute = Octets(fault.attribute);
    let error = fault.error;
    let next_hop = next_hop.map(tracing::field::display);
    warn!(%peer, %error, %prefixes, next_hop, %attribute, "faulty UPDATE: {}", consequence(fault.disposition));
}

/// The prefixes that the UPDATE announces, and by which next hop.
pub(super) fn concerned(
    update: UpdateView<'_>,
    attributes: &Attributes<'_>,
) -> (Prefixes, Option<IpAddr>) {
    let mut prefixes = Prefixes::default();
    let reach = attributes.mp_reach();
    let v4 = update.nlri().map_while(Result::ok);
    v4.for_each(|prefix| prefixes.push(prefix));
    let more = reach.into_iter().flat_map(|reach| reach.prefixes());
    more.map_while(Result::ok)
        .for_each(|prefix| prefixes.push(prefix));
    let reached = reach.and_then(|reach| reach.next_hop());
    let next_hop = match attributes.next_hop() {
        Some(v4) => Some(IpAddr::V4(v4)),
        None => reached.map(|next_hop| match next_hop {
            NextHop::V4(v4) => IpAddr::V4(v4),
            NextHop::V6 { global, .. } => IpAddr::V6(global),
        }),
    };
    (prefixes, next_hop)
}

const fn consequence(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::AttributeDiscard => "the attribute is left out",
        Disposition::TreatAsWithdraw => "its routes count as withdrawn",
        Disposition::AfiSafiDisable => "the family is of no use any more",
        Disposition::SessionReset => "the session ends",
    }
}

/// The first few by name, the others by number.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    named: String,
    count: usize,
}

impl Prefixes {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn push(&mut self, prefix: impl fmt::Display) {
        self.count += 1;
        if self.count <= NAMED {
            let separator = if self.named.is_empty() { "" } else { " " };
            // Writing to a string cannot fail.
            let _ = write!(self.named, "{separator}{prefix}");
        }
    }
}

impl fmt::Display for Prefixes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count.saturating_sub(NAMED) {
            _ if self.count == 0 => f.write_str("none"),
            0 => f.write_str(&self.named),
            more => write!(f, "{} and {more} more", self.named),
        }
    }
}

/// The first octets of an attribute.
struct Octets<'a>(&'a [u8]);

impl fmt::Display for Octets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        let shown = self.0.iter().take(SHOWN);
        for octet in shown {
            write!(f, "{octet:02x}")?;
        }
        if self.0.len() > SHOWN {
            write!(f, "… ({} octets)", self.0.len())?;
        }
        Ok(())
    }
}

/// So many prefixes are named.
const NAMED: usize = 3;

/// So many octets of an attribute are shown.
const SHOWN: usize = 32;

#[cfg(test)]
mod tests {
    use bgp_wire::{AsWidth, DecodeContext, MaxMessageLen, MessageView, RawMessage, SessionKind};
    use bytes::BytesMut;

    use super::*;

    /// An UPDATE with these attributes and this NLRI.
    fn message(attributes: &[u8], nlri: &[u8]) -> RawMessage {
        let mut octets = vec![0xff; 16];
        let length = 23 + attributes.len() + nlri.len();
        octets.extend(u16::try_from(length).unwrap().to_be_bytes());
        octets.extend([2, 0, 0]);
        octets.extend(u16::try_from(attributes.len()).unwrap().to_be_bytes());
        octets.extend(attributes);
        octets.extend(nlri);
        let mut octets = BytesMut::from(&octets[..]);
        RawMessage::split_from(&mut octets, MaxMessageLen::STANDARD)
            .unwrap()
            .unwrap()
    }

    /// What is said of it: fault, consequence, attribute, prefixes, next hop.
    fn said(message: &RawMessage) -> String {
        let MessageView::Update(update) = message.view().unwrap() else {
            unreachable!()
        };
        let context = DecodeContext::new(AsWidth::Four, SessionKind::External);
        let judgement = update.judge(context);
        let fault = judgement.fault().unwrap();
        let (prefixes, next_hop) = concerned(update, judgement.attributes());
        let (consequence, attribute) = (consequence(fault.disposition), Octets(fault.attribute));
        format!(
            "{} | {consequence} | {attribute} | {prefixes} | {next_hop:?}",
            fault.error
        )
    }

    const AS_PATH: [u8; 9] = [0x40, 2, 6, 2, 1, 0, 0, 0xfc, 1];
    const NEXT_HOP: [u8; 7] = [0x40, 3, 4, 192, 0, 2, 1];

    #[test]
    fn a_fault_is_told_with_the_routes_and_the_attribute() {
        let origin = [0x40, 1, 2, 0, 0];
        let attributes = [&origin[..], &AS_PATH, &NEXT_HOP].concat();
        let prefix = |last: u8| [32, 203, 0, 113, last];
        let one = message(&attributes, &prefix(1));
        assert_eq!(
            said(&one),
            "ORIGIN has the wrong length | its routes count as withdrawn | 4001020000 | \
             203.0.113.1/32 | Some(192.0.2.1)"
        );
        let many: Vec<u8> = (1..=5).flat_map(prefix).collect();
        let many = said(&message(&attributes, &many));
        assert!(
            many.contains("203.0.113.1/32 203.0.113.2/32 203.0.113.3/32 and 2 more"),
            "{many}"
        );
    }

    #[test]
    fn an_ipv6_route_is_told_with_its_next_hop() {
        let mut reach = vec![0x80, 14, 30, 0, 2, 1, 16];
        reach.extend(
            "2001:db8::1"
                .parse::<std::net::Ipv6Addr>()
                .unwrap()
                .octets(),
        );
        reach.extend([0, 64, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 7]);
        let message = message(&[&reach[..], &AS_PATH].concat(), &[]);
        assert_eq!(
            said(&message),
            "ORIGIN is missing | its routes count as withdrawn | none | \
             2001:db8:0:7::/64 | Some(2001:db8::1)"
        );
    }

    #[test]
    fn a_long_attribute_is_told_by_its_first_octets() {
        let text = Octets(&[0xab; 300]).to_string();
        assert_eq!(text, format!("{}… (300 octets)", "ab".repeat(32)));
    }
}
