//! TCP connections put together from their segments.

use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::net::SocketAddr;

use bgp_wire::{
    AddPathMode, AsWidth, Asn, Capability, DecodeContext, Family, MessageView, Open, SessionKind,
};

use super::Failure;
use super::packet::Segment;
use super::report::{Report, Utc};
use super::stream::Stream;

/// The connections seen last.
#[derive(Debug, Default)]
pub(super) struct Connections {
    connections: HashMap<[SocketAddr; 2], Connection>,
    /// Counts segments: the age of connections.
    now: u64,
}

impl Connections {
    /// Prints the messages that this segment completes.
    pub(super) fn segment(
        &mut self,
        time: Utc,
        segment: Segment<'_>,
        report: &mut Report<impl Write>,
    ) -> Result<(), Failure> {
        let (source, destination) = (segment.source, segment.destination);
        let (key, from) = if source <= destination {
            ([source, destination], 0)
        } else {
            ([destination, source], 1)
        };
        if !self.connections.contains_key(&key) {
            if !is_bgp(&segment) {
                return Ok(());
            }
            if self.connections.len() >= MAX_CONNECTIONS {
                self.forget_oldest(report)?;
            }
        }
        self.now += 1;
        let connection = self.connections.entry(key).or_default();
        connection.last_seen = self.now;
        if segment.flags.is_syn() && connection.has_begun_elsewhere(from, segment.sequence) {
            // The same ports are used again.
            connection.end(key, report)?;
            *connection = Connection {
                last_seen: self.now,
                ..Connection::default()
            };
        }
        connection.segment(time, from, key, segment, report)
    }

    /// Prints what waits for segments that have not come.
    pub(super) fn end(&mut self, report: &mut Report<impl Write>) -> Result<(), Failure> {
        let mut connections: Vec<_> = self.connections.drain().collect();
        connections.sort_by_key(|(key, _)| *key);
        let mut connections = connections.into_iter();
        connections.try_for_each(|(key, mut connection)| connection.end(key, report))
    }

    fn forget_oldest(&mut self, report: &mut Report<impl Write>) -> Result<(), Failure> {
        let connections = self.connections.iter();
        let oldest = connections.min_by_key(|(_, it)| it.last_seen);
        let Some(key) = oldest.map(|(key, _)| *key) else {
            return Ok(());
        };
        let mut connection = self.connections.remove(&key).unwrap_or_default();
        connection.end(key, report)
    }
}

/// Whether the first segment seen of a connection is one of BGP: by its port, or
/// by the marker of a message (RFC 4271 section 4.1).
fn is_bgp(segment: &Segment<'_>) -> bool {
    let ends = [segment.source, segment.destination];
    ends.iter().any(|end| end.port() == BGP_PORT) || segment.payload.starts_with(&[0xff; 16])
}

const BGP_PORT: u16 = 179;

/// Both directions of one connection, that of the lower address first.
#[derive(Debug, Default)]
struct Connection {
    directions: [Direction; 2],
    opens: [Option<OpenFacts>; 2],
    last_seen: u64,
}

impl Connection {
    /// Whether this direction is known and a SYN of this number does not
    /// repeat the one that began it.
    fn has_begun_elsewhere(&self, from: usize, syn: u32) -> bool {
        let first = self.directions.get(from).and_then(|it| it.first);
        first.is_some_and(|first| first != syn.wrapping_add(1))
    }

    fn segment(
        &mut self,
        time: Utc,
        from: usize,
        key: [SocketAddr; 2],
        segment: Segment<'_>,
        report: &mut Report<impl Write>,
    ) -> Result<(), Failure> {
        let Self {
            directions, opens, ..
        } = self;
        let Some(direction) = directions.get_mut(from) else {
            return Ok(());
        };
        direction.last_time = Some(time);
        let mut sequence = segment.sequence;
        if segment.flags.is_syn() {
            sequence = sequence.wrapping_add(1);
        }
        direction.begin(sequence);
        direction.push(sequence, segment.payload);
        let full = direction.is_full();
        direction.print(from, key, opens, report)?;
        if full || segment.flags.is_end() {
            direction.jump(from, key, opens, report)?;
        }
        Ok(())
    }

    fn end(
        &mut self,
        key: [SocketAddr; 2],
        report: &mut Report<impl Write>,
    ) -> Result<(), Failure> {
        for (from, direction) in self.directions.iter_mut().enumerate() {
            direction.jump(from, key, &mut self.opens, report)?;
            let head = direction.head(from, key);
            direction.stream.end(report, head)?;
        }
        Ok(())
    }
}

/// What one side sends.
#[derive(Debug, Default)]
struct Direction {
    stream: Stream,
    /// The number of the first octet; `None` before any segment.
    first: Option<u32>,
    /// The number of the octet that is wanted next.
    next: u32,
    /// Segments that came too early, by their numbers.
    early: Vec<(u32, Vec<u8>)>,
    last_time: Option<Utc>,
}

impl Direction {
    /// Begins with the first segment seen, whatever it is.
    const fn begin(&mut self, sequence: u32) {
        if self.first.is_none() {
            self.first = Some(sequence);
            self.next = sequence;
        }
    }

    /// Takes a payload in, at once or when those before it have come.
    fn push(&mut self, sequence: u32, payload: &[u8]) {
        if payload.is_empty() {
            return;
        }
        if !is_ahead(sequence, self.next) {
            self.take(sequence, payload);
            return;
        }
        match self.early.iter_mut().find(|it| it.0 == sequence) {
            Some((_, kept)) if kept.len() >= payload.len() => {}
            Some((_, kept)) => *kept = payload.to_vec(),
            None => self.early.push((sequence, payload.to_vec())),
        }
    }

