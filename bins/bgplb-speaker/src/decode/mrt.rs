//! MRT records.

use std::fmt;
use std::io::Write;

use bgp_wire::mrt::{
    MessageRecordView, PeerEntry, PeerIndexTableView, RecordBody, RecordView, Records, RibEntryView,
};
use bgp_wire::{AttributeCode, MaxMessageLen, MessageView};
use bytes::BytesMut;

use super::input::Input;
use super::report::{Report, Utc};
use super::{Failure, Fault};

pub(super) fn walk(mut input: Input, report: &mut Report<impl Write>) -> Result<(), Failure> {
    let mut walk = Walk {
        peers: Vec::new(),
        buf: BytesMut::new(),
    };
    loop {
        let at = input.position();
        let header = input.some(HEADER_LEN)?;
        if header.is_empty() {
            return Ok(());
        }
        let Some((_, [a, b, c, d])) = header.split_last_chunk() else {
            return Err(input.fault(Fault::Truncated(at)));
        };
        if header.len() < HEADER_LEN {
            return Err(input.fault(Fault::Truncated(at)));
        }
        let length = HEADER_LEN as u64 + u64::from(u32::from_be_bytes([*a, *b, *c, *d]));
        let octets = input.record(length)?;
        for record in Records::new(octets).flatten() {
            walk.record(record, report)?;
        }
        let length = octets.len();
        input.consume(length);
    }
}

struct Walk {
    /// The peers of the last PEER_INDEX_TABLE.
    peers: Vec<PeerEntry>,
    buf: BytesMut,
}

impl Walk {
    fn record(
        &mut self,
        record: RecordView<'_>,
        report: &mut Report<impl Write>,
    ) -> Result<(), Failure> {
        let head = format_args!("{} ", Utc(record.time()));
        match record.body() {
            Ok(RecordBody::PeerIndexTable(table)) => self.peers(table, head, report),
            Ok(RecordBody::Rib(rib)) => {
                for route in rib.entries() {
                    match route {
                        Ok(route) => self.route(route, report)?,
                        Err(error) => report.unreadable_line(head, error)?,
                    }
                }
                Ok(())
            }
            Ok(RecordBody::Message(message)) => print_message(message, head, report),
            Ok(RecordBody::StateChange(it)) => {
                let peer = it.peering.peer_address;
                let text = format_args!("{peer} state {} to {}", it.old_state, it.new_state);
                report.line(head, text)
            }
            Ok(_) => {
                let (kind, subtype) = (record.record_type(), record.subtype());
                let length = record.octets().len();
                let text = format_args!("{kind} subtype {subtype} (octets: {length})");
                report.line(head, text)
            }
            Err(error) => report.unreadable_line(head, error),
        }
    }

    fn peers(
        &mut self,
        table: PeerIndexTableView<'_>,
        head: impl fmt::Display,
        report: &mut Report<impl Write>,
    ) -> Result<(), Failure> {
        self.peers.clear();
        let collector = table.collector();
        let view = table.view_name().escape_ascii();
        report.line(
            &head,
            format_args!("PEER_INDEX_TABLE collector {collector} view \"{view}\""),
        )?;
        for (index, peer) in table.peers().enumerate() {
            match peer {
                Ok(peer) => {
                    let (address, asn, identifier) = (peer.address, peer.asn, peer.identifier);
                    let text =
                        format_args!("peer {index}: {address} as {asn} identifier {identifier}");
                    report.line(&head, text)?;
                    self.peers.push(peer);
                }
                Err(error) => report.unreadable_line(&head, error)?,
            }
        }
        Ok(())
    }

    /// A route as the UPDATE that announces it, at the time it was received.
    fn route(
        &mut self,
        route: RibEntryView<'_>,
        report: &mut Report<impl Write>,
    ) -> Result<(), Failure> {
        let time = Utc(route.originated());
        let index = route.peer_index();
        let peer = self.peers.get(usize::from(index));
        let peer = peer.map_or_else(|| format!("peer {index}"), |it| it.address.to_string());
        let head = format_args!("{time} {peer} RIB ");
        self.buf.clear();
        let encoded = route.encode_update(&mut self.buf);
        let mut octets = &self.buf[..];
        match MessageView::split_from(&mut octets, MaxMessageLen::EXTENDED) {
            Ok(Some(view)) if encoded.is_ok() => report.message(head, route.context(), view),
            _ if has_reach(route) => {
                let text = format_args!("MP_REACH_NLRI of {} is malformed", route.prefix());
                report.unreadable_line(head, text)
            }
            // Some dump their own routes like this.
            _ => report.line(head, format_args!("{} without a next hop", route.prefix())),
        }
    }
}

