//! Capabilities: RFC 5492, and the shape of each as its own RFC has it.

use serde_json::{Value, json};

use super::notification;
use crate::harness::case::{At, Bench, Case, Expect};
use crate::harness::peer::Family;
use crate::harness::speaker::Neighbour;
use crate::harness::wire::{AS4, EXTENDED_MESSAGE, Open, V4, V6, hex, keepalive};

pub fn cases() -> Vec<Case> {
    let mut cases = accepted();
    cases.extend(refused());
    cases.push(Case::script(
        "C60",
        "RFC 5492 3",
        "our OPEN: fields, families, route refresh, extended messages, our AS",
        our_open,
    ));
    cases
}

fn accepted() -> Vec<Case> {
    let both = || json!({"families": ["ipv4-unicast", "ipv6-unicast"]});
    let rest = ["0200", AS4].concat();
    let all = [V4, V6, &rest].concat();
    let with = |more: &str| [&all, more].concat();
    let case = |id, clause, what, capabilities: &str, families, session: Value| {
        let open = Open::new(65001).capabilities(capabilities);
        let case = Case::new(id, clause, what, At::OpenSent, open.octets(), Expect::Session(session));
        Case { families, ..case }
    };
    let usual = |id, clause, what, capabilities: &str| case(id, clause, what, capabilities, Family::BOTH, both());
    let only_v4 = |id, clause, what, capabilities: &str| {
        let session = json!({"families": ["ipv4-unicast"]});
        case(id, clause, what, capabilities, &[Family::V4], session)
    };
    let message = |octets: u32| json!({"max_message": octets});
    // Each capability in a parameter of its own.
    let apart = "1c 0206 010400010001 0206 010400020001 0202 0200 0206 41040000fde9";
    let apart = Open::new(65001).parameters(&hex(apart)).octets();
    let unicast_v6 = json!({"families": ["ipv6-unicast"]});
    vec![
        usual("C01", "RFC 5492 3", "an unknown capability", &with("c803 010203")),
        usual("C02", "RFC 5492 3", "an unknown capability without value", &with("c800")),
        usual("C03", "RFC 5492 4", "a capability twice", &with(V4)),
        usual("C04", "RFC 5492 4", "route refresh twice", &with("0200")),
        usual("C05", "RFC 6793 3", "the AS twice", &with(AS4)),
        Case::new("C06", "RFC 5492 4", "a parameter for each capability", At::OpenSent, apart, Expect::Session(both())),
        only_v4("C07", "RFC 4760 8", "IPv4 only", &[V4, &rest].concat()),
        case("C08", "RFC 4760 8", "IPv6 only", &[V6, &rest].concat(), &[Family::V6], unicast_v6),
        only_v4("C09", "RFC 4760 8", "IPv4 and a family nobody has", &[V4, "0104 1234 00 f0", &rest].concat()),
        only_v4("C10", "RFC 4760 8", "the octet that is reserved is not 0", &["0104 0001 ff 01", &rest].concat()),
        only_v4("C11", "RFC 4760 8", "no family", "0200"),
        case("C12", "RFC 8654 3", "extended messages", &with(EXTENDED_MESSAGE), Family::BOTH, message(65535)),
        case("C13", "RFC 8654 3", "no extended messages", &all, Family::BOTH, message(4096)),
        usual("C14", "RFC 7911 4", "ADD-PATH with a mode that is none", &with("4504 000101 04")),
        usual("C15", "RFC 7911 4", "ADD-PATH for a family that is not agreed", &with("4504 001946 03")),
        usual("C16", "RFC 4724 3", "graceful restart", &with("400a 0078 00010180 00020180")),
        usual("C17", "RFC 4724 3", "graceful restart without families", &with("4002 0078")),
        usual("C18", "RFC 9234 4.2", "a role where we have none", &with("0901 03")),
        usual("C19", "RFC 8950 4", "next hops of another family", &with("0506 000100010002")),
        usual("C20", "RFC 7313 3", "enhanced route refresh", &with("4600")),
        usual("C21", "RFC 9494 3.1", "long-lived graceful restart", &with("4707 000101 80 000e10")),
    ]
}

fn refused() -> Vec<Case> {
    let malformed = |id, clause, what, capabilities: &str| {
        let open = Open::new(65001).capabilities(capabilities);
        Case::new(id, clause, what, At::OpenSent, open.octets(), notification(2, 0, ""))
    };
    let strange = |id, what, families, capabilities: &str, data| {
        let open = Open::new(65001).capabilities(capabilities);
        let neighbour = Neighbour { families, ..Neighbour::EXTERNAL };
        let expect = notification(2, 7, data);
        let case = Case::new(id, "RFC 5492 5", what, At::OpenSent, open.octets(), expect);
        case.with(neighbour)
    };
    let only_v6 = |case: Case| {
        let open = Open::new(65001).capabilities(&[V6, AS4].concat());
        case.open(open, &[Family::V6])
    };
    let only_v4 = |case: Case| {
        let open = Open::new(65001).capabilities(&[V4, AS4].concat());
        case.open(open, &[Family::V4])
    };
    let (v4, v6) = (Some("\"ipv4-unicast\""), Some("\"ipv6-unicast\""));
    let evpn = ["0104 0019 00 46", AS4].concat();
    let ours = [V4, V6].concat();
    vec![
        malformed("C40", "RFC 4760 8", "multiprotocol of 3 octets", "0103 000100"),
        malformed("C41", "RFC 4760 8", "multiprotocol of 5 octets", "0105 0001000100"),
        malformed("C42", "RFC 6793 3", "an AS of 3 octets", &[V4, "4103 00fde9"].concat()),
        malformed("C43", "RFC 6793 3", "an AS of no octets", &[V4, "4100"].concat()),
        malformed("C44", "RFC 2918 2", "route refresh with a value", &[V4, "0201 00"].concat()),
        malformed("C45", "RFC 8654 3", "extended messages with a value", &[V4, "0601 00"].concat()),
        malformed("C46", "RFC 4724 3", "graceful restart of 1 octet", &[V4, "4001 00"].concat()),
        malformed("C47", "RFC 4724 3", "graceful restart with half a family", &[V4, "4004 0078 0001"].concat()),
        malformed("C48", "RFC 7313 3", "enhanced route refresh with a value", &[V4, "4601 00"].concat()),
        only_v6(strange("C50", "IPv6 only, and no families", v6, "4104 0000fde9", V6)),
        only_v6(strange("C51", "IPv6 only, and IPv4 only", v6, &[V4, AS4].concat(), V6)),
        only_v4(strange("C52", "IPv4 only, and IPv6 only", v4, &[V6, AS4].concat(), V4)),
        strange("C53", "both, and another family", None, &evpn, &ours),
    ]
}

/// What we offer, in the octets of the RFCs.
fn our_open(bench: &Bench<'_>) -> Result<(), String> {
    let mut peer = bench.connect()?;
    let open = peer.open(&bench.case.open.octets())?;
    let [fixed @ .., _] = open.body.first_chunk::<10>().ok_or("short")?;
    // Version, AS 65500, 90 s, 192.0.2.1.
    if fixed[..] != hex("04 ffdc 005a c0000201") {
        return Err(format!("fields {fixed:02x?}"));
    }
    for capability in [V4, V6, "0200", EXTENDED_MESSAGE, "4104 0000ffdc"] {
        let wanted = hex(capability);
        let found = open.body.windows(wanted.len()).any(|it| it == wanted);
        if !found {
            return Err(format!("no capability {capability} in {}", open.text()));
        }
    }
    peer.send(&keepalive())?;
    bench.goodbye(peer)
}
