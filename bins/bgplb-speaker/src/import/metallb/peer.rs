//! Routers, and how their paths are watched.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::duration::duration;
use crate::import::notes::{Notes, Weight};
use crate::import::object::Object;
use crate::import::speaker::{
    ADDRESS, ADDRESS_V4, AS_NUMBERS, Bfd, GracefulRestart, PORTS, Peer, RemoteAs,
};

/// A router.
#[derive(Debug)]
pub(super) struct BgpPeer {
    /// With its kind, as `BGPPeer/edge`.
    pub(super) name: String,
    pub(super) plain_name: String,
    pub(super) line: Option<usize>,
    pub(super) my_asn: u32,
    pub(super) router_id: Option<Ipv4Addr>,
    pub(super) address: Option<IpAddr>,
    interface: Option<String>,
    asn: RemoteAs,
    port: Option<u16>,
    hold_time: Option<u16>,
    keepalive: Option<u16>,
    connect_retry: Option<u16>,
    source: Option<IpAddr>,
    password: Option<String>,
    multihop: bool,
    graceful_restart: bool,
    bfd_profile: Option<String>,
    families: Vec<&'static str>,
}

impl BgpPeer {
    pub(super) fn read(name: &str, shown: &str, from: Object<'_>) -> Option<Self> {
        let line = from.line();
        from.node("name");
        let my_asn: Option<u32> = from.number("myASN", AS_NUMBERS);
        let address: Option<IpAddr> = from.parsed("peerAddress", ADDRESS);
        let interface = from.text("interface").map(str::to_owned);
        let asn = remote_as(&from);
        if my_asn.is_none() && !from.has("myASN") {
            from.say(
                Weight::Fault,
                "myASN",
                &format!("missing; accepted is {AS_NUMBERS}"),
            );
        }
        if address.is_none() && interface.is_none() && !from.has("peerAddress") {
            from.say(
                Weight::Fault,
                "peerAddress",
                &format!("missing; accepted is {ADDRESS}"),
            );
        }
        let selectors = "the file is for one host: leave the peer away from others";
        from.leave_out("nodeSelectors", selectors);
        from.leave_out(
            "passwordSecret",
            "secrets of Kubernetes are not read: add password-file",
        );
        from.leave_out("vrf", "peers are spoken with from the main table");
        let families = families(&from, address);
        let peer = Self {
            name: shown.to_owned(),
            plain_name: name.to_owned(),
            line,
            my_asn: my_asn.unwrap_or_default(),
            router_id: from.parsed("routerID", ADDRESS_V4),
            address,
            interface,
            asn: asn.unwrap_or(RemoteAs::External),
            port: from.number("peerPort", PORTS),
            hold_time: seconds(&from, "holdTime"),
            keepalive: seconds(&from, "keepaliveTime").filter(|it| *it > 0),
            connect_retry: seconds(&from, "connectTime").filter(|it| *it > 0),
            source: from.parsed("sourceAddress", ADDRESS),
            password: from
                .text("password")
                .map(str::to_owned)
                .filter(|it| !it.is_empty()),
            multihop: from.yes("ebgpMultiHop").unwrap_or(false),
            graceful_restart: from.yes("enableGracefulRestart").unwrap_or(false),
            bfd_profile: from.text("bfdProfile").map(str::to_owned),
            families,
        };
        from.finish();
        let whole = my_asn.is_some() && asn.is_some();
        (whole && (address.is_some() || peer.interface.is_some())).then_some(peer)
    }

    /// The AS number, if it is known beforehand.
    pub(super) const fn number(&self) -> Option<u32> {
        match self.asn {
            RemoteAs::Number(number) => Some(number),
            RemoteAs::Internal => Some(self.my_asn),
            RemoteAs::External => None,
        }
    }

    /// As our own file has it, where `local` is the AS of all.
    pub(super) fn peer(
        &self,
        local: u32,
        profiles: &BTreeMap<String, BfdProfile>,
        notes: &Notes,
    ) -> Peer {
        let bfd = self.bfd_profile.as_ref().and_then(|name| {
            let profile = profiles.get(name);
            if profile.is_none() {
                let what = format!("there is no BFDProfile {name:?} in what was given");
                let field = format!("{} bfdProfile", self.name);
                notes.say(Weight::LeftOut, self.line, &field, &what);
            }
            Some(profile?.bfd(self.multihop))
        });
        Peer {
            name: Some(self.plain_name.clone()).filter(|it| !it.is_empty()),
            address: self.address,
            interface: self.interface.clone(),
            asn: Some(self.asn),
            port: self.port.filter(|it| *it != 0),
            local_as: Some(self.my_asn).filter(|it| *it != local),
            local_address: self.source,
            password: self.password.clone(),
            ttl: self.multihop.then_some(255),
            hold_time: self.hold_time,
            keepalive: self.keepalive,
            connect_retry: self.connect_retry,
            families: self.families.clone(),
            graceful_restart: GracefulRestart {
                enabled: self.graceful_restart,
                ..GracefulRestart::default()
            },
            bfd,
            ..Peer::default()
        }
    }

