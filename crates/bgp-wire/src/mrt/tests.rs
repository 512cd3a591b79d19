//! Records put together by hand, field by field.

use bytes::{BufMut as _, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::{
    AsWidth, Asn, AttributeCode, AttributeIter, DecodeErrorKind, MaxMessageLen, MessageView,
    RawMessage, SessionKind, encode_keepalive,
};

fn record(record_type: RecordType, subtype: u16, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len()).unwrap();
    let mut octets = 1_700_000_000u32.to_be_bytes().to_vec();
    octets.extend_from_slice(&record_type.0.to_be_bytes());
    octets.extend_from_slice(&subtype.to_be_bytes());
    octets.extend_from_slice(&length.to_be_bytes());
    octets.extend_from_slice(&body);
    octets
}

fn only(octets: &[u8]) -> RecordView<'_> {
    let mut records = Records::new(octets);
    let record = records.next().unwrap().unwrap();
    assert_eq!(records.next(), None);
    record
}

fn rib(octets: &[u8]) -> RibView<'_> {
    match only(octets).body() {
        Ok(RecordBody::Rib(rib)) => rib,
        other => panic!("no RIB record: {other:?}"),
    }
}

/// The UPDATE of the first route, as one line.
fn update_line(octets: &[u8]) -> Result<String, MrtError> {
    let entry = rib(octets).entries().next().unwrap().unwrap();
    let mut buf = BytesMut::new();
    entry.encode_update(&mut buf)?;
    let raw = RawMessage::split_from(&mut buf, MaxMessageLen::EXTENDED)
        .unwrap()
        .unwrap();
    assert!(buf.is_empty());
    let Ok(MessageView::Update(update)) = raw.view() else {
        panic!("not an UPDATE");
    };
    Ok(update.display(entry.context()).to_string())
}

const TABLE: RecordType = RecordType::TABLE_DUMP_V2;
const ORIGIN: &[u8] = &[0x40, 1, 1, 0];
const AS_PATH: &[u8] = &[0x40, 2, 6, 2, 1, 0, 0, 0xfc, 0];
const NEXT_HOP: &[u8] = &[0x40, 3, 4, 192, 0, 2, 1];

const V6_PREFIX: &[u8] = &[32, 0x20, 1, 0x0d, 0xb8];
const GLOBAL: [u8; 16] = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const LINK_LOCAL: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

/// One entry of peer 1 with these attributes.
fn entry(path_id: Option<u32>, attributes: &[&[u8]]) -> Vec<u8> {
    let attributes = attributes.concat();
    let length = u16::try_from(attributes.len()).unwrap();
    let id = path_id.map_or_else(Vec::new, |id| id.to_be_bytes().to_vec());
    [
        &[0, 1, 0, 0, 0, 60][..],
        &id,
        &length.to_be_bytes(),
        &attributes,
    ]
    .concat()
}

fn reach(value: &[u8]) -> Vec<u8> {
    [&[0x80, 14, u8::try_from(value.len()).unwrap()], value].concat()
}

#[test]
fn the_peer_index_table_holds_both_widths_and_both_families() {
    let octets = record(
        TABLE,
        1,
        &[
            &[192, 0, 2, 9, 0, 4],
            b"view",
            &[0, 2],
            &[0, 1, 1, 1, 1, 10, 0, 0, 1, 0xfc, 0],
            &[3, 2, 2, 2, 2],
            &GLOBAL,
            &[0, 1, 0, 0],
        ],
    );
    assert_eq!(only(&octets).time(), Duration::from_secs(1_700_000_000));
    let Ok(RecordBody::PeerIndexTable(table)) = only(&octets).body() else {
        panic!("no table");
    };
    assert_eq!(table.collector().to_string(), "192.0.2.9");
    assert_eq!(table.view_name(), b"view");
    let peers: Vec<_> = table.peers().map(Result::unwrap).collect();
    let said = peers
        .iter()
        .map(|it| format!("{} {} {}", it.identifier, it.address, it.asn));
    assert_eq!(
        said.collect::<Vec<_>>(),
        ["1.1.1.1 10.0.0.1 64512", "2.2.2.2 2001:db8::1 65536"]
    );
}

