//! Every way Docker words a container's state.

use super::*;

fn listed(state: &str, status: &str, health: Option<&str>) -> String {
    Facts::listed(state, status, health).level().to_string()
}

#[test]
fn the_status_text_tells_health_before_api_1_52() {
    for (state, status, level) in [
        ("running", "Up 2 minutes", "serving"),
        ("running", "Up About a minute", "serving"),
        ("running", "Up 2 minutes (healthy)", "serving"),
        (
            "running",
            "Up 2 minutes (unhealthy)",
            "not serving: unhealthy",
        ),
        (
            "running",
            "Up Less than a second (health: starting)",
            "not serving: starting",
        ),
        (
            "running",
            "Up 2 minutes (some new word)",
            "not serving: starting",
        ),
        ("running", "Up 2 minutes (Paused)", "not serving: paused"),
        ("paused", "Up 2 minutes (Paused)", "not serving: paused"),
        (
            "restarting",
            "Restarting (1) 2 seconds ago",
            "not serving: restarting",
        ),
        ("created", "Created", "not serving: created"),
        ("exited", "Exited (137) 2 days ago", "not serving: exited"),
        ("dead", "Dead", "not serving: dead"),
        ("removing", "Removal In Progress", "not serving: removing"),
        (
            "improbable",
            "Up 2 minutes (healthy)",
            "not serving: in an unknown state",
        ),
        ("", "", "not serving: in an unknown state"),
    ] {
        assert_eq!(listed(state, status, None), level, "{state} {status}");
    }
}

#[test]
fn the_health_object_goes_before_the_status_text() {
    for (health, level) in [
        ("healthy", "serving"),
        ("none", "serving"),
        ("unhealthy", "not serving: unhealthy"),
        ("starting", "not serving: starting"),
        ("some new word", "not serving: starting"),
    ] {
        assert_eq!(
            listed("running", "Up 2 minutes (healthy)", Some(health)),
            level,
            "{health}"
        );
    }
    assert_eq!(
        listed("running", "Up 2 minutes (unhealthy)", Some("")),
        "not serving: unhealthy"
    );
}

#[test]
fn nothing_becomes_serving_by_an_event_but_a_health_verdict() {
    let stopped = Facts {
        phase: Phase::Exited,
        health: Health::Unknown,
    };
    let started = stopped.after(Change::Started);
    assert_eq!(started.level(), Level::NotServing(Reason::Starting));
    assert!(stopped.must_look(Change::Started));
    assert!(
        started
            .after(Change::Health(Health::Healthy))
            .level()
            .is_serving()
    );

    let paused = Facts {
        phase: Phase::Paused,
        health: Health::Healthy,
    };
    assert_eq!(
        paused.after(Change::Resumed).level(),
        Level::NotServing(Reason::Paused)
    );
    assert!(paused.must_look(Change::Resumed));
    assert_eq!(
        paused.after(Change::Health(Health::Healthy)).level(),
        Level::NotServing(Reason::Paused)
    );
}

#[test]
fn a_verdict_after_the_end_is_a_cause_to_look_and_not_to_serve() {
    let ended = Facts {
        phase: Phase::Exited,
        health: Health::Unknown,
    };
    let change = Change::Health(Health::Healthy);
    assert_eq!(
        ended.after(change).level(),
        Level::NotServing(Reason::Exited)
    );
    assert!(ended.must_look(change));
}

#[test]
fn a_killed_container_does_not_serve_whatever_its_last_check_says() {
    let running = Facts {
        phase: Phase::Running,
        health: Health::Unhealthy,
    };
    let killed = running
        .after(Change::Killed)
        .after(Change::Health(Health::Healthy));
    assert_eq!(killed.level(), Level::NotServing(Reason::Exited));
}
