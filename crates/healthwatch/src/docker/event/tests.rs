//! Lines of `/events`, recorded and invented.

use super::*;

fn parse(line: &str) -> Option<Event> {
    Event::parse(line.as_bytes()).unwrap()
}

fn container(line: &str) -> Change {
    match parse(line) {
        Some(Event::Container { change, .. }) => change,
        other => panic!("{other:?}"),
    }
}

#[test]
fn recorded_streams_of_all_engines_are_understood() {
    for (engine, text) in crate::docker::fixtures::EVENTS {
        let mut seen = BTreeMap::<String, usize>::new();
        for line in text.lines() {
            let kind = match parse(line) {
                None => "nothing".to_owned(),
                Some(Event::Container { change, time, .. }) => {
                    assert!(time.is_some(), "{engine}: {line}");
                    format!("{change:?}")
                }
                Some(Event::Kill { signal, .. }) => format!("kill {signal:?}"),
                Some(Event::Attachment { container, .. }) => {
                    assert!(container.is_some(), "{engine}: {line}");
                    "attachment".to_owned()
                }
                Some(Event::Network) => "network".to_owned(),
            };
            *seen.entry(kind).or_default() += 1;
        }
        let count = |kind: &str| seen.get(kind).copied().unwrap_or(0);
        // Six execs, an oom and two attaches.
        assert_eq!(count("nothing"), 9, "{engine}");
        assert_eq!(
            (count("Ended"), count("Started"), count("Removed")),
            (7, 7, 5),
            "{engine}"
        );
        assert_eq!(
            (count("Paused"), count("Resumed"), count("network")),
            (1, 1, 2),
            "{engine}"
        );
        assert_eq!(
            count("kill Some(12)") + count("kill Some(9)"),
            11,
            "{engine}"
        );
        assert!(
            count("Health(Healthy)") >= 2 && count("Health(Unhealthy)") >= 1,
            "{engine}"
        );
    }
}

#[test]
fn new_words_are_causes_to_look_or_nothing() {
    let with = |action: &str| {
        format!(r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"aa"}},"new":[1]}}"#)
    };
    assert_eq!(
        container(&with("health_status: drowsy")),
        Change::Health(Health::Unknown)
    );
    assert_eq!(container(&with("health_status")), Change::Altered);
    assert_eq!(parse(&with("teleport")), None);
    assert_eq!(
        parse(r#"{"Type":"volume","Action":"mount","Actor":{"ID":"v"}}"#),
        None
    );
    assert_eq!(parse(r#"{"mark":"something else"}"#), None);
    assert_eq!(parse("  "), None);
}

#[test]
fn a_record_separator_before_the_event_is_allowed() {
    let line = "\u{1e}{\"Type\":\"container\",\"Action\":\"pause\",\"Actor\":{\"ID\":\"aa\"}}";
    assert_eq!(container(line), Change::Paused);
}

#[test]
fn a_signal_that_is_no_number_is_none() {
    let kill = |attributes: &str| {
        let line = format!(
            r#"{{"Type":"container","Action":"kill","Actor":{{"ID":"aa","Attributes":{attributes}}}}}"#
        );
        match parse(&line) {
            Some(Event::Kill { signal, .. }) => signal,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(kill(r#"{"signal":"12"}"#), Some(12));
    assert_eq!(kill(r#"{"signal":15}"#), Some(15));
    for bad in [
        r#"{"signal":"no"}"#,
        r#"{"signal":"300"}"#,
        r#"{"signal":null}"#,
        "{}",
        "null",
    ] {
        assert_eq!(kill(bad), None, "{bad}");
    }
}

#[test]
fn what_is_not_an_event_is_an_error_and_not_a_panic() {
    for bad in [
        "{",
        "[]",
        "5",
        "\u{1e}\u{1e}{}x",
        r#"{"Type":5}"#,
        r#"{"Type":"container","Action":"die"}"#,
        r#"{"Type":"container","Action":"die","Actor":{"ID":"../x"}}"#,
        r#"{"Type":"container","Action":"die","Actor":{"ID":""}}"#,
    ] {
        assert!(Event::parse(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(Event::parse(b"\xff\xfe").is_err());
}

#[test]
fn an_exec_in_a_label_hides_nothing() {
    let line = r#"{"Type":"container","Action":"die","Actor":{"ID":"aa","Attributes":{"x":"\"Action\":\"exec_"}}}"#;
    assert_eq!(container(line), Change::Ended);
}
