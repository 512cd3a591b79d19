//! A neighbour without fault, which nothing may touch.

use std::thread;

use serde_json::json;

use super::peer::{Family, Peer};
use super::speaker::{Control, Speaker, address};
use super::wire::{KEEPALIVE, NOTIFICATION, Open, keepalive, update};

/// The neighbour without fault.
pub struct Healthy {
    thread: thread::JoinHandle<Result<Vec<u8>, String>>,
    since: serde_json::Value,
}

impl Healthy {
    /// Establishes its session and announces three routes.
    pub fn start(speaker: &Speaker) -> Self {
        let mut peer = Peer::connect(address(0), speaker.address).unwrap();
        let open = Open::new(65001).identifier([192, 0, 2, 200]).hold_time(9);
        peer.establish(&open.octets(), Family::BOTH).unwrap();
        let attributes = "400101 00 400206 0201 0000fde9 400304 c0000263";
        peer.send(&update("", attributes, "10 0ac8 18 0ac801 20 0ac80101"))
            .unwrap();
        peer.barrier(Family::V4).unwrap();
        // It answers each KEEPALIVE until the speaker ends the session.
        let thread = thread::spawn(move || {
            loop {
                match peer.next()? {
                    Some(message) if message.kind == KEEPALIVE => peer.send(&keepalive())?,
                    Some(message) if message.kind == NOTIFICATION => return Ok(message.body),
                    Some(_) => {}
                    None => return Err("the connection was closed".to_owned()),
                }
            }
        });
        let since = speaker.control.peer(address(0))["since"].clone();
        Self { thread, since }
    }

    /// Whether its routes are there still.
    pub fn untouched(control: &Control) -> Result<(), String> {
        match control.routes_of(address(0)).len() {
            3 => Ok(()),
            routes => Err(format!("the healthy neighbour has {routes} of 3 routes")),
        }
    }

    /// Whether it has had one session all the time.
    pub fn check(&self, control: &Control) {
        let status = control.peer(address(0));
        assert_eq!(status["state"], "Established");
        assert_eq!(status["since"], self.since);
        assert_eq!(status["accepted_prefixes"], 3);
        assert_eq!(status["last_error"], json!(null));
        assert!(!self.thread.is_finished());
    }

    /// Cease, Administrative Shutdown.
    pub fn hears_the_end(self) {
        assert_eq!(self.thread.join().unwrap(), Ok(vec![6, 2]));
    }
}
