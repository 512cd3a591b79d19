//! TCP MD5 signatures (RFC 2385): one socket option, and the `unsafe` it takes.

use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

use socket2::SockAddr;

use crate::Secret;

/// The longest key the kernel takes (`TCP_MD5SIG_MAXKEYLEN` of `linux/tcp.h`).
pub(crate) const MAX_KEY_LEN: usize = 80;

/// Has the kernel sign and check every segment exchanged with `peer`.
///
/// On a listening socket this holds for connections from that address alone;
/// other peers are not affected.
///
/// # Errors
///
/// The kernel's reason, with the peer's address. The caller must then not use
/// the socket with that peer, since it would run without protection.
pub(crate) fn set_key(socket: &impl AsFd, peer: IpAddr, key: &Secret) -> io::Result<()> {
    let option = TcpMd5Sig::new(peer, key)?;
    let length = libc::socklen_t::try_from(size_of::<TcpMd5Sig>()).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open for the borrow's duration, and the kernel
    // reads exactly `length` octets from an initialised structure of the
    // layout it documents.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_MD5SIG,
            (&raw const option).cast(),
            length,
        )
    };
    if result == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    Err(io::Error::new(
        error.kind(),
        format!("set the TCP MD5 key of {peer}: {error}"),
    ))
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
    fn new(peer: IpAddr, secret: &Secret) -> io::Result<Self> {
        let octets = secret.octets();
        let mut key = [0; MAX_KEY_LEN];
        let too_long = || io::Error::new(io::ErrorKind::InvalidInput, "TCP MD5 key too long");
        key.get_mut(..octets.len())
            .ok_or_else(too_long)?
            .copy_from_slice(octets);
        Ok(Self {
            address: storage(SocketAddr::new(peer, 0)),
            flags: 0,
            prefix_len: 0,
            key_len: u16::try_from(octets.len()).map_err(|_| too_long())?,
            ifindex: 0,
            key,
        })
    }
}

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
        let peer = IpAddr::from([192, 0, 2, 1]);
        assert!(TcpMd5Sig::new(peer, &Secret::new([b'x'; 80])).is_ok());
        assert!(TcpMd5Sig::new(peer, &Secret::new([b'x'; 81])).is_err());
    }
}
