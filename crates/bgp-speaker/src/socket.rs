//! Sockets with the options BGP needs, for dialing and for listening.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::{PeerSettings, Secret, Ttl, md5};

/// The options of a connection to one peer.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionOptions {
    peer: SocketAddr,
    local_address: Option<IpAddr>,
    password: Option<Secret>,
    hops: Option<u8>,
}

impl ConnectionOptions {
    /// For an external peer the default is a single hop.
    pub(crate) fn new(settings: &PeerSettings, external: bool) -> Self {
        Self {
            peer: SocketAddr::new(settings.address, settings.port),
            local_address: settings.local_address,
            password: settings.password.clone(),
            hops: match settings.ttl {
                Ttl::Hops(hops) => Some(hops),
                Ttl::Automatic if external => Some(1),
                Ttl::Automatic => None,
            },
        }
    }

    /// Connects to the peer. Nothing is sent before every option is in place.
    ///
    /// # Errors
    ///
    /// What the kernel said; without the password's signatures, or from
    /// another address than the configured one, there is no connection.
    pub(crate) async fn dial(self) -> io::Result<TcpStream> {
        let socket = new_socket(self.peer.ip())?;
        if let Some(key) = &self.password {
            md5::set_key(&socket, self.peer.ip(), key)?;
        }
        if let Some(local) = self.local_address {
            socket
                .bind(&SocketAddr::new(local, 0).into())
                .map_err(|error| {
                    io::Error::new(
                        error.kind(),
                        format!("bind to local address {local}: {error}"),
                    )
                })?;
        }
        self.apply(&socket)?;
        TcpSocket::from_std_stream(socket.into())
            .connect(self.peer)
            .await
    }

    /// Makes an accepted connection like a dialed one.
    pub(crate) fn adopt(&self, stream: &TcpStream) -> io::Result<()> {
        self.apply(&socket2::SockRef::from(stream))
    }

    fn apply(&self, socket: &Socket) -> io::Result<()> {
        socket.set_tcp_nodelay(true)?;
        if let Some(hops) = self.hops {
            if self.peer.is_ipv4() || socket.domain()? == Domain::IPV4 {
                socket.set_ttl_v4(u32::from(hops))?;
            } else {
                socket.set_unicast_hops_v6(u32::from(hops))?;
            }
        }
        Ok(())
    }
}

/// A listening socket and the peers it must not serve.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) listener: TcpListener,
    /// Peers whose key could not be set, with the reason: a connection from
    /// them would run without protection.
    pub(crate) unprotected: Vec<(IpAddr, String)>,
}

/// Listens on `address`, with the keys of `passwords` in place before the
/// first connection can arrive.
pub(crate) fn listen(
    address: SocketAddr,
    v6_only: bool,
    passwords: &[(IpAddr, Secret)],
) -> io::Result<Listening> {
    let socket = new_socket(address.ip())?;
    socket.set_reuse_address(true)?;
    // An address that appears later, as on a machine that is booting, works then.
    match address {
        SocketAddr::V4(_) => socket.set_freebind_v4(true)?,
        SocketAddr::V6(_) => {
            socket.set_only_v6(v6_only)?;
            socket.set_freebind_v6(true)?;
        }
    }
    socket.bind(&address.into())?;
    let mut unprotected = Vec::new();
    for (peer, key) in passwords {
        let Some(peer_here) = as_seen_by(address, v6_only, *peer) else {
            continue;
        };
        if let Err(error) = md5::set_key(&socket, peer_here, key) {
            unprotected.push((*peer, error.to_string()));
        }
    }
    socket.listen(BACKLOG)?;
    Ok(Listening {
        listener: TcpListener::from_std(socket.into())?,
        unprotected,
    })
}

/// How a socket bound to `address` writes the peer's address; `None` if the
/// peer cannot reach it.
fn as_seen_by(address: SocketAddr, v6_only: bool, peer: IpAddr) -> Option<IpAddr> {
    match (address, peer) {
        (SocketAddr::V4(_), IpAddr::V4(_)) | (SocketAddr::V6(_), IpAddr::V6(_)) => Some(peer),
        (SocketAddr::V6(v6), IpAddr::V4(v4)) if !v6_only && *v6.ip() == Ipv6Addr::UNSPECIFIED => {
            Some(v4.to_ipv6_mapped().into())
        }
        _ => None,
    }
}

fn new_socket(address: IpAddr) -> io::Result<Socket> {
    let domain = if address.is_ipv4() {
        Domain::IPV4
    } else {
        Domain::IPV6
    };
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Connections the kernel may hold before we accept them.
const BACKLOG: i32 = 128;
