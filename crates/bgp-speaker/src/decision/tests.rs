use bgp_wire::AsPath;

use super::*;
use crate::BesideBest;

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
        identifier: address.into(),
        peer_address: address.into(),
        attributes: PathAttributes {
            as_path,
            ..PathAttributes::originated()
        },
        rate: None,
        interface: None,
        epoch: 0,
    }
}

/// The same with other attributes.
fn with(path: Path, change: impl FnOnce(&mut PathAttributes)) -> Path {
    let mut path = path;
    change(&mut path.attributes);
    path
}

fn selected(paths: &[Path], multipath: Multipath, next_hops: &NextHopTable) -> Arc<[Gateway]> {
    select(paths.iter(), multipath, next_hops)
}

fn check(paths: &[Path], multipath: Multipath, expected: &[u8]) {
    check_within(&NextHopTable::new(false), paths, multipath, expected);
}

fn check_within(next_hops: &NextHopTable, paths: &[Path], multipath: Multipath, expected: &[u8]) {
    let mut paths = paths.to_vec();
    let expected: Vec<Gateway> = expected
        .iter()
        .map(|n| Gateway::new(IpAddr::from([192, 0, 2, *n])))
        .collect();
    assert_eq!(*selected(&paths, multipath, next_hops), *expected);
    // The order in which they were learned must not matter.
    paths.reverse();
    assert_eq!(*selected(&paths, multipath, next_hops), *expected);
}

/// What is known when these next hops can be reached with these metrics.
fn reachable(metrics: &[(u8, u32)]) -> NextHopTable {
    let mut next_hops = NextHopTable::new(true);
    let known = metrics
        .iter()
        .map(|(n, metric)| (IpAddr::from([192, 0, 2, *n]), *metric));
    next_hops.set_reachable(Arc::new(known.collect()));
    next_hops
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
    let short = with(path(8, &[1]), |it| it.origin = Origin::Incomplete);
    let igp = with(path(7, &[1, 2]), |it| it.med = Some(9));
    let egp = with(path(1, &[1, 2]), |it| it.origin = Origin::Egp);
    let all = [preferred, short, igp, egp];
    check(&all, relaxed(), &[9]);
    check(&all[1..], relaxed(), &[8]);
    check(&all[2..], relaxed(), &[7]);
    check(&all[3..], relaxed(), &[1]);
}

#[test]
fn med_decides_within_one_neighbouring_system_only() {
    let worse = with(path(1, &[100, 7]), |it| it.med = Some(5));
    let better = with(path(2, &[100, 7]), |it| it.med = Some(1));
    let elsewhere = with(path(3, &[200, 7]), |it| it.med = Some(9));
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

/// Internal paths stand together as external ones do.
fn with_internal() -> Multipath {
    Multipath {
        internal: true,
        ..relaxed()
    }
}

fn internal(path: Path) -> Path {
    Path {
        session: SessionKind::Internal,
        ..path
    }
}

#[test]
fn internal_paths_stand_together_if_that_is_asked_for() {
    let paths = [
        internal(path(1, &[100, 7])),
        internal(path(2, &[200, 7])),
        internal(path(3, &[100, 7])),
        internal(path(4, &[100, 7, 8])),
    ];
    check(&paths, relaxed(), &[1]);
    check(&paths, with_internal(), &[1, 2, 3]);
    let same_path = Multipath {
        beside_best: BesideBest::SamePath,
        ..with_internal()
    };
    check(&paths, same_path, &[1, 3]);
}

#[test]
fn internal_paths_stand_beside_no_external_one() {
    let paths = [internal(path(1, &[100])), path(2, &[200]), path(3, &[300])];
    check(&paths, with_internal(), &[2, 3]);
}

#[test]
fn internal_paths_stand_together_where_their_next_hops_are_equally_far() {
    let all = [1, 2, 3].map(|number| internal(path(number, &[100])));
    let check_at = |metrics: &[(u8, u32)], expected: &[u8]| {
        check_within(&reachable(metrics), &all, with_internal(), expected);
    };
    check_at(&[(1, 20), (2, 10), (3, 10)], &[2, 3]);
    check_at(&[(1, 20), (2, 10), (3, 20)], &[2]);
    // One that cannot be reached counts for nothing.
    check_at(&[(1, 20), (3, 20)], &[1, 3]);
}

#[test]
fn preference_and_med_decide_among_internal_paths_too() {
    let preferred = Path {
        local_pref: 200,
        ..internal(path(1, &[100, 7]))
    };
    let mut worse = internal(path(2, &[100, 7]));
    worse.attributes.med = Some(5);
    let better = internal(path(3, &[100, 7]));
    let all = [preferred, worse, better];
    check(&all, with_internal(), &[1]);
    check(&all[1..], with_internal(), &[3]);
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

#[test]
fn a_path_whose_next_hop_cannot_be_reached_takes_no_part() {
    let best = path(1, &[1]);
    let other = path(2, &[1, 2]);
    let both = [best, other];
    check_within(&reachable(&[(1, 0), (2, 0)]), &both, relaxed(), &[1]);
    check_within(&reachable(&[(2, 0)]), &both, relaxed(), &[2]);
    check_within(&reachable(&[]), &both, relaxed(), &[]);
}

#[test]
fn the_nearest_next_hop_wins_after_external_over_internal() {
    let near = path(3, &[1]);
    let far = path(1, &[1]);
    let nearest_inside = Path {
        session: SessionKind::Internal,
        ..path(2, &[1])
    };
    let all = [near, far, nearest_inside];
    let next_hops = reachable(&[(1, 20), (2, 1), (3, 10)]);
    check_within(&next_hops, &all, relaxed(), &[3]);
}

#[test]
fn fewer_reflections_win_among_equal_identifiers() {
    let internal = |number, reflections| {
        let path = Path {
            session: SessionKind::Internal,
            identifier: BgpIdentifier::from(std::net::Ipv4Addr::new(9, 9, 9, 9)),
            ..path(number, &[1])
        };
        let reflectors = vec![std::net::Ipv4Addr::new(9, 9, 9, 8); reflections];
        with(path, |it| it.cluster_list = reflectors)
    };
    check(&[internal(1, 2), internal(2, 1)], relaxed(), &[2]);
    check(&[internal(1, 1), internal(2, 1)], relaxed(), &[1]);
}

#[test]
fn known_rates_become_weights() {
    let rated = |number, rate| Path {
        rate,
        ..path(number, &[1])
    };
    let said = |paths: &[Path]| {
        let selected = selected(paths, relaxed(), &NextHopTable::new(false));
        let said = selected.iter().map(ToString::to_string);
        said.collect::<Vec<_>>().join(", ")
    };
    let weighted = "192.0.2.1, 192.0.2.2 weight 3";
    assert_eq!(said(&[rated(1, Some(100)), rated(2, Some(300))]), weighted);
    assert_eq!(said(&[rated(2, Some(300)), rated(1, Some(100))]), weighted);
    let plain = "192.0.2.1, 192.0.2.2";
    assert_eq!(said(&[rated(1, None), rated(2, Some(300))]), plain);
}
