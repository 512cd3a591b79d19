//! What the peer's task is told while it runs: wishes and settings.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use bgp_fsm::{Input, Support};
use bgp_wire::{Family, NotificationCode};
use tracing::info;

use super::PeerTask;
use crate::PeerStatus;
use crate::controls::AdministrativelyDown;

impl PeerTask {
    /// Takes the newest wishes over.
    pub(super) fn follow_controls(&mut self) {
        let peer = self.settings.key();
        let controls = self.controls.borrow_and_update();
        let complete = controls.table_complete;
        let shutting_down = controls.shutting_down(&peer);
        let refreshes = controls.refreshes(&peer);
        let down = controls.down(&peer).cloned();
        drop(controls);
        let now = Instant::now();
        self.start_or_stop(now, down);
        self.note_wishes(shutting_down);
        if complete {
            self.machine.handle_input(now, Input::InitialTableComplete);
        }
        if let Some(session) = &mut self.session {
            session.set_shutting_down(shutting_down);
        }
        if mem::replace(&mut self.refreshes, refreshes) != refreshes {
            self.request_refresh(now);
        }
    }

    /// Brings the machine to where the operators want it (AdministrativeStart
    /// and -Stop, RFC 4271 section 8.1.2).
    fn start_or_stop(&mut self, now: Instant, down: Option<AdministrativelyDown>) {
        let wanted = down.is_none();
        if mem::replace(&mut self.started, wanted) == wanted {
            return;
        }
        let input = match down {
            None => Input::ManualStart,
            Some(AdministrativelyDown { communication }) => Input::ManualStop { communication },
        };
        self.count_drops();
        self.machine.handle_input(now, input);
    }

    /// From here on, who knows what the kernel drops of the peer's segments.
    pub(super) fn count_drops(&self) {
        self.shared
            .update_status(self.index, PeerStatus::count_drops);
    }

    fn note_wishes(&self, shutting_down: bool) {
        let down = !self.started;
        self.shared.statuses.send_if_modified(|all| {
            let Some(status) = all.get_mut(self.index) else {
                return false;
            };
            let before = (status.administratively_down, status.graceful_shutdown);
            status.administratively_down = down;
            status.graceful_shutdown = shutting_down;
            before != (down, shutting_down)
        });
    }

    fn request_refresh(&mut self, now: Instant) {
        for family in [Family::IPV4_UNICAST, Family::IPV6_UNICAST] {
            self.machine
                .handle_input(now, Input::RequestRefresh(family));
        }
    }

    /// Takes over what can change while the session goes on.
    pub(super) fn update_settings(&mut self) {
        let newer = self.changes.borrow_and_update().clone();
        let imports = self.settings.imports_like(&newer);
        self.settings = newer;
        if !imports {
            self.change_import(Instant::now());
        }
        let addresses = Arc::clone(&self.local_addresses.borrow());
        if let Some(session) = &mut self.session {
            session.update(&self.settings, &addresses);
        }
        let settings = &self.settings;
        self.shared.update_status(self.index, |status| {
            status.name.clone_from(&settings.name);
            status.settings = Arc::new(settings.clone());
        });
    }

    /// What is held is judged anew at once; for what was refused so far, or is
    /// to be seen in another light, the peer is asked (RFC 2918).
    fn change_import(&mut self, now: Instant) {
        let peer = self.settings.key();
        self.adj_rib_in.set_import(&self.settings);
        self.note_accepted();
        let Some(negotiated) = self.machine.negotiated() else {
            return;
        };
        if negotiated.route_refresh == Support::Supported {
            info!(%peer, "what is imported has changed: the peer is asked for its routes again");
            self.request_refresh(now);
        } else {
            info!(%peer, "what is imported has changed, and the peer does not offer route refresh: the session begins anew");
            let reset = Input::Reset(NotificationCode::CEASE_OTHER_CONFIGURATION_CHANGE);
            self.machine.handle_input(now, reset);
        }
    }

    /// Whether the sessions with this peer are about to be shut down.
    pub(super) fn shutting_down(&self) -> bool {
        self.controls.borrow().shutting_down(&self.settings.key())
    }
}
