//! The alert rules and the dashboard use what there is.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::{Full, Scraped};

/// What stands before the table of metrics.
pub(super) const HEAD: &str = "\
# Metrics

What `GET /metrics` has, at the control socket and, where it is configured, over TCP
([README.md](README.md)). The text is OpenMetrics 1.0. Names and labels stay under one
major version; others may be added.

Series grow with peers, networks of the host and pools, which operators make; never
with containers or with routes. `bgp_lb_path_advertisement` is there for dashboards of
bgp-lb: `next_hop` is the host's BGP identifier for IPv4 and empty for IPv6, and of a
configuration the first 1024 prefixes have a series.

A metric is there where its program has what it is about: pools, services, Docker and
`bgplb_event_to_wire_seconds` in the plugin, `bgplb_configuration_stale` and, with
`[kernel] install`, `bgplb_routes_installed` in the speaker, BFD with peers that have it.

| name | kind | labels | meaning |
| --- | --- | --- | --- |
";

/// The family a sample belongs to.
pub(super) fn family_of(sample: &str) -> &str {
    let ends = ["_total", "_bucket", "_count", "_sum"];
    let mut cut = ends.iter().filter_map(|end| sample.strip_suffix(end));
    cut.next().unwrap_or(sample)
}

/// Labels every series gets as it is collected.
const COLLECTED: [&str; 3] = ["instance", "job", "le"];

fn read(file: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/operating");
    fs::read_to_string(root.join(file)).unwrap()
}

/// An expression, cut into names and what stands between them.
fn tokens(expression: &str) -> Vec<&str> {
    let name = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == ':';
    let mut tokens = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first == '"' {
            rest[1..].find('"').unwrap() + 2
        } else if name(first) {
            rest.find(|it| !name(it)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (token, behind) = rest.split_at(length);
        tokens.push(token);
        rest = behind.trim_start();
    }
    tokens
}

/// What is wrong with the names in an expression.
fn faults(expression: &str, scraped: &Scraped) -> Vec<String> {
    let tokens = tokens(expression);
    let ours = |it: &str| {
        ["bgplb_", "process_", "bgp_lb_"]
            .iter()
            .any(|p| it.starts_with(p))
    };
    let names: BTreeSet<&str> = tokens.iter().copied().filter(|it| ours(it)).collect();
    let mut faults = Vec::new();
    let mut labels: BTreeSet<&str> = COLLECTED.into();
    for name in &names {
        match scraped.samples.get(*name) {
            Some(known) => labels.extend(known.iter().map(String::as_str)),
            None => faults.push(format!("there is no {name}")),
        }
    }
    let mut within = None;
    for (place, token) in tokens.iter().enumerate() {
        match *token {
            "{" => within = Some(place),
            "(" if place > 0
                && ["by", "on", "ignoring", "without"].contains(&tokens[place - 1]) =>
            {
                within = Some(place);
            }
            "}" | ")" => within = None,
            label
                if within.is_some()
                    && label.starts_with(|it: char| it.is_ascii_alphabetic())
                    && !labels.contains(label) =>
            {
                faults.push(format!("nothing here has the label {label}"));
            }
            _ => {}
        }
    }
    if names.is_empty() && !tokens.contains(&"up") {
        faults.push("it is about nothing of ours".to_owned());
    }
    faults
}

/// Every `expr` of a document.
fn expressions(document: &Value, into: &mut Vec<String>) {
    match document {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if name == "expr" => into.push(text.clone()),
                    Value::String(text) if name == "query" && text.starts_with("label_values") => {
                        into.push(text.replace("label_values(", "sum by (instance) ("));
                    }
                    value => expressions(value, into),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, into)),
        _ => {}
    }
}

fn check(expression: &str, scraped: &Scraped) {
    let faults = faults(expression, scraped);
    assert!(faults.is_empty(), "{expression}: {faults:?}");
}

#[tokio::test]
async fn the_alert_rules_are_about_what_there_is() {
    let scraped = Scraped::of("metrics-rules", Full::default()).await;
    let rules = read("prometheus-rules.yaml");
    let (mut alerts, mut checked) = (0, 0);
    let mut last = String::new();
    for line in rules.lines() {
        let line = line.trim();
        alerts += usize::from(line.starts_with("- alert: "));
        if let Some(expression) = line.strip_prefix("expr: ") {
            check(expression, &scraped);
            expression.clone_into(&mut last);
            checked += 1;
        }
        // What an alert says of itself is about series of its expression.
        for label in line.split("$labels.").skip(1) {
            let label: String = label
                .chars()
                .take_while(|it| it.is_alphanumeric() || *it == '_')
                .collect();
            check(&format!("{last} * on ({label}) up"), &scraped);
        }
    }
    assert!(
        alerts >= 12 && alerts == checked,
        "{alerts} alerts, {checked} expressions"
    );
}

#[tokio::test]
async fn the_dashboard_is_about_what_there_is() {
    let scraped = Scraped::of("metrics-dashboard", Full::default()).await;
    let dashboard: Value = serde_json::from_str(&read("grafana-dashboard.json")).unwrap();
    let mut all = Vec::new();
    expressions(&dashboard, &mut all);
    assert!(all.len() >= 15, "{all:?}");
    all.iter()
        .for_each(|expression| check(expression, &scraped));
}

#[tokio::test]
async fn a_name_or_label_that_there_is_not_is_found() {
    let scraped = Scraped::of("metrics-faults", Full::default()).await;
    let faults = |expression| faults(expression, &scraped);
    assert_eq!(faults("bgplb_peer_up == 0"), [""; 0]);
    assert_eq!(
        faults("bgplb_peer_upp == 0"),
        ["there is no bgplb_peer_upp"]
    );
    let labelled = faults("sum by (peer, prefix) (bgplb_peer_up{state=\"x\"})");
    assert_eq!(labelled.len(), 2, "{labelled:?}");
    assert_eq!(faults("vector(1)"), ["it is about nothing of ours"]);
}
