//! What happens to the speaker's peers, as events.

use bgp_speaker::{PeerKey, PeerNews, SpeakerHandle};

use crate::EventLog;
use crate::model::{Event, EventKind};

/// Has what happens to the peers of `speaker` written into `log` from now on.
pub fn log_peers(speaker: &SpeakerHandle, log: &EventLog) {
    let log = log.clone();
    // A speaker has one log; a second one would tell everything twice.
    let _ = speaker.tell_news(move |peer, news| {
        if let Some(event) = event(peer, news) {
            log.write(event);
        }
    });
}

fn event(peer: &PeerKey, news: PeerNews) -> Option<Event> {
    let (kind, message) = match news {
        PeerNews::Established => (
            EventKind::PeerEstablished,
            format!("there is a session with {peer}"),
        ),
        PeerNews::Down(why) => (
            EventKind::PeerDown,
            format!("the session with {peer} has ended: {why}"),
        ),
        PeerNews::BfdUp => (EventKind::BfdUp, format!("BFD with {peer} is up")),
        PeerNews::BfdDown(why) => (
            EventKind::BfdDown,
            format!("BFD with {peer} is down: {why}"),
        ),
        _ => return None,
    };
    Some(Event::new(kind, message).of_peer(peer))
}
