//! The OPEN's fields and parameters: RFC 4271 section 6.2, RFC 6286, 6793,
//! 7607 and 9072.

use serde_json::json;

use super::notification;
use crate::harness::case::{At, Case, Expect};
use crate::harness::peer::Family;
use crate::harness::speaker::{LOCAL_IDENTIFIER, Neighbour};
use crate::harness::wire::{AS4, Open, V4, V6, capabilities_parameter, extended_parameter, hex};

pub fn cases() -> Vec<Case> {
    let mut cases = refused_fields();
    cases.extend(refused_parameters());
    cases.extend(accepted_fields());
    cases.extend(accepted_parameters());
    cases
}

fn good() -> Open {
    Open::new(65001)
}

/// Four octets of AS number as a capability, beside both families.
fn four_octet(asn: &str) -> String {
    [V4, V6, "4104", asn].concat()
}

fn refused(id: &'static str, clause: &'static str, what: &'static str, open: &Open, subcode: u8, data: &str) -> Case {
    let expect = notification(2, subcode, data);
    Case::new(id, clause, what, At::OpenSent, open.octets(), expect)
}

fn accepted(id: &'static str, clause: &'static str, what: &'static str, open: &Open, session: serde_json::Value) -> Case {
    let expect = Expect::Session(session);
    Case::new(id, clause, what, At::OpenSent, open.octets(), expect)
}

fn refused_fields() -> Vec<Case> {
    let base = "RFC 4271 6.2";
    let (reserved, four) = ("RFC 7607 2", "RFC 6793 4.1");
    vec![
        refused("O01", base, "version 3", &good().version(3), 1, "0004"),
        refused("O02", base, "version 5", &good().version(5), 1, "0004"),
        refused("O03", base, "version 0", &good().version(0), 1, "0004"),
        refused("O04", base, "version 255", &good().version(255), 1, "0004"),
        refused("O05", base, "another AS than configured", &Open::new(65002), 2, ""),
        refused("O06", reserved, "AS 0 in both places", &Open::new(0), 2, ""),
        refused("O07", reserved, "AS 0 in the field", &good().my_as(0), 2, ""),
        refused("O08", reserved, "AS 0 in the capability", &good().capabilities(&four_octet("00000000")), 2, ""),
        refused("O09", reserved, "AS 0 without the capability", &good().my_as(0).capabilities(V4), 2, ""),
        refused("O10", four, "another AS in the capability than in the field", &good().capabilities(&four_octet("0000fdea")), 2, ""),
        refused("O11", four, "another AS in the field than in the capability", &good().my_as(65002), 2, ""),
        refused("O12", four, "AS_TRANS without the capability", &good().my_as(23456).capabilities(V4), 2, ""),
        refused("O13", base, "hold time 1", &good().hold_time(1), 6, ""),
        refused("O14", base, "hold time 2", &good().hold_time(2), 6, ""),
        refused("O15", "RFC 6286 2.2", "identifier 0.0.0.0", &good().identifier([0; 4]), 3, ""),
        refused("O16", "RFC 6286 2.2", "our own identifier, internal", &Open::new(65500).identifier(LOCAL_IDENTIFIER), 3, "").internal(),
        refused("O17", base, "an external AS where an internal one is configured", &good(), 2, "").internal(),
    ]
}

fn refused_parameters() -> Vec<Case> {
    let base = "RFC 4271 6.2";
    let refused = |id, clause, what, parameters: &[u8], subcode| refused(id, clause, what, &good().parameters(parameters), subcode, "");
    let with = |text: &str| hex(text);
    let extended = "RFC 9072 2";
    vec![
        refused("O20", base, "parameter of type 1", &with("03 0101 00"), 4),
        refused("O21", base, "parameter of type 0", &with("02 0000"), 4),
        refused("O22", base, "parameter of type 99 behind a good one", &with("0a 0206 010400010001 6300"), 4),
        refused("O23", base, "parameters longer than the message", &with("14 0206 010400010001"), 0),
        refused("O24", base, "parameter longer than the parameters", &with("08 0208 010400010001"), 0),
        refused("O25", base, "half a parameter's head", &with("01 02"), 0),
        refused("O26", base, "octets behind the parameters", &with("08 0206 010400010001 00"), 0),
        refused("O27", "RFC 5492 4", "capability longer than its parameter", &with("08 0206 010600010001"), 0),
        refused("O28", "RFC 5492 4", "half a capability's head", &with("03 0201 01"), 0),
        refused("O30", extended, "extended parameters longer than the message", &with("ffff 0020 02 0006 010400010001"), 0),
        refused("O31", extended, "extended parameter longer than the parameters", &with("ffff 0009 02 0007 010400010001"), 0),
        refused("O32", extended, "octets behind the extended parameters", &with("ffff 0009 02 0006 010400010001 00"), 0),
        refused("O33", extended, "half an extended length", &with("ffff 00"), 0),
        refused("O34", extended, "extended parameter of type 1", &with("ffff 0004 01 0001 00"), 4),
        refused("O35", extended, "extended parameter of type 255", &with("ffff 0004 ff 0001 00"), 4),
        refused("O36", extended, "length 0 and still extended parameters", &with("00ff 0009 02 0006 010400010001"), 0),
        refused("O37", extended, "half an extended parameter's head", &with("ffff 0002 02 00"), 0),
    ]
}

