//! Datagrams with what the kernel knows about their way here: one of the few
//! places with `unsafe`.

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd};

use socket2::{SockAddr, SockAddrStorage};

/// One datagram that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    /// How many octets of the buffer it filled.
    pub(crate) length: usize,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) interface: u32,
    pub(crate) ttl: u8,
}

/// Has the kernel tell TTL, destination and interface of every datagram.
pub(crate) fn tell_the_way(socket: &impl AsFd, v6: bool) -> io::Result<()> {
    let options = if v6 {
        [
            (libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT),
            (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
        ]
    } else {
        [
            (libc::IPPROTO_IP, libc::IP_RECVTTL),
            (libc::IPPROTO_IP, libc::IP_PKTINFO),
        ]
    };
    for (level, name) in options {
        let on: libc::c_int = 1;
        // SAFETY: the descriptor is open for the borrow's duration, and the
        // kernel reads one integer.
        let result = unsafe {
            libc::setsockopt(
                socket.as_fd().as_raw_fd(),
                level,
                name,
                (&raw const on).cast(),
                INT_LEN,
            )
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Takes the next datagram without waiting. What the kernel did not tell is
/// zero, or unspecified.
///
/// # Errors
///
/// [`io::ErrorKind::WouldBlock`] if there is none.
pub(crate) fn receive(socket: &impl AsFd, buffer: &mut [u8]) -> io::Result<Datagram> {
    let mut control = Control([0; CONTROL_LEN]);
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let mut header: libc::msghdr;
    let mut address = SockAddrStorage::zeroed();
    // SAFETY: a zeroed `msghdr` is valid; every pointer of the header leads to
    // memory that outlives the call, with its length. The kernel has written
    // an address of the length it says.
    let (length, source) = unsafe {
        header = mem::zeroed();
        header.msg_name = (&raw mut address).cast();
        header.msg_namelen = address.size_of();
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = CONTROL_LEN as _;
        let length = libc::recvmsg(
            socket.as_fd().as_raw_fd(),
            &raw mut header,
            libc::MSG_DONTWAIT,
        );
        (length, SockAddr::new(address, header.msg_namelen))
    };
    let Ok(length) = usize::try_from(length) else {
        return Err(io::Error::last_os_error());
    };
    let mut datagram = Datagram {
        length,
        source: source
            .as_socket()
            .map_or(UNSPECIFIED, |source| source.ip().to_canonical()),
        destination: UNSPECIFIED,
        interface: 0,
        ttl: 0,
    };
    // SAFETY: the kernel has filled header and control buffer, which are still
    // alive; the macros walk within `msg_controllen`, and each value is read
    // unaligned in the type that its level and name stand for.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(&raw const header);
        while let Some(head) = message.as_ref() {
            let data = libc::CMSG_DATA(message);
            match (head.cmsg_level, head.cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                    let ttl: libc::c_int = data.cast::<libc::c_int>().read_unaligned();
                    datagram.ttl = u8::try_from(ttl).unwrap_or(0);
                }
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info = data.cast::<libc::in_pktinfo>().read_unaligned();
                    let address = Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr));
                    datagram.destination = address.into();
                    datagram.interface = u32::try_from(info.ipi_ifindex).unwrap_or(0);
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info = data.cast::<libc::in6_pktinfo>().read_unaligned();
                    datagram.destination = Ipv6Addr::from(info.ipi6_addr.s6_addr).into();
                    datagram.interface = info.ipi6_ifindex;
                }
                _ => {}
            }
            message = libc::CMSG_NXTHDR(&raw const header, message);
        }
    }
    Ok(datagram)
}

/// Ancillary data begin with a header that wants this alignment.
#[repr(C, align(8))]
struct Control([u8; CONTROL_LEN]);

const UNSPECIFIED: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const CONTROL_LEN: usize = 128;
/// The length of an integer.
const INT_LEN: libc::socklen_t = 4;

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, UdpSocket};

    use super::*;

    fn exchange(address: IpAddr, ttl: u8) -> Datagram {
        let receiver = UdpSocket::bind(SocketAddr::new(address, 0)).unwrap();
        tell_the_way(&receiver, address.is_ipv6()).unwrap();
        let sender = UdpSocket::bind(SocketAddr::new(address, 0)).unwrap();
        let options = socket2::SockRef::from(&sender);
        if address.is_ipv6() {
            options.set_unicast_hops_v6(ttl.into()).unwrap();
        } else {
            options.set_ttl_v4(ttl.into()).unwrap();
        }
        let to = receiver.local_addr().unwrap();
        // On the loopback interface a datagram has arrived when it is sent.
        sender.send_to(b"hello", to).unwrap();
        let mut buffer = [0; 64];
        let datagram = receive(&receiver, &mut buffer).unwrap();
        assert_eq!(&buffer[..datagram.length], b"hello");
        let empty = receive(&receiver, &mut buffer).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        datagram
    }

    #[test]
    fn a_datagram_tells_its_ttl_addresses_and_interface() {
        for (address, ttl) in [
            ("127.0.0.1", 255),
            ("127.0.0.1", 254),
            ("::1", 255),
            ("::1", 3),
        ] {
            let address: IpAddr = address.parse().unwrap();
            if address.is_ipv6() && UdpSocket::bind((address, 0)).is_err() {
                println!("no IPv6 here: not tried with {address}");
                continue;
            }
            let datagram = exchange(address, ttl);
            assert_eq!(datagram.ttl, ttl);
            assert_eq!((datagram.source, datagram.destination), (address, address));
            assert_ne!(datagram.interface, 0);
        }
    }
}
