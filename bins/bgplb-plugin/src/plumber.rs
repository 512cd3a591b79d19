//! The thread that talks to the kernel, in the order it was asked to.

use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bgp_speaker::LocalAddresses;
use ipnet::IpNet;
use netplumb::{Desired, Kernel as _, Netlink, Op, Owned, Wake};
use tokio::sync::{oneshot, watch};
use tracing::{debug, warn};

use crate::datapath;

/// The answer to a change of the kernel's objects.
pub(crate) type Plumbed = oneshot::Receiver<Result<(), netplumb::Error>>;

type Done = Box<dyn FnOnce(Result<(), netplumb::Error>) + Send>;

enum Job {
    Apply(Vec<Op>, Done),
    Reconcile(Box<Desired>),
    Addresses,
}

/// Asks the thread; never waits for it.
#[derive(Clone)]
pub(crate) struct Plumber {
    jobs: mpsc::Sender<Job>,
}

impl Plumber {
    /// Opens netlink and starts the thread. `sweep` allows it to delete
    /// objects of ours that nobody wants any more.
    pub(crate) fn start(
        sweep: bool,
    ) -> Result<(Self, watch::Receiver<Arc<LocalAddresses>>), StartError> {
        let mut kernel = Netlink::open()?;
        let (publish, addresses) = watch::channel(Arc::new(local_addresses(&mut kernel)?));
        let (jobs, queue) = mpsc::channel();
        let owned = datapath::owned(sweep);
        thread::Builder::new()
            .name("plumber".to_owned())
            .spawn(move || {
                for job in queue {
                    work(&mut kernel, &owned, &publish, job);
                }
            })?;
        Ok((Self { jobs }, addresses))
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
        done: impl FnOnce(Result<(), netplumb::Error>) + Send + 'static,
    ) {
        self.send(Job::Apply(ops, Box::new(done)));
    }

    /// Makes the kernel have exactly `desired` of what is ours.
    pub(crate) fn reconcile(&self, desired: Desired) {
        self.send(Job::Reconcile(Box::new(desired)));
    }

    /// Reads the host's addresses again.
    pub(crate) fn look_at_addresses(&self) {
        self.send(Job::Addresses);
    }

    fn send(&self, job: Job) {
        if self.jobs.send(job).is_err() {
            warn!("the kernel's thread has ended");
        }
    }
}

/// Why the plumber could not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Netlink(#[from] netplumb::Error),
    #[error("can't start the kernel's thread: {0}")]
    Thread(#[from] io::Error),
}

fn work(
    kernel: &mut Netlink,
    owned: &Owned,
    publish: &watch::Sender<Arc<LocalAddresses>>,
    job: Job,
) {
    match job {
        Job::Apply(ops, done) => {
            let result = ops.iter().try_for_each(|op| {
                debug!(%op, "kernel");
                kernel.apply(op)
            });
            done(result);
        }
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
        Job::Addresses => match local_addresses(kernel) {
            Ok(found) => {
                publish.send_if_modified(|current| {
                    let changed = **current != found;
                    if changed {
                        *current = Arc::new(found);
                    }
                    changed
                });
            }
            Err(error) => warn!(%error, "the host's addresses can't be read"),
        },
    }
}

/// The host's addresses by link, as next hops are chosen from them.
fn local_addresses(kernel: &mut Netlink) -> Result<LocalAddresses, netplumb::Error> {
    let links = kernel.addresses()?;
    Ok(LocalAddresses {
        links: links
            .into_iter()
            .map(|(_, addresses)| addresses)
            .filter(|addresses: &Vec<IpNet>| !addresses.is_empty())
            .collect(),
    })
}

/// Starts a thread that has the plumber look again whenever the kernel says
/// that addresses changed.
pub(crate) fn watch_addresses(plumber: Plumber) -> Result<(), StartError> {
    let mut watch = netplumb::Watch::open()?;
    thread::Builder::new()
        .name("netlink-watch".to_owned())
        .spawn(move || {
            loop {
                match watch.wait(WATCH_TURN) {
                    Ok(Wake::LookAgain) => plumber.look_at_addresses(),
                    Ok(_) => {}
                    Err(error) => {
                        warn!(%error, "the kernel's news can't be followed any more");
                        return;
                    }
                }
            }
        })?;
    Ok(())
}

/// How long one wait for news lasts.
const WATCH_TURN: Duration = Duration::from_secs(3600);
