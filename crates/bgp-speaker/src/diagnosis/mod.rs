//! Why a peer has no session, or one that does less than it was configured
//! for, and what to do about it.
//!
//! Everything here is told from what the peer's task has noted and what the
//! caller knows of the host; nothing is asked and nothing is sent.

mod notification;
mod session;
mod transport;

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use bgp_fsm::State;

use crate::{PeerStatus, TcpDrops};

/// What a diagnosis knows of the host besides the peer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HostView {
    /// What this program is called on a command line.
    pub program: String,
    /// What the kernel has dropped until now ([`TcpDrops::read`]).
    pub drops: TcpDrops,
    /// The way packets to the peer take; `None` if that was not looked at.
    pub way: Option<Way>,
}

impl HostView {
    /// Of a program of that name, with the kernel's counters of now.
    #[must_use]
    pub fn of(program: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            drops: TcpDrops::read(),
            way: None,
        }
    }

    /// The same with the way to the peer.
    #[must_use]
    pub fn with_way(self, way: Option<Way>) -> Self {
        Self { way, ..self }
    }

    /// The command that shows all of a peer.
    fn peers(&self) -> String {
        format!("{} peers -o json", self.program)
    }
}

/// The way packets to a peer take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The peer is on a link of ours.
    OnLink,
    /// By a router.
    By(IpAddr),
    /// There is no route.
    None,
}

/// One thing that is wrong with a peer.
///
/// `Display` is a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// What it is, as one stable word for programs, as `wrong-as`.
    pub code: &'static str,
    /// Whether there is no session because of it.
    pub blocks: bool,
    /// Since when, or when it was last seen.
    pub since: SystemTime,
    /// What is wrong, with the values of both sides as far as they are known.
    pub text: String,
    /// A command that shows it.
    pub show: String,
    /// What mends it.
    pub mend: String,
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PeerStatus {
    /// What is wrong with this peer; nothing if it has a session that does
    /// all it was configured for.
    #[must_use]
    pub fn diagnose(&self, host: &HostView) -> Vec<Diagnosis> {
        let mut found = Vec::new();
        if self.administratively_down {
            found.push(self.found(
                "administratively-down",
                true,
                "an operator wants no session with it".to_owned(),
                host.peers(),
                format!("{} up {}", host.program, self.key()),
            ));
        } else if self.state == State::Established {
            session::diagnose(self, host, &mut found);
        } else {
            transport::diagnose(self, host, &mut found);
        }
        found.extend(session::bfd(self, host));
        found
    }

    /// A diagnosis that holds for as long as the peer's state.
    fn found(
        &self,
        code: &'static str,
        blocks: bool,
        text: String,
        show: impl Into<String>,
        mend: impl Into<String>,
    ) -> Diagnosis {
        Diagnosis {
            code,
            blocks,
            since: self.since,
            text,
            show: show.into(),
            mend: mend.into(),
        }
    }

    /// What the kernel has dropped during this attempt to connect and the one
    /// before.
    fn dropped(&self, host: &HostView) -> TcpDrops {
        let before = self.drops_before;
        let now = before.map(|before| host.drops - before);
        now.unwrap_or_default().max(self.drops_of_last)
    }

    /// How a packet filter and `ss` name the peer's end.
    fn endpoint(&self) -> String {
        match self.address {
            IpAddr::V4(address) => format!("{address}:{}", self.settings.port),
            IpAddr::V6(address) => format!("[{address}]:{}", self.settings.port),
        }
    }
}
