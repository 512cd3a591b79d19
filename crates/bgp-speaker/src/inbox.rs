//! A place for one thing, in which the newest one stands.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Puts things in.
#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<Place<T>>);

/// Takes them out.
#[derive(Debug)]
pub(crate) struct Inbox<T>(Arc<Place<T>>);

#[derive(Debug)]
struct Place<T> {
    newest: Mutex<Option<T>>,
    filled: Notify,
}

/// Both ends of a place with nothing in it.
pub(crate) fn inbox<T>() -> (Sender<T>, Inbox<T>) {
    let place = Arc::new(Place {
        newest: Mutex::new(None),
        filled: Notify::new(),
    });
    (Sender(Arc::clone(&place)), Inbox(place))
}

impl<T> Sender<T> {
    /// Puts `newer` where something older may stand still, and gives that back.
    pub(crate) fn replace(&self, newer: T) -> Option<T> {
        let older = self.0.lock().replace(newer);
        self.0.filled.notify_one();
        older
    }
}

impl<T> Inbox<T> {
    /// Waits for something and takes it; cancel safe.
    pub(crate) async fn take(&self) -> T {
        loop {
            if let Some(newest) = self.0.lock().take() {
                return newest;
            }
            // Whoever fills it between these lines leaves a permit.
            self.0.filled.notified().await;
        }
    }
}

impl<T> Place<T> {
    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn the_newest_takes_the_place_of_what_was_not_taken() {
        let (sender, inbox) = inbox();
        assert_eq!(sender.replace(1), None);
        assert_eq!(sender.replace(2), Some(1));
        assert_eq!(inbox.take().await, 2);
        assert_eq!(sender.replace(3), None);
        assert_eq!(inbox.take().await, 3);
        // What came and went leaves nothing behind.
        let nothing = timeout(Duration::from_millis(20), inbox.take()).await;
        assert!(nothing.is_err());
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let (sender, inbox) = inbox();
        let waiting = tokio::spawn(async move { inbox.take().await });
        tokio::task::yield_now().await;
        sender.replace(7);
        assert_eq!(waiting.await.unwrap(), 7);
    }
}
