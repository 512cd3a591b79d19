//! A network namespace of a test's own.
#![allow(unsafe_code)]

use std::io::Write;
use std::process::Command;

/// Runs `test` on a thread of its own in a new network namespace, which ends
/// with the thread and what it started. Says so and does nothing without the
/// right to.
pub fn in_namespace(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        // SAFETY: `unshare` takes no pointers; it changes the namespace of
        // this thread alone, which ends with the closure.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            let why = std::io::Error::last_os_error();
            // Not by `print!`, which the test harness keeps to itself.
            let line = format!("skipped: no network namespace of our own: {why}\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            return;
        }
        ip("link set lo up");
        ip("link add near type veth peer name far");
        ip("link set near up");
        ip("link set far up");
        ip("addr add 192.0.2.1/24 dev near");
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs `ip` with these arguments.
pub fn ip(args: &str) {
    let output = Command::new("ip").args(args.split(' ')).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {args}: {stderr}");
}