fn accepted_fields() -> Vec<Case> {
    let base = "RFC 4271 6.2";
    let identifier = |address: &str| json!({"identifier": address});
    let hold = |seconds: u16| json!({"hold_time": seconds});
    vec![
        accepted("O40", base, "hold time 3", &good().hold_time(3), hold(3)),
        accepted("O41", base, "hold time 0", &good().hold_time(0), hold(0)),
        accepted("O42", base, "hold time 65535, ours is lower", &good().hold_time(65535), hold(90)),
        accepted("O43", "RFC 6286 2.2", "our own identifier, external", &good().identifier(LOCAL_IDENTIFIER), identifier("192.0.2.1")),
        accepted("O44", "RFC 6286 2.1", "identifier 224.0.0.1", &good().identifier([224, 0, 0, 1]), identifier("224.0.0.1")),
        accepted("O45", "RFC 6286 2.1", "identifier 255.255.255.255", &good().identifier([255; 4]), identifier("255.255.255.255")),
        accepted("O46", "RFC 6793 4.2.1", "an AS of four octets", &Open::new(4_200_000_000), json!({})).with(Neighbour::of(4_200_000_000)),
        accepted("O47", "RFC 4271 6.2", "an internal neighbour", &Open::new(65500), hold(90)).internal(),
    ]
}

fn accepted_parameters() -> Vec<Case> {
    let extended = "RFC 9072 2";
    let capabilities = hex(&[V4, V6, "0200", AS4].concat());
    let both = || json!({"families": ["ipv4-unicast", "ipv6-unicast"]});
    let v4_only = || json!({"families": ["ipv4-unicast"], "capabilities": []});
    let with = |parameters: &[u8]| good().parameters(parameters);
    let mut other_first_length = extended_parameter(&capabilities);
    other_first_length[0] = 1;
    // A capability nobody knows, again and again.
    let filling = |octets: usize| {
        let mut all = capabilities.clone();
        while all.len() + 257 <= octets {
            all.extend([200, 255]);
            all.resize(all.len() + 255, 7);
        }
        let rest = octets - all.len() - 2;
        all.extend([200, u8::try_from(rest).unwrap()]);
        all.resize(octets, 7);
        all
    };
    // 29 octets without parameters, and six for the extended form.
    let longest = with(&extended_parameter(&filling(4096 - 35)));
    assert_eq!(longest.octets().len(), 4096);
    let simple = |case: Case| Case { families: &[Family::V4], ..case };
    vec![
        simple(accepted("O50", "RFC 4760 8", "no parameters", &with(&[0]), v4_only())),
        simple(accepted("O51", "RFC 5492 4", "a parameter without capabilities", &with(&hex("02 0200")), v4_only())),
        simple(accepted("O52", extended, "extended parameters of no length", &with(&hex("ffff 0000")), v4_only())),
        accepted("O53", extended, "extended parameters", &with(&extended_parameter(&capabilities)), both()),
        accepted("O54", extended, "extended parameters behind a length other than 255", &with(&other_first_length), both()),
        accepted("O55", extended, "extended parameters of 300 octets", &with(&extended_parameter(&filling(300))), both()),
        accepted("O56", extended, "an OPEN of 4096 octets", &longest, both()),
        accepted("O57", "RFC 5492 4", "255 octets in the short form", &with(&capabilities_parameter(&filling(253))), both()),
    ]
}
