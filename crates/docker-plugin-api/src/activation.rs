//! Socket activation: taking over the socket systemd listens on. The one place with `unsafe`.
#![allow(unsafe_code)] // A descriptor's number only becomes a descriptor by claiming to own it.

use std::{
    env, io,
    os::fd::{FromRawFd, OwnedFd, RawFd},
    process,
    sync::atomic::{AtomicBool, Ordering},
};

use socket2::{Domain, SockRef, Type};

use crate::listener::Listener;

/// The socket systemd passed to this process (`sd_listen_fds(3)`), if it passed one.
///
/// `None` without `LISTEN_FDS` and `LISTEN_PID` in the environment, when they are meant for
/// another process, and from the second call on. Call it at the start of the program; the socket
/// has been passed as an open descriptor, which nothing may have closed before.
///
/// # Errors
///
/// When the variables are malformed, when there is not exactly one socket, or when it is not a
/// listening unix stream socket.
pub fn activated() -> io::Result<Option<Listener>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);

    let pid = env::var("LISTEN_PID").ok();
    let fds = env::var("LISTEN_FDS").ok();
    if !is_passed(pid.as_deref(), fds.as_deref(), process::id())?
        || TAKEN.swap(true, Ordering::Relaxed)
    {
        return Ok(None);
    }
    // SAFETY: the environment says that the starter of this very process left this descriptor
    // open for it, so no other part of the process owns it; `TAKEN` lets it be claimed once. If
    // the environment lies, the number may be closed or stand for something else; then the
    // checks in `listener` find no listening socket.
    let socket = unsafe { OwnedFd::from_raw_fd(FIRST_FD) };
    listener(socket).map(Some)
}

/// Whether one socket was passed to the process `own`.
fn is_passed(pid: Option<&str>, fds: Option<&str>, own: u32) -> io::Result<bool> {
    let (Some(pid), Some(fds)) = (pid, fds) else {
        return Ok(false);
    };
    let pid: u32 = pid
        .parse()
        .map_err(|_| invalid(format!("LISTEN_PID={pid:?} is no number")))?;
    if pid != own {
        return Ok(false);
    }
    match fds.parse::<u32>() {
        Ok(0) => Ok(false),
        Ok(1) => Ok(true),
        Ok(count) => Err(invalid(format!(
            "one socket is expected, systemd passed {count}"
        ))),
        Err(_) => Err(invalid(format!("LISTEN_FDS={fds:?} is no number"))),
    }
}

fn listener(socket: OwnedFd) -> io::Result<Listener> {
    let about = SockRef::from(&socket);
    if about.domain()? != Domain::UNIX || about.r#type()? != Type::STREAM || !about.is_listener()? {
        return Err(invalid(
            "systemd passed something else than a listening unix stream socket",
        ));
    }
    // systemd leaves it open across exec, so that it reaches us; it should not get further.
    about.set_cloexec(true)?;
    Ok(Listener::inherited(socket))
}

fn invalid(text: impl Into<String>) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("socket activation: {}", text.into()),
    )
}

/// `SD_LISTEN_FDS_START` of `sd_listen_fds(3)`.
const FIRST_FD: RawFd = 3;

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixListener};

    use super::*;

    #[test]
    fn variables_for_another_process_or_none_mean_no_socket() {
        assert!(!is_passed(None, None, 7).unwrap());
        assert!(!is_passed(Some("7"), None, 7).unwrap());
        assert!(!is_passed(Some("8"), Some("1"), 7).unwrap());
        assert!(!is_passed(Some("7"), Some("0"), 7).unwrap());
        assert!(is_passed(Some("7"), Some("1"), 7).unwrap());
    }

    #[test]
    fn malformed_variables_and_several_sockets_are_refused() {
        for (pid, fds) in [("x", "1"), ("7", "x"), ("7", "2"), ("7", "-1"), ("7", "")] {
            assert!(is_passed(Some(pid), Some(fds), 7).is_err(), "{pid} {fds}");
        }
    }

    #[test]
    fn only_a_listening_unix_stream_socket_is_taken_over() {
        let listening = UnixListener::bind_addr(&abstract_address("listening")).unwrap();
        assert!(listener(listening.into()).is_ok());
        let datagram = UnixDatagram::unbound().unwrap();
        assert!(listener(datagram.into()).is_err());
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(listener(file.into()).is_err());
    }

    fn abstract_address(name: &str) -> std::os::unix::net::SocketAddr {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("docker-plugin-api-{name}-{}", process::id());
        std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap()
    }
}
