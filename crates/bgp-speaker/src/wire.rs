//! One TCP connection with bounded buffers, and an end to it that loses no octet.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::counters::Boundaries;
use crate::tap::{Direction, Ends, Taps};
use crate::{PeerCounters, PeerKey};

/// An open connection. One over which nothing goes has no memory for octets.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    ends: Ends,
    taps: Arc<Taps>,
    counters: Arc<PeerCounters>,
    received_messages: Boundaries,
    sent_messages: Boundaries,
    /// Octets received and not yet taken by the state machine: less than one
    /// whole message after each of its turns.
    pub(crate) received: BytesMut,
    /// Octets to be sent.
    pub(crate) unsent: BytesMut,
    /// How many octets the kernel has taken so far.
    written: u64,
}

/// What came of handing octets to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// There was nothing to send.
    Nothing,
    /// The kernel took octets, not necessarily all.
    Some,
    /// The kernel takes none at the moment.
    Blocked,
}

impl Wire {
    /// A connection with `peer`, of which those who listen hear.
    pub(crate) fn new(
        stream: TcpStream,
        peer: PeerKey,
        taps: Arc<Taps>,
        counters: Arc<PeerCounters>,
    ) -> io::Result<Self> {
        Ok(Self {
            ends: Ends {
                peer,
                local: canonical(stream.local_addr()?),
                remote: canonical(stream.peer_addr()?),
            },
            taps,
            counters,
            received_messages: Boundaries::default(),
            sent_messages: Boundaries::default(),
            stream,
            received: BytesMut::new(),
            unsent: BytesMut::new(),
            written: 0,
        })
    }

    /// Our own address on this connection.
    pub(crate) fn local_address(&self) -> IpAddr {
        self.ends.local.ip()
    }

    /// The peer's address on this connection.
    pub(crate) fn peer_address(&self) -> IpAddr {
        self.ends.remote.ip()
    }

    /// The position in the stream up to which the kernel took our octets.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// The position behind everything queued so far.
    pub(crate) fn queued(&self) -> u64 {
        self.written + self.unsent.len() as u64
    }

    /// Waits until there is something to read, or room to write if octets are
    /// waiting; cancel safe.
    pub(crate) async fn ready(&self) -> io::Result<()> {
        let interest = if self.unsent.is_empty() {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        };
        self.stream.ready(interest).await.map(drop)
    }

