//! A listening unix socket whose file is never taken from a live process nor left behind.
//!
//! The file of a unix socket outlives the process that made it, and whoever binds may remove it.
//! So each program that listens has to answer the same questions: is this file a socket, does
//! somebody still answer on it, is it mine to remove? [`bind`] answers them once:
//!
//! * A socket that another process listens on is refused, also if that process accepts nothing.
//! * A socket nobody listens on, which is what a crash leaves, is replaced.
//! * A file that is no socket is left alone, a symbolic link too.
//! * The mode is in force before anybody can connect.
//! * [`SocketFile`] removes the file when it is dropped, and only if it is still the one that was
//!   made here.
//! * Of many processes that start at once over one dead socket exactly one gets it. All of the
//!   above is decided under a lock (`flock(2)`) of the folder; no lock file is made.
//!
//! # What it does not do
//!
//! It makes no folders, accepts no connections, and knows no runtime: what comes out is a listener
//! of the standard library. Sockets that are handed over by the program's starter have no file of
//! ours and nothing to guard. It is for Linux.
//!
//! # The contract to know
//!
//! The lock keeps out only those that take it too. A program that removes and binds without it can
//! still take a dead socket's place while [`bind`] does.
//!
//! Whoever can open the folder can lock it. [`bind`] waits at most five seconds for the lock, then
//! it fails; [`SocketFile`] waits as long, then it leaves the file, which the next [`bind`] finds
//! dead. Nothing may call [`bind`], or drop a [`SocketFile`], while holding a lock of the same
//! folder itself.
//!
//! # Example
//!
//! ```
//! use std::{fs, io, os::unix::net::UnixStream};
//!
//! let folder = std::env::temp_dir().join(format!("guarded-socket-doc-{}", std::process::id()));
//! fs::create_dir(&folder)?;
//! let path = folder.join("control.sock");
//!
//! let listener = guarded_socket::bind(&path, 0o600)?;
//! UnixStream::connect(&path)?;
//! assert_eq!(guarded_socket::bind(&path, 0o600).unwrap_err().kind(), io::ErrorKind::AddrInUse);
//!
//! drop(listener);
//! assert!(!path.exists());
//! # fs::remove_dir(&folder)?;
//! # io::Result::Ok(())
//! ```

#![forbid(unsafe_code)]

mod file;
mod listener;
mod lock;

pub use file::SocketFile;
pub use listener::{GuardedListener, bind};
