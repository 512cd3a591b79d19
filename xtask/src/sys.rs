//! The few system calls the standard library has no safe wrapper for.
//!
//! Everything else in this crate is safe code; this is its one `unsafe` module.

#![expect(
    unsafe_code,
    reason = "signal handlers, kill, poll and getuid have no safe form in std"
)]

use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Remembers SIGINT, SIGTERM and SIGHUP instead of dying from them, so that a laboratory is
/// taken down before the program ends.
pub(crate) fn catch_termination() {
    extern "C" fn note(_signal: libc::c_int) {
        INTERRUPTED.store(true, Ordering::Relaxed);
    }
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: the handler only stores to an atomic, which is async-signal-safe, and the
        // function pointer lives as long as the program.
        unsafe {
            libc::signal(
                signal,
                note as extern "C" fn(libc::c_int) as libc::sighandler_t,
            );
        }
    }
}

/// Whether a signal asked this program to end.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Sends `signal` to one process.
///
/// # Errors
///
/// What `kill(2)` answers, for instance `ESRCH` when the process is gone.
pub(crate) fn kill(pid: u32, signal: i32) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    // Zero and negative numbers would mean whole groups.
    if pid <= 1 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: kill takes plain integers and touches no memory of ours.
    match unsafe { libc::kill(pid, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Waits until a descriptor has something to read, or a listening socket a connection.
///
/// # Errors
///
/// `TimedOut` when that does not happen within `limit`, and what `poll(2)` answers.
pub(crate) fn wait_readable(descriptor: &impl AsRawFd, limit: Duration) -> io::Result<()> {
    let mut poll = libc::pollfd {
        fd: descriptor.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let limit = libc::c_int::try_from(limit.as_millis()).unwrap_or(libc::c_int::MAX);
    // SAFETY: the pointer is to one structure that lives through the call, as the count says.
    match unsafe { libc::poll(&raw mut poll, 1, limit) } {
        0 => Err(io::ErrorKind::TimedOut.into()),
        1 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Makes orphans below this process its children, to be collected by [`reap`]; the first process
/// of a container or a virtual machine does not always care for them.
pub(crate) fn adopt_orphans() {
    // SAFETY: this prctl takes one integer and touches no memory of ours.
    unsafe {
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
    }
}

/// Collects a dead process if it is a child of ours; does not wait.
pub(crate) fn reap(pid: u32) {
    if let Ok(pid @ 2..) = libc::pid_t::try_from(pid) {
        // SAFETY: a null status pointer is allowed and means that the status is not wanted.
        unsafe {
            libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG);
        }
    }
}

/// This program, to be started again; a test that builds anew may have replaced its file since.
pub(crate) fn own_program() -> String {
    format!("/proc/{}/exe", std::process::id())
}

/// Whether this process may administer the machine's network.
pub(crate) fn is_root() -> bool {
    // SAFETY: geteuid has no arguments and cannot fail.
    unsafe { libc::geteuid() == 0 }
}