#[test]
fn a_list_shorter_or_longer_than_its_count_ends_with_an_error() {
    let peer = [0, 1, 1, 1, 1, 10, 0, 0, 1, 0xfc, 0];
    for (count, peers, good) in [(2, &peer[..], 1), (0, &peer[..], 0), (1, &peer[..10], 0)] {
        let octets = record(TABLE, 1, &[&[0; 4], &[0, 0], &[0, count], peers]);
        let Ok(RecordBody::PeerIndexTable(table)) = only(&octets).body() else {
            panic!("no table");
        };
        let read: Vec<_> = table.peers().collect();
        assert_eq!(read.len(), good + 1);
        assert_eq!(read.last(), Some(&Err(MrtError::Malformed)));
    }
}

#[test]
fn an_ipv4_route_becomes_its_update() {
    let route = entry(None, &[ORIGIN, AS_PATH, NEXT_HOP]);
    let octets = record(TABLE, 2, &[&[0, 0, 0, 7, 24, 203, 0, 113, 0, 1], &route]);
    assert_eq!(rib(&octets).sequence(), 7);
    assert_eq!(rib(&octets).prefix().to_string(), "203.0.113.0/24");
    let entry = rib(&octets).entries().next().unwrap().unwrap();
    assert_eq!((entry.peer_index(), entry.path_id()), (1, None));
    assert_eq!(entry.originated(), Duration::from_secs(60));
    assert_eq!(entry.next_hop().unwrap().to_string(), "192.0.2.1");
    let path = entry.attributes().as_path().unwrap();
    assert_eq!(path.asns().collect::<Vec<_>>(), [Asn::new(64512)]);
    assert_eq!(
        update_line(&octets).unwrap(),
        "UPDATE announce 203.0.113.0/24 next-hop 192.0.2.1 origin igp as-path [64512]"
    );
}

#[test]
fn both_forms_of_mp_reach_nlri_give_the_same_route() {
    let head = [&[0, 0, 0, 0][..], V6_PREFIX, &[0, 1]].concat();
    let short = [&[32][..], &GLOBAL, &LINK_LOCAL].concat();
    let whole = [&[0, 2, 1, 32][..], &GLOBAL, &LINK_LOCAL, &[0], V6_PREFIX].concat();
    for value in [short, whole] {
        let route = entry(None, &[ORIGIN, AS_PATH, &reach(&value)]);
        let octets = record(TABLE, 4, &[&head, &route]);
        assert_eq!(
            update_line(&octets).unwrap(),
            "UPDATE announce ipv6-unicast 2001:db8::/32 next-hop 2001:db8::1 (fe80::2) \
             origin igp as-path [64512]"
        );
        let entry = rib(&octets).entries().next().unwrap().unwrap();
        let next_hop = entry.next_hop().unwrap();
        assert_eq!(next_hop.to_string(), "2001:db8::1 (fe80::2)");
        assert!(entry.attributes().mp_reach().is_none());
        assert!(entry.attributes().origin().is_some());
    }
}

#[test]
fn add_path_records_name_their_paths() {
    let head = [0, 0, 0, 0, 8, 10, 0, 2];
    let first = entry(Some(7), &[ORIGIN, AS_PATH, NEXT_HOP]);
    let second = entry(Some(8), &[ORIGIN]);
    let octets = record(TABLE, 8, &[&head, &first, &second]);
    let ids: Vec<_> = rib(&octets)
        .entries()
        .map(|it| it.unwrap().path_id())
        .collect();
    assert_eq!(ids, [Some(7), Some(8)]);
    assert_eq!(
        update_line(&octets).unwrap(),
        "UPDATE announce 10.0.0.0/8 path 7 next-hop 192.0.2.1 origin igp as-path [64512]"
    );
    let route = entry(
        Some(9),
        &[ORIGIN, AS_PATH, &reach(&[&[16][..], &GLOBAL].concat())],
    );
    let octets = record(TABLE, 10, &[&[0, 0, 0, 0], V6_PREFIX, &[0, 1], &route]);
    assert_eq!(
        update_line(&octets).unwrap(),
        "UPDATE announce ipv6-unicast 2001:db8::/32 path 9 next-hop 2001:db8::1 \
         origin igp as-path [64512]"
    );
}

