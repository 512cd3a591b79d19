//! What a tap shows, as a packet capture that is made while it is read.
//!
//! The kernel gives a program octets and no packets, so the packets are made up:
//! raw IP with TCP segments that follow each other, which is what readers of
//! captures put messages together from.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::UNIX_EPOCH;

use bgp_speaker::{Direction, Piece, Tap};
use bytes::Bytes;
use hyper::body::{Body, Frame};

/// A capture in the classic format (draft-ietf-opsawg-pcap), as an HTTP body.
pub(super) struct CaptureBody {
    /// What is to be written next; `None` behind the end.
    next: Option<Next>,
}

type Next = Pin<Box<dyn Future<Output = Option<(Vec<u8>, Writer)>> + Send>>;

/// The reader did not keep up: what follows would begin within a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("octets were lost because they were not read in time")]
pub(super) struct Lost;

struct Writer {
    tap: Tap,
    begun: bool,
    /// The next sequence number from one end to the other.
    sequences: BTreeMap<[SocketAddr; 2], u32>,
}

impl CaptureBody {
    pub(super) fn new(tap: Tap) -> Self {
        let writer = Writer {
            tap,
            begun: false,
            sequences: BTreeMap::new(),
        };
        Self {
            next: Some(Box::pin(writer.piece())),
        }
    }
}

impl Writer {
    /// The head of the file at once, so that the reader knows that it is heard;
    /// then packets as they come. `None` when the speaker has ended.
    async fn piece(mut self) -> Option<(Vec<u8>, Self)> {
        if !std::mem::replace(&mut self.begun, true) {
            return Some((file_header(), self));
        }
        let piece = self.tap.next().await?;
        let octets = self.records(&piece);
        Some((octets, self))
    }

    fn records(&mut self, piece: &Piece) -> Vec<u8> {
        let (from, to) = match piece.direction {
            Direction::Sent => (piece.local, piece.remote),
            Direction::Received => (piece.remote, piece.local),
        };
        if self.sequences.len() >= MAX_CONNECTIONS {
            // Those of connections that have ended: nobody needs them again.
            self.sequences
                .retain(|ends, _| ends.contains(&from) && ends.contains(&to));
        }
        let since = piece.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let back = *self.sequences.get(&[to, from]).unwrap_or(&1);
        let mut out = Vec::new();
        for octets in piece.octets.chunks(SEGMENT) {
            let next = self.sequences.entry([from, to]).or_insert(1);
            let packet = packet(from, to, *next, back, octets);
            let len = u32::try_from(octets.len()).unwrap_or(u32::MAX);
            *next = next.wrapping_add(len);
            let len = u32::try_from(packet.len()).unwrap_or(u32::MAX);
            // The field is unsigned, and good until 2106.
            let seconds = u32::try_from(since.as_secs()).unwrap_or(u32::MAX);
            for number in [seconds, since.subsec_micros(), len, len] {
                out.extend(number.to_le_bytes());
            }
            out.extend(packet);
        }
        out
    }
}

impl Body for CaptureBody {
    type Data = Bytes;
    type Error = Lost;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Lost>>> {
        let Some(next) = &mut self.next else {
            return Poll::Ready(None);
        };
        let Some((octets, writer)) = ready!(next.as_mut().poll(context)) else {
            self.next = None;
            return Poll::Ready(None);
        };
        if writer.tap.lost() > 0 {
            self.next = None;
            return Poll::Ready(Some(Err(Lost)));
        }
        self.next = Some(Box::pin(writer.piece()));
        Poll::Ready(Some(Ok(Frame::data(octets.into()))))
    }
}

/// Microseconds, little-endian, version 2.4, packets of any length, raw IP.
fn file_header() -> Vec<u8> {
    const MAGIC: u32 = 0xa1b2_c3d4;
    const LINKTYPE_RAW: u32 = 101;
    let mut out = Vec::from(MAGIC.to_le_bytes());
    out.extend(2_u16.to_le_bytes());
    out.extend(4_u16.to_le_bytes());
    for number in [0, 0, 65_535, LINKTYPE_RAW] {
        out.extend(u32::to_le_bytes(number));
    }
    out
}

