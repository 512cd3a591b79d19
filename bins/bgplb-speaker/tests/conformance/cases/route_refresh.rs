//! ROUTE-REFRESH: RFC 2918, 5291 and 7313.

use serde_json::json;

use super::base;
use crate::harness::case::{At, Bench, Case, Expect};
use crate::harness::peer::Family;
use crate::harness::wire::{A_SHOWN, AS4, B_SHOWN, Open, V4, V6, hex, message, route_refresh};

pub fn cases() -> Vec<Case> {
    let both = || Expect::Routes(vec![json!({"prefix": A_SHOWN}), json!({"prefix": B_SHOWN})]);
    let ignored = |id, clause, what, refresh: Vec<u8>| {
        let octets = [base(), refresh].concat();
        Case::new(id, clause, what, At::Established, octets, both())
    };
    let only_v4 = |case: Case| {
        let open = Open::new(65001).capabilities(&[V4, "0200", AS4].concat());
        case.open(open, &[Family::V4])
    };
    let short = message(5, &hex("0001 00"));
    let long_begin = message(5, &hex("0001 01 01 00"));
    let long_end = message(5, &hex("0001 02 01 00"));
    let enhanced = |case: Case| {
        let open = Open::new(65001).capabilities(&[V4, V6, "0200", "4600", AS4].concat());
        case.open(open, Family::BOTH)
    };
    let refused = |id, clause, what, octets: Vec<u8>, expect| {
        let octets = [base(), octets].concat();
        Case::new(id, clause, what, At::Established, octets, expect)
    };
    vec![
        Case::script("R01", "RFC 2918 4", "both families again, one by one", again),
        ignored("R02", "RFC 2918 4", "a family nobody has", message(5, &hex("0019 00 46"))),
        only_v4(ignored("R03", "RFC 2918 4", "a family that is not agreed", route_refresh(2, 0))),
        ignored("R04", "RFC 7313 5", "subtype 3", route_refresh(1, 3)),
        ignored("R05", "RFC 7313 5", "subtype 255", route_refresh(1, 255)),
        ignored("R06", "RFC 7313 4", "a beginning that is not agreed", route_refresh(1, 1)),
        ignored("R07", "RFC 7313 4", "an end that is not agreed", route_refresh(1, 2)),
        ignored("R08", "RFC 5291 4", "filters behind the request", message(5, &hex("0001 00 01 01 80 0001 00"))),
        refused("R10", "RFC 4271 6.1", "three octets", short, Expect::Notification(1, 2, hex("0016"))),
        refused("R11", "RFC 7313 5", "a beginning of five octets", long_begin.clone(), Expect::Notification(7, 1, long_begin.clone())),
        enhanced(refused("R12", "RFC 7313 5", "a beginning of five octets, as agreed", long_begin.clone(), Expect::Notification(7, 1, long_begin))),
        enhanced(refused("R13", "RFC 7313 5", "an end of five octets, as agreed", long_end.clone(), Expect::Notification(7, 1, long_end))),
        enhanced(ignored("R14", "RFC 7313 4", "an end without a beginning, as agreed", route_refresh(1, 2))),
        enhanced(ignored("R15", "RFC 7313 5", "subtype 3, as agreed", route_refresh(1, 3))),
        enhanced(Case::script("R16", "RFC 7313 4", "both families again, as agreed", again)),
    ]
}

/// Each request is answered with the family it asks for.
fn again(bench: &Bench<'_>) -> Result<(), String> {
    let mut peer = bench.connect()?;
    peer.establish(&bench.case.open.octets(), Family::BOTH)?;
    for family in [Family::V4, Family::V6, Family::V4] {
        peer.barrier(family)?;
    }
    bench.goodbye(peer)
}