fn has_reach(route: RibEntryView<'_>) -> bool {
    let mut attributes = route.path_attributes().flatten();
    attributes.any(|it| it.code() == AttributeCode::MP_REACH_NLRI)
}

fn print_message(
    record: MessageRecordView<'_>,
    head: impl fmt::Display,
    report: &mut Report<impl Write>,
) -> Result<(), Failure> {
    let peering = record.peering();
    let (from, to) = match record.is_local() {
        false => (peering.peer_address, peering.local_address),
        true => (peering.local_address, peering.peer_address),
    };
    let head = format_args!("{head}{from} > {to} ");
    match record.message() {
        Ok(view) => report.message(head, record.context(), view),
        Err(error) => report.unreadable_line(head, error),
    }
}

/// The header that is before every record.
const HEADER_LEN: usize = 12;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use bgp_wire::AsWidth;

    use super::*;

    fn record(kind: u16, subtype: u16, parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let (kind, subtype) = (kind.to_be_bytes(), subtype.to_be_bytes());
        [&[0, 0, 0, 60], &kind[..], &subtype, &length, &body].concat()
    }

    /// What is printed, how much of it is unreadable, and what is wrong.
    fn read(file: &[u8]) -> (String, u64, Option<Fault>) {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, AsWidth::Four, false);
        let input = Input::new("file", Box::new(Cursor::new(file.to_vec())));
        let fault = match walk(input, &mut report) {
            Ok(()) => None,
            Err(Failure::Data { fault, .. }) => Some(fault),
            Err(other) => panic!("{other}"),
        };
        report.flush().unwrap();
        let unreadable = report.unreadable();
        drop(report);
        let text = String::from_utf8(out).unwrap();
        let head = "1970-01-01T00:01:00.000000Z ";
        (text.replace(head, ""), unreadable, fault)
    }

    /// A route to 2001:db8::/32 of peer 9 with these attributes.
    fn route(attributes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(attributes.len()).unwrap();
        let begin = [0, 0, 0, 0, 32, 0x20, 1, 0x0d, 0xb8, 0, 1];
        let entry = [0, 9, 0, 0, 0, 60, 0, length];
        record(13, 4, &[&begin, &entry, attributes])
    }

    #[test]
    fn a_route_that_is_no_update_is_told_with_what_it_lacks() {
        let line = "peer 9 RIB 2001:db8::/32 without a next hop\n";
        assert_eq!(read(&route(&[])), (line.to_owned(), 0, None));
        let line = "peer 9 RIB <MP_REACH_NLRI of 2001:db8::/32 is malformed>\n";
        let bad = route(&[0x80, 14, 2, 16, 0x20]);
        assert_eq!(read(&bad), (line.to_owned(), 1, None));
    }

    #[test]
    fn lists_that_do_not_fit_are_told_once() {
        let peers = record(13, 1, &[&[0; 4], &[0, 1, 7], &[0, 2], &[0; 11]]);
        let lines = "PEER_INDEX_TABLE collector 0.0.0.0 view \"\\x07\"\n\
             peer 0: 0.0.0.0 as 0 identifier 0.0.0.0\n\
             <the fields of the record do not fit its length>\n";
        assert_eq!(read(&peers), (lines.to_owned(), 1, None));
    }

    #[test]
    fn records_that_are_not_read_are_named() {
        let lines = "TABLE_DUMP_V2 subtype 6 (octets: 1)\nrecord type 12 subtype 1 (octets: 0)\n";
        let file = [record(13, 6, &[&[0]]), record(12, 1, &[])].concat();
        assert_eq!(read(&file), (lines.to_owned(), 0, None));
    }

    #[test]
    fn a_file_that_ends_within_a_record_or_claims_too_much_ends_the_walk() {
        let whole = record(12, 1, &[b"some"]);
        let at = u64::try_from(whole.len()).unwrap();
        let line = "record type 12 subtype 1 (octets: 4)\n".to_owned();
        for cut in [1, 11, 12, 15] {
            let file = [&whole[..], &whole[..cut]].concat();
            let expected = (line.clone(), 0, Some(Fault::Truncated(at)));
            assert_eq!(read(&file), expected);
        }
        let mut claim = record(12, 1, &[]);
        claim[8..].fill(0xff);
        let length = u64::from(u32::MAX) + 12;
        let fault = Some(Fault::TooLong { at, length });
        assert_eq!(read(&[whole, claim].concat()), (line, 0, fault));
    }
}
