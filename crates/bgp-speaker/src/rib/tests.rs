use super::*;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn med(med: u32) -> Arc<PathAttributes> {
    Arc::new(PathAttributes {
        med: Some(med),
        ..PathAttributes::originated()
    })
}

fn host(number: u32) -> IpNet {
    let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number);
    IpNet::new(address.into(), 32).unwrap()
}

/// Reads everything after `after`, and how far that was.
fn read(rib: &Rib, reader: usize, after: u64) -> (Vec<IpNet>, u64) {
    let mut position = Position::after(RibVersion(after));
    let batch = read_on(rib, reader, &mut position, usize::MAX);
    (batch, position.read_until().unwrap())
}

fn read_on(rib: &Rib, reader: usize, position: &mut Position, limit: usize) -> Vec<IpNet> {
    let mut batch = Vec::new();
    rib.read(reader, Table::V4, position, limit, &mut batch);
    batch.iter().map(|change| change.prefix).collect()
}

#[test]
fn one_change_costs_a_reader_one_change_whatever_the_table_holds() {
    for size in [10, 10_000] {
        let mut rib = Rib::new(1);
        rib.begin(0, Table::V4, RibVersion(0));
        let table: Vec<_> = (0..size)
            .map(|n| RibChange::announce(host(n), med(1)))
            .collect();
        rib.apply(&table);
        let (all, seen) = read(&rib, 0, 0);
        assert_eq!(all.len(), table.len());
        rib.apply(&[RibChange::announce(host(5), med(2))]);
        assert_eq!(read(&rib, 0, seen), (vec![host(5)], seen + 1));
        rib.apply(&[RibChange::withdraw(host(7))]);
        assert_eq!(read(&rib, 0, seen + 1), (vec![host(7)], seen + 2));
    }
}

#[test]
fn a_reader_is_up_to_date_in_a_table_that_others_changes_passed_by() {
    let mut rib = Rib::new(1);
    let version = rib.apply(&[RibChange::announce(net("2001:db8::/32"), med(1))]);
    assert_eq!(read(&rib, 0, 0), (vec![], version.0));
}

#[test]
fn a_limited_read_goes_on_where_it_ended() {
    let mut rib = Rib::new(1);
    let table: Vec<_> = (0..5)
        .map(|n| RibChange::announce(host(n), med(1)))
        .collect();
    rib.apply(&table);
    let mut position = Position::START;
    assert_eq!(read_on(&rib, 0, &mut position, 2), [host(0), host(1)]);
    assert_eq!(position.read_until(), Some(2));
    assert_eq!(read_on(&rib, 0, &mut position, 3).len(), 3);
    assert_eq!(position.read_until(), Some(5));
}

#[test]
fn equal_attribute_sets_are_kept_once_and_forgotten_with_their_last_prefix() {
    let mut rib = Rib::new(0);
    rib.apply(&[
        RibChange::announce(host(1), med(1)),
        RibChange::announce(host(2), med(1)),
        RibChange::announce(host(3), med(2)),
    ]);
    assert_eq!(rib.sets.len(), 2);
    let set = |prefix| rib.set_of(prefix).unwrap();
    assert_eq!(set(host(1)), set(host(2)));
    assert_ne!(set(host(1)), set(host(3)));
    rib.apply(&[
        RibChange::withdraw(host(1)),
        RibChange::announce(host(3), med(3)),
    ]);
    assert_eq!(rib.sets.len(), 2);
    rib.apply(&[RibChange::withdraw(host(2)), RibChange::withdraw(host(3))]);
    assert_eq!(rib.sets.len(), 0);
    assert_eq!(rib.len(), 0);
}

#[test]
fn withdrawn_prefixes_are_remembered_for_those_who_know_them_only() {
    let mut rib = Rib::new(2);
    rib.apply(&[RibChange::announce(host(1), med(1))]);
    // Nobody is connected: nobody needs to hear of the withdrawal.
    rib.apply(&[RibChange::withdraw(host(1))]);
    assert_eq!(read(&rib, 0, 0).0, []);

    rib.apply(&[RibChange::announce(host(1), med(1))]);
    rib.begin(0, Table::V4, rib.version());
    let (_, known) = read(&rib, 0, 0);
    rib.apply(&[RibChange::withdraw(host(1))]);
    rib.apply(&[RibChange::announce(host(2), med(1))]);
    // A second peer connects after the withdrawal and does not hold it up.
    rib.begin(1, Table::V4, rib.version());
    assert_eq!(read(&rib, 0, known).0, [host(1), host(2)]);
    rib.apply(&[RibChange::announce(host(3), med(1))]);
    assert_eq!(read(&rib, 1, 0).0, [host(2), host(3)]);
    // And a peer that is gone holds up nothing.
    rib.apply(&[RibChange::withdraw(host(2))]);
    assert_eq!(read(&rib, 1, 0).0, [host(3), host(2)]);
    rib.end(0);
    rib.end(1);
    rib.apply(&[]);
    assert_eq!(read(&rib, 1, 0).0, [host(3)]);
}

#[test]
fn who_joins_is_told_one_attribute_set_after_the_other_and_then_the_changes() {
    let mut rib = Rib::new(1);
    let table: Vec<_> = (0..6)
        .map(|n| RibChange::announce(host(n), med(n % 2)))
        .collect();
    rib.apply(&table);
    let mut position = Position::joining(rib.version());
    rib.begin(0, Table::V4, rib.version());
    assert_eq!(read_on(&rib, 0, &mut position, 2), [host(0), host(2)]);
    assert_eq!(position.read_until(), None);
    // One that was told, one that was not, and a new one.
    rib.apply(&[
        RibChange::withdraw(host(2)),
        RibChange::announce(host(4), med(1)),
        RibChange::announce(host(9), med(0)),
    ]);
    assert_eq!(
        read_on(&rib, 0, &mut position, usize::MAX),
        [1, 3, 5, 2, 4, 9].map(host)
    );
    assert_eq!(position.read_until(), Some(rib.version));
    assert_eq!(read_on(&rib, 0, &mut position, usize::MAX), []);
}

#[test]
fn who_starts_over_hears_of_withdrawals_it_has_not_heard_of() {
    let mut rib = Rib::new(1);
    rib.begin(0, Table::V4, RibVersion(0));
    rib.apply(&[1, 2, 3].map(|n| RibChange::announce(host(n), med(1))));
    let mut position = Position::START;
    read_on(&rib, 0, &mut position, usize::MAX);
    rib.apply(&[RibChange::withdraw(host(2))]);
    position.start_over();
    assert_eq!(read_on(&rib, 0, &mut position, 1), [host(2)]);
    rib.apply(&[RibChange::withdraw(host(3))]);
    assert_eq!(
        read_on(&rib, 0, &mut position, usize::MAX),
        [host(1), host(3)]
    );
}
