//! The file of bgp-lb: one service, its checks, and the peers that are told of it.

mod check;
mod service;

use std::net::Ipv4Addr;

use self::service::Service;
use super::document::Document;
use super::node::Node;
use super::notes::{Notes, Weight};
use super::object::{Object, Spelling};
use super::speaker::{ADDRESS, ADDRESS_V4, AS_NUMBERS, Peer, RemoteAs, Speaker, listen};

/// What bgp-lb is told by flags.
#[derive(Clone, Debug)]
pub(crate) struct Switches {
    /// The service's address is put on a dummy.
    pub(crate) network_setup: bool,
    /// Its ports are balanced by the kernel, if the address is put there.
    pub(crate) ipvs_setup: bool,
    /// Where metrics are served, as `[control] status-listen` has it.
    pub(crate) status_listen: String,
}

/// What runs the same service; `None` after a fault.
pub(super) fn import(node: &Node, switches: &Switches, notes: &Notes) -> Option<String> {
    let root = Object::root(node, Spelling::AnyCase, notes)?;
    let bgp = root.object("bgp");
    let service = root.object("service");
    for (key, found) in [("bgp", bgp.is_some()), ("service", service.is_some())] {
        if !found && !root.has(key) {
            root.say(Weight::Fault, key, "missing; accepted is a table");
        }
    }
    root.finish();
    let (bgp, service) = (bgp?, service?);
    let speaker = speaker(bgp);
    let service = Service::read(service, switches);
    let (speaker, service) = (speaker?, service?);
    let mut text = Document::default();
    speaker.write(&mut text);
    service.write(&mut text, speaker.router_id, switches);
    text.begin("[control]");
    text.set("status-listen", switches.status_listen.as_str());
    Some(text.into_text())
}

fn speaker(bgp: Object<'_>) -> Option<Speaker> {
    let mut peers = Vec::new();
    let mut complete = true;
    for from in bgp.objects("peers") {
        let address = required(&from, "address", from.parsed("address", ADDRESS), ADDRESS);
        let asn = required(&from, "as", as_number(&from), AS_NUMBERS);
        from.finish();
        complete &= address.is_some() && asn.is_some();
        peers.push(Peer {
            address,
            asn: asn.map(RemoteAs::Number),
            ..Peer::default()
        });
    }
    let local = bgp.object("local");
    if local.is_none() && !bgp.has("local") {
        bgp.say(Weight::Fault, "local", "missing; accepted is a table");
    }
    bgp.finish();
    let local = local?;
    let router_id = local.parsed("routerID", ADDRESS_V4);
    let router_id = required(&local, "routerID", router_id, ADDRESS_V4);
    let asn = required(&local, "as", as_number(&local), AS_NUMBERS);
    let port = local.number::<i32>("listenPort", LISTEN_PORT).unwrap_or(0);
    if !(-1..=65535).contains(&port) {
        let what = format!("{port} can't be used: accepted is {LISTEN_PORT}");
        local.say(Weight::Fault, "listenPort", &what);
    }
    local.finish();
    let router_id: Ipv4Addr = router_id?;
    for peer in &mut peers {
        peer.next_hop_v4 = Some(router_id);
    }
    complete.then_some(Speaker {
        asn: asn?,
        router_id,
        listen: listen(port, &peers),
        peers,
    })
}

fn as_number(from: &Object<'_>) -> Option<u32> {
    from.number("as", AS_NUMBERS)
}

/// Says that a key is missing. One that can't be used was told of already.
fn required<T>(from: &Object<'_>, key: &str, value: Option<T>, accepted: &str) -> Option<T> {
    if value.is_none() && !from.has(key) {
        let what = format!("missing; accepted is {accepted}");
        from.say(Weight::Fault, key, &what);
    }
    value
}

const LISTEN_PORT: &str = "-1 for none, 0 for 179, or a port up to 65535";
