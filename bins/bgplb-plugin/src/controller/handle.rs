//! The way to the controller from other tasks and threads.

use tokio::sync::mpsc;

use super::Controller;

/// Questions that may wait for the controller.
pub(super) const MAILBOX: usize = 1024;

pub(super) type Question = Box<dyn FnOnce(&mut Controller) + Send>;

/// The controller is gone: the plugin is stopping.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the plugin is stopping")]
pub(crate) struct Stopping;

/// Reaches the controller from other tasks and threads.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(super) questions: mpsc::Sender<Question>,
}

impl Handle {
    /// Runs `question` in the controller's task and brings back its answer.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Controller) -> T + Send + 'static,
    ) -> Result<T, Stopping> {
        let (sender, answer) = tokio::sync::oneshot::channel();
        let question = Box::new(move |controller: &mut Controller| {
            // Whoever stopped waiting does not need the answer.
            let _ = sender.send(question(controller));
        });
        self.questions.send(question).await.map_err(|_| Stopping)?;
        answer.await.map_err(|_| Stopping)
    }

    /// Runs `news` in the controller's task; for threads outside of tokio.
    pub(crate) fn tell_blocking(&self, news: impl FnOnce(&mut Controller) + Send + 'static) {
        // Without a controller nobody wants the news.
        let _ = self.questions.blocking_send(Box::new(news));
    }

    /// The same, and waits until that is done.
    pub(crate) fn ask_blocking(&self, question: impl FnOnce(&mut Controller) + Send + 'static) {
        let (sender, done) = std::sync::mpsc::sync_channel::<()>(1);
        self.tell_blocking(move |controller| {
            question(controller);
            drop(sender);
        });
        // Its end is the answer.
        let _ = done.recv();
    }

    /// Whether the controller has ended.
    pub(crate) fn is_gone(&self) -> bool {
        self.questions.is_closed()
    }
}
