//! A peer that says what it is told to, over a TCP connection.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::wire::{
    KEEPALIVE, NOTIFICATION, OPEN, ROUTE_REFRESH, UPDATE, header, keepalive, route_refresh,
};

/// One connection to the speaker.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    received: Vec<u8>,
}

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub kind: u8,
    pub body: Vec<u8>,
}

impl Message {
    /// As something to be read by whoever looks for a mistake.
    pub fn text(&self) -> String {
        let octets: String = self
            .body
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect();
        match (self.kind, &self.body[..]) {
            (NOTIFICATION, [code, subcode, data @ ..]) => {
                let data: String = data.iter().map(|octet| format!("{octet:02x}")).collect();
                format!("NOTIFICATION {code}/{subcode} data [{data}]")
            }
            (kind, _) => format!("message of type {kind} [{octets}]"),
        }
    }
}

impl Peer {
    /// Connects from `from`.
    pub fn connect(from: IpAddr, to: SocketAddr) -> io::Result<Self> {
        Self::connect_with(Socket::new(Domain::IPV4, Type::STREAM, None)?, from, to)
    }

    /// The same with the smallest receive window there is.
    pub fn connect_narrow(from: IpAddr, to: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_recv_buffer_size(1)?;
        Self::connect_with(socket, from, to)
    }

    fn connect_with(socket: Socket, from: IpAddr, to: SocketAddr) -> io::Result<Self> {
        socket.bind(&SocketAddr::new(from, 0).into())?;
        socket.connect(&to.into())?;
        Self::new(socket.into())
    }

    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            received: Vec::new(),
        })
    }

    pub fn send(&mut self, octets: &[u8]) -> Result<(), String> {
        let sent = self.stream.write_all(octets);
        sent.map_err(|error| format!("cannot send: {error}"))
    }

    /// Sends each octet in a segment of its own.
    pub fn dribble(&mut self, octets: &[u8]) -> Result<(), String> {
        octets.chunks(1).try_for_each(|octet| self.send(octet))
    }

    /// Says that nothing more will be sent.
    pub fn finish(&self) -> Result<(), String> {
        let done = self.stream.shutdown(std::net::Shutdown::Write);
        done.map_err(|error| error.to_string())
    }

    /// Ends the connection as a peer that has crashed does.
    pub fn abort(self) -> Result<(), String> {
        let socket = Socket::from(self.stream);
        let linger = socket.set_linger(Some(Duration::ZERO));
        linger.map_err(|error| error.to_string())
    }

    /// How long the next message may take.
    pub fn patience(&self, time: Duration) -> Result<(), String> {
        let set = self.stream.set_read_timeout(Some(time));
        set.map_err(|error| error.to_string())
    }

    /// The next message; `None` when the speaker has closed the connection.
    pub fn next(&mut self) -> Result<Option<Message>, String> {
        loop {
            if let Some(message) = self.split()? {
                return Ok(Some(message));
            }
            let mut octets = [0; 4096];
            match self.stream.read(&mut octets) {
                Ok(0) if self.received.is_empty() => return Ok(None),
                Ok(0) => return Err("closed within a message".to_owned()),
                Ok(length) => self.received.extend(&octets[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(SILENCE.to_owned());
                }
                Err(error) => return Err(format!("cannot read: {error}")),
            }
        }
    }

    fn split(&mut self) -> Result<Option<Message>, String> {
        let Some(head) = self.received.get(..19) else {
            return Ok(None);
        };
        let length = u16::from_be_bytes([head[16], head[17]]);
        let kind = head[18];
        if head != header(length, kind) || length < 19 {
            return Err(format!("not a header: {head:02x?}"));
        }
        if self.received.len() < usize::from(length) {
            return Ok(None);
        }
        let mut message = self.received.split_off(usize::from(length));
        std::mem::swap(&mut message, &mut self.received);
        Ok(Some(Message {
            kind,
            body: message.split_off(19),
        }))
    }

    /// The next message, which has to be of this type.
    pub fn expect(&mut self, kind: u8) -> Result<Message, String> {
        match self.next()? {
            Some(message) if message.kind == kind => Ok(message),
            Some(message) => Err(format!("expected type {kind}, got {}", message.text())),
            None => Err(format!("expected type {kind}, the connection was closed")),
        }
    }

    /// Sends an OPEN and waits until it was accepted; gives the speaker's OPEN.
    pub fn open(&mut self, open: &[u8]) -> Result<Message, String> {
        self.send(open)?;
        let theirs = self.expect(OPEN)?;
        self.expect(KEEPALIVE)?;
        Ok(theirs)
    }

    /// Brings the session up and takes in the whole first transfer, which ends
    /// with an End-of-RIB for each of `families`.
    pub fn establish(&mut self, open: &[u8], families: &[Family]) -> Result<(), String> {
        self.open(open)?;
        self.send(&keepalive())?;
        self.first_transfer(families)
    }

    /// Takes in what the speaker says first.
    pub fn first_transfer(&mut self, families: &[Family]) -> Result<(), String> {
        let mut missing = families.to_vec();
        while !missing.is_empty() {
            let message = self.next_update()?;
            missing.retain(|family| message.body != family.end_of_rib());
        }
        Ok(())
    }

    /// The next UPDATE; KEEPALIVEs may come before it, and the beginning and the
    /// end of an answer to ROUTE-REFRESH (RFC 7313).
    pub fn next_update(&mut self) -> Result<Message, String> {
        loop {
            match self.next()? {
                Some(message) if message.kind == UPDATE => return Ok(message),
                Some(message) if [KEEPALIVE, ROUTE_REFRESH].contains(&message.kind) => {}
                Some(message) => return Err(format!("expected UPDATE, got {}", message.text())),
                None => return Err("expected UPDATE, the connection was closed".to_owned()),
            }
        }
    }

    /// Returns once the speaker has digested everything sent before: it answers
    /// in order, and this is a question.
    pub fn barrier(&mut self, family: Family) -> Result<(), String> {
        self.send(&route_refresh(family.afi(), 0))?;
        loop {
            match self.next()? {
                // The beginning and the end of the answer, if these were agreed.
                Some(message) if message.kind == ROUTE_REFRESH => {}
                Some(message) if message.kind == KEEPALIVE => {}
                Some(message) if message.kind != UPDATE => {
                    return Err(format!("expected UPDATE, got {}", message.text()));
                }
                Some(message) if family.is_own_route(&message.body) => return Ok(()),
                Some(_) => {}
                None => return Err("expected UPDATE, the connection was closed".to_owned()),
            }
        }
    }

    /// Waits for the NOTIFICATION that ends the connection, and for that end.
    pub fn notified(&mut self) -> Result<Message, String> {
        let message = loop {
            match self.next()? {
                Some(message) if message.kind == NOTIFICATION => break message,
                Some(_) => {}
                None => return Err("closed without a NOTIFICATION".to_owned()),
            }
        };
        match self.next()? {
            None => Ok(message),
            Some(after) => Err(format!("{} after {}", after.text(), message.text())),
        }
    }

    /// Waits for the end of the connection, however it comes.
    pub fn ends(&mut self) -> Result<(), String> {
        loop {
            match self.next() {
                Ok(Some(_)) => {}
                Err(error) if error == SILENCE => return Err(error),
                Ok(None) | Err(_) => return Ok(()),
            }
        }
    }

    /// Waits for the end of the connection, before which there is no
    /// NOTIFICATION.
    pub fn closed(&mut self) -> Result<(), String> {
        loop {
            match self.next()? {
                None => return Ok(()),
                Some(message) if message.kind == NOTIFICATION => {
                    return Err(format!("expected nothing, got {}", message.text()));
                }
                Some(_) => {}
            }
        }
    }
}

