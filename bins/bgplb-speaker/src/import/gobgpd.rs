//! The TOML file of gobgpd: as of 2015, which bgp-ipvlan-docker was used with, and as
//! of today.

use std::net::{IpAddr, Ipv4Addr};

use super::document::Document;
use super::node::Node;
use super::notes::{Notes, Weight};
use super::object::{Object, Spelling};
use super::speaker::{
    ADDRESS, ADDRESS_V4, AS_NUMBERS, GracefulRestart, PORTS, Peer, RemoteAs, Speaker, listen,
};

/// What speaks with the same peers; `None` after a fault.
pub(super) fn import(node: &Node, notes: &Notes) -> Option<String> {
    let root = Object::root(node, Spelling::AnyHyphens, notes)?;
    let Some(global) = root.object("global") else {
        let what = "missing; accepted is a table with config, and in it as and router-id";
        root.say(Weight::Fault, "global", what);
        return None;
    };
    // The older notation names every table twice.
    let older = global.has("GlobalConfig");
    let local = settings(&global, if older { "GlobalConfig" } else { "config" });
    global.finish();
    let list = match older {
        true => root.object("Neighbors").map(|it| {
            let list = it.objects("NeighborList");
            it.finish();
            list
        }),
        false => Some(root.objects("neighbors")),
    };
    let mut complete = true;
    let mut peers = Vec::new();
    for from in list.unwrap_or_default() {
        let peer = peer(from, older);
        complete &= peer.is_some();
        peers.extend(peer);
    }
    root.finish();
    let local = local?;
    let asn = local.number("as", AS_NUMBERS);
    let router_id = local.parsed::<Ipv4Addr>("router-id", ADDRESS_V4);
    let port = local.number::<i32>("port", "-1, or a port").unwrap_or(0);
    for (key, found) in [("as", asn.is_some()), ("router-id", router_id.is_some())] {
        if !found && !local.has(key) {
            local.say(Weight::Fault, key, "missing");
        }
    }
    let addresses = local.texts("local-address-list");
    let mut listen = listen(port, &peers);
    if !addresses.is_empty() && !listen.is_empty() {
        let port = if port == 0 { 179 } else { port };
        let addresses = addresses.iter().filter_map(|it| it.parse::<IpAddr>().ok());
        listen = addresses
            .map(|it| match it {
                IpAddr::V4(it) => format!("{it}:{port}"),
                IpAddr::V6(it) => format!("[{it}]:{port}"),
            })
            .collect();
    }
    local.finish();
    let speaker = Speaker {
        asn: asn?,
        router_id: router_id?,
        listen,
        peers,
    };
    if !complete {
        return None;
    }
    let mut text = Document::default();
    speaker.write(&mut text);
    if older {
        text.begin("# bgp-ipvlan-docker put what was learned into the kernel.\n[kernel]");
        text.set("install", true);
    }
    Some(text.into_text())
}

fn peer(from: Object<'_>, older: bool) -> Option<Peer> {
    let config = if older { "NeighborConfig" } else { "config" };
    let Some(config) = settings(&from, config) else {
        from.say(Weight::Fault, "", "a neighbor without config");
        return None;
    };
    let address: Option<IpAddr> = config.parsed("neighbor-address", ADDRESS);
    let interface = config.text("neighbor-interface").map(str::to_owned);
    let config = match address {
        Some(address) => config.named(&format!("neighbor/{address}")),
        None => config,
    };
    if address.is_none() && interface.is_none() && !config.has("neighbor-address") {
        config.say(Weight::Fault, "neighbor-address", "missing");
    }
    let asn: Option<u32> = config.number("peer-as", AS_NUMBERS);
    if asn.is_none() && !config.has("peer-as") {
        config.say(Weight::Fault, "peer-as", "missing");
    }
    let mut peer = Peer {
        name: config.text("description").map(str::to_owned),
        address,
        interface,
        asn: asn.map(RemoteAs::Number),
        local_as: config.number("local-as", AS_NUMBERS),
        password: config.text("auth-password").map(str::to_owned),
        accepted: true,
        ..Peer::default()
    };
    // It is what the numbers say already.
    config.node("peer-type");
    config.finish();
    timers(&from, older, &mut peer);
    transport(&from, older, &mut peer);
    families(&from, older, &mut peer);
    graceful_restart(&from, &mut peer);
    from.finish();
    (peer.asn.is_some() && (peer.address.is_some() || peer.interface.is_some())).then_some(peer)
}

