//! A whole text, and what is written about it.

mod full;
mod operating;

use std::collections::{BTreeMap, BTreeSet};

use expect_test::expect_file;

pub(in crate::serve) use self::full::Full;
use crate::model::{Missing, Readiness};
use crate::serve::tests::{Running, body};

/// A text as it was read: families with their samples.
#[derive(Debug, Default)]
struct Scraped {
    /// Kind and help of each.
    families: BTreeMap<String, (String, String)>,
    /// The labels of each sample's name.
    samples: BTreeMap<String, BTreeSet<String>>,
    /// The lines, without the values.
    series: Vec<String>,
    /// The same with them.
    values: BTreeMap<String, String>,
}

impl Scraped {
    async fn of(name: &str, source: Full) -> Self {
        let running = Running::of(name, source);
        let answer = running.ask("/metrics").await;
        running.end().await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(
            answer.contains("openmetrics-text; version=1.0.0"),
            "{answer}"
        );
        Self::read(&unchunked(body(&answer)))
    }

    fn read(text: &str) -> Self {
        let mut scraped = Self::default();
        assert!(text.ends_with("# EOF\n"), "it breaks off: {text}");
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').unwrap();
                scraped.families.entry(name.to_owned()).or_default().1 = help.to_owned();
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                scraped.families.entry(name.to_owned()).or_default().0 = kind.to_owned();
            } else if !line.starts_with('#') {
                scraped.sample(line);
            }
        }
        scraped
    }

    fn sample(&mut self, line: &str) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let known = self.samples.entry(name.to_owned()).or_default();
        let labels = labels.trim_end_matches('}').split("\",");
        let labels = labels.filter_map(|label| Some(label.split_once('=')?.0.to_owned()));
        known.extend(labels);
        self.series.push(series.to_owned());
        let twice = self.values.insert(series.to_owned(), value.to_owned());
        assert_eq!(twice, None, "{series} is there twice");
    }

    fn value(&self, series: &str) -> &str {
        self.values.get(series).map_or("none", |value| value)
    }
}

/// A body that came in pieces, put together (RFC 9112 section 7.1).
fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        whole.push_str(&rest[..length]);
        body = &rest[length + 2..];
    }
    whole
}

/// Some series of a full program, and what they are.
const SAMPLES: &[(&str, &str)] = &[
    ("bgplb_build_info{program=\"full\",version=\"1.2.3\"}", "1"),
    ("bgplb_docker_connected", "1"),
    ("bgplb_peer_up{peer=\"192.0.2.1\"}", "1"),
    ("bgplb_peer_up{peer=\"fe80::1%eth0\"}", "0"),
    (
        "bgplb_peer_state{peer=\"192.0.2.1\",state=\"Established\"}",
        "1",
    ),
    ("bgplb_peer_state{peer=\"192.0.2.1\",state=\"Idle\"}", "0"),
    ("bgplb_peer_uptime_seconds{peer=\"192.0.2.1\"}", "60"),
    (
        "bgplb_peer_resets_total{peer=\"192.0.2.1\",reason=\"hold-timer\"}",
        "2",
    ),
    (
        "bgplb_peer_messages_total{peer=\"192.0.2.1\",direction=\"sent\",type=\"update\"}",
        "7",
    ),
    (
        "bgplb_peer_prefixes_sent_total{peer=\"192.0.2.1\",family=\"ipv4-unicast\",change=\"withdraw\"}",
        "2",
    ),
    ("bgplb_bfd_up{peer=\"192.0.2.1\"}", "1"),
    ("bgplb_bfd_detection_seconds{peer=\"192.0.2.1\"}", "0.15"),
    ("bgplb_services{state=\"announced\"}", "1"),
    (
        "bgplb_service_announced{network=\"web\",prefix=\"10.0.0.1/32\"}",
        "1",
    ),
    (
        "bgplb_service_desired{network=\"web\",prefix=\"10.0.0.1/32\"}",
        "1",
    ),
    (
        "bgplb_service_containers{network=\"web\",prefix=\"10.0.0.1/32\",health=\"serving\"}",
        "2",
    ),
    (
        "bgplb_service_announced{network=\"odd \\\"\\\\ name\",prefix=\"2001:db8::1/128\"}",
        "0",
    ),
    (
        "bgplb_service_draining{network=\"odd \\\"\\\\ name\",prefix=\"2001:db8::1/128\"}",
        "1",
    ),
    (
        "bgplb_service_changes_total{network=\"web\",prefix=\"10.0.0.1/32\"}",
        "3",
    ),
    (
        "bgp_lb_path_advertisement{prefix=\"10.0.0.1\",prefix_length=\"32\",next_hop=\"192.0.2.9\"}",
        "1",
    ),
    (
        "bgp_lb_path_advertisement{prefix=\"2001:db8::1\",prefix_length=\"128\",next_hop=\"\"}",
        "0",
    ),
    (
        "bgp_lb_path_advertisement{prefix=\"198.51.100.0\",prefix_length=\"24\",next_hop=\"192.0.2.9\"}",
        "1",
    ),
    ("bgplb_findings{code=\"refused\",severity=\"error\"}", "2"),
    (
        "bgplb_pool_addresses{pool=\"web\",family=\"ipv4\",kind=\"used\"}",
        "19.0",
    ),
    (
        "bgplb_event_to_wire_seconds_count{change=\"withdraw\"}",
        "1",
    ),
    (
        "bgplb_event_to_wire_seconds_bucket{le=\"0.005\",change=\"withdraw\"}",
        "1",
    ),
    ("bgplb_routes_installed", "4"),
    ("bgplb_configuration_stale", "0"),
];

