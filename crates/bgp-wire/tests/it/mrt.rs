//! MRT files that daemons wrote: `recorded/` was made by FRR 8.4.4, BIRD 2.0.12
//! and GoBGP 3.10 in sessions with each other.

use std::fs;

use bgp_wire::mrt::{PeerEntry, RecordBody, Records, RibEntryView};
use bgp_wire::{AttributeCode, MessageView};

fn recorded(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/recorded");
    fs::read(format!("{folder}/{name}.mrt")).unwrap()
}

/// A line for each route, with its peer looked up, next hop and path.
fn routes(name: &str) -> Vec<String> {
    let octets = recorded(name);
    let (mut peers, mut lines) = (Vec::new(), Vec::new());
    for record in Records::new(&octets) {
        match record.unwrap().body().unwrap() {
            RecordBody::PeerIndexTable(table) => {
                peers = table.peers().collect::<Result<_, _>>().unwrap();
            }
            RecordBody::Rib(rib) => {
                assert_eq!(rib.sequence() as usize, lines.len());
                lines.extend(rib.entries().map(|it| route(it.unwrap(), &peers)));
            }
            other => panic!("a table holds {other:?}"),
        }
    }
    lines
}

fn route(route: RibEntryView<'_>, peers: &[PeerEntry]) -> String {
    let peer = peers[usize::from(route.peer_index())];
    let attributes = route.attributes();
    let path = attributes.as_path().map(|it| it.to_string());
    format!(
        "{} from {} as {} next-hop {} as-path {}",
        route.prefix(),
        peer.address,
        peer.asn,
        route
            .next_hop()
            .map_or_else(String::new, |it| it.to_string()),
        path.unwrap_or_default()
    )
}

#[test]
fn the_table_of_gobgp() {
    assert_eq!(
        routes("gobgp-rib"),
        [
            "2001:db8:b::/48 from 2001:db8:78::1 as 64512 next-hop 2001:db8:78::1 as-path 64512 4200000001",
            "198.51.100.0/25 from 2001:db8:78::1 as 64512 next-hop 10.78.0.1 as-path 64512",
            "192.0.2.0/24 from 2001:db8:78::1 as 64512 next-hop 10.78.0.1 as-path 64512 4200000001",
            "192.0.2.128/25 from 2001:db8:78::1 as 64512 next-hop 10.78.0.1 as-path 64512 4200000001",
        ]
    );
}

#[test]
fn the_table_of_frr() {
    assert_eq!(
        routes("frr-rib"),
        [
            "192.0.2.0/24 from 10.77.0.2 as 4200000001 next-hop 10.77.0.2 as-path 4200000001",
            "192.0.2.128/25 from 10.77.0.2 as 4200000001 next-hop 10.77.0.2 as-path 4200000001",
            "198.51.100.0/25 from 0.0.0.0 as 0 next-hop 0.0.0.0 as-path ",
            "203.0.113.0/24 from 0.0.0.0 as 0 next-hop 0.0.0.0 as-path ",
            "2001:db8:a::/48 from 0.0.0.0 as 0 next-hop :: as-path ",
            "2001:db8:b::/48 from 10.77.0.2 as 4200000001 next-hop 2001:db8:77::2 as-path 4200000001",
        ]
    );
}

#[test]
fn the_tables_of_bird_hold_its_own_routes_without_a_next_hop() {
    assert_eq!(
        routes("bird-rib4"),
        [
            "198.51.100.0/25 from 10.77.0.1 as 64512 next-hop 10.77.0.1 as-path 64512",
            "192.0.2.0/24 from :: as 0 next-hop  as-path ",
            "192.0.2.128/25 from :: as 0 next-hop  as-path ",
        ]
    );
    let own = ["2001:db8:b::/48 from :: as 0 next-hop  as-path "];
    assert_eq!(routes("bird-rib6"), own);
}

/// The first octets of every MP_REACH_NLRI of a table.
fn reach_begins(name: &str) -> Vec<[u8; 2]> {
    let octets = recorded(name);
    let mut begins = Vec::new();
    for record in Records::new(&octets) {
        let Ok(RecordBody::Rib(rib)) = record.unwrap().body() else {
            continue;
        };
        for entry in rib.entries().map(Result::unwrap) {
            let attributes = entry.path_attributes().map(Result::unwrap);
            let reach = attributes.filter(|it| it.code() == AttributeCode::MP_REACH_NLRI);
            begins.extend(reach.map(|it| *it.value().first_chunk().unwrap()));
        }
    }
    begins
}

#[test]
fn bird_abbreviates_mp_reach_nlri_and_frr_and_gobgp_do_not() {
    assert_eq!(reach_begins("bird-learned-rib6"), [[16, 0x20]]);
    // The family, where the length of the next hop should be.
    assert_eq!(reach_begins("frr-rib"), [[0, 2]; 2]);
    assert_eq!(reach_begins("gobgp-rib"), [[0, 2]]);
    assert_eq!(
        routes("bird-learned-rib6"),
        ["2001:db8:a::/48 from 10.77.0.1 as 64512 next-hop 2001:db8:77::1 as-path 64512"]
    );
}

#[test]
fn bird_writes_add_path_records() {
    let octets = recorded("bird-add-path-rib4");
    let Some(Ok(RecordBody::Rib(rib))) = Records::new(&octets).nth(1).map(|it| it.unwrap().body())
    else {
        panic!("no RIB record");
    };
    let ids: Vec<_> = rib.entries().map(|it| it.unwrap().path_id()).collect();
    assert_eq!(ids, [Some(2)]);

    let octets = recorded("bird-add-path-updates");
    let mut announced = Vec::new();
    for record in Records::new(&octets) {
        let Ok(RecordBody::Message(record)) = record.unwrap().body() else {
            continue;
        };
        if let Ok(MessageView::Update(update)) = record.message() {
            let routes = update.announced_nlri(record.context());
            announced.extend(routes.map(|it| it.unwrap().to_string()));
        }
    }
    assert_eq!(announced, ["203.0.113.0/24 path 2"]);
}

/// How many messages, changes of state and unreadable records there are. No
/// message is at fault.
fn session(name: &str) -> (usize, usize, usize) {
    let octets = recorded(name);
    let (mut messages, mut changes, mut unreadable) = (0, 0, 0);
    for record in Records::new(&octets) {
        match record.unwrap().body() {
            Ok(RecordBody::Message(record)) => {
                messages += 1;
                if let MessageView::Update(update) = record.message().unwrap() {
                    assert_eq!(update.judge(record.context()).fault(), None);
                }
            }
            Ok(RecordBody::StateChange(change)) => {
                assert!(change.new_state.name().is_some());
                changes += 1;
            }
            Ok(other) => panic!("a session holds {other:?}"),
            Err(_) => unreadable += 1,
        }
    }
    (messages, changes, unreadable)
}

#[test]
fn the_messages_of_all_three_are_read() {
    assert_eq!(session("bird-updates"), (12, 6, 0));
    assert_eq!(session("bird-add-path-updates"), (6, 6, 0));
    assert_eq!(session("gobgp-updates"), (9, 0, 0));
    // FRR writes its own peer's last change without the addresses.
    assert_eq!(session("frr-all"), (16, 10, 1));
}
