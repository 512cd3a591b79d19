//! Whatever the kernel could say is survived.

use std::net::IpAddr;

use proptest::prelude::*;

use super::expression::judge;
use super::rules::{ChainKey, Reader, Rule};
use super::{Passage, Way};
use crate::netlink::socket::Connection;

proptest! {
    #[test]
    fn any_rule_is_judged(octets in prop::collection::vec(prop_oneof![0..24_u8, any::<u8>()], 0..200)) {
        let mut connection = Connection::open().unwrap();
        let mut reader = Reader::new(&mut connection);
        let chain = ChainKey { family: 2, table: "t".to_owned(), chain: "c".to_owned() };
        let passage = Passage {
            from: "eth0".parse().unwrap(),
            from_index: 2,
            by: "br0".parse().unwrap(),
            by_index: 3,
            service: IpAddr::from([10, 0, 0, 101]),
            way: Way::Request,
        };
        _ = judge(&mut reader, &chain, &Rule::of(octets), &passage);
    }
}
