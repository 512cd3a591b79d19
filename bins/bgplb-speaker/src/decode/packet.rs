//! One captured frame down to its TCP segment.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    /// The number of the first octet of `payload`, or of SYN.
    pub(super) sequence: u32,
    pub(super) flags: TcpFlags,
    /// What was captured of the payload.
    pub(super) payload: &'a [u8],
}

/// The flags of a TCP header (RFC 9293 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TcpFlags(u8);

impl TcpFlags {
    pub(super) const fn is_syn(self) -> bool {
        self.0 & 0x02 != 0
    }

    /// FIN or RST.
    pub(super) const fn is_end(self) -> bool {
        self.0 & 0x05 != 0
    }
}

/// `None` for what is not TCP, and for IP fragments, which are not
/// put together.
pub(super) fn segment(link_type: u16, frame: &[u8]) -> Option<Segment<'_>> {
    let mut reader = Reader(frame);
    match link_type {
        LINK_NULL | LINK_LOOP => {
            reader.take(4)?;
            ip(reader)
        }
        LINK_ETHERNET => {
            reader.take(12)?;
            ethernet(reader)
        }
        LINK_RAW | LINK_IPV4 | LINK_IPV6 => ip(reader),
        LINK_LINUX_SLL => {
            reader.take(14)?;
            ethernet(reader)
        }
        LINK_LINUX_SLL2 => {
            let protocol = reader.u16()?;
            reader.take(18)?;
            of_type(protocol, reader)
        }
        _ => None,
    }
}

/// From an EtherType on, behind any number of VLAN tags.
fn ethernet(mut reader: Reader<'_>) -> Option<Segment<'_>> {
    loop {
        match reader.u16()? {
            0x8100 | 0x88a8 | 0x9100 => drop(reader.take(2)?),
            protocol => return of_type(protocol, reader),
        }
    }
}

fn of_type(protocol: u16, reader: Reader<'_>) -> Option<Segment<'_>> {
    matches!(protocol, 0x0800 | 0x86dd).then_some(())?;
    ip(reader)
}

fn ip(reader: Reader<'_>) -> Option<Segment<'_>> {
    match reader.0.first()? >> 4 {
        4 => ipv4(reader),
        6 => ipv6(reader),
        _ => None,
    }
}

fn ipv4(mut reader: Reader<'_>) -> Option<Segment<'_>> {
    let header_len = usize::from(reader.u8()? & 0x0f) * 4;
    reader.u8()?;
    let total_len = usize::from(reader.u16()?);
    reader.u16()?;
    // More Fragments, or an offset.
    (reader.u16()? & 0x3fff == 0).then_some(())?;
    reader.u8()?;
    (reader.u8()? == PROTOCOL_TCP).then_some(())?;
    reader.u16()?;
    let source = Ipv4Addr::from_octets(reader.array()?).into();
    let destination = Ipv4Addr::from_octets(reader.array()?).into();
    reader.take(header_len.checked_sub(20)?)?;
    // Zero stands for a length that the network card would have filled in.
    if total_len != 0 {
        reader.cut(total_len.checked_sub(header_len)?);
    }
    tcp(reader, source, destination)
}

fn ipv6(mut reader: Reader<'_>) -> Option<Segment<'_>> {
    reader.take(4)?;
    let payload_len = usize::from(reader.u16()?);
    let mut next = reader.u8()?;
    reader.u8()?;
    let source = Ipv6Addr::from_octets(reader.array()?).into();
    let destination = Ipv6Addr::from_octets(reader.array()?).into();
    if payload_len != 0 {
        reader.cut(payload_len);
    }
    loop {
        match next {
            PROTOCOL_TCP => return tcp(reader, source, destination),
            // Hop-by-hop options, routing, destination options.
            0 | 43 | 60 => {
                next = reader.u8()?;
                let more = usize::from(reader.u8()?) * 8;
                reader.take(6 + more)?;
            }
            // A fragment that is the whole packet.
            44 => {
                next = reader.u8()?;
                reader.u8()?;
                (reader.u16()? & 0xfff9 == 0).then_some(())?;
                reader.take(4)?;
            }
            // Authentication header.
            51 => {
                next = reader.u8()?;
                let more = usize::from(reader.u8()?) * 4;
                reader.take(6 + more)?;
            }
            _ => return None,
        }
    }
}

fn tcp(mut reader: Reader<'_>, source: IpAddr, destination: IpAddr) -> Option<Segment<'_>> {
    let (from, to) = (reader.u16()?, reader.u16()?);
    let sequence = u32::from_be_bytes(reader.array()?);
    reader.take(4)?;
    let header_len = usize::from(reader.u8()? >> 4) * 4;
    let flags = TcpFlags(reader.u8()?);
    reader.take(header_len.checked_sub(14)?)?;
    Some(Segment {
        source: SocketAddr::new(source, from),
        destination: SocketAddr::new(destination, to),
        sequence,
        flags,
        payload: reader.0,
    })
}

/// A cursor over a frame.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(|[octet]| octet)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Leaves out what is behind `length` octets: padding of the link.
    fn cut(&mut self, length: usize) {
        self.0 = self.0.get(..length).unwrap_or(self.0);
    }
}

const PROTOCOL_TCP: u8 = 6;

// Link types as the Tcpdump Group numbers them.
const LINK_NULL: u16 = 0;
const LINK_ETHERNET: u16 = 1;
const LINK_RAW: u16 = 101;
const LINK_LOOP: u16 = 108;
const LINK_LINUX_SLL: u16 = 113;
const LINK_IPV4: u16 = 228;
const LINK_IPV6: u16 = 229;
const LINK_LINUX_SLL2: u16 = 276;

#[cfg(test)]
pub(super) mod tests;
