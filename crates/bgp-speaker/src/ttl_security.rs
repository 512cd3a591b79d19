//! The Generalized TTL Security Mechanism (RFC 5082): what the kernel must be told and asked.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

/// Has the kernel drop segments of this connection that came from farther than
/// `hops` away, given that they were sent with TTL 255.
///
/// # Errors
///
/// The kernel's reason. Without the option the connection has no protection.
pub(crate) fn require(socket: &impl AsFd, v4: bool, hops: u8) -> io::Result<()> {
    let least = least(hops);
    let (level, name) = match v4 {
        true => (libc::IPPROTO_IP, libc::IP_MINTTL),
        false => (libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT),
    };
    set(socket, level, name, least).map_err(|error| {
        let text = format!("require TTL {least}: {error}");
        io::Error::new(error.kind(), text)
    })
}

/// Checks from where an accepted connection was opened: what arrived before
/// [`require`] was not checked.
///
/// # Errors
///
/// It came from farther away, or the kernel does not tell.
pub(crate) fn check_accepted(socket: &impl AsFd, v4: bool, hops: u8) -> io::Result<()> {
    let least = least(hops);
    match ttl_of_handshake(socket, v4)? {
        Some(ttl) if ttl >= least => Ok(()),
        Some(ttl) => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("it came with TTL {ttl}, at least {least} is required"),
        )),
        None => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the kernel does not tell with which TTL it came",
        )),
    }
}

fn least(hops: u8) -> libc::c_int {
    256 - libc::c_int::from(hops.max(1))
}

/// The TTL of the segment that completed the handshake.
fn ttl_of_handshake(socket: &impl AsFd, v4: bool) -> io::Result<Option<libc::c_int>> {
    let (level, wanted, packet_options, kind) = match v4 {
        true => (
            libc::IPPROTO_IP,
            libc::IP_RECVTTL,
            libc::IP_PKTOPTIONS,
            libc::IP_TTL,
        ),
        false => (
            libc::IPPROTO_IPV6,
            libc::IPV6_RECVHOPLIMIT,
            libc::IPV6_2292PKTOPTIONS,
            libc::IPV6_HOPLIMIT,
        ),
    };
    set(socket, level, wanted, 1)?;
    // Integers, so that what the kernel writes is aligned as it expects.
    let mut buffer = [0_u64; 32];
    let mut length = libc::socklen_t::try_from(size_of_val(&buffer)).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open for the borrow's duration, and the kernel
    // writes at most `length` octets, the size of the buffer.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            packet_options,
            buffer.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all-zero octets are a valid `msghdr`.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_control = buffer.as_mut_ptr().cast();
    message.msg_controllen = length.try_into().map_err(io::Error::other)?;
    // SAFETY: the control buffer is valid for `msg_controllen` octets, and the
    // macros stay within it.
    let mut control = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    while !control.is_null() {
        // SAFETY: `control` points to a whole header within the buffer, and an
        // item of this level and kind holds one integer.
        unsafe {
            if (*control).cmsg_level == level && (*control).cmsg_type == kind {
                let ttl = libc::CMSG_DATA(control).cast::<libc::c_int>();
                return Ok(Some(ptr::read_unaligned(ttl)));
            }
            control = libc::CMSG_NXTHDR(&raw const message, control);
        }
    }
    Ok(None)
}

fn set(
    socket: &impl AsFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of_val(&value)).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open for the borrow's duration, and the kernel
    // reads `length` octets from an integer that lives as long.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            length,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The TTL everything is sent with, so that the other side can tell how far it
/// came (RFC 5082 section 3).
pub(crate) const SENT_TTL: u8 = 255;

#[cfg(test)]
mod tests {
    use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};

    use super::*;

    fn accepted(address: SocketAddr, ttl: u32) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(address).unwrap();
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(address),
            socket2::Type::STREAM,
            None,
        )
        .unwrap();
        match address {
            SocketAddr::V4(_) => socket.set_ttl_v4(ttl).unwrap(),
            SocketAddr::V6(_) => socket.set_unicast_hops_v6(ttl).unwrap(),
        }
        socket
            .connect(&listener.local_addr().unwrap().into())
            .unwrap();
        (listener.accept().unwrap().0, socket.into())
    }

    #[test]
    fn the_kernel_tells_how_far_away_a_connection_was_opened() {
        let mut addresses = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
        // Without IPv6 there is one half to try.
        if TcpListener::bind(v6).is_ok() {
            addresses.push(v6);
        }
        for address in addresses {
            let v4 = address.is_ipv4();
            let (near, _peer) = accepted(address, 255);
            assert!(check_accepted(&near, v4, 1).is_ok());
            let (far, _peer) = accepted(address, 253);
            assert!(check_accepted(&far, v4, 3).is_ok());
            let error = check_accepted(&far, v4, 2).unwrap_err();
            let expected = "it came with TTL 253, at least 254 is required";
            assert_eq!(error.to_string(), expected);
        }
    }
}
