//! What can wake a peer's task.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::task::Poll;
use std::time::Instant;

use bgp_fsm::Connection;
use tokio::net::TcpStream;
use tokio::task::yield_now;

use super::{Dialing, Farewell, PeerTask, bfd, neighbour};
use crate::wire::Wire;

/// Everything that can wake the task.
pub(super) enum Wake {
    Dismissed,
    Accepted(TcpStream),
    RibChanged,
    AddressesChanged,
    ControlsChanged,
    SettingsChanged,
    /// Another address was found on the peer's interface, or none is there.
    NeighbourChanged,
    Dialed(io::Result<TcpStream>),
    /// The connection can be read from or written to, or has failed.
    Ready(Connection, io::Result<()>),
    FarewellSaid,
    /// BFD has news; `false` if it will have none any more.
    Bfd(bool),
    Deadline,
}

impl PeerTask {
    /// Only waits; everything raced here is cancel safe. What can be ready
    /// without end stands behind what cannot, so that nothing starves.
    pub(super) async fn wait(&mut self, dismissed: impl Future<Output = ()>, more: bool) -> Wake {
        let deadline = self.machine.poll_timeout().map(|(at, _)| at);
        tokio::select! {
            biased;
            () = dismissed => Wake::Dismissed,
            changed = bfd::changed(self.bfd.as_mut()) => Wake::Bfd(changed),
            () = until(deadline) => Wake::Deadline,
            stream = self.accepted.take() => Wake::Accepted(stream),
            () = neighbour::changed(self.neighbour.as_mut()) => Wake::NeighbourChanged,
            Ok(()) = self.local_addresses.changed() => Wake::AddressesChanged,
            Ok(()) = self.controls.changed() => Wake::ControlsChanged,
            Ok(()) = self.changes.changed() => Wake::SettingsChanged,
            dialed = dialed(&mut self.dialing) => Wake::Dialed(dialed),
            r = ready(self.outgoing.as_ref()) => Wake::Ready(Connection::Outgoing, r),
            r = ready(self.incoming.as_ref()) => Wake::Ready(Connection::Incoming, r),
            () = farewell_said(&mut self.farewells) => Wake::FarewellSaid,
            Ok(()) = self.versions.changed() => Wake::RibChanged,
            // Others have their turn before the rest of a long table.
            () = yield_now(), if more => Wake::RibChanged,
        }
    }
}

async fn dialed(dialing: &mut Option<Dialing>) -> io::Result<TcpStream> {
    match dialing {
        Some(dialing) => dialing.await,
        None => pending().await,
    }
}

async fn ready(wire: Option<&Wire>) -> io::Result<()> {
    match wire {
        Some(wire) => wire.ready().await,
        None => pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => pending().await,
    }
}

/// Completes when one of the farewells has, and forgets it.
pub(super) async fn farewell_said(farewells: &mut Vec<Farewell>) {
    poll_fn(|context| {
        let before = farewells.len();
        farewells.retain_mut(|farewell| farewell.as_mut().poll(context).is_pending());
        if farewells.len() < before {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}
