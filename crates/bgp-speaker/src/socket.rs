//! Sockets with the options BGP needs, for dialing and for listening.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use ipnet::IpNet;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::{PeerSettings, Secret, Ttl, interface, md5, ttl_security};

/// The configured local address can't be had.
#[derive(Debug, thiserror::Error)]
#[error("bind to local address {local}: {source}")]
struct Unbound {
    local: IpAddr,
    source: io::Error,
}

/// The number of the kernel's error, which may stand behind words of ours.
pub(crate) fn os_error(error: &io::Error) -> Option<i32> {
    error.raw_os_error().or_else(|| {
        let unbound = error.get_ref()?.downcast_ref::<Unbound>()?;
        unbound.source.raw_os_error()
    })
}

/// The options of a connection to one peer.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionOptions {
    peer: SocketAddr,
    interface: Option<String>,
    local_address: Option<IpAddr>,
    password: Option<Secret>,
    hops: Option<u8>,
    /// How far away the peer may be, if that is checked.
    distance: Option<u8>,
}

impl ConnectionOptions {
    /// For an external peer the default is a single hop.
    pub(crate) fn new(settings: &PeerSettings, external: bool) -> Self {
        Self {
            peer: SocketAddr::new(settings.address, settings.port),
            interface: settings.interface.clone(),
            local_address: settings.local_address,
            password: settings.password.clone(),
            hops: match settings.ttl {
                Ttl::Hops(hops) => Some(hops),
                Ttl::Security { .. } => Some(ttl_security::SENT_TTL),
                Ttl::Automatic if external => Some(1),
                Ttl::Automatic => None,
            },
            distance: match settings.ttl {
                Ttl::Security { hops } => Some(hops),
                _ => None,
            },
        }
    }

    /// The same with another address of the peer.
    pub(crate) fn to(mut self, address: IpAddr) -> Self {
        self.peer.set_ip(address);
        self
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
            md5::set_key(&socket, self.peer.ip().into(), key)?;
        }
        let scope = self
            .interface
            .as_deref()
            .map(interface::index)
            .transpose()?;
        if let Some(local) = self.local_address {
            socket
                .bind(&scoped(SocketAddr::new(local, 0), scope).into())
                .map_err(|source| io::Error::new(source.kind(), Unbound { local, source }))?;
        }
        self.apply(&socket)?;
        TcpSocket::from_std_stream(socket.into())
            .connect(scoped(self.peer, scope))
            .await
    }

    /// Makes an accepted connection like a dialed one.
    ///
    /// # Errors
    ///
    /// What the kernel said, or that the peer is farther away than it may be.
    pub(crate) fn adopt(&self, stream: &TcpStream) -> io::Result<()> {
        let socket = socket2::SockRef::from(stream);
        self.apply(&socket)?;
        match self.distance {
            Some(distance) => {
                let v4 = self.is_v4(&socket)?;
                ttl_security::check_accepted(stream, v4, distance)
            }
            None => Ok(()),
        }
    }

    /// An IPv4 peer may have come to an IPv6 listener.
    fn is_v4(&self, socket: &Socket) -> io::Result<bool> {
        Ok(self.peer.is_ipv4() || socket.domain()? == Domain::IPV4)
    }

    fn apply(&self, socket: &Socket) -> io::Result<()> {
        socket.set_tcp_nodelay(true)?;
        let v4 = self.is_v4(socket)?;
        if let Some(hops) = self.hops {
            set_ttl(socket, v4, hops)?;
        }
        if let Some(distance) = self.distance {
            ttl_security::require(socket, v4, distance)?;
        }
        Ok(())
    }
}

fn set_ttl(socket: &Socket, v4: bool, hops: u8) -> io::Result<()> {
    if v4 {
        socket.set_ttl_v4(u32::from(hops))
    } else {
        socket.set_unicast_hops_v6(u32::from(hops))
    }
}

/// A link-local address on its link.
fn scoped(address: SocketAddr, scope: Option<u32>) -> SocketAddr {
    match (address, scope) {
        (SocketAddr::V6(v6), Some(scope)) if v6.ip().is_unicast_link_local() => {
            SocketAddrV6::new(*v6.ip(), v6.port(), v6.flowinfo(), scope).into()
        }
        _ => address,
    }
}

/// A socket to listen with, and the keys of those who may connect to it.
#[derive(Debug)]
pub(crate) struct Door {
    socket: Socket,
    address: SocketAddr,
    v6_only: bool,
}

impl Door {
    /// Has the kernel ask `peers` for signatures; before the key is in place a
    /// connection from them must not be used.
    pub(crate) fn set_key(&self, peers: IpNet, key: &Secret) -> io::Result<()> {
        match self.sees(peers) {
            Some(peers) => md5::set_key(&self.socket, peers, key),
            None => Ok(()),
        }
    }

    /// `peers` need not sign any more.
    pub(crate) fn remove_key(&self, peers: IpNet) {
        if let Some(peers) = self.sees(peers) {
            // A key that was never set needs no removal.
            let _ = md5::remove_key(&self.socket, peers);
        }
    }

    /// Lets connections in.
    pub(crate) fn open(&self) -> io::Result<TcpListener> {
        self.socket.listen(BACKLOG)?;
        TcpListener::from_std(self.socket.try_clone()?.into())
    }

    /// How the socket writes the peers' addresses; `None` if they cannot
    /// reach it.
    fn sees(&self, peers: IpNet) -> Option<IpNet> {
        match (self.address, peers) {
            (SocketAddr::V4(_), IpNet::V4(_)) | (SocketAddr::V6(_), IpNet::V6(_)) => Some(peers),
            // The kernel's own form of these addresses, in which the key has
            // the length of the IPv4 prefix.
            (SocketAddr::V6(v6), IpNet::V4(v4))
                if !self.v6_only && *v6.ip() == Ipv6Addr::UNSPECIFIED =>
            {
                let mapped = v4.network().to_ipv6_mapped().into();
                IpNet::new(mapped, 96 + v4.prefix_len()).ok()
            }
            _ => None,
        }
    }
}

/// A socket bound to `address`, which lets nobody in before [`Door::open`].
pub(crate) fn bind(address: SocketAddr, v6_only: bool) -> io::Result<Door> {
    let socket = new_socket(address.ip())?;
    socket.set_reuse_address(true)?;
    // A peer that checks how far packets come checks our first one, too.
    set_ttl(&socket, address.is_ipv4(), ttl_security::SENT_TTL)?;
    // An address that appears later, as on a machine that is booting, works then.
    match address {
        SocketAddr::V4(_) => socket.set_freebind_v4(true)?,
        SocketAddr::V6(_) => {
            socket.set_only_v6(v6_only)?;
            socket.set_freebind_v6(true)?;
            if !v6_only {
                set_ttl(&socket, true, ttl_security::SENT_TTL)?;
            }
        }
    }
    socket.bind(&address.into())?;
    Ok(Door {
        socket,
        address,
        v6_only,
    })
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
const BACKLOG: i32 = 1024;
