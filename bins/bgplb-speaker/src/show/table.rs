//! Columns for people.

use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;

/// A column's heading and the width it usually needs.
pub(crate) type Column = (&'static str, usize);

pub(crate) const LEARNED: [Column; 8] = [
    ("", 3),
    ("PREFIX", 20),
    ("NEXT HOP", 15),
    ("PEER", 15),
    ("LP", 5),
    ("MED", 5),
    ("ORIGIN", 10),
    ("AS PATH", 0),
];

pub(crate) const ADVERTISED: [Column; 6] = [
    ("PREFIX", 20),
    ("LP", 5),
    ("MED", 5),
    ("AS PATH", 12),
    ("COMMUNITIES", 20),
    ("TOLD", 0),
];

const PEERS: [Column; 8] = [
    ("PEER", 15),
    ("AS", 10),
    ("STATE", 11),
    ("SINCE", 8),
    ("PREFIXES", 8),
    ("BFD", 10),
    ("NAME", 12),
    ("LAST ERROR", 0),
];

/// Lines of cells; longer cells push what follows to the right, since nothing
/// is known of later rows when one is written.
#[derive(Debug)]
pub(crate) struct Table<'a, W> {
    to: &'a mut W,
    widths: Vec<usize>,
}

impl<'a, W: Write> Table<'a, W> {
    /// Writes the headings.
    pub(crate) fn new(to: &'a mut W, columns: &[Column]) -> io::Result<Self> {
        let widths = columns.iter().map(|(_, width)| *width).collect();
        let mut table = Self { to, widths };
        let headings: Vec<_> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        table.line(&headings)?;
        Ok(table)
    }

    /// Writes one line.
    pub(crate) fn line(&mut self, cells: &[String]) -> io::Result<()> {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(&self.widths) {
            line.push_str(&format!("{cell:<width$} "));
        }
        writeln!(self.to, "{}", line.trim_end())
    }
}

/// The answer to `/v1/peers`, as far as it is shown.
#[derive(Debug, Deserialize)]
pub(crate) struct PeerList {
    peers: Vec<Peer>,
}

#[derive(Debug, Deserialize)]
struct Peer {
    address: String,
    interface: Option<String>,
    neighbour: Option<String>,
    name: Option<String>,
    #[serde(rename = "as")]
    asn: Option<u32>,
    remote_as: String,
    state: String,
    since: u64,
    administratively_down: bool,
    graceful_shutdown: bool,
    accepted_prefixes: u64,
    last_error: Option<LastError>,
    bfd: Option<Bfd>,
}

#[derive(Debug, Deserialize)]
struct Bfd {
    state: String,
    detection_time: Option<f64>,
    problem: Option<String>,
}

#[derive(Debug, Deserialize)]
struct LastError {
    text: String,
}

impl Peer {
    /// Its state, and what an operator wants of it.
    fn state(&self) -> String {
        match (self.administratively_down, self.graceful_shutdown) {
            (true, _) => format!("{} (down)", self.state),
            (false, true) => format!("{} (going)", self.state),
            (false, false) => self.state.clone(),
        }
    }

    /// Its address, with its interface if it needs one; the interface alone
    /// until somebody was found there.
    fn place(&self) -> String {
        let address = match &self.interface {
            Some(_) if self.address == "::" => self.neighbour.as_ref(),
            _ => Some(&self.address),
        };
        let parts = [address, self.interface.as_ref()];
        let parts: Vec<_> = parts.into_iter().flatten().map(String::as_str).collect();
        parts.join("%")
    }
}

/// Writes all peers.
pub(crate) fn peers(list: &PeerList, to: &mut impl Write) -> io::Result<()> {
    let now = SystemTime::now();
    let mut table = Table::new(to, &PEERS)?;
    for peer in &list.peers {
        let since = UNIX_EPOCH + Duration::from_secs(peer.since);
        let error = peer.last_error.as_ref().map(|error| error.text.clone());
        table.line(&[
            peer.place(),
            peer.asn
                .map_or_else(|| peer.remote_as.clone(), |asn| asn.to_string()),
            peer.state(),
            ago(now.duration_since(since).unwrap_or_default()),
            peer.accepted_prefixes.to_string(),
            peer.bfd.as_ref().map_or_else(|| "-".to_owned(), bfd),
            peer.name.clone().unwrap_or_else(|| "-".to_owned()),
            error.unwrap_or_else(|| "-".to_owned()),
        ])?;
    }
    Ok(())
}

/// `Up/150ms` with the time after which silence is noticed, `Down`, or
/// `problem`, which the JSON tells more of.
fn bfd(bfd: &Bfd) -> String {
    match (&bfd.problem, bfd.detection_time) {
        (Some(_), _) => "problem".to_owned(),
        (None, Some(time)) if bfd.state == "Up" => format!("Up/{time}ms"),
        _ => bfd.state.clone(),
    }
}

/// `3d04h`, `4h05m`, `5m06s`, `7s`.
fn ago(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// A row of `/v1/routes/learned`, as far as it is shown.
#[derive(Debug, Deserialize)]
pub(crate) struct LearnedRow {
    prefix: String,
    peer: String,
    next_hop: String,
    best: bool,
    used: bool,
    #[serde(default)]
    stale: bool,
    origin: String,
    as_path: String,
    med: Option<u32>,
    local_pref: Option<u32>,
}

impl LearnedRow {
    pub(crate) fn cells(self) -> [String; 8] {
        let mark = match (self.best, self.used) {
            (true, _) => "*>",
            (false, true) => "*=",
            (false, false) => "",
        };
        let stale = if self.stale { "s" } else { "" };
        [
            format!("{mark}{stale}"),
            self.prefix,
            self.next_hop,
            self.peer,
            number(self.local_pref),
            number(self.med),
            self.origin,
            self.as_path,
        ]
    }
}

/// A row of `/v1/routes/advertised`, as far as it is shown.
#[derive(Debug, Deserialize)]
pub(crate) struct AdvertisedRow {
    prefix: String,
    peers: Vec<String>,
    as_path: String,
    med: Option<u32>,
    local_pref: Option<u32>,
    #[serde(default)]
    communities: Vec<String>,
}

impl AdvertisedRow {
    pub(crate) fn cells(self) -> [String; 6] {
        [
            self.prefix,
            number(self.local_pref),
            number(self.med),
            or_dash(self.as_path),
            or_dash(self.communities.join(",")),
            or_dash(self.peers.join(",")),
        ]
    }
}

fn number(value: Option<u32>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn or_dash(text: String) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_their_two_largest_units() {
        for (seconds, text) in [
            (7, "7s"),
            (306, "5m06s"),
            (4 * 3600 + 300, "4h05m"),
            (3 * 86400 + 4 * 3600 + 59, "3d04h"),
        ] {
            assert_eq!(ago(Duration::from_secs(seconds)), text);
        }
    }
}
