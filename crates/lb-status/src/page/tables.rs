//! The tables: what there is, how it stands, since when and why.

use maud::{Markup, html};

use crate::model::{
    AdvertisedRoute, Attributes, Check, CheckState, Container, Event, Finding, LearnedRoute, Peer,
    Service, Share,
};

use super::pictures;
use super::view::{EVENTS, Part, View};
use super::words::{Tone, badge, clock, of_bfd, of_peer, of_service, of_severity, since};

/// The numbers that tell at a glance.
pub(super) fn summary(view: &View) -> Markup {
    let status = &view.status;
    let peers = &status.peers;
    let all_up = peers.established == peers.configured;
    let sessions = format!("{} of {}", peers.established, peers.configured);
    html! {
        section .summary aria-label="At a glance" {
            @if let Some(counts) = &status.services {
                (number(Tone::Good, &counts.announced.to_string(), "announced"))
                @for (count, what, tone) in [
                    (counts.draining, "draining", Tone::Doubtful),
                    (counts.withheld, "withheld", Tone::Doubtful),
                    (counts.undelivered, "undelivered", Tone::Bad),
                ] {
                    (number(if count == 0 { Tone::Good } else { tone }, &count.to_string(), what))
                }
            }
            (number(if all_up { Tone::Good } else { Tone::Bad }, &sessions, "peers up"))
            (number(Tone::Good, &status.routes.advertised.to_string(), "routes advertised"))
            (number(Tone::Good, &status.routes.learned.to_string(), "routes learned"))
            @if let Some(docker) = &status.docker {
                @let (tone, word) = if docker.reachable {
                    (Tone::Good, "answers")
                } else {
                    (Tone::Bad, "away")
                };
                (number(tone, word, "Docker"))
            }
            @if let Some(drain) = &status.drain {
                (number(Tone::Doubtful, drain.stage.word(), "host drained"))
            }
        }
    }
}

fn number(tone: Tone, value: &str, what: &str) -> Markup {
    html! { p class=(tone.class()) { strong { (value) } " " span { (what) } } }
}

/// What is wrong and what mends it.
pub(super) fn findings(view: &View) -> Markup {
    html! {
        @if !view.findings.is_empty() {
            section .findings aria-labelledby="findings" {
                h2 #findings { "What is wrong" }
                @for finding in &view.findings { (one_finding(view, finding)) }
            }
        }
    }
}

fn one_finding(view: &View, finding: &Finding) -> Markup {
    let tone = of_severity(finding.severity);
    html! {
        article class=(tone.class()) {
            p {
                (badge(tone, &finding.code)) " " strong { (finding.subject) }
                " for " (since(view, finding.since))
            }
            p { (finding.text) }
            @if let Some(show) = &finding.show { p { "See it: " code { (show) } } }
            @if let Some(mend) = &finding.mend { p { "Mend it: " code { (mend) } } }
        }
    }
}

/// A table that becomes one card a row where the screen is narrow; `body` has a
/// `data-label` for every cell.
fn table(id: &str, title: &str, heads: &[&str], body: &Markup) -> Markup {
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (title) }
            table {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { (body) }
            }
        }
    }
}

fn cell(label: &str, content: &Markup) -> Markup {
    html! { td data-label=(label) { (content) } }
}

fn text(label: &str, content: &str) -> Markup {
    cell(label, &html! { (content) })
}

fn more<T>(part: &Part<T>, columns: usize) -> Markup {
    html! {
        @if part.more {
            tr { td colspan=(columns) { "… and more: the JSON has all of them" } }
        }
    }
}

/// Every address, why it stands as it does, and how it did lately.
pub(super) fn services(view: &View) -> Markup {
    let Some(services) = &view.services else {
        return html! {};
    };
    let heads = [
        "Address",
        "Network",
        "State",
        "For",
        "Why",
        "Containers",
        "Lately",
    ];
    let body = html! {
        @if services.rows.is_empty() {
            tr { td colspan="7" { "No network of ours has been created yet." } }
        }
        @for service in &services.rows { (one_service(view, service)) }
        (more(services, heads.len()))
    };
    table("services", "Services", &heads, &body)
}

fn one_service(view: &View, service: &Service) -> Markup {
    let network = &service.network;
    let short: String = network.id.chars().take(12).collect();
    let name = network.name.as_deref().unwrap_or(&short);
    html! {
        tr {
            (cell("Address", &html! { code { (service.prefix) } }))
            (text("Network", name))
            (cell("State", &badge(of_service(service.state), service.state.word())))
            (cell("For", &since(view, service.since)))
            (cell("Why", &html! { code { (service.reason.word()) } " " (service.explanation) }))
            (cell("Containers", &html! {
                @for container in &service.containers { (one_container(container)) }
                @for check in service.checks.iter().flatten() { (one_check(check)) }
                @if service.containers.is_empty() && service.checks.is_none() { "–" }
            }))
            (cell("Lately", &pictures::timeline(view, service)))
        }
    }
}

fn one_container(container: &Container) -> Markup {
    let short: String = container.endpoint.chars().take(12).collect();
    let name = container.name.as_deref().unwrap_or(&short);
    let tone = match container.share {
        Share::Full => Tone::Good,
        Share::Leaving => Tone::Doubtful,
        _ => Tone::Bad,
    };
    html! { span .container { (name) " " (badge(tone, container.health.word())) } " " }
}