#[test]
fn a_route_without_a_next_hop_field_is_no_update() {
    let head = [&[0, 0, 0, 0][..], V6_PREFIX, &[0, 1]].concat();
    let values = [&[][..], &[16, 0x20, 1], &[0, 2]];
    let bad_reach = values.map(|value| vec![ORIGIN.to_vec(), reach(value)]);
    for attributes in bad_reach.into_iter().chain([vec![ORIGIN.to_vec()]]) {
        let parts: Vec<_> = attributes.iter().map(Vec::as_slice).collect();
        let octets = record(TABLE, 4, &[&head, &entry(None, &parts)]);
        let entry = rib(&octets).entries().next().unwrap().unwrap();
        assert_eq!(entry.next_hop(), None);
        let mut buf = BytesMut::from(&b"kept"[..]);
        let encoded = entry.encode_update(&mut buf);
        assert_eq!(encoded, Err(MrtError::Malformed));
        assert_eq!(buf, b"kept"[..]);
    }
}

#[test]
fn attributes_that_overrun_are_judged_as_such() {
    let route = entry(None, &[ORIGIN, AS_PATH, NEXT_HOP, &[0x40, 5, 200, 0]]);
    let octets = record(TABLE, 2, &[&[0, 0, 0, 0, 8, 10, 0, 1], &route]);
    let line = update_line(&octets).unwrap();
    assert!(
        line.ends_with("; treat-as-withdraw: path attributes overrun their field"),
        "{line}"
    );
}

#[test]
fn attributes_as_long_as_may_be_are_no_panic() {
    let long = [&[0xc0 | 0x10, 99, 0xff, 0xfb][..], &[0; 65531]].concat();
    let route = entry(None, &[&long]);
    let octets = record(TABLE, 2, &[&[0, 0, 0, 0, 8, 10, 0, 1], &route]);
    assert_eq!(update_line(&octets), Err(MrtError::Malformed));
}

#[test]
fn the_prefix_of_a_rib_record_is_checked() {
    for (prefix, error) in [
        (&[33, 1, 2, 3, 4, 5][..], MrtError::MalformedPrefix),
        (&[24, 10], MrtError::MalformedPrefix),
        (&[], MrtError::Malformed),
        (&[8, 10, 0], MrtError::Malformed),
    ] {
        let octets = record(TABLE, 2, &[&[0, 0, 0, 0], prefix]);
        assert_eq!(only(&octets).body().unwrap_err(), error);
    }
}

/// Peer 64512 at 10.0.0.1, local 64513 at 10.0.0.2.
const PEERING: &[u8] = &[0xfc, 0, 0xfc, 1, 0, 3, 0, 1, 10, 0, 0, 1, 10, 0, 0, 2];
const PEERING_AS4: &[u8] = &[
    0, 0, 0xfc, 0, 0, 0, 0xfc, 0, 0, 3, 0, 1, 10, 0, 0, 1, 10, 0, 0, 2,
];

#[test]
fn a_message_record_tells_how_to_read_its_message() {
    let mut keepalive = BytesMut::new();
    encode_keepalive(&mut keepalive);
    for (subtype, width, is_local, has_path_ids) in [
        (1, AsWidth::Two, false, false),
        (4, AsWidth::Four, false, false),
        (6, AsWidth::Two, true, false),
        (7, AsWidth::Four, true, false),
        (8, AsWidth::Two, false, true),
        (9, AsWidth::Four, false, true),
        (10, AsWidth::Two, true, true),
        (11, AsWidth::Four, true, true),
    ] {
        let (peering, session) = match width {
            AsWidth::Two => (PEERING, SessionKind::External),
            AsWidth::Four => (PEERING_AS4, SessionKind::Internal),
        };
        let octets = record(RecordType::BGP4MP, subtype, &[peering, &keepalive]);
        let Ok(RecordBody::Message(message)) = only(&octets).body() else {
            panic!("no message");
        };
        let ctx = message.context();
        assert_eq!((ctx.as_width, ctx.session), (width, session));
        assert_eq!(message.is_local(), is_local);
        assert_eq!(message.has_path_ids(), has_path_ids);
        for family in FAMILIES {
            assert_eq!(ctx.path_ids.contains(family), has_path_ids);
        }
        assert_eq!(message.peering().peer_as, Asn::new(64512));
        assert_eq!(message.peering().interface, 3);
        assert_eq!(message.peering().local_address.to_string(), "10.0.0.2");
        assert!(matches!(message.message(), Ok(MessageView::Keepalive)));
        assert_eq!(message.octets(), &keepalive[..]);
    }
}