fn timers(from: &Object<'_>, older: bool, peer: &mut Peer) {
    let Some(timers) = table(from, "Timers", older) else {
        return;
    };
    let accepted = "seconds, 0 to 65535";
    peer.hold_time = timers.number("hold-time", accepted);
    peer.keepalive = timers.number("keepalive-interval", accepted);
    peer.connect_retry = timers.number("connect-retry", accepted);
    let idle = "the pause after an error begins with idle-hold, 1 s, and grows";
    timers.leave_out("idle-hold-time-after-reset", idle);
    timers.finish();
}

fn transport(from: &Object<'_>, older: bool, peer: &mut Peer) {
    if let Some(transport) = table(from, "Transport", older) {
        peer.local_address = transport.parsed("local-address", ADDRESS);
        peer.local_address = peer.local_address.filter(|it| !it.is_unspecified());
        peer.port = transport.number("remote-port", PORTS);
        peer.passive = transport.yes("passive-mode").unwrap_or(false);
        peer.ttl = transport.number("ttl", "1 to 255");
        transport.finish();
    }
    if let Some(multihop) = table(from, "Ebgp-Multihop", older) {
        let hops = multihop.number("multihop-ttl", "1 to 255");
        let enabled = [
            multihop.yes("enabled"),
            multihop.yes("ebgp-multihop-enabled"),
        ];
        if enabled.contains(&Some(true)) {
            peer.ttl = Some(hops.unwrap_or(255));
        }
        multihop.finish();
    }
    if let Some(security) = table(from, "Ttl-Security", older) {
        let least: Option<u8> = security.number("ttl-min", "1 to 255");
        if security.yes("enabled") == Some(true) {
            // Packets leave with 255; one hop leaves 255 on the same link.
            peer.ttl_security = Some(255 - least.unwrap_or(255).clamp(2, 255) + 1);
            peer.ttl = None;
        }
        security.finish();
    }
}

fn families(from: &Object<'_>, older: bool, peer: &mut Peer) {
    let listed = match older {
        false => from.objects("afi-safis"),
        true => from.object("AfiSafis").map_or_else(Vec::new, |it| {
            let list = it.objects("AfiSafiList");
            it.finish();
            list
        }),
    };
    for item in listed {
        // It is in a table of its own today, and was not always.
        let config = item.object("config");
        let at = config.as_ref().unwrap_or(&item);
        match at.text("afi-safi-name") {
            Some("ipv4-unicast") => peer.families.push("ipv4-unicast"),
            Some("ipv6-unicast") => peer.families.push("ipv6-unicast"),
            Some(_) => {
                let why = "only ipv4-unicast and ipv6-unicast are spoken here";
                at.say(Weight::LeftOut, "afi-safi-name", why);
            }
            None => {}
        }
        at.yes("enabled");
        if let Some(config) = config {
            config.finish();
        }
        // Graceful restart is offered for all families of a peer.
        if let Some(restart) = item.object("mp-graceful-restart") {
            settings(&restart, "config").map(|it| it.yes("enabled"));
        }
        item.finish();
    }
    peer.families.sort_unstable();
    peer.families.dedup();
}

fn graceful_restart(from: &Object<'_>, peer: &mut Peer) {
    let Some(restart) = table(from, "Graceful-Restart", false) else {
        return;
    };
    peer.graceful_restart = GracefulRestart {
        enabled: restart.yes("enabled").unwrap_or(false),
        restart_time: restart.number("restart-time", "seconds, 1 to 4095"),
        notifications: restart.yes("notification-enabled"),
    };
    let why = "how long routes stay while a peer restarts is stale-time here";
    restart.leave_out("deferral-time", why);
    restart.leave_out(
        "long-lived-enabled",
        "long-lived graceful restart (RFC 9494)",
    );
    restart.yes("helper-only");
    restart.finish();
}

/// What is configured of `name`, in a table below it.
fn table<'a>(from: &Object<'a>, name: &str, older: bool) -> Option<Object<'a>> {
    let outer = from.object(&name.to_lowercase())?;
    let inner = match older {
        true => settings(&outer, &format!("{name}Config")),
        false => settings(&outer, "config"),
    };
    outer.finish();
    inner
}

fn settings<'a>(from: &Object<'a>, key: &str) -> Option<Object<'a>> {
    let found = from.object(key);
    // What gobgpd knows itself, and writes when it is asked for its configuration.
    from.node("state");
    found
}
