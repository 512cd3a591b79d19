//! MRT files.

use bgp_wire::mrt::{RecordBody, Records, RibEntryView};
use bgp_wire::{AttributeIter, MaxMessageLen, MessageView};
use bytes::BytesMut;

/// Reads everything that can be read of an MRT file.
///
/// # Panics
///
/// On a finding: reading is total, records and what is left are all of the
/// file, a list is no longer than its octets, and a route that can be written
/// as an UPDATE is the same route there.
pub fn mrt(data: &[u8]) {
    let mut records = Records::new(data);
    let mut read = 0;
    for record in records.by_ref() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                break;
            }
        };
        read += HEADER_LEN + record.octets().len();
        assert!(!record.record_type().to_string().is_empty());
        let _ = record.time();
        match record.body() {
            Ok(body) => check_body(body, record.octets().len()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    assert_eq!(read + records.rest().len(), data.len());
    assert!(records.next().is_none());
}

fn check_body(body: RecordBody<'_>, octets: usize) {
    match body {
        RecordBody::PeerIndexTable(table) => assert!(table.peers().count() <= octets),
        RecordBody::Rib(rib) => {
            assert_eq!(rib.prefix(), rib.prefix().trunc());
            assert!(rib.entries().count() <= octets);
            rib.entries().flatten().for_each(check_route);
        }
        RecordBody::Message(record) => match record.message() {
            Ok(MessageView::Update(update)) => {
                assert!(!update.display(record.context()).to_string().is_empty());
            }
            Ok(view) => assert!(!view.to_string().is_empty()),
            Err(error) => assert!(!error.to_string().is_empty()),
        },
        RecordBody::StateChange(change) => {
            assert!(!change.old_state.to_string().is_empty());
            assert!(!change.new_state.to_string().is_empty());
        }
        _ => {}
    }
}

fn check_route(route: RibEntryView<'_>) {
    let named = route.attributes();
    assert!(named.mp_reach().is_none() && named.mp_unreach().is_none());
    let mut buf = BytesMut::new();
    if route.encode_update(&mut buf).is_err() {
        assert!(buf.is_empty(), "nothing is appended with an error");
        return;
    }
    let mut octets = &buf[..];
    let view = MessageView::split_from(&mut octets, MaxMessageLen::EXTENDED);
    let Ok(Some(MessageView::Update(update))) = view else {
        panic!("what was written is an UPDATE");
    };
    assert!(octets.is_empty(), "what was written is one message");
    assert!(codes(update.path_attributes()).eq(codes(route.path_attributes())));
    assert!(!update.display(route.context()).to_string().is_empty());
    let judgement = update.judge(route.context());
    let judged = judgement.attributes();
    assert_eq!(judged.origin(), named.origin());
    assert_eq!(judged.as_path(), named.as_path());
    if let Some(reach) = judged.mp_reach() {
        assert_eq!(reach.next_hop(), route.next_hop());
        let mut routes = reach.nlri().flatten();
        let written = routes.next().map(|it| (it.prefix, it.path_id));
        assert_eq!(written, Some((route.prefix(), route.path_id())));
        assert!(routes.next().is_none());
    }
}

fn codes(attributes: AttributeIter<'_>) -> impl Iterator<Item = u8> {
    attributes.flatten().map(|it| it.code().0)
}

/// The header before every record.
const HEADER_LEN: usize = 12;
