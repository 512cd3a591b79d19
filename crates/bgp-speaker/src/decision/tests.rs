use super::*;

/// A path of peer `number` through `asns`, otherwise like all others.
fn path(number: u8, asns: &[u32]) -> Path {
    let as_path = AsPath::sequence(asns.iter().copied().map(Asn::new));
    let address = std::net::Ipv4Addr::new(192, 0, 2, number);
    Path {
        peer: usize::from(number),
        session: SessionKind::External,
        next_hop: address.into(),
        local_pref: DEFAULT_LOCAL_PREF,
        neighbour: asns.first().copied().map(Asn::new),
        as_path,
        origin: Origin::Igp,
        med: 0,
        identifier: address.into(),
        peer_address: address.into(),
        attributes: PathAttributes::originated(),
    }
}

fn check(paths: &[Path], multipath: Multipath, expected: &[u8]) {
    let mut paths: Vec<_> = paths.iter().cloned().map(Arc::new).collect();
    let expected: Vec<IpAddr> = expected
        .iter()
        .map(|n| IpAddr::from([192, 0, 2, *n]))
        .collect();
    assert_eq!(*select(&paths, multipath), *expected);
    // The order in which they were learned must not matter.
    paths.reverse();
    assert_eq!(*select(&paths, multipath), *expected);
}

fn relaxed() -> Multipath {
    Multipath::default()
}

#[test]
fn no_path_gives_no_next_hop() {
    check(&[], relaxed(), &[]);
}

#[test]
fn each_step_decides_before_the_next() {
    let preferred = Path {
        local_pref: 200,
        ..path(9, &[1, 2, 3])
    };
    let short = Path {
        origin: Origin::Incomplete,
        ..path(8, &[1])
    };
    let igp = Path {
        med: 9,
        ..path(7, &[1, 2])
    };
    let egp = Path {
        origin: Origin::Egp,
        ..path(1, &[1, 2])
    };
    let all = [preferred, short, igp, egp];
    check(&all, relaxed(), &[9]);
    check(&all[1..], relaxed(), &[8]);
    check(&all[2..], relaxed(), &[7]);
    check(&all[3..], relaxed(), &[1]);
}

#[test]
fn med_decides_within_one_neighbouring_system_only() {
    let worse = Path {
        med: 5,
        ..path(1, &[100, 7])
    };
    let better = Path {
        med: 1,
        ..path(2, &[100, 7])
    };
    let elsewhere = Path {
        med: 9,
        ..path(3, &[200, 7])
    };
    check(&[worse, better, elsewhere], relaxed(), &[2, 3]);
}

#[test]
fn external_paths_go_before_internal_ones() {
    let internal = Path {
        session: SessionKind::Internal,
        ..path(1, &[100])
    };
    check(&[internal.clone(), path(2, &[200])], relaxed(), &[2]);
    // Of internal ones a single one is used, by the lowest identifier.
    let other = Path {
        session: SessionKind::Internal,
        ..path(3, &[100])
    };
    check(&[other, internal], relaxed(), &[1]);
}

#[test]
fn the_same_path_or_the_same_length_stand_together() {
    let paths = [
        path(1, &[100, 7]),
        path(2, &[200, 7]),
        path(3, &[100, 7]),
        path(4, &[300]),
    ];
    check(&paths[..3], relaxed(), &[1, 2, 3]);
    let strict = Multipath {
        beside_best: BesideBest::SamePath,
        ..relaxed()
    };
    check(&paths[..3], strict, &[1, 3]);
    check(&paths, strict, &[4]);
}

#[test]
fn a_next_hop_is_used_once_and_their_number_is_bounded() {
    let same = Path {
        next_hop: [192, 0, 2, 1].into(),
        ..path(2, &[100])
    };
    check(&[path(1, &[100]), same], relaxed(), &[1]);
    let two = Multipath {
        max_next_hops: 2,
        ..relaxed()
    };
    check(&[path(3, &[1]), path(1, &[1]), path(2, &[1])], two, &[1, 2]);
    let none = Multipath {
        max_next_hops: 0,
        ..relaxed()
    };
    check(&[path(3, &[1]), path(1, &[1])], none, &[1]);
}
