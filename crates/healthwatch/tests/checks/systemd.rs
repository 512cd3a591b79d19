use healthwatch::{ProbeSpec, SystemdSpec};

use crate::world::{Directory, refusal, seen};

fn spec(directory: &Directory, says: &str) -> ProbeSpec {
    let mut spec = SystemdSpec::new("web@1.service");
    spec.systemctl = directory.script(
        "systemctl",
        &format!("test \"$*\" = 'show --property=ActiveState -- web@1.service' || exit 9\n{says}"),
    );
    ProbeSpec::Systemd(spec)
}

#[tokio::test]
async fn an_active_unit_is_fine_and_one_that_reloads() {
    let directory = Directory::new();
    for state in ["active", "reloading"] {
        let says = format!("echo ActiveState={state}");
        seen(spec(&directory, &says)).await.unwrap();
    }
}

#[tokio::test]
async fn another_state_is_told_and_so_is_a_systemd_that_does_not_answer() {
    let directory = Directory::new();
    for (says, sentence) in [
        ("echo ActiveState=failed", "failed (active accepted)"),
        (
            "echo ActiveState=activating",
            "activating (active accepted)",
        ),
        (
            "echo 'Failed to connect to bus' >&2; exit 1",
            "exit code 1 (0 accepted): Failed to connect to bus",
        ),
        ("echo what", "systemctl does not tell its ActiveState: what"),
    ] {
        let failure = seen(spec(&directory, says)).await.unwrap_err();
        assert_eq!(
            failure.to_string(),
            format!("systemd web@1.service: {sentence}")
        );
    }
}

#[test]
fn what_is_no_single_unit_is_refused() {
    for unit in ["nginx", "*.service", "a b.service", "", "-x\n.service"] {
        let sentence = refusal(ProbeSpec::Systemd(SystemdSpec::new(unit)));
        assert!(sentence.ends_with("accepted is the name of one unit with its suffix"));
    }
}
