//! The host between its services and its routers.

use maud::{Markup, html};

use crate::model::{PeerState, Service};
use crate::page::view::View;
use crate::page::words::{Tone, of_peer, of_service};

/// How many boxes a column has; the rest is counted in the last.
const COLUMN: usize = 10;

/// A box with two lines of text.
struct Node {
    title: String,
    detail: String,
    tone: Tone,
}

const HEIGHT: usize = 44;
const STEP: usize = 56;

/// Characters that fit a box; the rest is to be read in the tables.
const FIT: usize = 34;

/// Who announces what to whom. It is drawn twice, for wide and for narrow
/// screens, of which the style shows one.
pub(in crate::page) fn topology(view: &View) -> Markup {
    let services = limited(networks(view), "networks");
    let peers = limited(routers(view), "peers");
    let host = Node {
        title: view.status.host.name.clone(),
        detail: format!("AS {}", view.status.host.asn),
        tone: Tone::Good,
    };
    html! {
        section aria-labelledby="topology" {
            h2 #topology { "Who is told" }
            (wide(&services, &host, &peers))
            (tall(&services, &host, &peers))
        }
    }
}

/// One box a network, with the addresses of both families in it.
fn networks(view: &View) -> Vec<Node> {
    let services = view.services.iter().flat_map(|part| &part.rows);
    let services: Vec<&Service> = services.collect();
    services
        .chunk_by(|one, next| one.network.id == next.network.id)
        .map(|addresses| {
            let network = &addresses[0].network;
            let short: String = network.id.chars().take(12).collect();
            let prefixes: Vec<String> = addresses
                .iter()
                .map(|it| it.prefix.addr().to_string())
                .collect();
            let tones = addresses.iter().map(|it| of_service(it.state));
            Node {
                title: network.name.clone().unwrap_or(short),
                detail: prefixes.join(" "),
                tone: tones.max().unwrap_or(Tone::Good),
            }
        })
        .collect()
}

fn routers(view: &View) -> Vec<Node> {
    let node = |peer: &crate::model::Peer| {
        let asn = peer
            .asn
            .map_or_else(|| peer.remote_as.clone(), |asn| asn.to_string());
        let state = match (peer.state, peer.administratively_down) {
            (PeerState::Established, _) => "up",
            (_, true) => "wanted down",
            (_, false) => "down",
        };
        Node {
            title: peer.name.clone().unwrap_or_else(|| peer.peer.clone()),
            detail: format!("AS {asn}, {state}"),
            tone: of_peer(peer.state, peer.administratively_down),
        }
    };
    view.peers.iter().map(node).collect()
}

fn limited(mut nodes: Vec<Node>, what: &str) -> Vec<Node> {
    if nodes.len() > COLUMN {
        let rest = nodes.split_off(COLUMN - 1);
        nodes.push(Node {
            title: format!("{} more {what}", rest.len()),
            detail: String::new(),
            tone: rest
                .iter()
                .map(|node| node.tone)
                .max()
                .unwrap_or(Tone::Good),
        });
    }
    nodes
}

/// Services, host and routers side by side.
fn wide(services: &[Node], host: &Node, peers: &[Node]) -> Markup {
    const WIDTH: usize = 280;
    const MIDDLE: usize = 150;
    const GAP: usize = 100;
    let rows = services.len().max(peers.len()).max(1);
    let height = rows * STEP;
    let total = 2 * WIDTH + 2 * GAP + MIDDLE;
    let host_y = (height - HEIGHT) / 2;
    let (host_left, host_right) = (WIDTH + GAP, WIDTH + GAP + MIDDLE);
    let top =
        |count: usize, row: usize| (height - count * STEP) / 2 + row * STEP + (STEP - HEIGHT) / 2;
    let centre = host_y + HEIGHT / 2;
    html! {
        svg .wide viewBox={ "0 0 " (total) " " (height) } role="img" aria-label="Services, host and peers" {
            @for (row, node) in services.iter().enumerate() {
                @let y = top(services.len(), row);
                (curve(node.tone, (WIDTH, y + HEIGHT / 2), (host_left, centre)))
                (boxed(node, (1, y), WIDTH, "node"))
            }
            @for (row, node) in peers.iter().enumerate() {
                @let y = top(peers.len(), row);
                (curve(node.tone, (host_right, centre), (total - WIDTH, y + HEIGHT / 2)))
                (boxed(node, (total - WIDTH - 1, y), WIDTH, "node"))
            }
            (boxed(host, (host_left, host_y), MIDDLE, "node host"))
        }
    }
}

/// The same as a tree, for a phone.
fn tall(services: &[Node], host: &Node, peers: &[Node]) -> Markup {
    const TOTAL: usize = 350;
    const INDENT: usize = 36;
    let below: Vec<&Node> = peers.iter().chain(services).collect();
    let height = (below.len() + 1) * STEP;
    let y = |row: usize| row * STEP + (STEP - HEIGHT) / 2;
    html! {
        svg .tall viewBox={ "0 0 " (TOTAL) " " (height) } role="img" aria-label="Host, peers and services" {
            @for (row, node) in (1..).zip(below) {
                @let middle = y(row) + HEIGHT / 2;
                path class=(node.tone.class()) d={ "M" (INDENT / 2) " " (y(0) + HEIGHT) "V" (middle) "H" (INDENT) } {}
                (boxed(node, (INDENT, y(row)), TOTAL - INDENT - 1, "node"))
            }
            (boxed(host, (1, y(0)), TOTAL - 2, "node host"))
        }
    }
}

fn boxed(node: &Node, (x, y): (usize, usize), width: usize, class: &str) -> Markup {
    html! {
        rect class=(class) x=(x) y=(y) width=(width) height=(HEIGHT) rx="6" {}
        rect class=(node.tone.class()) x=(x) y=(y) width="4" height=(HEIGHT) rx="2" {}
        text x=(x + 14) y=(y + 19) { (fitting(&node.title)) }
        text .faint x=(x + 14) y=(y + 35) { (fitting(&node.detail)) }
    }
}

fn curve(tone: Tone, (x, y): (usize, usize), (to_x, to_y): (usize, usize)) -> Markup {
    let middle = usize::midpoint(x, to_x);
    html! {
        path class=(tone.class())
            d={ "M" (x) " " (y) "C" (middle) " " (y) " " (middle) " " (to_y) " " (to_x) " " (to_y) } {}
    }
}

fn fitting(text: &str) -> String {
    if text.chars().count() <= FIT {
        return text.to_owned();
    }
    let head: String = text.chars().take(FIT - 1).collect();
    format!("{head}…")
}