    /// Appends what of a payload is new, which is not ahead, and all that then
    /// follows it.
    fn take(&mut self, sequence: u32, payload: &[u8]) {
        self.append(sequence, payload);
        while let Some(at) = self.early.iter().position(|it| !is_ahead(it.0, self.next)) {
            let (sequence, payload) = self.early.swap_remove(at);
            self.append(sequence, &payload);
        }
    }

    fn append(&mut self, sequence: u32, payload: &[u8]) {
        let known = usize::try_from(self.next.wrapping_sub(sequence)).unwrap_or(usize::MAX);
        let Some(new) = payload.get(known..) else {
            return;
        };
        self.stream.push(new);
        // A payload is far shorter than the numbers' range.
        let length = u32::try_from(new.len()).unwrap_or_default();
        self.next = self.next.wrapping_add(length);
    }

    /// Whether no more early segments are to be kept.
    fn is_full(&self) -> bool {
        let octets: usize = self.early.iter().map(|it| it.1.len()).sum();
        self.early.len() >= MAX_EARLY_SEGMENTS || octets >= MAX_EARLY_OCTETS
    }

    /// How many octets are missing in front of the nearest early segment.
    fn missing(&self) -> Option<u32> {
        let distances = self.early.iter().map(|it| it.0.wrapping_sub(self.next));
        distances.min()
    }

    /// Gives up waiting: tells what is missing and goes on behind it.
    fn jump(
        &mut self,
        from: usize,
        key: [SocketAddr; 2],
        opens: &mut [Option<OpenFacts>; 2],
        report: &mut Report<impl Write>,
    ) -> Result<(), Failure> {
        while let Some(missing) = self.missing() {
            let head = self.head(from, key);
            self.stream.gap(report, head, missing)?;
            self.next = self.next.wrapping_add(missing);
            self.take(self.next, &[]);
            self.print(from, key, opens, report)?;
        }
        Ok(())
    }

    fn print(
        &mut self,
        from: usize,
        key: [SocketAddr; 2],
        opens: &mut [Option<OpenFacts>; 2],
        report: &mut Report<impl Write>,
    ) -> Result<(), Failure> {
        let (head, default) = (self.head(from, key), report.default_context());
        self.stream.print(report, head, |view| {
            if let MessageView::Open(open) = view
                && let Some(place) = opens.get_mut(from)
            {
                *place = open.to_open().ok().map(|it| OpenFacts::of(&it));
            }
            match (&opens[from], &opens[1 - from]) {
                (Some(sender), Some(receiver)) => sender.context_to(receiver),
                _ => default,
            }
        })
    }

    fn head(&self, from: usize, key: [SocketAddr; 2]) -> Head {
        let (source, destination) = match (from, key) {
            (0, [low, high]) => (low, high),
            (_, [low, high]) => (high, low),
        };
        Head {
            time: self.last_time,
            source,
            destination,
        }
    }
}

/// What is before every line of a capture.
#[derive(Clone, Copy, Debug)]
struct Head {
    time: Option<Utc>,
    source: SocketAddr,
    destination: SocketAddr,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(time) = self.time {
            write!(f, "{time} ")?;
        }
        write!(f, "{} > {} ", self.source, self.destination)
    }
}

/// What of an OPEN decides how UPDATEs are read.
#[derive(Clone, Debug)]
struct OpenFacts {
    asn: Asn,
    knows_four_octets: bool,
    add_path: Vec<(Family, AddPathMode)>,
}

impl OpenFacts {
    fn of(open: &Open) -> Self {
        let mut facts = Self {
            asn: open.asn,
            knows_four_octets: false,
            add_path: Vec::new(),
        };
        for capability in &open.capabilities {
            match capability {
                Capability::FourOctetAs(_) => facts.knows_four_octets = true,
                Capability::AddPath(modes) => facts.add_path.extend_from_slice(modes),
                _ => {}
            }
        }
        facts
    }

    /// How to read what this side sends to that one.
    fn context_to(&self, receiver: &Self) -> DecodeContext {
        let as_width = match self.knows_four_octets && receiver.knows_four_octets {
            true => AsWidth::Four,
            false => AsWidth::Two,
        };
        let session = match self.asn == receiver.asn {
            true => SessionKind::Internal,
            false => SessionKind::External,
        };
        let sent = self.add_path.iter().filter(|(family, mode)| {
            let receives = receiver.add_path.iter().any(|(theirs, mode)| {
                theirs == family && matches!(*mode, AddPathMode::RECEIVE | AddPathMode::BOTH)
            });
            receives && matches!(*mode, AddPathMode::SEND | AddPathMode::BOTH)
        });
        let path_ids = sent.map(|(family, _)| *family).collect();
        DecodeContext::new(as_width, session).with_path_ids(path_ids)
    }
}

/// Whether `sequence` is behind `wanted` in the numbers' circle (RFC 9293
/// section 3.4).
const fn is_ahead(sequence: u32, wanted: u32) -> bool {
    let distance = sequence.wrapping_sub(wanted);
    distance != 0 && distance < 1 << 31
}

// What one capture can make us keep: each direction of a connection holds less
// than one message and one packet besides its early segments.
const MAX_CONNECTIONS: usize = 256;
const MAX_EARLY_SEGMENTS: usize = 256;
const MAX_EARLY_OCTETS: usize = 64 * 1024;

#[cfg(test)]
mod tests;
