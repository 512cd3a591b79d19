//! The program's last events, for readers that come and go.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::watch;

use crate::model::{Event, seconds};

/// How many events are held; older ones are lost.
pub const EVENTS: usize = 1024;

/// No text of an event is longer, in octets: containers and peers choose some of
/// their words.
const LONGEST: usize = 512;

/// The last [`EVENTS`] events. Clones are the same log.
///
/// Who writes waits for nothing but moments of others who do so, or copy out a few.
/// Readers keep their place themselves, by the number of the last event they had: one
/// that reads slowly costs nothing, and is told what it missed.
#[derive(Clone, Debug)]
pub struct EventLog {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    held: Mutex<VecDeque<Arc<Event>>>,
    /// The number of the newest event; 0 before the first.
    newest: watch::Sender<u64>,
}

/// The next events of a reader.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EventPage {
    /// How many before these it can't have any more.
    pub lost: u64,
    /// The events, the oldest first.
    pub events: Vec<Arc<Event>>,
}

impl Default for EventLog {
    fn default() -> Self {
        let shared = Shared {
            held: Mutex::new(VecDeque::with_capacity(EVENTS)),
            newest: watch::Sender::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }
}

impl EventLog {
    /// Writes down what happens now.
    pub fn write(&self, event: Event) {
        let event = shortened(event);
        let at = seconds(SystemTime::now());
        let mut held = self.held();
        let sequence = held.back().map_or(1, |last| last.sequence + 1);
        if held.len() == EVENTS {
            held.pop_front();
        }
        held.push_back(Arc::new(Event {
            sequence,
            at,
            ..event
        }));
        // Before others write, so that the number never goes back.
        self.shared.newest.send_replace(sequence);
    }

    /// The number of the newest event; 0 before the first.
    #[must_use]
    pub fn newest(&self) -> u64 {
        *self.shared.newest.borrow()
    }

    /// At most so many of the events behind the one with the number `since`. A number
    /// that there was not yet is one of an earlier run, and means all.
    #[must_use]
    pub fn page(&self, since: u64, most: usize) -> EventPage {
        let held = self.held();
        let newest = held.back().map_or(0, |last| last.sequence);
        let first = held.front().map_or(1, |first| first.sequence);
        let since = if since > newest { 0 } else { since };
        let lost = first.saturating_sub(since.saturating_add(1));
        // Numbers follow each other, so a place follows from a number.
        let skipped = usize::try_from((since + 1).saturating_sub(first)).unwrap_or(usize::MAX);
        let events = held.iter().skip(skipped).take(most).cloned().collect();
        EventPage { lost, events }
    }

    /// Waits until there is an event behind the one with this number. Cancel safe.
    pub async fn behind(&self, sequence: u64) {
        let mut newest = self.shared.newest.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = newest.wait_for(|newest| *newest > sequence).await;
    }

    fn held(&self) -> MutexGuard<'_, VecDeque<Arc<Event>>> {
        let held = self.shared.held.lock();
        held.unwrap_or_else(PoisonError::into_inner)
    }
}

fn shortened(mut event: Event) -> Event {
    shorten(&mut event.message);
    let network = event.network.as_mut();
    let (name, id) = network.map_or((None, None), |it| (it.name.as_mut(), Some(&mut it.id)));
    let others = [
        event.container.as_mut(),
        event.peer.as_mut(),
        event.code.as_mut(),
        name,
        id,
    ];
    others.into_iter().flatten().for_each(shorten);
    event
}

fn shorten(text: &mut String) {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
    }
    text.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use super::{EVENTS, EventLog, LONGEST};
    use crate::model::{Event, EventKind};

    fn log(events: u64) -> EventLog {
        let log = EventLog::default();
        for number in 1..=events {
            log.write(Event::new(EventKind::Started, number.to_string()));
        }
        log
    }

    fn numbers(log: &EventLog, since: u64, most: usize) -> (u64, Vec<u64>) {
        let page = log.page(since, most);
        (
            page.lost,
            page.events.iter().map(|it| it.sequence).collect(),
        )
    }

    #[test]
    fn events_are_numbered_from_one_and_read_from_any_place() {
        assert_eq!(numbers(&log(0), 0, 9), (0, vec![]));
        let log = log(3);
        assert_eq!(log.newest(), 3);
        assert_eq!(numbers(&log, 0, 9), (0, vec![1, 2, 3]));
        assert_eq!(numbers(&log, 0, 2), (0, vec![1, 2]));
        assert_eq!(numbers(&log, 2, 9), (0, vec![3]));
        assert_eq!(numbers(&log, 3, 9), (0, vec![]));
    }

    #[test]
    fn a_number_of_an_earlier_run_means_all() {
        assert_eq!(numbers(&log(2), 40, 9), (0, vec![1, 2]));
        assert_eq!(numbers(&log(2), u64::MAX, 9), (0, vec![1, 2]));
    }

    #[test]
    fn who_fell_behind_is_told_how_many_are_lost() {
        let events = EVENTS as u64 + 5;
        let log = log(events);
        assert_eq!(numbers(&log, 0, 1), (5, vec![6]));
        assert_eq!(numbers(&log, 3, 1), (2, vec![6]));
        assert_eq!(numbers(&log, 5, 1), (0, vec![6]));
        assert_eq!(numbers(&log, events - 1, 9), (0, vec![events]));
        assert_eq!(log.page(0, usize::MAX).events.len(), EVENTS);
    }

    #[test]
    fn what_others_choose_is_held_up_to_a_length() {
        let log = EventLog::default();
        let long = "é".repeat(LONGEST);
        log.write(Event::new(EventKind::PeerDown, long.clone()).of_container(long));
        let event = log.page(0, 1).events.remove(0);
        assert_eq!(event.message.chars().count(), LONGEST / 2 + 1);
        assert!(event.container.as_ref().is_some_and(|it| it.ends_with('…')));
    }

    #[tokio::test]
    async fn a_reader_waits_for_the_next_event_and_no_longer() {
        let log = log(1);
        log.behind(0).await;
        let (waiting, other) = (log.clone(), log.clone());
        let waiting = tokio::spawn(async move { waiting.behind(1).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        other.write(Event::new(EventKind::BfdUp, ""));
        waiting.await.unwrap();
        assert_eq!(numbers(&log, 1, 9), (0, vec![2]));
    }
}