    /// What is configured of it that the plugin has no setting for.
    pub(super) fn beyond_the_plugin(&self) -> Vec<&'static str> {
        let all = [
            (self.port.is_some_and(|it| it != 179), "peerPort"),
            (self.hold_time.is_some(), "holdTime"),
            (self.keepalive.is_some(), "keepaliveTime"),
            (self.connect_retry.is_some(), "connectTime"),
            (self.source.is_some(), "sourceAddress"),
            (self.multihop, "ebgpMultiHop"),
            (
                self.password.is_some(),
                "password (write it into the file that PEER_PASSWORD_FILE names)",
            ),
        ];
        all.into_iter().filter(|it| it.0).map(|it| it.1).collect()
    }

    /// `PEER_BFD` of the plugin.
    pub(super) fn bfd_setting(&self, profiles: &BTreeMap<String, BfdProfile>) -> Option<String> {
        let profile = profiles.get(self.bfd_profile.as_ref()?)?;
        let interval = profile
            .transmit
            .unwrap_or(300)
            .max(profile.receive.unwrap_or(300));
        Some(format!("{interval}x{}", profile.multiplier.unwrap_or(3)))
    }
}

fn remote_as(from: &Object<'_>) -> Option<RemoteAs> {
    let number: Option<u32> = from.number("peerASN", AS_NUMBERS);
    match from.text("dynamicASN") {
        Some("internal") => return Some(RemoteAs::Internal),
        Some("external") => return Some(RemoteAs::External),
        Some("") | None => {}
        Some(_) => from.say(
            Weight::Fault,
            "dynamicASN",
            "accepted is internal or external",
        ),
    }
    if number.is_none_or(|it| it == 0) && !from.has("dynamicASN") {
        from.say(
            Weight::Fault,
            "peerASN",
            &format!("missing; accepted is {AS_NUMBERS}"),
        );
    }
    number.filter(|it| *it != 0).map(RemoteAs::Number)
}

/// The families, where not both are exchanged.
fn families(from: &Object<'_>, address: Option<IpAddr>) -> Vec<&'static str> {
    let separate = from.yes("disableMP") == Some(true);
    let both = from.yes("dualStackAddressFamily");
    match address {
        Some(address) if separate || both == Some(false) => match address {
            IpAddr::V4(_) => vec!["ipv4-unicast"],
            IpAddr::V6(_) => vec!["ipv6-unicast"],
        },
        _ => Vec::new(),
    }
}

/// A duration in whole seconds, as BGP has them.
fn seconds(from: &Object<'_>, key: &str) -> Option<u16> {
    let node = from.node(key)?;
    let accepted = "a duration up to 65535 s, such as 90s";
    let Some(time) = from.text(key).and_then(duration) else {
        return from.refuse(key, node, accepted);
    };
    let whole = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    if Duration::from_secs(whole) != time {
        let what = format!("only whole seconds can be told: {whole} s");
        from.say(Weight::Differs, key, &what);
    }
    match u16::try_from(whole) {
        Ok(whole) => Some(whole),
        Err(_) => from.refuse(key, node, accepted),
    }
}

/// How a path is watched.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BfdProfile {
    receive: Option<u32>,
    transmit: Option<u32>,
    multiplier: Option<u8>,
    min_ttl: Option<u8>,
}

impl BfdProfile {
    pub(super) fn read(from: Object<'_>) -> Option<Self> {
        from.node("name");
        let interval = "milliseconds, 10 to 60000";
        let profile = Self {
            receive: from.number("receiveInterval", interval),
            transmit: from.number("transmitInterval", interval),
            multiplier: from.number("detectMultiplier", "2 to 255"),
            min_ttl: from.number("minimumTtl", "1 to 254"),
        };
        if from.yes("echoMode") == Some(true) {
            let why = "there is no echo function here; control packets alone watch the path";
            from.say(Weight::LeftOut, "echoMode", why);
        }
        // Of no use without the mode.
        for key in [
            "echoInterval",
            "echoReceiveInterval",
            "echoTransmitInterval",
        ] {
            from.node(key);
        }
        if from.yes("passiveMode") == Some(true) {
            from.say(Weight::LeftOut, "passiveMode", "both ends begin here");
        }
        from.finish();
        Some(profile)
    }

    const fn bfd(&self, multihop: bool) -> Bfd {
        Bfd {
            min_tx: self.transmit,
            min_rx: self.receive,
            multiplier: self.multiplier,
            multihop,
            min_ttl: if multihop { self.min_ttl } else { None },
        }
    }
}