#[test]
fn microseconds_count_and_stand_before_the_body() {
    let parts: [&[u8]; 3] = [&250_000u32.to_be_bytes(), PEERING, &[0, 5, 0, 6]];
    let octets = record(RecordType::BGP4MP_ET, 0, &parts);
    let time = Duration::from_micros(1_700_000_000_250_000);
    assert_eq!(only(&octets).time(), time);
    let Ok(RecordBody::StateChange(change)) = only(&octets).body() else {
        panic!("no change of state");
    };
    let said = format!("{} {}", change.old_state, change.new_state);
    assert_eq!(said, "OpenConfirm Established");
    let short = record(RecordType::BGP4MP_ET, 0, &[&[0; 3]]);
    assert_eq!(only(&short).body().unwrap_err(), MrtError::Malformed);
    assert_eq!(only(&short).time(), Duration::from_secs(1_700_000_000));
}

#[test]
fn an_address_family_without_addresses_is_named() {
    let mut peering = PEERING.to_vec();
    peering[7] = 9;
    let octets = record(RecordType::BGP4MP, 0, &[&peering, &[0, 5, 0, 6]]);
    let error = only(&octets).body().unwrap_err();
    assert_eq!(error, MrtError::UnknownFamily(9));
}

#[test]
fn a_message_record_holds_exactly_one_message() {
    let mut twice = BytesMut::new();
    encode_keepalive(&mut twice);
    encode_keepalive(&mut twice);
    let not_synchronized = DecodeErrorKind::NotSynchronized.into();
    for (message, error) in [
        (&twice[..], MrtError::Malformed),
        (&twice[..18], MrtError::Malformed),
        (&[], MrtError::Malformed),
        (&[0; 19], MrtError::Message(not_synchronized)),
    ] {
        let octets = record(RecordType::BGP4MP, 1, &[PEERING, message]);
        let Ok(RecordBody::Message(message)) = only(&octets).body() else {
            panic!("no message");
        };
        assert_eq!(message.message().unwrap_err(), error);
    }
}

#[test]
fn what_is_not_read_stays_octets() {
    for (record_type, subtype) in [(TABLE, 6), (TABLE, 12), (RecordType::BGP4MP, 3)] {
        let octets = record(record_type, subtype, &[b"anything"]);
        assert!(matches!(only(&octets).body(), Ok(RecordBody::Other)));
        assert_eq!(only(&octets).octets(), b"anything");
    }
    let octets = record(RecordType(48), 0, &[]);
    assert!(matches!(only(&octets).body(), Ok(RecordBody::Other)));
    assert_eq!(RecordType(48).to_string(), "record type 48");
}

#[test]
fn a_file_that_ends_within_a_record_keeps_the_rest() {
    let whole = record(RecordType::BGP4MP, 0, &[PEERING, &[0, 5, 0, 6]]);
    for cut in 1..whole.len() {
        let octets = [&whole[..], &whole[..cut]].concat();
        let mut records = Records::new(&octets);
        assert!(records.next().unwrap().is_ok());
        assert_eq!(records.next(), Some(Err(MrtError::Truncated)));
        assert_eq!(records.next(), None);
        assert_eq!(records.rest(), &whole[..cut]);
    }
}

