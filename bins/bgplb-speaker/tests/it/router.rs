//! A router made by hand that waits for the program to connect.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bgp_wire::{
    AsWidth, Asn, Capability, DecodeContext, Family, HoldTime, MaxMessageLen, MessageView, NextHop,
    Open, PathAttributes, RawMessage, SessionKind, UpdateWriter, encode_end_of_rib,
    encode_keepalive,
};
use bytes::BytesMut;

/// A router that waits for the speaker to connect.
pub struct Router {
    listener: TcpListener,
    address: IpAddr,
    families: &'static [Family],
}

/// A session as the router sees it.
pub struct Session {
    stream: TcpStream,
    received: BytesMut,
}

impl Router {
    pub fn new() -> Self {
        Self::of(&[Family::IPV4_UNICAST])
    }

    /// One that programs find which connect to a certain port.
    pub fn at_port(port: u16) -> Self {
        Self::with(port, &[Family::IPV4_UNICAST])
    }

    /// One of these families.
    pub fn of(families: &'static [Family]) -> Self {
        Self::with(0, families)
    }

    fn with(port: u16, families: &'static [Family]) -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let [.., high, low] = std::process::id().to_be_bytes();
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let address = IpAddr::from(Ipv4Addr::new(127, high | 0x40, low, next));
        let listener = TcpListener::bind((address, port)).unwrap();
        Self {
            listener,
            address,
            families,
        }
    }

    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Its entry in the speaker's file.
    pub fn peer(&self, more: &str) -> String {
        let (address, port) = (self.address, self.listener.local_addr().unwrap().port());
        let (v4, v6) = (Family::IPV4_UNICAST, Family::IPV6_UNICAST);
        let names = [
            (v4, "\"ipv4-unicast\"", "next-hop-v4 = \"192.0.2.1\"\n"),
            (v6, "\"ipv6-unicast\"", "next-hop-v6 = \"2001:db8::1\"\n"),
        ];
        let ours = names.iter().filter(|(it, ..)| self.families.contains(it));
        let (families, next_hops): (Vec<_>, String) =
            ours.map(|(_, name, next_hop)| (*name, *next_hop)).unzip();
        let families = families.join(", ");
        format!(
            "[[peers]]\naddress = \"{address}\"\nport = {port}\nas = 64513\n\
             {next_hops}families = [{families}]\n{more}\n"
        )
    }

    pub fn accept(&self) -> Session {
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let IpAddr::V4(address) = self.address else {
            unreachable!()
        };
        let open = Open {
            asn: Asn::new(64513),
            hold_time: HoldTime::ZERO,
            identifier: address.into(),
            capabilities: self
                .families
                .iter()
                .map(|family| Capability::Multiprotocol(*family))
                .chain([Capability::FourOctetAs(Asn::new(64513))])
                .collect(),
        };
        let mut octets = BytesMut::new();
        open.encode(&mut octets).unwrap();
        encode_keepalive(&mut octets);
        let mut session = Session {
            stream,
            received: BytesMut::new(),
        };
        session.stream.write_all(&octets).unwrap();
        session
    }

    /// Whether nobody has connected since the last one was accepted.
    pub fn is_alone(&self) -> bool {
        self.listener.set_nonblocking(true).unwrap();
        self.listener.accept().is_err()
    }
}

impl Session {
    /// Whether the speaker's OPEN says that it has restarted (RFC 4724 section
    /// 3). To be asked first.
    pub fn says_restarted(&mut self) -> bool {
        let message = self.next();
        let MessageView::Open(open) = message.view().unwrap() else {
            panic!("{message:?} is no OPEN");
        };
        let capabilities = open.to_open().unwrap().capabilities;
        capabilities
            .iter()
            .any(|it| matches!(it, Capability::GracefulRestart(it) if it.restarted))
    }

    fn next(&mut self) -> RawMessage {
        loop {
            let max = MaxMessageLen::STANDARD;
            if let Some(message) = RawMessage::split_from(&mut self.received, max).unwrap() {
                return message;
            }
            let mut octets = [0; 4096];
            let read = self.stream.read(&mut octets).unwrap();
            assert_ne!(read, 0, "the speaker closed the connection");
            self.received.extend_from_slice(&octets[..read]);
        }
    }

    /// What the next UPDATE or NOTIFICATION says, in one line.
    pub fn told(&mut self) -> String {
        loop {
            let message = self.next();
            match message.view().unwrap() {
                MessageView::Update(update) if update.is_end_of_rib().is_some() => {
                    return "end".to_owned();
                }
                MessageView::Update(update) => {
                    let context = DecodeContext::new(AsWidth::Four, SessionKind::External);
                    let judgement = update.judge(context);
                    let attributes = judgement.attributes();
                    let mut said = Vec::new();
                    for prefix in update.withdrawn_routes() {
                        said.push(format!("-{}", prefix.unwrap()));
                    }
                    for prefix in attributes.mp_unreach().iter().flat_map(|it| it.prefixes()) {
                        said.push(format!("-{}", prefix.unwrap()));
                    }
                    for prefix in update.nlri() {
                        said.push(format!("+{}", prefix.unwrap()));
                    }
                    for prefix in attributes.mp_reach().iter().flat_map(|it| it.prefixes()) {
                        said.push(format!("+{}", prefix.unwrap()));
                    }
                    said.extend(attributes.as_path().map(|path| format!("path {path}")));
                    said.extend(attributes.med().map(|med| format!("med {med}")));
                    let communities = attributes.communities().into_iter();
                    said.extend(communities.map(|community| community.to_string()));
                    return said.join(" ");
                }
                MessageView::Notification(notification) => {
                    return notification.to_notification().to_string();
                }
                _ => {}
            }
        }
    }

    /// Announces one prefix and ends the first transfer.
    pub fn announce(&mut self, prefix: &str, next_hop: [u8; 4]) {
        let mut attributes = PathAttributes::originated();
        attributes.as_path.prepend(Asn::new(64513), 1);
        let context = DecodeContext::new(AsWidth::Four, SessionKind::External);
        let mut octets = BytesMut::new();
        let mut update = UpdateWriter::announce(
            &mut octets,
            MaxMessageLen::STANDARD,
            Family::IPV4_UNICAST,
            &NextHop::V4(next_hop.into()),
            &attributes,
            context,
        )
        .unwrap();
        update.push(prefix.parse().unwrap()).unwrap();
        update.finish();
        encode_end_of_rib(&mut octets, Family::IPV4_UNICAST);
        self.stream.write_all(&octets).unwrap();
    }
}

/// Whatever a test waits for happens at once or never.
const SOON: Duration = Duration::from_secs(30);