    /// Reads what has arrived, up to a limit, and returns whether it was anything.
    ///
    /// # Errors
    ///
    /// When the peer closed its side, or the connection failed.
    pub(crate) fn read(&mut self) -> io::Result<bool> {
        if self.received.capacity() - self.received.len() < READ_AT_LEAST {
            self.received.reserve(READ_AT_ONCE);
        }
        let before = self.received.len();
        match self.stream.try_read_buf(&mut self.received) {
            Ok(0) => Err(closed()),
            Ok(_) => {
                let octets = self.received.get(before..).unwrap_or_default();
                self.taps.show(&self.ends, Direction::Received, octets);
                let counts = self.counters.received();
                self.received_messages.count(octets, counts);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if self.received.is_empty() {
                    self.received = BytesMut::new();
                }
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// How the connection has ended, if it has and everything was read: asks the
    /// kernel, which knows before the runtime does.
    pub(crate) fn end(&self) -> Option<io::Error> {
        let mut octet = [MaybeUninit::uninit()];
        match SockRef::from(&self.stream).peek(&mut octet) {
            Ok(0) => Some(closed()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Some(error),
            Ok(_) | Err(_) => None,
        }
    }

    /// Hands waiting octets to the kernel without waiting for room.
    ///
    /// # Errors
    ///
    /// When the connection failed.
    pub(crate) fn flush(&mut self) -> io::Result<Flushed> {
        if self.unsent.is_empty() {
            self.unsent = BytesMut::new();
            return Ok(Flushed::Nothing);
        }
        match self.stream.try_write(&self.unsent) {
            Ok(octets) => {
                let taken = self.unsent.get(..octets).unwrap_or_default();
                self.taps.show(&self.ends, Direction::Sent, taken);
                self.sent_messages.count(taken, self.counters.sent());
                self.unsent.advance(octets);
                self.written += octets as u64;
                Ok(Flushed::Some)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Flushed::Blocked),
            Err(error) => Err(error),
        }
    }

    /// Sends what is queued, shuts our side, and throws away what still
    /// arrives until the peer has closed too. Closing at once would make the
    /// kernel send a reset if unread octets were left, and a reset takes the
    /// NOTIFICATION with it.
    pub(crate) fn close(self) -> impl Future<Output = ()> + Send + 'static {
        let Self {
            mut stream,
            mut unsent,
            taps,
            ends,
            counters,
            mut sent_messages,
            ..
        } = self;
        if !unsent.is_empty() {
            taps.show(&ends, Direction::Sent, &unsent);
            sent_messages.count(&unsent, counters.sent());
        }
        let farewell = async move {
            stream.write_all_buf(&mut unsent).await?;
            stream.shutdown().await?;
            let mut discarded = [0; 1024];
            while stream.read(&mut discarded).await? > 0 {}
            io::Result::Ok(())
        };
        async move {
            // Both a timeout and an error end it: there is nobody left to tell.
            let _ = timeout(FAREWELL_TIME, farewell).await;
        }
    }
}

/// An IPv4 address that is written as one.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_canonical() {
            IpAddr::V4(v4) => SocketAddr::new(v4.into(), v6.port()),
            IpAddr::V6(_) => address,
        },
        SocketAddr::V4(_) => address,
    }
}

fn closed() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the peer closed the connection",
    )
}

/// How much is read of one peer before others have their turn; a message of
/// 65,535 octets (RFC 8654) arrives in several pieces.
const READ_AT_ONCE: usize = 16 * 1024;

/// With less room than this in the buffer a read is not worth its system call.
const READ_AT_LEAST: usize = 4 * 1024;

/// How long a peer may take to hear our last words.
const FAREWELL_TIME: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn of(stream: TcpStream) -> Wire {
        let peer = PeerKey::new(stream.peer_addr().unwrap().ip(), None);
        Wire::new(stream, peer, Arc::default(), Arc::default()).unwrap()
    }

    #[tokio::test]
    async fn a_connection_that_says_nothing_has_no_buffers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut peer = TcpStream::connect(address).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let mut wire = of(stream);
        peer.write_all(b"octets").await.unwrap();
        wire.ready().await.unwrap();
        while !wire.read().unwrap() {
            wire.ready().await.unwrap();
        }
        assert_eq!(&wire.received[..], b"octets");
        // What was not taken yet stays.
        assert!(!wire.read().unwrap());
        assert_eq!(&wire.received[..], b"octets");
        wire.received.clear();
        assert!(!wire.read().unwrap());
        assert_eq!(wire.received.capacity(), 0);

        wire.unsent.extend_from_slice(&[0; 1000]);
        assert_eq!(wire.flush().unwrap(), Flushed::Some);
        assert_eq!(wire.flush().unwrap(), Flushed::Nothing);
        assert_eq!(wire.unsent.capacity(), 0);
        peer.read_exact(&mut [0; 1000]).await.unwrap();
    }

    #[tokio::test]
    async fn an_end_is_known_before_the_runtime_has_told_of_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for reset in [false, true] {
            let peer = std::net::TcpStream::connect(address).unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let wire = of(stream);
            assert!(wire.end().is_none());
            if reset {
                let at_once = Some(Duration::ZERO);
                SockRef::from(&peer).set_linger(at_once).unwrap();
            }
            // Nothing is awaited from here on.
            drop(peer);
            let error = wire.end().unwrap();
            let expected = match reset {
                true => io::ErrorKind::ConnectionReset,
                false => io::ErrorKind::UnexpectedEof,
            };
            assert_eq!(error.kind(), expected);
        }
    }
}