/// Touches everything that can be asked of a file.
fn walk(octets: &[u8]) {
    let mut records = Records::new(octets);
    let mut total = 0;
    for record in records.by_ref().flatten() {
        total += 12 + record.octets().len();
        let _ = (record.time(), record.record_type().to_string());
        match record.body() {
            Ok(RecordBody::PeerIndexTable(table)) => {
                assert!(table.peers().count() <= record.octets().len());
            }
            Ok(RecordBody::Rib(rib)) => {
                assert_eq!(rib.prefix(), rib.prefix().trunc());
                rib.entries().flatten().for_each(walk_entry);
            }
            Ok(RecordBody::Message(message)) => {
                if let Ok(MessageView::Update(update)) = message.message() {
                    assert!(!update.display(message.context()).to_string().is_empty());
                }
            }
            Ok(_) => {}
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    assert_eq!(total + records.rest().len(), octets.len());
}

fn walk_entry(entry: RibEntryView<'_>) {
    let next_hop = entry.next_hop();
    let mut buf = BytesMut::new();
    if entry.encode_update(&mut buf).is_err() {
        assert!(buf.is_empty());
        return;
    }
    let mut octets = &buf[..];
    let view = MessageView::split_from(&mut octets, MaxMessageLen::EXTENDED);
    let Ok(Some(MessageView::Update(update))) = view else {
        panic!("what was written is no UPDATE");
    };
    assert!(octets.is_empty());
    let judgement = update.judge(entry.context());
    if let Some(reach) = judgement.attributes().mp_reach() {
        assert_eq!(reach.next_hop(), next_hop);
    }
    let codes = |octets: AttributeIter<'_>| -> Vec<AttributeCode> {
        octets.flatten().map(|it| it.code()).collect()
    };
    let written = codes(update.path_attributes());
    assert_eq!(written, codes(entry.path_attributes()));
    let named = judgement.attributes().origin();
    assert_eq!(entry.attributes().origin(), named);
}

/// Records with a whole header, of types and subtypes that are read.
fn records() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![Just(13u16), Just(16), Just(17), any::<u16>()];
    let body = vec(
        prop_oneof![3 => 0..4u8, 1 => Just(16), 2 => any::<u8>()],
        0..80,
    );
    let one = (kind, 0..13u16, body)
        .prop_map(|(kind, subtype, body)| record(RecordType(kind), subtype, &[&body]));
    vec(one, 0..4).prop_map(|records| records.concat())
}

/// RIB records whose entries are whole and whose attributes hold anything.
fn tables() -> impl Strategy<Value = Vec<u8>> {
    let code = prop_oneof![1..=18u8, Just(14), any::<u8>()];
    let value = vec(
        prop_oneof![Just(0u8), Just(1), Just(16), any::<u8>()],
        0..40,
    );
    let attribute = (any::<u8>(), code, value).prop_map(|(flags, code, value)| {
        let length = u8::try_from(value.len()).unwrap();
        [&[flags & !0x10, code, length][..], &value].concat()
    });
    let kind = prop_oneof![Just(2u16), Just(4), Just(8), Just(10)];
    (kind, any::<u32>(), vec(attribute, 0..6)).prop_map(|(subtype, id, attributes)| {
        let parts: Vec<_> = attributes.iter().map(Vec::as_slice).collect();
        let route = entry((subtype >= 8).then_some(id), &parts);
        record(TABLE, subtype, &[&[0, 0, 0, 0, 8, 10, 0, 1], &route])
    })
}

proptest! {
    #[test]
    fn any_octets(octets in vec(any::<u8>(), 0..200)) {
        walk(&octets);
    }

    #[test]
    fn any_records(octets in records()) {
        walk(&octets);
    }

    #[test]
    fn any_table(octets in tables()) {
        walk(&octets);
    }

    #[test]
    fn any_cut(octets in tables(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(octets.len());
        walk(&octets[..cut]);
    }

    #[test]
    fn any_message(subtype in 0..13u16, body in vec(any::<u8>(), 0..60)) {
        let mut message = BytesMut::from(&[0xff; 16][..]);
        message.put_u16(u16::try_from(19 + body.len()).unwrap());
        message.put_u8(2);
        message.put_slice(&body);
        walk(&record(RecordType::BGP4MP, subtype, &[PEERING, &message]));
        walk(&record(RecordType::BGP4MP, subtype, &[PEERING_AS4, &message]));
    }
}