#[tokio::test]
async fn a_scrape_says_what_the_status_says() {
    let scraped = Scraped::of("metrics", Full::default()).await;
    for (series, value) in SAMPLES {
        assert_eq!(
            scraped.value(series),
            *value,
            "{series} in {:#?}",
            scraped.series
        );
    }
}

#[tokio::test]
async fn a_table_that_breaks_off_is_no_whole_text() {
    let source = Full {
        broken: true,
        ..Full::default()
    };
    let running = Running::of("metrics-broken", source);
    let answer = running.ask("/metrics").await;
    running.end().await;
    assert!(
        !answer.contains("# EOF") && !answer.contains("\r\n0\r\n"),
        "{answer}"
    );
}

/// `UPDATE_EXPECT=1` writes it anew.
#[tokio::test]
async fn every_metric_is_in_the_documentation() {
    let scraped = Scraped::of("metrics-documented", Full::default()).await;
    let mut text = operating::HEAD.to_owned();
    for (family, (kind, help)) in &scraped.families {
        let of_family = |name: &&String| operating::family_of(name) == family;
        let mut names = scraped.samples.keys().filter(of_family);
        let name = names
            .clone()
            .next()
            .unwrap_or_else(|| panic!("{family} has no sample"));
        let labels: BTreeSet<&String> =
            names.by_ref().flat_map(|it| &scraped.samples[it]).collect();
        let labels: Vec<_> = labels
            .into_iter()
            .filter(|it| *it != "le")
            .map(|it| format!("`{it}`"))
            .collect();
        let shown = if kind == "histogram" { family } else { name };
        text.push_str(&format!(
            "| `{shown}` | {kind} | {} | {help} |\n",
            labels.join(", ")
        ));
    }
    expect_file!["../../../../../docs/operating/metrics.md"].assert_eq(&text);
}

#[tokio::test]
async fn a_program_is_ready_when_nothing_is_missing() {
    let not_yet = Full {
        missing: vec![Missing::new("first-verdicts", "Docker has not told yet")],
        peers: 0,
        ..Full::default()
    };
    for (source, code, missing) in [
        (not_yet, 503, &["first-verdicts", "peer"][..]),
        (Full::default(), 200, &[]),
    ] {
        let running = Running::of(&format!("ready-{code}"), source);
        let answer = running.ask("/readyz").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {code}")), "{answer}");
        let readiness: Readiness = serde_json::from_str(body(&answer)).unwrap();
        let codes: Vec<_> = readiness.missing.iter().map(|it| &*it.code).collect();
        assert_eq!((&*codes, readiness.ready), (missing, missing.is_empty()));
        let answer = running.ask("/healthz").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        running.end().await;
    }
}
