//! A peer made by hand: it opens a session and then does what the test says.

use std::net::{IpAddr, SocketAddr};

use bgp_speaker::PeerSettings;
use bgp_wire::{
    AsPath, AsWidth, Asn, BgpIdentifier, Capability, Community, DecodeContext, Family, HoldTime,
    MaxMessageLen, MessageType, MessageView, NextHop, Notification, Open, PathAttributes,
    RawMessage, RouteRefresh, RouteRefreshSubtype, SessionKind, UpdateWriter, encode_end_of_rib,
    encode_keepalive,
};
use bytes::BytesMut;
use ipnet::IpNet;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::node::{self, PORT, Plan, soon};

pub struct RawPeer {
    pub stream: TcpStream,
    received: BytesMut,
    asn: Asn,
    /// The capabilities in the speaker's OPEN.
    pub offered: Vec<Capability>,
}

/// What a peer was told by one UPDATE.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub announced: Vec<IpNet>,
    pub withdrawn: Vec<IpNet>,
    pub end_of_rib: Option<Family>,
    /// GRACEFUL_SHUTDOWN is among the communities.
    pub going: bool,
}

/// Who a hand-made peer is.
#[derive(Clone, Copy)]
pub struct Identity {
    pub address: IpAddr,
    pub asn: Asn,
}

impl Identity {
    pub fn new(asn: u32) -> Self {
        Self {
            address: node::address(),
            asn: Asn::new(asn),
        }
    }

    /// Lets `plan` expect this peer; the peer connects, never the plan.
    pub fn introduce(self, plan: &mut Plan) {
        let settings = plan.peer_at(self.address, self.asn);
        plan.add_peer(PeerSettings {
            initiation: bgp_speaker::Initiation::Passive,
            ..settings
        });
    }

    /// Connects to the speaker, in a small receive window if told so.
    pub async fn dial(
        self,
        speaker: SocketAddr,
        receive_buffer: Option<usize>,
    ) -> std::io::Result<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_reuse_address(true)?;
        if let Some(size) = receive_buffer {
            socket.set_recv_buffer_size(size)?;
        }
        socket.bind(&SocketAddr::new(self.address, 0).into())?;
        let socket = TcpSocket::from_std_stream(socket.into());
        socket.connect(speaker).await
    }

    /// Whether the speaker closes a connection before it says anything.
    pub async fn is_turned_away(self, speaker: SocketAddr) -> bool {
        let mut stream = soon(self.dial(speaker, None)).await.unwrap();
        matches!(soon(stream.read(&mut [0; 1])).await, Ok(0) | Err(_))
    }

    /// Establishes a session.
    pub async fn connect(self, speaker: IpAddr) -> RawPeer {
        self.connect_with(SocketAddr::new(speaker, PORT), None)
            .await
    }

    /// Establishes a session with a speaker on any port, in a small receive
    /// window if told so.
    pub async fn connect_with(self, speaker: SocketAddr, receive_buffer: Option<usize>) -> RawPeer {
        self.open(speaker, receive_buffer, &[Capability::RouteRefresh])
            .await
    }

    /// Establishes a session on which nobody can be asked for routes again.
    pub async fn connect_without_refresh(self, speaker: IpAddr) -> RawPeer {
        self.open(SocketAddr::new(speaker, PORT), None, &[]).await
    }

    /// Establishes a session, offering these capabilities beside the usual.
    pub async fn connect_offering(self, speaker: IpAddr, capabilities: &[Capability]) -> RawPeer {
        let speaker = SocketAddr::new(speaker, PORT);
        let capabilities = [&[Capability::RouteRefresh], capabilities].concat();
        self.open(speaker, None, &capabilities).await
    }

    /// What the speaker says instead of accepting our OPEN.
    pub async fn refused(self, speaker: IpAddr) -> Notification {
        let speaker = SocketAddr::new(speaker, PORT);
        let mut peer = self.exchange_opens(speaker, None, &[]).await;
        peer.notified().await
    }

    async fn open(
        self,
        speaker: SocketAddr,
        receive_buffer: Option<usize>,
        more: &[Capability],
    ) -> RawPeer {
        let mut peer = self.exchange_opens(speaker, receive_buffer, more).await;
        assert_eq!(peer.next().await.message_type(), MessageType::KEEPALIVE);
        peer
    }

    async fn exchange_opens(
        self,
        speaker: SocketAddr,
        receive_buffer: Option<usize>,
        more: &[Capability],
    ) -> RawPeer {
        let stream = soon(self.dial(speaker, receive_buffer)).await.unwrap();
        let mut peer = RawPeer {
            stream,
            received: BytesMut::new(),
            asn: self.asn,
            offered: Vec::new(),
        };
        let IpAddr::V4(v4) = self.address else {
            unreachable!()
        };
        let mut capabilities = vec![
            Capability::Multiprotocol(Family::IPV4_UNICAST),
            Capability::Multiprotocol(Family::IPV6_UNICAST),
            Capability::FourOctetAs(self.asn),
        ];
        capabilities.extend_from_slice(more);
        let open = Open {
            asn: self.asn,
            hold_time: HoldTime::ZERO,
            identifier: BgpIdentifier::from(v4),
            capabilities,
        };
        let mut octets = BytesMut::new();
        open.encode(&mut octets).unwrap();
        encode_keepalive(&mut octets);
        peer.send(&octets).await;
        let answer = peer.next().await;
        let MessageView::Open(open) = answer.view().unwrap() else {
            panic!("{answer:?}");
        };
        peer.offered = open.to_open().unwrap().capabilities;
        peer
    }
}

