//! The priority of the driver's thread: what is late looks like a broken path.

use std::io;

/// Lets this thread run before others, in real time if that is permitted, or
/// else with a better nice value; says what was possible.
pub(super) fn raise() -> &'static str {
    if real_time().is_ok() {
        "real time"
    } else if nice().is_ok() {
        "nice -20"
    } else {
        "ordinary"
    }
}

fn real_time() -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 1 };
    let policy = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
    // SAFETY: zero is the calling thread, and the kernel reads one structure.
    match unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn nice() -> io::Result<()> {
    // SAFETY: nothing but numbers; on Linux zero is the calling thread alone.
    match unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
