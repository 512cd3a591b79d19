//! The half of a configuration that all origins have: who we are, and the peers.

use std::net::{IpAddr, Ipv4Addr};

use toml::Value;

use super::document::{Document, inline};

/// Who we are, and with whom we speak.
#[derive(Debug)]
pub(super) struct Speaker {
    pub(super) asn: u32,
    pub(super) router_id: Ipv4Addr,
    /// Where connections are accepted, as `0.0.0.0:179`.
    pub(super) listen: Vec<String>,
    pub(super) peers: Vec<Peer>,
}

/// A peer; what is `None` or empty stays as it is unless said.
#[derive(Debug, Default)]
pub(super) struct Peer {
    pub(super) name: Option<String>,
    pub(super) address: Option<IpAddr>,
    pub(super) interface: Option<String>,
    pub(super) asn: Option<RemoteAs>,
    pub(super) port: Option<u16>,
    pub(super) passive: bool,
    pub(super) local_as: Option<u32>,
    pub(super) local_address: Option<IpAddr>,
    pub(super) password: Option<String>,
    pub(super) ttl: Option<u8>,
    pub(super) ttl_security: Option<u8>,
    /// Seconds; so are the next two.
    pub(super) hold_time: Option<u16>,
    pub(super) keepalive: Option<u16>,
    pub(super) connect_retry: Option<u16>,
    pub(super) families: Vec<&'static str>,
    pub(super) next_hop_v4: Option<Ipv4Addr>,
    pub(super) communities: Vec<String>,
    pub(super) local_pref: Option<u32>,
    /// Its routes are taken.
    pub(super) accepted: bool,
    pub(super) graceful_restart: GracefulRestart,
    pub(super) bfd: Option<Bfd>,
}

/// The AS of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RemoteAs {
    Number(u32),
    Internal,
    External,
}

/// All of these leave it off where they do not say that it is on, so it is written
/// in every case.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GracefulRestart {
    pub(super) enabled: bool,
    /// Seconds.
    pub(super) restart_time: Option<u16>,
    pub(super) notifications: Option<bool>,
}

/// Times in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bfd {
    pub(super) min_tx: Option<u32>,
    pub(super) min_rx: Option<u32>,
    pub(super) multiplier: Option<u8>,
    pub(super) multihop: bool,
    pub(super) min_ttl: Option<u8>,
}

impl Speaker {
    pub(super) fn write(&self, to: &mut Document) {
        to.begin("[local]");
        to.set("as", self.asn);
        to.set("router-id", self.router_id.to_string());
        to.set_all("listen", self.listen.iter().map(String::as_str));
        for peer in &self.peers {
            to.begin("[[peers]]");
            peer.write(to);
        }
    }
}

impl Peer {
    fn write(&self, to: &mut Document) {
        to.set_some("name", self.name.as_deref());
        to.set_some("address", self.address.map(|it| it.to_string()));
        to.set_some("interface", self.interface.as_deref());
        to.set_some("as", self.asn.map(Value::from));
        to.set_some("port", self.port.map(i64::from));
        if self.passive {
            to.set("passive", true);
        }
        to.set_some("local-as", self.local_as);
        to.set_some("local-address", self.local_address.map(|it| it.to_string()));
        to.set_some("password", self.password.as_deref());
        to.set_some("ttl", self.ttl.map(i64::from));
        to.set_some("ttl-security", self.ttl_security.map(i64::from));
        to.set_some("hold-time", self.hold_time.map(i64::from));
        to.set_some("keepalive", self.keepalive.map(i64::from));
        to.set_some("connect-retry", self.connect_retry.map(i64::from));
        to.set_all("families", self.families.iter().copied());
        to.set_some("next-hop-v4", self.next_hop_v4.map(|it| it.to_string()));
        to.set_all("communities", self.communities.iter().map(String::as_str));
        to.set_some("local-pref", self.local_pref);
        if self.accepted {
            to.set("import", "accept");
        }
        to.set("graceful-restart", self.graceful_restart);
        to.set_some("bfd", self.bfd);
    }
}

impl From<RemoteAs> for Value {
    fn from(asn: RemoteAs) -> Self {
        match asn {
            RemoteAs::Number(number) => number.into(),
            RemoteAs::Internal => "internal".into(),
            RemoteAs::External => "external".into(),
        }
    }
}

impl From<GracefulRestart> for Value {
    fn from(it: GracefulRestart) -> Self {
        inline([
            ("enabled", Some(it.enabled.into())),
            (
                "restart-time",
                it.restart_time.map(|it| i64::from(it).into()),
            ),
            ("notifications", it.notifications.map(Self::from)),
        ])
    }
}

impl From<Bfd> for Value {
    fn from(it: Bfd) -> Self {
        inline([
            ("min-tx", it.min_tx.map(Self::from)),
            ("min-rx", it.min_rx.map(Self::from)),
            ("multiplier", it.multiplier.map(|it| i64::from(it).into())),
            ("multihop", it.multihop.then_some(true.into())),
            ("min-ttl", it.min_ttl.map(|it| i64::from(it).into())),
        ])
    }
}

/// Where a program listens that was given this port: 0 and nothing are 179, -1 is
/// nowhere. IPv6 only where a peer has it, since a host may have none.
pub(super) fn listen(port: i32, peers: &[Peer]) -> Vec<String> {
    let port = match port {
        ..0 => return Vec::new(),
        0 => 179,
        port => port,
    };
    let ipv6 = peers
        .iter()
        .any(|it| it.interface.is_some() || it.address.is_some_and(|it| it.is_ipv6()));
    let mut listen = vec![format!("0.0.0.0:{port}")];
    if ipv6 {
        listen.push(format!("[::]:{port}"));
    }
    listen
}

/// An AS number of this range is accepted everywhere.
pub(super) const AS_NUMBERS: &str = "an AS number, 1 to 4294967295";
pub(super) const PORTS: &str = "a port, 1 to 65535";
pub(super) const ADDRESS: &str = "an IPv4 or IPv6 address";
pub(super) const ADDRESS_V4: &str = "an IPv4 address";