/// An address family, and what the speaker announces of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub const BOTH: &'static [Self] = &[Self::V4, Self::V6];

    fn afi(self) -> u8 {
        match self {
            Self::V4 => 1,
            Self::V6 => 2,
        }
    }

    fn end_of_rib(self) -> &'static [u8] {
        match self {
            Self::V4 => &[0, 0, 0, 0],
            Self::V6 => &[0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1],
        }
    }

    /// Whether an UPDATE announces the speaker's one route of the family:
    /// 203.0.113.0/24, 2001:db8:ffff::/48.
    fn is_own_route(self, body: &[u8]) -> bool {
        let prefix: &[u8] = match self {
            Self::V4 => &[24, 203, 0, 113],
            Self::V6 => &[48, 0x20, 1, 0x0d, 0xb8, 0xff, 0xff],
        };
        // A withdrawal of the first would begin with the length of that field.
        match self {
            Self::V4 => body.ends_with(prefix) && body.starts_with(&[0, 0]),
            Self::V6 => body.windows(prefix.len()).any(|octets| octets == prefix),
        }
    }
}

/// The routes that [`Family::is_own_route`] looks for.
pub const OWN_ROUTES: [&str; 2] = ["203.0.113.0/24", "2001:db8:ffff::/48"];

/// What [`Peer::next`] says when its patience is over.
pub const SILENCE: &str = "the speaker says nothing";

/// How long the speaker may take for an answer. A pause after a failure lies
/// within, and the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(20);
