//! How wide a terminal is. Together with `libc` the one place with `unsafe`:
//! the call has no form in the standard library.

use std::os::fd::{AsRawFd as _, BorrowedFd};

/// How many characters fit into a line, where the terminal says so
/// (ioctl_tty(2)).
pub(super) fn width(terminal: BorrowedFd<'_>) -> Option<usize> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the kernel writes one `winsize`, which lives through the call.
    let result = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    (result == 0 && size.ws_col > 0).then_some(usize::from(size.ws_col))
}