fn one_check(check: &Check) -> Markup {
    let tone = match check.state {
        CheckState::Passing => Tone::Good,
        CheckState::Failing => Tone::Bad,
        _ => Tone::Doubtful,
    };
    html! { span .container { (check.target) " " (badge(tone, check.state.word())) } " " }
}

/// Every router, and how the session with it stands.
pub(super) fn peers(view: &View) -> Markup {
    let heads = [
        "Peer",
        "AS",
        "State",
        "For",
        "Prefixes",
        "BFD",
        "Families",
        "Last error",
    ];
    let body = html! {
        @if view.peers.is_empty() { tr { td colspan="8" { "No peer is configured." } } }
        @for peer in &view.peers { (one_peer(view, peer)) }
    };
    table("peers", "Peers", &heads, &body)
}

fn one_peer(view: &View, peer: &Peer) -> Markup {
    let asn = peer
        .asn
        .map_or_else(|| peer.remote_as.clone(), |asn| asn.to_string());
    let tone = of_peer(peer.state, peer.administratively_down);
    html! {
        tr {
            (cell("Peer", &html! { code { (peer.peer) } @if let Some(name) = &peer.name { " " (name) } }))
            (text("AS", &asn))
            (cell("State", &html! {
                (badge(tone, peer.state.word()))
                @if peer.administratively_down { " wanted down" }
                @if peer.graceful_shutdown { " told that we go" }
            }))
            (cell("For", &since(view, peer.since)))
            (text("Prefixes", &peer.accepted_prefixes.to_string()))
            (cell("BFD", &html! {
                @match &peer.bfd {
                    Some(bfd) => {
                        (badge(of_bfd(bfd.state), &format!("{:?}", bfd.state)))
                        @if let Some(time) = bfd.detection_time { " " (time) " ms" }
                    }
                    None => "–",
                }
            }))
            (text("Families", &peer.session.as_ref().map_or_else(|| "–".to_owned(), |it| it.families.join(", "))))
            (cell("Last error", &html! {
                @match &peer.last_error {
                    Some(error) => { (error.text) ", " (since(view, error.at)) " ago" }
                    None => "–",
                }
            }))
        }
    }
}

/// What we tell routers, and what they tell us.
pub(super) fn routes(view: &View) -> Markup {
    let heads = ["Prefix", "Told to", "Attributes"];
    let advertised = html! {
        @if view.advertised.rows.is_empty() { tr { td colspan="3" { "None." } } }
        @for route in &view.advertised.rows { (one_advertised(route)) }
        (more(&view.advertised, heads.len()))
    };
    let learned_heads = ["Prefix", "From", "Next hop", "Used", "Attributes"];
    let learned = html! {
        @if view.learned.rows.is_empty() { tr { td colspan="5" { "None." } } }
        @for route in &view.learned.rows { (one_learned(route)) }
        (more(&view.learned, learned_heads.len()))
    };
    html! {
        (table("advertised", "Routes advertised", &heads, &advertised))
        (table("learned", "Routes learned", &learned_heads, &learned))
    }
}

fn one_advertised(route: &AdvertisedRoute) -> Markup {
    html! {
        tr {
            (cell("Prefix", &html! { code { (route.prefix) } }))
            (text("Told to", &if route.peers.is_empty() { "nobody".to_owned() } else { route.peers.join(", ") }))
            (text("Attributes", &attributes(&route.attributes)))
        }
    }
}

fn one_learned(route: &LearnedRoute) -> Markup {
    let (tone, word) = match (route.stale, route.used) {
        (true, _) => (Tone::Doubtful, "stale"),
        (false, true) => (Tone::Good, "used"),
        (false, false) => (Tone::Doubtful, "not used"),
    };
    html! {
        tr {
            (cell("Prefix", &html! { code { (route.prefix) } }))
            (cell("From", &html! { code { (route.peer) } }))
            (cell("Next hop", &html! { code { (route.next_hop) } }))
            (cell("Used", &badge(tone, word)))
            (text("Attributes", &attributes(&route.attributes)))
        }
    }
}

fn attributes(attributes: &Attributes) -> String {
    let mut words = Vec::new();
    if !attributes.as_path.is_empty() {
        words.push(format!("AS path {}", attributes.as_path));
    }
    words.extend(attributes.med.map(|med| format!("MED {med}")));
    words.extend(
        attributes
            .local_pref
            .map(|it| format!("local preference {it}")),
    );
    for (what, list) in [
        ("communities", &attributes.communities),
        ("extended communities", &attributes.extended_communities),
        ("large communities", &attributes.large_communities),
    ] {
        if !list.is_empty() {
            words.push(format!("{what} {}", list.join(" ")));
        }
    }
    if words.is_empty() {
        attributes.origin.clone()
    } else {
        words.join(", ")
    }
}

/// What happened, the newest first.
pub(super) fn events(view: &View) -> Markup {
    let newest = view.events.iter().rev().take(EVENTS);
    html! {
        section aria-labelledby="events" {
            h2 #events { "Lately" }
            ol .events {
                @for event in newest { (one_event(event)) }
                @if view.events.is_empty() { li { "Nothing has happened since the program was started." } }
            }
        }
    }
}

fn one_event(event: &Event) -> Markup {
    html! {
        li {
            time { (clock(event.at)) } " "
            code { (event.kind.word()) } " "
            (event.message)
        }
    }
}
