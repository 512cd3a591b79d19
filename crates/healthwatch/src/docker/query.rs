//! The query part of Docker's URLs.

use std::fmt::Write;

/// What the event stream is asked for. With `health_status` among them,
/// Docker matches every one of these as a prefix.
pub(crate) fn event_filters() -> String {
    let actions = [
        "create",
        "start",
        "restart",
        "stop",
        "die",
        "kill",
        "pause",
        "unpause",
        "destroy",
        "rename",
        "update",
        "remove",
        "health_status",
        "connect",
        "disconnect",
    ];
    format!(
        "{{{},{}}}",
        filter("type", ["container", "network"]),
        filter("event", actions)
    )
}

/// One key of Docker's filters; `values` need no escaping in JSON.
pub(crate) fn filter<'a>(key: &str, values: impl IntoIterator<Item = &'a str>) -> String {
    let values: Vec<_> = values
        .into_iter()
        .map(|value| format!("\"{value}\":true"))
        .collect();
    format!("\"{key}\":{{{}}}", values.join(","))
}

/// `text` as it may stand in a URL's query.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-_.~".contains(&octet) {
            encoded.push(char::from(octet));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{octet:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_the_json_docker_reads() {
        let filters: serde_json::Value = serde_json::from_str(&event_filters()).unwrap();
        assert_eq!(filters["type"]["network"], true);
        assert_eq!(filters["event"]["health_status"], true);
        assert!(
            filters.get("action").is_none(),
            "Docker ignores a filter of that name"
        );
        assert_eq!(percent_encoded("{\"a b\"}"), "%7B%22a%20b%22%7D");
    }
}
