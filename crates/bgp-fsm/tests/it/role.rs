//! Roles of both ends (RFC 9234 section 4).

use bgp_fsm::{PeerConfig, RoleCheck, State};
use bgp_wire::{Capability, Role};
use expect_test::expect;

use crate::support::*;

fn open_as(roles: &[Role]) -> Vec<u8> {
    let mut open = open_of_b();
    let roles = roles.iter().copied().map(Capability::Role);
    open.capabilities.extend(roles);
    bytes_of(&open)
}

fn customer(check: RoleCheck) -> PeerConfig {
    a().role(Role::CUSTOMER, check)
}

#[test]
fn roles_that_fit_are_agreed() {
    let mut solo = open_sent(customer(RoleCheck::Strict), Outgoing);
    // Saying it twice is the same as saying it once.
    solo.receive(Outgoing, &open_as(&[Role::PROVIDER, Role::PROVIDER]));
    solo.receive(Outgoing, &keepalive());
    let agreed = solo.peer().negotiated().unwrap();
    assert_eq!(agreed.peer_role, Some(Role::PROVIDER));
}

#[test]
fn roles_that_do_not_fit_are_refused() {
    for (roles, expected) in [
        (
            &[Role::PEER][..],
            expect![[r#"
            0.000    a > outgoing NOTIFICATION OPEN Message Error / Role Mismatch (2/11)
            0.000    a down: sent OPEN Message Error / Role Mismatch (2/11): peer is a peer to us, who are a customer to it"#]],
        ),
        (
            &[Role::PROVIDER, Role::PEER][..],
            expect![[r#"
                0.000    a > outgoing NOTIFICATION OPEN Message Error / Role Mismatch (2/11)
                0.000    a down: sent OPEN Message Error / Role Mismatch (2/11): peer is a peer to us, who are a customer to it"#]],
        ),
        (
            &[][..],
            expect![[r#"
            0.000    a > outgoing NOTIFICATION OPEN Message Error / Role Mismatch (2/11)
            0.000    a down: sent OPEN Message Error / Role Mismatch (2/11): peer tells no role, we are a customer to it"#]],
        ),
    ] {
        let mut solo = open_sent(customer(RoleCheck::Strict), Outgoing);
        solo.receive(Outgoing, &open_as(roles));
        assert_eq!(solo.peer().state(), State::Idle);
        let said = solo.transcript().take();
        let lines: Vec<_> = said.lines().filter(|it| it.contains("Role")).collect();
        expected.assert_eq(&lines.join("\n"));
    }
}

#[test]
fn a_peer_without_a_role_fits_unless_it_must_have_one() {
    let mut solo = open_sent(customer(RoleCheck::Lenient), Outgoing);
    solo.receive(Outgoing, &open_as(&[]));
    assert_eq!(solo.peer().state(), State::OpenConfirm);
    // Nor does a role bother who has none.
    let mut solo = open_sent(a(), Outgoing);
    solo.receive(Outgoing, &open_as(&[Role::PEER]));
    assert_eq!(solo.peer().state(), State::OpenConfirm);
}

#[test]
fn an_internal_session_has_no_roles() {
    let config = config([192, 0, 2, 1], A, A).role(Role::CUSTOMER, RoleCheck::Strict);
    let role = |c: &Capability| matches!(c, Capability::Role(_));
    assert!(!config.open().capabilities.iter().any(role));
    let external = customer(RoleCheck::Strict).open();
    assert!(external.capabilities.iter().any(role));
}
