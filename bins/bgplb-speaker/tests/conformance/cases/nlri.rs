//! Routes themselves: announced, replaced, withdrawn, and those that can't be.

use std::slice;

use serde_json::{Value, json};

use super::base;
use crate::harness::case::{At, Case, Expect};
use crate::harness::wire::{A, A_SHOWN, AS_PATH, B, B_SHOWN, NEXT_HOP, ORIGIN, update};

pub fn cases() -> Vec<Case> {
    let good = [ORIGIN, AS_PATH, NEXT_HOP].concat();
    let with = |more: &str| [&good, more].concat();
    let (format, wrong) = ("RFC 4271 4.3", "RFC 4271 6.3");
    let routes = |routes: &[Value]| Expect::Routes(routes.to_vec());
    let (a, b) = (json!({"prefix": A_SHOWN}), json!({"prefix": B_SHOWN}));
    let med = |med: u32| json!({"prefix": A_SHOWN, "med": med});
    let case = |id, clause, what, updates: &[Vec<u8>], expect| {
        let octets = [base(), updates.concat()].concat();
        Case::new(id, clause, what, At::Established, octets, expect)
    };
    let shown = |prefix: &str| vec![a.clone(), b.clone(), json!({"prefix": prefix})];
    let announce = |nlri: &str| vec![update("", &good, nlri)];
    vec![
        case("P01", format, "two routes", &[], routes(&[a.clone(), b.clone()])),
        case("P02", format, "one withdrawn", &[update(A, "", "")], routes(slice::from_ref(&b))),
        case("P03", format, "both withdrawn", &[update(&[A, B].concat(), "", "")], routes(&[])),
        case("P04", format, "one withdrawn and announced by one UPDATE", &[update(A, &with("800404 00000009"), A)], routes(&[med(9), b.clone()])),
        case("P05", format, "one withdrawn that nobody announced", &[update("18 0a0900", "", "")], routes(&[a.clone(), b.clone()])),
        case("P06", format, "a withdrawal with attributes", &[update(A, &good, "")], routes(slice::from_ref(&b))),
        case("P07", "RFC 4271 3.1", "a route replaced", &[update("", &with("800404 00000003"), A)], routes(&[med(3), b.clone()])),
        case("P08", "RFC 4271 3.1", "a route twice in one UPDATE", &[update("", &with("800404 00000004"), &[A, A].concat())], routes(&[med(4), b.clone()])),
        case("P09", format, "bits behind the prefix do not count", &announce("11 0a07ff"), routes(&shown("10.7.128.0/17"))),
        case("P10", format, "a host", &announce("20 0a090909"), routes(&shown("10.9.9.9/32"))),
        case("P11", format, "the default route", &announce("00"), routes(&shown("0.0.0.0/0"))),
        case("P12", wrong, "a multicast prefix", &announce("04 e0"), routes(&[a.clone(), b.clone()])),
        case("P13", wrong, "a loopback prefix", &announce("08 7f"), routes(&[a.clone(), b.clone()])),
        case("P14", wrong, "a multicast prefix beside a good one", &announce("18 e00001 18 0a0800"), routes(&shown("10.8.0.0/24"))),
        case("P15", format, "withdrawn with bits behind the prefix", &[update("", &good, "11 0a0700"), update("11 0a077f", "", "")], routes(&[a.clone(), b.clone()])),
        case("P16", "RFC 4724 2", "End-of-RIB changes nothing", &[update("", "", "")], routes(&[a.clone(), b.clone()])),
    ]
}