/// One TCP segment in an IP packet.
fn packet(from: SocketAddr, to: SocketAddr, sequence: u32, back: u32, octets: &[u8]) -> Vec<u8> {
    let mut tcp = Vec::with_capacity(TCP_HEADER + octets.len());
    tcp.extend(from.port().to_be_bytes());
    tcp.extend(to.port().to_be_bytes());
    tcp.extend(sequence.to_be_bytes());
    tcp.extend(back.to_be_bytes());
    // Five words of header, PSH and ACK, a wide window.
    tcp.extend([0x50, 0x18, 0xff, 0xff]);
    // The checksum and the urgent pointer.
    tcp.extend([0; 4]);
    tcp.extend_from_slice(octets);
    let len = u16::try_from(tcp.len()).unwrap_or(u16::MAX);
    match (from.ip(), to.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let ends = [source.octets(), destination.octets()].concat();
            seal(&mut tcp, &ends, len);
            let total = len.saturating_add(IPV4_HEADER);
            // Version 4, five words; no fragments; TTL 64.
            let mut out = vec![0x45, 0];
            out.extend(total.to_be_bytes());
            out.extend([0, 0, 0x40, 0, 64, TCP, 0, 0]);
            out.extend(ends);
            let sum = checksum(&[&out]).to_be_bytes();
            if let Some(field) = out.get_mut(10..12) {
                field.copy_from_slice(&sum);
            }
            out.extend(tcp);
            out
        }
        (source, destination) => {
            let octets = |address| match address {
                IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                IpAddr::V6(v6) => v6.octets(),
            };
            let ends = [octets(source), octets(destination)].concat();
            seal(&mut tcp, &ends, len);
            // Version 6; hop limit 64.
            let mut out = vec![0x60, 0, 0, 0];
            out.extend(len.to_be_bytes());
            out.extend([TCP, 64]);
            out.extend(ends);
            out.extend(tcp);
            out
        }
    }
}

/// Puts in the checksum of a segment between `ends` (RFC 9293 section 3.1, RFC
/// 8200 section 8.1; both sums are the same).
fn seal(tcp: &mut [u8], ends: &[u8], len: u16) {
    let [high, low] = len.to_be_bytes();
    let sum = checksum(&[ends, &[0, TCP, high, low], tcp]).to_be_bytes();
    if let Some(field) = tcp.get_mut(16..18) {
        field.copy_from_slice(&sum);
    }
}

/// The Internet checksum (RFC 1071) of parts that have an even length, the last
/// one apart.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u64;
    for part in parts {
        let (pairs, rest) = part.as_chunks::<2>();
        let pairs = pairs
            .iter()
            .map(|pair| u64::from(u16::from_be_bytes(*pair)));
        sum += pairs.sum::<u64>();
        sum += rest.iter().map(|octet| u64::from(*octet) << 8).sum::<u64>();
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

/// Octets of a message stream in one packet.
const SEGMENT: usize = 16 * 1024;

/// Connections whose sequence numbers are kept; peers that never come up open
/// one after the other.
const MAX_CONNECTIONS: usize = 512;

const TCP: u8 = 6;
const TCP_HEADER: usize = 20;
const IPV4_HEADER: u16 = 20;

#[cfg(test)]
mod tests {
    use super::{checksum, packet};

    #[test]
    fn both_checksums_of_a_packet_are_right() {
        let (from, to) = ("192.0.2.1:179", "192.0.2.2:50000");
        let made = packet(from.parse().unwrap(), to.parse().unwrap(), 7, 9, b"odd");
        assert_eq!(made.len(), 43);
        assert_eq!(checksum(&[&made[..20]]), 0);
        let pseudo = [&made[12..20], &[0, 6, 0, 23]].concat();
        assert_eq!(checksum(&[&pseudo, &made[20..]]), 0);

        let (from, to) = ("[2001:db8::1]:179", "[2001:db8::2]:50000");
        let made = packet(from.parse().unwrap(), to.parse().unwrap(), 7, 9, b"even");
        assert_eq!(made.len(), 64);
        let pseudo = [&made[8..40], &[0, 6, 0, 24]].concat();
        assert_eq!(checksum(&[&pseudo, &made[40..]]), 0);
    }
}
