//! The table of cases, by topic.

// These are tables, so a case stands on one line.
#[rustfmt::skip]
mod attributes;
#[rustfmt::skip]
mod capabilities;
#[rustfmt::skip]
mod collision;
#[rustfmt::skip]
mod four_octet_as;
#[rustfmt::skip]
mod fsm;
#[rustfmt::skip]
mod graceful_restart;
#[rustfmt::skip]
mod header;
#[rustfmt::skip]
mod limits;
#[rustfmt::skip]
mod multiprotocol;
#[rustfmt::skip]
mod nlri;
#[rustfmt::skip]
mod open;
#[rustfmt::skip]
mod resets;
#[rustfmt::skip]
mod route_refresh;
#[rustfmt::skip]
mod timers;

use serde_json::{Value, json};

use crate::harness::case::{At, Case, Expect, Script};
use crate::harness::peer::Family;
use crate::harness::speaker::Neighbour;
use crate::harness::wire::{A, A_SHOWN, AS_PATH, B, B_SHOWN, NEXT_HOP, ORIGIN, Open, hex, update};

/// Every case there is.
pub fn all() -> Vec<Case> {
    [
        header::cases(),
        open::cases(),
        capabilities::cases(),
        fsm::cases(),
        collision::cases(),
        attributes::cases(),
        resets::cases(),
        four_octet_as::cases(),
        nlri::cases(),
        multiprotocol::cases(),
        route_refresh::cases(),
        graceful_restart::cases(),
        limits::cases(),
        timers::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether the case's feature is not there yet. Such cases have to fail: who adds
/// the feature takes them off their list.
pub fn awaits(id: &str) -> bool {
    [graceful_restart::AWAITING, limits::AWAITING]
        .concat()
        .contains(&id)
}

impl Case {
    /// With an external neighbour and a session of both families.
    fn new(
        id: &'static str,
        clause: &'static str,
        what: &'static str,
        at: At,
        octets: Vec<u8>,
        expect: Expect,
    ) -> Self {
        let neighbour = Neighbour::EXTERNAL;
        Self {
            id,
            clause,
            what,
            open: Open::new(neighbour.asn),
            neighbour,
            families: Family::BOTH,
            at,
            octets,
            expect,
        }
    }

    /// A case that is a small program.
    fn script(id: &'static str, clause: &'static str, what: &'static str, script: Script) -> Self {
        Self::new(
            id,
            clause,
            what,
            At::OpenSent,
            Vec::new(),
            Expect::Script(script),
        )
    }

    /// With another neighbour, whose OPEN is one of its AS.
    fn with(self, neighbour: Neighbour) -> Self {
        Self {
            open: Open::new(neighbour.asn),
            neighbour,
            ..self
        }
    }

    fn internal(self) -> Self {
        self.with(Neighbour::INTERNAL)
    }

    /// With another OPEN that leads to a session of these families.
    fn open(self, open: Open, families: &'static [Family]) -> Self {
        Self {
            open,
            families,
            ..self
        }
    }
}

fn notification(code: u8, subcode: u8, data: &str) -> Expect {
    Expect::Notification(code, subcode, hex(data))
}

/// Two routes without fault.
fn base() -> Vec<u8> {
    update("", &[ORIGIN, AS_PATH, NEXT_HOP].concat(), &[A, B].concat())
}

/// The base, and then the first of its routes anew with these attributes.
fn renewed(attributes: &str) -> Vec<u8> {
    [base(), update("", attributes, A)].concat()
}

/// What every renewed route needs, and one more.
fn beside(attribute: &str) -> String {
    [ORIGIN, AS_PATH, NEXT_HOP, attribute].concat()
}

/// Only the second route of the base is left.
fn withdrawn() -> Expect {
    Expect::Routes(vec![json!({"prefix": B_SHOWN})])
}

/// Both routes are there, the first with these members.
fn kept(mut members: Value) -> Expect {
    members["prefix"] = json!(A_SHOWN);
    Expect::Routes(vec![members, json!({"prefix": B_SHOWN})])
}
