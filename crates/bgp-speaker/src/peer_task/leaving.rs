//! How a peer's task ends: what it announced goes first, then the session.

use std::future::pending;
use std::time::{Duration, Instant};

use bgp_fsm::{Connection, Input};
use bgp_wire::NotificationCode;
use tokio::time::timeout;

use super::PeerTask;
use super::wake::farewell_said;

impl PeerTask {
    /// Ends the session and waits until the last words are said: `code`, or
    /// what the speaker's end asks for.
    pub(super) async fn leave(&mut self, code: Option<NotificationCode>) {
        self.leaving = true;
        if let Some(code) = code {
            // A session that begins anew finds our routes where the peer keeps
            // them over a NOTIFICATION (RFC 8538).
            if code != NotificationCode::CEASE_OTHER_CONFIGURATION_CHANGE {
                let _ = timeout(WITHDRAWAL_TIME, self.withdraw()).await;
            }
            self.machine
                .handle_input(Instant::now(), Input::Reset(code));
            self.carry_out();
        } else if self.controls.borrow().restarting {
            // Without a NOTIFICATION this is a restart (RFC 4724 section 4.2).
            self.adj_rib_in.leave_in_place();
            self.close(Connection::Outgoing);
            self.close(Connection::Incoming);
        } else {
            // A peer that does not read is not waited for.
            let _ = timeout(WITHDRAWAL_TIME, self.withdraw()).await;
            let communication = self.controls.borrow().communication.clone();
            let stop = Input::ManualStop { communication };
            self.machine.handle_input(Instant::now(), stop);
            self.carry_out();
        }
        while !self.farewells.is_empty() {
            farewell_said(&mut self.farewells).await;
        }
    }

    /// Withdraws everything and waits until the kernel took the words; cancel
    /// safe.
    async fn withdraw(&mut self) {
        let Some(session) = &mut self.session else {
            return;
        };
        session.leave();
        loop {
            let full = self.work();
            if self.has_withdrawn() {
                return;
            }
            let more = full && self.has_room();
            let wake = self.wait(pending(), more).await;
            self.react(Instant::now(), wake);
        }
    }

    /// Whether all is said, or nobody is left to hear it.
    fn has_withdrawn(&mut self) -> bool {
        let Some(session) = &self.session else {
            return true;
        };
        let (connection, left) = (session.connection(), session.has_left());
        left && self.wire(connection).is_none_or(|it| it.unsent.is_empty())
    }
}

/// How long a peer may take to hear withdrawals; together with the farewell
/// this is how long stopping may take.
const WITHDRAWAL_TIME: Duration = Duration::from_secs(1);
