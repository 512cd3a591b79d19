//! The thread that talks to the kernel, in the order it was asked to.

use std::io;
use std::sync::mpsc;
use std::thread;

use netplumb::{Desired, Error, Kernel, Observed, Op, Owned};
use tokio::sync::oneshot;
use tracing::{debug, warn};

/// The answer to a change of the kernel's objects.
pub(crate) type Plumbed = oneshot::Receiver<Result<(), Error>>;

type Done<T> = Box<dyn FnOnce(Result<T, Error>) + Send>;

enum Job {
    Apply(Vec<Op>, Done<()>),
    Observe(Done<Observed>),
    Reconcile(Box<Desired>),
}

/// Asks the thread; never waits for it.
#[derive(Clone)]
pub(crate) struct Plumber {
    jobs: mpsc::Sender<Job>,
}

impl Plumber {
    /// Starts the thread; it ends when the last `Plumber` is dropped. Of what
    /// is `owned`, it deletes what nobody wants any more.
    pub(crate) fn start(
        mut kernel: impl Kernel<Error = Error> + Send + 'static,
        owned: Owned,
    ) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel();
        thread::Builder::new()
            .name("plumber".to_owned())
            .spawn(move || {
                for job in queue {
                    work(&mut kernel, &owned, job);
                }
            })?;
        Ok(Self { jobs })
    }

    /// Applies `ops` in order up to the first that fails.
    pub(crate) fn apply(&self, ops: Vec<Op>) -> Plumbed {
        let (sender, plumbed) = oneshot::channel();
        self.apply_then(ops, move |result| {
            // Whoever stopped waiting does not need the answer.
            let _ = sender.send(result);
        });
        plumbed
    }

    /// The same with the answer given to `done`, on the thread.
    pub(crate) fn apply_then(
        &self,
        ops: Vec<Op>,
        done: impl FnOnce(Result<(), Error>) + Send + 'static,
    ) {
        self.send(Job::Apply(ops, Box::new(done)));
    }

    /// Looks at everything and gives `done` what is there, on the thread.
    pub(crate) fn observe_then(&self, done: impl FnOnce(Result<Observed, Error>) + Send + 'static) {
        self.send(Job::Observe(Box::new(done)));
    }

    /// Makes the kernel have exactly `desired` of what is ours.
    pub(crate) fn reconcile(&self, desired: Desired) {
        self.send(Job::Reconcile(Box::new(desired)));
    }

    fn send(&self, job: Job) {
        if self.jobs.send(job).is_err() {
            warn!("the kernel's thread has ended");
        }
    }
}

fn work(kernel: &mut impl Kernel<Error = Error>, owned: &Owned, job: Job) {
    match job {
        Job::Apply(ops, done) => {
            let result = ops.iter().try_for_each(|op| {
                debug!(%op, "kernel");
                kernel.apply(op)
            });
            done(result);
        }
        Job::Observe(done) => done(kernel.observe()),
        Job::Reconcile(desired) => match netplumb::reconcile(kernel, &desired, owned) {
            Ok(report) => {
                for (op, error) in &report.failed {
                    warn!(%op, %error, "the kernel refused a repair");
                }
                if report.applied > 0 {
                    debug!(count = report.applied, "repaired");
                }
            }
            Err(error) => warn!(%error, "the kernel's objects can't be read"),
        },
    }
}
