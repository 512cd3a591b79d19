//! Packet captures: pcap and pcapng (draft-ietf-opsawg-pcap and
//! draft-ietf-opsawg-pcapng).

use std::io::Write;
use std::time::Duration;

use super::connection::Connections;
use super::input::Input;
use super::packet;
use super::report::{Report, Utc};
use super::{Failure, Fault};

/// Whether a file that begins like this is a capture.
pub(super) fn is_capture(begin: &[u8]) -> bool {
    begin
        .first_chunk()
        .is_some_and(|magic| *magic == SECTION_HEADER.to_be_bytes() || pcap_magic(*magic).is_some())
}

pub(super) fn walk(mut input: Input, report: &mut Report<impl Write>) -> Result<(), Failure> {
    let magic = input.peek(4)?.and_then(|it| it.first_chunk().copied());
    let magic = magic.ok_or_else(|| input.fault(Fault::NotACapture))?;
    let mut connections = Connections::default();
    let walked = if let Some(pcap) = pcap_magic(magic) {
        walk_pcap(&mut input, pcap, &mut connections, report)
    } else if magic == SECTION_HEADER.to_be_bytes() {
        walk_pcapng(&mut input, &mut connections, report)
    } else {
        Err(input.fault(Fault::NotACapture))
    };
    // What waits for missing segments is told even if the file is cut short.
    connections.end(report)?;
    walked
}

/// Which way round numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Big,
    Little,
}

impl Order {
    const fn u16(self, octets: [u8; 2]) -> u16 {
        match self {
            Self::Big => u16::from_be_bytes(octets),
            Self::Little => u16::from_le_bytes(octets),
        }
    }

    const fn u32(self, octets: [u8; 4]) -> u32 {
        match self {
            Self::Big => u32::from_be_bytes(octets),
            Self::Little => u32::from_le_bytes(octets),
        }
    }

    /// The number at this octet of a record; 0 if it is too short.
    fn u16_at(self, record: &[u8], at: usize) -> u16 {
        let octets = record.get(at..).and_then(<[u8]>::first_chunk);
        octets.map_or(0, |it| self.u16(*it))
    }

    fn u32_at(self, record: &[u8], at: usize) -> u32 {
        let octets = record.get(at..).and_then(<[u8]>::first_chunk);
        octets.map_or(0, |it| self.u32(*it))
    }
}

/// The order of a pcap and how many of its units of time are in a second.
fn pcap_magic(magic: [u8; 4]) -> Option<(Order, u32)> {
    [Order::Big, Order::Little]
        .into_iter()
        .find_map(|order| match order.u32(magic) {
            0xa1b2_c3d4 => Some((order, 1_000_000)),
            0xa1b2_3c4d => Some((order, 1_000_000_000)),
            _ => None,
        })
}

/// ```text
/// header: magic (4) | version (4) | zeroes (8) | longest packet (4) | link type (4)
/// packet: seconds (4) | fraction (4) | captured (4) | length (4) | octets (captured)
/// ```
fn walk_pcap(
    input: &mut Input,
    (order, units): (Order, u32),
    connections: &mut Connections,
    report: &mut Report<impl Write>,
) -> Result<(), Failure> {
    // What is above is the length of the frame check sequence.
    let link_type = order.u16(low_half(order, input.record(24)?, 20));
    input.consume(24);
    loop {
        let at = input.position();
        let header = input.some(16)?;
        if header.is_empty() {
            return Ok(());
        }
        if header.len() < 16 {
            return Err(input.fault(Fault::Truncated(at)));
        }
        let seconds = order.u32_at(header, 0);
        let fraction = order.u32_at(header, 4);
        let captured = order.u32_at(header, 8);
        let record = input.record(16 + u64::from(captured))?;
        let nanos = u64::from(fraction) * u64::from(1_000_000_000 / units);
        let time = Duration::from_secs(seconds.into()) + Duration::from_nanos(nanos);
        if let Some(segment) = packet::segment(link_type, record.get(16..).unwrap_or_default()) {
            connections.segment(Utc(time), segment, report)?;
        }
        let length = record.len();
        input.consume(length);
    }
}

/// The two octets with the low half of the number of four at this octet.
fn low_half(order: Order, record: &[u8], at: usize) -> [u8; 2] {
    let at = match order {
        Order::Big => at + 2,
        Order::Little => at,
    };
    let octets = record.get(at..).and_then(<[u8]>::first_chunk);
    octets.copied().unwrap_or_default()
}

/// What a section of a pcapng has told of one interface.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: u16,
    /// How many units of time are in a second.
    units: u64,
    /// Seconds to be added.
    offset: u64,
}

