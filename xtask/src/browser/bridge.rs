//! From a port of ours, which a browser can open, to a unix socket, which it can't.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::Result;

/// Connects every connection to its port with a socket, as long as it lives.
pub(crate) struct Bridge {
    at: SocketAddr,
    ended: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Bridge {
    /// A port of the loopback for this socket.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub(crate) fn to(socket: &Path) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let at = listener.local_addr()?;
        let ended = Arc::new(AtomicBool::new(false));
        let (socket, end) = (socket.to_owned(), Arc::clone(&ended));
        let accepting = thread::spawn(move || accept(&listener, &socket, &end));
        Ok(Self {
            at,
            ended,
            accepting: Some(accepting),
        })
    }

    /// What a browser calls it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.at)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes it up, to see that.
        _ = TcpStream::connect(self.at);
        if let Some(accepting) = self.accepting.take() {
            _ = accepting.join();
        }
    }
}

fn accept(listener: &TcpListener, socket: &Path, ended: &AtomicBool) {
    for stream in listener.incoming() {
        if ended.load(Ordering::Relaxed) {
            return;
        }
        let socket: PathBuf = socket.to_owned();
        // A connection that breaks is for the browser to tell of.
        thread::spawn(move || stream.and_then(|stream| connect(stream, &socket)));
    }
}

fn connect(browser: TcpStream, socket: &Path) -> io::Result<()> {
    let program = reach(socket)?;
    let (mut asked, mut asking) = (program.try_clone()?, browser.try_clone()?);
    let up = thread::spawn(move || {
        _ = io::copy(&mut asking, &mut asked);
        asked.shutdown(Shutdown::Write)
    });
    let (mut from, mut to) = (&program, &browser);
    let copied = io::copy(&mut from, &mut to);
    browser.shutdown(Shutdown::Both)?;
    up.join().map_err(|_| ErrorKind::Other)??;
    copied.map(drop)
}

/// The kernel takes paths of 107 octets at most (unix(7)), so the folder is opened first.
fn reach(socket: &Path) -> io::Result<UnixStream> {
    let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Err(ErrorKind::NotFound.into());
    };
    let folder = File::open(folder)?;
    let short = format!("/proc/self/fd/{}", folder.as_raw_fd());
    UnixStream::connect(Path::new(&short).join(name))
}
