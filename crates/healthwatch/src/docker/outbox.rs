//! What waits for a slow reader, bounded without losing a level.

use std::collections::VecDeque;

use super::model::Observation;

/// A queue of observations that drops levels when it grows too long.
///
/// Levels can be told again from the state, so a queue that is full drops
/// them and remembers that the whole truth is due instead. Signals cannot be
/// told again; they are kept, each pair of container and number once.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: VecDeque<Observation>,
    limit: usize,
    overflowed: bool,
}

/// What to say next.
#[derive(Debug)]
pub(crate) enum Due {
    /// This.
    Observation(Observation),
    /// The whole truth, to be taken from the state at the last moment.
    Everything,
}

impl Outbox {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            limit: limit.max(1),
            overflowed: false,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && !self.overflowed
    }

    /// Appends `observation`. True if this made the queue overflow, so that
    /// the caller may ask Docker for the whole truth too.
    pub(crate) fn push(&mut self, observation: Observation) -> bool {
        match observation {
            // The truth goes before the signals that are kept: a reader gets
            // to know a container before it hears of a signal to it.
            Observation::Listed { .. } => {
                self.drop_levels();
                self.overflowed = false;
                let at = self.queue.iter().take_while(|o| is_connectivity(o)).count();
                self.queue.insert(at, observation);
            }
            Observation::Signal { .. } if self.queue.contains(&observation) => {}
            _ if self.overflowed && is_level(&observation) => {}
            _ => self.queue.push_back(observation),
        }
        let overflows = !self.overflowed && self.queue.len() > self.limit;
        if overflows {
            self.overflowed = true;
        }
        if self.overflowed {
            self.drop_levels();
        }
        overflows
    }

    /// Takes what is to be said first.
    pub(crate) fn pop(&mut self) -> Option<Due> {
        if self.overflowed && !self.queue.front().is_some_and(is_connectivity) {
            self.overflowed = false;
            return Some(Due::Everything);
        }
        self.queue.pop_front().map(Due::Observation)
    }

    /// Drops what the whole truth tells again, and all but the newest word
    /// about the connection, which moves to the front.
    fn drop_levels(&mut self) {
        let newest = self
            .queue
            .iter()
            .rposition(is_connectivity)
            .and_then(|at| self.queue.remove(at));
        self.queue.retain(|o| !is_level(o) && !is_connectivity(o));
        if let Some(newest) = newest {
            self.queue.push_front(newest);
        }
    }
}

fn is_connectivity(observation: &Observation) -> bool {
    matches!(
        observation,
        Observation::Unreachable { .. } | Observation::Reachable
    )
}

fn is_level(observation: &Observation) -> bool {
    !is_connectivity(observation) && !matches!(observation, Observation::Signal { .. })
}

#[cfg(test)]
mod tests;
