//! The peer that takes what it is sent.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bgp_wire::{
    AsWidth, Asn, BgpIdentifier, Capability, DecodeContext, Family, HoldTime, MaxMessageLen,
    MessageView, NextHop, Open, PathAttributes, RawMessage, SessionKind, UpdateWriter,
    encode_keepalive,
};
use bytes::BytesMut;
use ipnet::IpNet;
use socket2::{Domain, Socket, Type};

use super::{PEER_AS, SENDER};

/// The only one, where there is one only.
pub(crate) const FIRST: Ipv4Addr = address(0);

/// Of which address the peer of this number is.
pub(crate) const fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 1).to_bits() + number)
}

/// How long a sender may take to listen, and to be done.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug)]
pub(crate) struct Peer {
    stream: TcpStream,
    address: Ipv4Addr,
    received: BytesMut,
}

#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) prefixes: u64,
    pub(crate) updates: u64,
}

impl Peer {
    /// Connects as soon as the sender listens; says nothing yet.
    pub(crate) fn connect(address: Ipv4Addr) -> Result<Self> {
        let begin = Instant::now();
        loop {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.bind(&std::net::SocketAddrV4::new(address, 0).into())?;
            match socket.connect(&SENDER.into()) {
                Ok(()) => {
                    let stream = TcpStream::from(socket);
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.set_nodelay(true)?;
                    return Ok(Self {
                        stream,
                        address,
                        received: BytesMut::new(),
                    });
                }
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    if begin.elapsed() > PATIENCE {
                        bail!("nobody listens at {SENDER}");
                    }
                    thread::sleep(Duration::from_millis(20));
                }
                Err(error) => return Err(error).context("connect"),
            }
        }
    }

    /// Opens the session, and reads until it is up.
    pub(crate) fn establish(&mut self) -> Result<()> {
        let open = Open {
            asn: Asn::new(PEER_AS),
            hold_time: HoldTime::new(90)?,
            identifier: BgpIdentifier::from(self.address),
            capabilities: vec![
                Capability::Multiprotocol(Family::IPV4_UNICAST),
                Capability::FourOctetAs(Asn::new(PEER_AS)),
            ],
        };
        let mut buf = BytesMut::new();
        open.encode(&mut buf)?;
        encode_keepalive(&mut buf);
        self.stream.write_all(&buf)?;
        while !matches!(self.receive()?.view()?, MessageView::Keepalive) {}
        Ok(())
    }

    /// Announces IPv4 prefixes by this next hop, or withdraws them.
    pub(crate) fn tell(&mut self, prefixes: &[IpNet], next_hop: Option<Ipv4Addr>) -> Result<()> {
        let ctx = DecodeContext::new(AsWidth::Four, SessionKind::External);
        let mut attributes = PathAttributes::originated();
        attributes.as_path.prepend(Asn::new(PEER_AS), 1);
        let mut buf = BytesMut::new();
        let mut rest = prefixes.iter().copied().peekable();
        while rest.peek().is_some() {
            let (max, family) = (MaxMessageLen::STANDARD, Family::IPV4_UNICAST);
            let mut writer = match next_hop.map(NextHop::V4) {
                Some(hop) => UpdateWriter::announce(&mut buf, max, family, &hop, &attributes, ctx)?,
                None => UpdateWriter::withdraw(&mut buf, max, family, ctx)?,
            };
            while let Some(prefix) = rest.peek()
                && writer.push(*prefix).is_ok()
            {
                rest.next();
            }
            writer.finish();
        }
        self.stream.write_all(&buf).context("write")
    }

    /// Reads until End-of-RIB for IPv4.
    pub(crate) fn take_table(&mut self) -> Result<Taken> {
        let mut taken = Taken::default();
        loop {
            let raw = self.receive()?;
            let MessageView::Update(update) = raw.view()? else {
                continue;
            };
            if update.is_end_of_rib() == Some(Family::IPV4_UNICAST) {
                return Ok(taken);
            }
            taken.updates += 1;
            taken.prefixes += update.nlri().filter(Result::is_ok).count() as u64;
        }
    }

    fn receive(&mut self) -> Result<RawMessage> {
        loop {
            let received = &mut self.received;
            if let Some(raw) = RawMessage::split_from(received, MaxMessageLen::STANDARD)? {
                if let MessageView::Notification(it) = raw.view()? {
                    bail!("the sender ends the session: {it}");
                }
                return Ok(raw);
            }
            self.received.reserve(PIECE);
            let filled = self.received.len();
            self.received.resize(filled + PIECE, 0);
            let unfilled = self.received.get_mut(filled..).unwrap_or_default();
            let count = self.stream.read(unfilled).context("read")?;
            self.received.truncate(filled + count);
            if count == 0 {
                bail!("the sender has closed the connection");
            }
        }
    }
}

/// How much is read at once.
const PIECE: usize = 1 << 16;
