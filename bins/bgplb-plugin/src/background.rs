//! Where work goes that must not stop with whoever asked for it.

use tokio_util::task::TaskTracker;

/// Runs work in tasks that the plugin waits for before it ends.
#[derive(Clone, Debug)]
pub(crate) struct Background {
    tasks: TaskTracker,
}

impl Background {
    pub(crate) const fn new(tasks: TaskTracker) -> Self {
        Self { tasks }
    }

    /// The work's result; `None` if it died of a panic. The work goes on when
    /// this future is dropped.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.tasks.spawn(work).await.ok()
    }
}
