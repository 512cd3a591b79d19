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
                let text = format_args!("{kind} subtype {subtype} ({length} octets)");
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
