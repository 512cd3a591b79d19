use super::*;

const READER: u64 = 1;

/// A route to `prefix` with a candidate of peer 0.
fn announced(table: &mut RouteTable<u8>, prefix: u8) -> Place {
    table.announce(prefix, 0, 0, 0).0
}

fn pulled(table: &mut RouteTable<u8>) -> Vec<(u64, u8, Option<Id>)> {
    std::iter::from_fn(|| table.read(READER))
        .map(|told| (told.version, told.prefix, told.set))
        .collect()
}

#[test]
fn a_route_stands_once_in_the_log_at_its_latest_change() {
    let mut table = RouteTable::new(false);
    let (ten, eleven) = (announced(&mut table, 10), announced(&mut table, 11));
    table.select(ten, Some(1), 1);
    table.select(eleven, Some(2), 2);
    table.select(ten, Some(3), 3);
    table.add_reader(READER);
    assert_eq!(pulled(&mut table), [(2, 11, Some(2)), (3, 10, Some(3))]);
    assert_eq!(pulled(&mut table), []);
    table.select(eleven, Some(4), 4);
    assert_eq!(table.read_until(READER), 3);
    assert_eq!(pulled(&mut table), [(4, 11, Some(4))]);
}

#[test]
fn a_change_of_what_a_reader_is_about_to_read_comes_later() {
    let mut table = RouteTable::new(false);
    table.add_reader(READER);
    let routes: Vec<_> = (0..3).map(|it| announced(&mut table, it)).collect();
    for (version, route) in (1..).zip(&routes) {
        table.select(*route, Some(1), version);
    }
    assert_eq!(table.read(READER).unwrap().prefix, 0);
    table.select(routes[1], Some(2), 4);
    assert_eq!(pulled(&mut table), [(3, 2, Some(1)), (4, 1, Some(2))]);
}

#[test]
fn a_removal_is_heard_until_its_tombstone_is_forgotten() {
    let mut table = RouteTable::new(false);
    table.add_reader(READER);
    let route = announced(&mut table, 10);
    table.select(route, Some(1), 1);
    assert_eq!(pulled(&mut table).len(), 1);
    assert_eq!(table.withdraw(10, 0), Some((route, 0)));
    table.select(route, None, 2);
    table.forget_if_empty(route);
    table.forget_tombstones(1);
    assert_eq!(pulled(&mut table), [(2, 10, None)]);
    table.forget_tombstones(2);
    assert!(table.is_empty());
}

#[test]
fn a_tombstone_with_candidates_is_only_no_longer_told() {
    let mut table = RouteTable::new(false);
    let route = announced(&mut table, 10);
    table.select(route, Some(1), 1);
    table.select(route, None, 2);
    table.forget_tombstones(2);
    table.add_reader(READER);
    assert_eq!(pulled(&mut table), []);
    assert!(table.range(Bound::Unbounded, 9).eq([(10, route)]));
}

#[test]
fn a_route_chosen_again_has_no_tombstone_left() {
    let mut table = RouteTable::new(false);
    let route = announced(&mut table, 10);
    table.select(route, Some(1), 1);
    table.select(route, None, 2);
    table.select(route, Some(2), 3);
    table.forget_tombstones(5);
    table.add_reader(READER);
    assert_eq!(pulled(&mut table), [(3, 10, Some(2))]);
}

#[test]
fn the_prefixes_of_a_peer_go_in_the_order_of_their_announcement() {
    let mut table = RouteTable::new(false);
    for (prefix, generation) in [(1_u8, 0), (2, 0), (3, 0), (2, 1)] {
        table.announce(prefix, 0, u32::from(prefix), generation);
        table.announce(prefix, 9, 99, generation);
    }
    let mut oldest = |before| table.withdraw_oldest(0, before).map(|(_, path)| path);
    assert_eq!(oldest(Some(1)), Some(1));
    assert_eq!(oldest(Some(1)), Some(3));
    assert_eq!(oldest(Some(1)), None);
    assert_eq!(oldest(None), Some(2));
    assert_eq!(oldest(None), None);
    assert_eq!(table.candidates.len(), 3);
}

#[test]
fn what_comes_and_goes_while_nobody_reads_leaves_nothing_behind() {
    let mut table = RouteTable::new(true);
    table.add_reader(READER);
    for version in (1..99).step_by(2) {
        let route = announced(&mut table, 10);
        table.select(route, Some(1), version);
        assert_eq!(table.withdraw(10, 0), Some((route, 0)));
        table.select(route, None, version + 1);
        table.forget_if_empty(route);
        assert!(table.is_empty());
    }
    let stays = announced(&mut table, 11);
    table.select(stays, Some(1), 100);
    assert_eq!(pulled(&mut table), []);
    table.release();
    assert_eq!(pulled(&mut table), [(100, 11, Some(1))]);
    // From here on who has heard of it hears that it goes.
    table.withdraw(11, 0);
    table.select(stays, None, 101);
    table.forget_if_empty(stays);
    assert_eq!(pulled(&mut table), [(101, 11, None)]);
}