impl RawPeer {
    pub async fn send(&mut self, octets: &[u8]) {
        soon(self.stream.write_all(octets)).await.unwrap();
    }

    pub async fn next(&mut self) -> RawMessage {
        soon(async {
            loop {
                let max = MaxMessageLen::STANDARD;
                if let Some(message) = RawMessage::split_from(&mut self.received, max).unwrap() {
                    return message;
                }
                let read = self.stream.read_buf(&mut self.received).await.unwrap();
                assert_ne!(read, 0, "the speaker closed the connection");
            }
        })
        .await
    }

    /// Announces these prefixes with a next hop that a router could have.
    pub async fn announce(&mut self, prefixes: &[&str]) {
        self.announce_as(PathAttributes::originated(), prefixes)
            .await;
    }

    /// The same, with these attributes and its own AS_PATH.
    pub async fn announce_as(&mut self, mut attributes: PathAttributes, prefixes: &[&str]) {
        let context = DecodeContext::new(AsWidth::Four, SessionKind::External);
        attributes.as_path = AsPath::sequence([self.asn]);
        let mut octets = BytesMut::new();
        for prefix in prefixes {
            let prefix = node::net(prefix);
            let (family, next_hop) = match prefix {
                IpNet::V4(_) => (Family::IPV4_UNICAST, NextHop::V4([192, 0, 2, 77].into())),
                IpNet::V6(_) => {
                    let address = "2001:db8::77".parse().unwrap();
                    (Family::IPV6_UNICAST, NextHop::v6(address))
                }
            };
            let max = MaxMessageLen::STANDARD;
            let mut update =
                UpdateWriter::announce(&mut octets, max, family, &next_hop, &attributes, context)
                    .unwrap();
            update.push(prefix).unwrap();
            update.finish();
        }
        self.send(&octets).await;
    }

    /// End-of-RIB of both families.
    pub async fn end_of_rib(&mut self) {
        let mut octets = BytesMut::new();
        encode_end_of_rib(&mut octets, Family::IPV4_UNICAST);
        encode_end_of_rib(&mut octets, Family::IPV6_UNICAST);
        self.send(&octets).await;
    }

    pub async fn refresh(&mut self, family: Family, subtype: RouteRefreshSubtype) {
        let mut octets = BytesMut::new();
        RouteRefresh { family, subtype }.encode(&mut octets);
        self.send(&octets).await;
    }

    /// The next UPDATE; other messages are passed over.
    pub async fn told(&mut self) -> Told {
        loop {
            let message = self.next().await;
            let MessageView::Update(update) = message.view().unwrap() else {
                continue;
            };
            let mut told = Told {
                end_of_rib: update.is_end_of_rib(),
                ..Told::default()
            };
            let v4 = |prefix: Result<_, _>| IpNet::V4(Result::unwrap(prefix));
            told.announced.extend(update.nlri().map(v4));
            told.withdrawn.extend(update.withdrawn_routes().map(v4));
            let context = DecodeContext::new(AsWidth::Four, SessionKind::External);
            let judgement = update.judge(context);
            assert_eq!(judgement.fault(), None);
            let attributes = judgement.attributes();
            told.going = attributes
                .communities()
                .any(|it| it == Community::GRACEFUL_SHUTDOWN);
            if let Some(reach) = attributes.mp_reach() {
                told.announced.extend(reach.prefixes().map(Result::unwrap));
            }
            if let Some(unreach) = attributes.mp_unreach() {
                told.withdrawn
                    .extend(unreach.prefixes().map(Result::unwrap));
            }
            return told;
        }
    }

    /// The attributes of the next IPv4 route announced.
    pub async fn attributes(&mut self) -> PathAttributes {
        loop {
            let message = self.next().await;
            let MessageView::Update(update) = message.view().unwrap() else {
                continue;
            };
            if update.nlri().next().is_none() {
                continue;
            }
            let context = DecodeContext::new(AsWidth::Four, SessionKind::External);
            let judgement = update.judge(context);
            let seen = judgement.attributes();
            let mut attributes = PathAttributes::originated();
            attributes.as_path = seen.as_path().unwrap().to_as_path();
            attributes.med = seen.med();
            attributes.only_to_customer = seen.only_to_customer();
            attributes.communities = seen.communities().into_iter().collect();
            return attributes;
        }
    }

    /// Everything announced until both families' End-of-RIB.
    pub async fn first_transfer(&mut self) -> Vec<IpNet> {
        let mut announced = Vec::new();
        let mut ends = Vec::new();
        while ends.len() < 2 {
            let told = self.told().await;
            assert_eq!(told.withdrawn, []);
            announced.extend(told.announced);
            ends.extend(told.end_of_rib);
        }
        announced.sort();
        announced
    }

    /// Waits for the NOTIFICATION that ends the session.
    pub async fn notified(&mut self) -> Notification {
        loop {
            if let MessageView::Notification(notification) = self.next().await.view().unwrap() {
                return notification.to_notification();
            }
        }
    }
}
