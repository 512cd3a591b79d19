//! A BGP neighbour made by hand: it opens a session and sends the messages it is given.
//!
//! Its connection is made inside a namespace by this very program, started again with a hidden
//! subcommand that only passes octets on; see [`run_pipe`].

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;

use anyhow::{Context as _, Result, bail};
use bgp_wire::{MaxMessageLen, MessageView, Open, RawMessage, encode_keepalive};
use bytes::BytesMut;
use socket2::{Domain, Socket, Type};

use super::netns::Netns;
use crate::sys;
use crate::wait::secs;

const BGP_PORT: u16 = 179;

/// Arguments of the hidden subcommand.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// The address to connect from.
    local: IpAddr,
    /// The address to connect to.
    remote: IpAddr,
}

/// A neighbour with its one session, which is never opened again.
#[derive(Debug)]
pub(crate) struct Peer {
    child: Child,
    to_router: ChildStdin,
    /// What the router says; an error is the last one and says why the session is over.
    from_router: Receiver<Result<RawMessage>>,
}

impl Peer {
    /// Connects and waits until the session is established.
    ///
    /// # Errors
    ///
    /// When the router refuses, in its words.
    pub(crate) fn connect(
        netns: &Netns,
        local: IpAddr,
        remote: IpAddr,
        open: &Open,
    ) -> Result<Self> {
        let program = sys::own_program();
        let addresses = [local, remote].map(|address| address.to_string());
        let mut child = netns
            .command(&program)
            .arg("lab-pipe")
            .args(addresses)
            .piped()?;
        let to_router = child.stdin.take().context("the pipe has an input")?;
        let output = child.stdout.take().context("the pipe has an output")?;
        let (sender, from_router) = mpsc::channel();
        thread::spawn(move || {
            let mut reader = MessageReader::new(output);
            loop {
                let message = reader.next();
                let over = message.is_err();
                if sender.send(message).is_err() || over {
                    return;
                }
            }
        });
        let mut peer = Self {
            child,
            to_router,
            from_router,
        };
        let mut octets = BytesMut::new();
        open.encode(&mut octets)?;
        encode_keepalive(&mut octets);
        peer.send(&octets)?;
        loop {
            let message = peer.from_router.recv_timeout(secs(5));
            let message = message.context("the router did not answer the OPEN")??;
            if let MessageView::Keepalive = message.view()? {
                return Ok(peer);
            }
        }
    }

    /// Sends whole messages.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    pub(crate) fn send(&mut self, octets: &[u8]) -> Result<()> {
        self.to_router
            .write_all(octets)
            .and_then(|()| self.to_router.flush())
            .context("send to the router")
    }

    /// The messages that have come since the last look.
    ///
    /// # Errors
    ///
    /// When the router has ended the session, in its words.
    pub(crate) fn heard(&self) -> Result<Vec<RawMessage>> {
        let mut heard = Vec::new();
        loop {
            match self.from_router.try_recv() {
                Ok(message) => heard.push(message?),
                Err(TryRecvError::Empty) => return Ok(heard),
                Err(TryRecvError::Disconnected) => bail!("the session was over before"),
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Whole messages out of the pipe.
struct MessageReader {
    input: ChildStdout,
    received: BytesMut,
}

impl MessageReader {
    fn new(input: ChildStdout) -> Self {
        Self {
            input,
            received: BytesMut::new(),
        }
    }

    /// The next message; a NOTIFICATION is an error, as the end of the connection is.
    fn next(&mut self) -> Result<RawMessage> {
        let max = MaxMessageLen::STANDARD;
        loop {
            if let Some(message) = RawMessage::split_from(&mut self.received, max)? {
                if let MessageView::Notification(view) = message.view()? {
                    bail!("the router sent {}", view.to_notification());
                }
                return Ok(message);
            }
            let mut part = [0; 4096];
            let length = self.input.read(&mut part)?;
            match part.get(..length) {
                None | Some([]) => bail!("the router closed the connection"),
                Some(part) => self.received.extend_from_slice(part),
            }
        }
    }
}

/// The hidden subcommand: connects, then passes octets on in both directions until one ends.
///
/// # Errors
///
/// When the connection is refused or breaks.
pub(crate) fn run_pipe(args: &Args) -> Result<()> {
    let socket = Socket::new(Domain::for_address(remote(args)), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(args.local, 0).into())?;
    socket.connect_timeout(&remote(args).into(), secs(2))?;
    let mut stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    thread::spawn(move || {
        drop(io::copy(&mut io::stdin(), &mut writer));
        drop(writer.shutdown(Shutdown::Both));
    });
    let mut part = [0; 4096];
    loop {
        let length = stream.read(&mut part)?;
        let Some(part @ [_, ..]) = part.get(..length) else {
            return Ok(());
        };
        io::stdout().write_all(part)?;
        io::stdout().flush()?;
    }
}

const fn remote(args: &Args) -> SocketAddr {
    SocketAddr::new(args.remote, BGP_PORT)
}
