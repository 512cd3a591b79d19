//! BFD with peers (RFC 5880, 5881, 5882, 5883): settings, status, and the way
//! to the driver's thread.

mod driver;
#[allow(unsafe_code)]
mod priority;
mod punctuality;
mod receivers;
mod sender;
mod settings;
mod status;

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::{Mutex, PoisonError};

use bfd::{Hops, Path, Timing};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::driver::Driver;
pub use self::settings::BfdSettings;
pub use self::status::BfdStatus;
use crate::interface;

/// What a session is asked for with.
#[derive(Clone, Debug)]
struct Request {
    remote: IpAddr,
    local: Option<IpAddr>,
    /// The name of the one interface the peer is on; its number may change.
    interface: Option<String>,
    hops: Hops,
    timing: Timing,
    status: watch::Sender<BfdStatus>,
}

impl Request {
    /// The way packets go now.
    ///
    /// # Errors
    ///
    /// There is no such interface at the moment.
    fn path(&self) -> io::Result<Path> {
        let interface = self.interface.as_deref().map(interface::index);
        Ok(Path {
            remote: self.remote,
            local: self.local,
            interface: interface.transpose()?,
            hops: self.hops,
        })
    }
}

/// The way to the one driver of a speaker, whose thread starts with the first
/// session.
#[derive(Debug, Default)]
pub(crate) struct Bfd {
    running: Mutex<Option<Running>>,
}

#[derive(Clone, Debug)]
struct Running {
    /// No more wait here than peers begin sessions before the driver looks.
    requests: mpsc::UnboundedSender<Request>,
    told: CancellationToken,
}

impl Bfd {
    /// Starts a session, which lasts until the receiver is dropped. The peer
    /// is then told that this is no failure, for as long as it may take to
    /// hear that.
    ///
    /// A link-local address is looked for on `interface` alone.
    ///
    /// # Errors
    ///
    /// There is no thread to be had, the settings are not possible, or the
    /// driver has ended.
    pub(crate) fn session(
        &self,
        settings: &BfdSettings,
        remote: IpAddr,
        local: Option<IpAddr>,
        interface: Option<&str>,
    ) -> io::Result<watch::Receiver<BfdStatus>> {
        let requests = self.running()?.requests;
        let (status, receiver) = watch::channel(BfdStatus::new());
        let request = Request {
            remote: remote.to_canonical(),
            local: local.map(|local| local.to_canonical()),
            interface: interface.map(str::to_owned),
            hops: settings.hops(),
            timing: settings.timing().map_err(io::Error::other)?,
            status,
        };
        let ended = |_| io::Error::other("the BFD thread has ended");
        requests.send(request).map_err(ended)?;
        Ok(receiver)
    }

    /// Ends every session and waits until each peer was told once. The thread
    /// goes on telling them for as long as it lasts, and listens no more.
    pub(crate) async fn stop(&self) {
        let running = self.lock().take();
        if let Some(Running { requests, told }) = running {
            drop(requests);
            told.cancelled().await;
        }
    }

    fn running(&self) -> io::Result<Running> {
        let mut running = self.lock();
        if let Some(running) = running.as_ref() {
            return Ok(running.clone());
        }
        let (requests, inbox) = mpsc::unbounded_channel();
        let told = CancellationToken::new();
        Driver::start(inbox, told.clone().drop_guard())?;
        Ok(running.insert(Running { requests, told }).clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An address as a socket takes it: one that is good on its link alone needs
/// the link's number.
fn socket_address(address: IpAddr, port: u16, interface: Option<u32>) -> SocketAddr {
    match (address, interface) {
        (IpAddr::V6(v6), Some(scope)) if v6.is_unicast_link_local() => {
            SocketAddrV6::new(v6, port, 0, scope).into()
        }
        _ => SocketAddr::new(address, port),
    }
}