/// ```text
/// type (4) | length (4) | body | length (4)
/// ```
fn walk_pcapng(
    input: &mut Input,
    connections: &mut Connections,
    report: &mut Report<impl Write>,
) -> Result<(), Failure> {
    let mut order = Order::Little;
    let mut interfaces = Vec::new();
    loop {
        let at = input.position();
        let header = input.some(12)?;
        if header.is_empty() {
            return Ok(());
        }
        let Some((begin, magic)) = header.split_last_chunk::<4>().filter(|it| it.0.len() == 8)
        else {
            return Err(input.fault(Fault::Truncated(at)));
        };
        // The same in both orders.
        let is_section = begin.starts_with(&SECTION_HEADER.to_be_bytes());
        if is_section {
            order = match u32::from_be_bytes(*magic) {
                BYTE_ORDER => Order::Big,
                it if it.swap_bytes() == BYTE_ORDER => Order::Little,
                _ => return Err(input.fault(Fault::Malformed(at))),
            };
            interfaces.clear();
        }
        let (kind, length) = (order.u32_at(begin, 0), order.u32_at(begin, 4));
        if length < 12 || !length.is_multiple_of(4) {
            return Err(input.fault(Fault::Malformed(at)));
        }
        let block = input.record(length.into())?;
        let body = block.get(8..block.len() - 4).unwrap_or_default();
        match kind {
            INTERFACE_DESCRIPTION if interfaces.len() < MAX_INTERFACES => {
                interfaces.push(interface(order, body));
            }
            ENHANCED_PACKET => {
                let number = usize::try_from(order.u32_at(body, 0)).unwrap_or(usize::MAX);
                let captured = usize::try_from(order.u32_at(body, 12)).unwrap_or(usize::MAX);
                let frame = body.get(20..).and_then(|it| it.get(..captured));
                let (Some(interface), Some(frame)) = (interfaces.get(number), frame) else {
                    return Err(input.fault(Fault::Malformed(at)));
                };
                let (high, low) = (order.u32_at(body, 4), order.u32_at(body, 8));
                let time = Utc(interface.time(u64::from(high) << 32 | u64::from(low)));
                if let Some(segment) = packet::segment(interface.link_type, frame) {
                    connections.segment(time, segment, report)?;
                }
            }
            // Packets without a time, and whatever else there is.
            _ => {}
        }
        let length = block.len();
        input.consume(length);
    }
}

/// ```text
/// link type (2) | zeroes (2) | longest packet (4)
/// | options: { code (2) | length (2) | value | padding to 4 } …
/// ```
fn interface(order: Order, body: &[u8]) -> Interface {
    let mut interface = Interface {
        link_type: order.u16_at(body, 0),
        units: 1_000_000,
        offset: 0,
    };
    let mut options = body.get(8..).unwrap_or_default();
    while options.len() >= 4 {
        let (code, length) = (order.u16_at(options, 0), order.u16_at(options, 2));
        let length = usize::from(length);
        let value = options.get(4..4 + length).unwrap_or_default();
        match (code, value) {
            (OPTION_END, _) => break,
            (OPTION_RESOLUTION, &[resolution]) => interface.units = units(resolution),
            (OPTION_OFFSET, value) => {
                if let Some(octets) = value.first_chunk::<8>() {
                    interface.offset = match order {
                        Order::Big => u64::from_be_bytes(*octets),
                        Order::Little => u64::from_le_bytes(*octets),
                    };
                }
            }
            _ => {}
        }
        options = options
            .get(4 + length.next_multiple_of(4)..)
            .unwrap_or_default();
    }
    interface
}

/// A power of 10, or of 2 if the highest bit is set.
fn units(resolution: u8) -> u64 {
    let exponent = u32::from(resolution & 0x7f);
    let base: u64 = if resolution & 0x80 == 0 { 10 } else { 2 };
    base.saturating_pow(exponent)
}

impl Interface {
    fn time(self, count: u64) -> Duration {
        let seconds = (count / self.units).saturating_add(self.offset);
        let nanos = u128::from(count % self.units) * 1_000_000_000 / u128::from(self.units);
        // Less than a second.
        let nanos = u64::try_from(nanos).unwrap_or_default();
        Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos))
    }
}

/// More than any section has.
const MAX_INTERFACES: usize = 4096;

const BYTE_ORDER: u32 = 0x1a2b_3c4d;

// Block types.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

// Options of an interface.
const OPTION_END: u16 = 0;
const OPTION_RESOLUTION: u16 = 9;
const OPTION_OFFSET: u16 = 14;

#[cfg(test)]
mod tests;
