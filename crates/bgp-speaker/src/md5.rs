//! TCP MD5 signatures (RFC 2385): a socket option with a structure of its own.

use std::fmt;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};

use ipnet::IpNet;
use socket2::SockAddr;

use crate::Secret;

/// The longest key the kernel takes (`TCP_MD5SIG_MAXKEYLEN` of `linux/tcp.h`).
pub(crate) const MAX_KEY_LEN: usize = 80;

/// Has the kernel sign and check every segment exchanged with `peers`; of
/// several keys the one for the longest prefix counts.
///
/// On a listening socket this holds for connections from those addresses
/// alone; other peers are not affected.
///
/// # Errors
///
/// The kernel's reason, with the peers' addresses. The caller must then not
/// use the socket with them, since it would run without protection.
pub(crate) fn set_key(socket: &impl AsFd, peers: IpNet, key: &Secret) -> io::Result<()> {
    set(socket, &TcpMd5Sig::new(peers, key.octets())?).map_err(|error| {
        let text = format!("set the TCP MD5 key of {}: {error}", Shown(peers));
        io::Error::new(error.kind(), text)
    })
}

/// Forgets the key that was set for exactly these `peers`.
///
/// # Errors
///
/// When there was none.
pub(crate) fn remove_key(socket: &impl AsFd, peers: IpNet) -> io::Result<()> {
    set(socket, &TcpMd5Sig::new(peers, &[])?)
}

fn set(socket: &impl AsFd, option: &TcpMd5Sig) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<TcpMd5Sig>()).map_err(io::Error::other)?;
    // A whole address is set as ever: kernels before 4.13 know no prefixes.
    let name = match option.flags {
        0 => libc::TCP_MD5SIG,
        _ => libc::TCP_MD5SIG_EXT,
    };
    // SAFETY: the descriptor is open for the borrow's duration, and the kernel
    // reads exactly `length` octets from an initialised structure of the
    // layout it documents.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            name,
            std::ptr::from_ref(option).cast(),
            length,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A single address without its length.
struct Shown(IpNet);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            self.0.addr().fmt(f)
        } else {
            self.0.fmt(f)
        }
    }
}

/// `struct tcp_md5sig` of `linux/tcp.h`.
#[repr(C)]
struct TcpMd5Sig {
    address: libc::sockaddr_storage,
    flags: u8,
    prefix_len: u8,
    key_len: u16,
    ifindex: libc::c_int,
    key: [u8; MAX_KEY_LEN],
}

impl TcpMd5Sig {
    fn new(peers: IpNet, octets: &[u8]) -> io::Result<Self> {
        let mut key = [0; MAX_KEY_LEN];
        let too_long = || io::Error::new(io::ErrorKind::InvalidInput, "TCP MD5 key too long");
        key.get_mut(..octets.len())
            .ok_or_else(too_long)?
            .copy_from_slice(octets);
        let whole = peers.prefix_len() == peers.max_prefix_len();
        let network = peers.network();
        // Of an IPv4 peer on an IPv6 socket the kernel counts its own 32 bits.
        let unmapped = if network == network.to_canonical() {
            0
        } else {
            96
        };
        Ok(Self {
            address: storage(SocketAddr::new(network, 0)),
            flags: if whole { 0 } else { FLAG_PREFIX },
            prefix_len: match whole {
                true => 0,
                false => peers.prefix_len().saturating_sub(unmapped),
            },
            key_len: u16::try_from(octets.len()).map_err(|_| too_long())?,
            ifindex: 0,
            key,
        })
    }
}

/// `TCP_MD5SIG_FLAG_PREFIX` of `linux/tcp.h`.
const FLAG_PREFIX: u8 = 1;

fn storage(address: SocketAddr) -> libc::sockaddr_storage {
    let address = SockAddr::from(address);
    // SAFETY: all-zero octets are a valid `sockaddr_storage`, and `SockAddr`
    // never holds more octets than one.
    unsafe {
        let mut storage: libc::sockaddr_storage = mem::zeroed();
        std::ptr::copy_nonoverlapping(
            address.as_ptr().cast::<u8>(),
            (&raw mut storage).cast::<u8>(),
            address.len() as usize,
        );
        storage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structure_has_the_kernels_size() {
        // 128 + 1 + 1 + 2 + 4 + 80 octets in linux/tcp.h.
        assert_eq!(size_of::<TcpMd5Sig>(), 216);
    }

    #[test]
    fn a_key_of_more_than_80_octets_is_refused() {
        let peer = "192.0.2.1/32".parse().unwrap();
        assert!(TcpMd5Sig::new(peer, &[b'x'; 80]).is_ok());
        assert!(TcpMd5Sig::new(peer, &[b'x'; 81]).is_err());
    }

    #[test]
    fn only_a_prefix_is_marked_as_one() {
        let option = |peers: &str| TcpMd5Sig::new(peers.parse().unwrap(), b"key").unwrap();
        assert_eq!(option("192.0.2.1/32").flags, 0);
        assert_eq!(option("192.0.2.0/24").flags, FLAG_PREFIX);
        assert_eq!(option("192.0.2.0/24").prefix_len, 24);
        assert_eq!(option("::ffff:192.0.2.0/120").prefix_len, 24);
    }
}
