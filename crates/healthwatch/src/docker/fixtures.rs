//! Event streams recorded from real engines.

/// Engine version and its stream: one container with a health check and a
/// label `signal=12` through its life, then four short-lived ones.
pub(crate) const EVENTS: [(&str, &str); 4] = [
    (
        "20.10.24",
        include_str!("../../tests/fixtures/events-20.10.24.jsonl"),
    ),
    (
        "26.1.5",
        include_str!("../../tests/fixtures/events-26.1.5.jsonl"),
    ),
    (
        "28.5.2",
        include_str!("../../tests/fixtures/events-28.5.2.jsonl"),
    ),
    (
        "29.7.2",
        include_str!("../../tests/fixtures/events-29.7.2.jsonl"),
    ),
];
