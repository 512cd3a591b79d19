//! Whom a peer on an interface is reached at, as that becomes known and changes.

use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

use bgp_fsm::Input;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tracing::info;

use super::{Dialing, PeerTask};
use crate::Initiation;
use crate::socket::ConnectionOptions;

/// The link-local address found on the peer's interface.
pub(super) type Neighbour = watch::Receiver<Option<Ipv6Addr>>;

impl PeerTask {
    /// The same task for a peer that is found on its interface.
    pub(crate) fn found_as(mut self, neighbour: Neighbour) -> Self {
        self.neighbour = Some(neighbour);
        self
    }

    /// Connects as soon as it is known to whom.
    pub(super) fn dial(&self) -> Dialing {
        let options = self.options.clone();
        match self.neighbour.clone() {
            None => Box::pin(options.dial()),
            Some(neighbour) => Box::pin(dial_neighbour(options, neighbour)),
        }
    }

    /// Ends what there is with another address, and begins anew at once: what
    /// was wrong with that one says nothing about this one.
    pub(super) fn neighbour_changed(&mut self, now: Instant) {
        let Some(neighbour) = &mut self.neighbour else {
            return;
        };
        let current = *neighbour.borrow_and_update();
        if !self.started || self.leaving {
            return;
        }
        let ours: Vec<_> = [&self.outgoing, &self.incoming]
            .into_iter()
            .flatten()
            .map(|wire| wire.peer_address())
            .collect();
        let stranger = ours
            .iter()
            .any(|peer| Some(*peer) != current.map(IpAddr::from));
        // A dial under way follows by itself.
        let waits = ours.is_empty() && self.dialing.is_none();
        let calls = current.is_some() && self.settings.initiation == Initiation::Active;
        if !(stranger || waits && calls) {
            return;
        }
        let key = self.settings.key();
        let communication = stranger.then(|| match current {
            Some(address) => format!("the router on {key} is {address} now"),
            None => format!("the link {key} is down"),
        });
        if let Some(why) = &communication {
            info!(peer = %key, "connections end: {why}");
        }
        self.machine
            .handle_input(now, Input::ManualStop { communication });
        self.carry_out();
        self.machine.handle_input(now, Input::ManualStart);
    }

    /// What to say of a failure for want of anybody to connect to.
    pub(super) fn nobody_found(&self) -> Option<String> {
        let nobody = self.neighbour.as_ref()?.borrow().is_none();
        nobody.then(|| format!("no router was heard on {} so far", self.settings.key()))
    }
}

async fn dial_neighbour(
    options: ConnectionOptions,
    mut neighbour: Neighbour,
) -> io::Result<TcpStream> {
    loop {
        let found = neighbour.wait_for(Option::is_some).await;
        let Some(address) = found.ok().and_then(|it| *it) else {
            // Nobody looks any more: this task is about to end.
            return pending().await;
        };
        tokio::select! {
            biased;
            Ok(()) = neighbour.changed() => {}
            dialed = options.clone().to(address.into()).dial() => return dialed,
        }
    }
}

/// Completes when the neighbour is another; never without one to look for.
pub(super) async fn changed(neighbour: Option<&mut Neighbour>) {
    if let Some(neighbour) = neighbour
        && neighbour.changed().await.is_ok()
    {
        return;
    }
    pending().await
}
