//! What operators have the running program do: the owner of its configuration.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use healthwatch::CheckNews;
use lb_status::model::{Diff, Done, Service};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::announcing::Announcing;
use crate::args::RunArgs;
use crate::config::Config;
use crate::diff;
use crate::networks::Networks;
use crate::reload::{ReloadRequests, Running, reload};
use crate::services::{Page, Services};
use crate::state::StateFile;
use crate::withholding::{self, Waiter, Wish, Withholding};

/// What is asked of the owner of the configuration.
#[derive(Debug)]
pub(crate) enum Order {
    /// Something of everything that is announced; the waiter hears when it is withdrawn.
    ///
    /// The answer comes when it is kept where it outlives a restart.
    Fulfil(Wish, Option<Waiter>, oneshot::Sender<Result<Done, NotKept>>),
    /// That one service be drained, or no more; `None` if there is none of that name.
    /// The waiter hears when it is withdrawn.
    Drain(String, bool, Option<Waiter>, oneshot::Sender<Option<Done>>),
    /// The services that follow one in the order of their names.
    Services(Option<String>, oneshot::Sender<Page>),
    /// The service that holds an address.
    Holding(IpAddr, oneshot::Sender<Option<Service>>),
    /// What a reload would do, of this file instead of its own if there is one.
    Compare(Option<PathBuf>, oneshot::Sender<Diff>),
}

/// It is done, and would not be so after a restart; in one sentence.
pub(crate) type NotKept = String;

/// Signals that are ours.
#[derive(Debug)]
pub(crate) struct Signals {
    pub(crate) terminate: Signal,
    pub(crate) interrupt: Signal,
    pub(crate) hangup: Signal,
}

impl Signals {
    /// From here on they are ours.
    pub(crate) fn handled() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("handle SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("handle SIGINT")?,
            hangup: signal(SignalKind::hangup()).context("handle SIGHUP")?,
        })
    }
}

/// Where orders go.
pub(crate) type Orders = mpsc::Sender<Order>;

/// Both ends.
pub(crate) fn channel() -> (Orders, mpsc::Receiver<Order>) {
    mpsc::channel(WAITING)
}

/// The configuration, and what is made of it while the program runs.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) args: RunArgs,
    pub(crate) config: Config,
    pub(crate) running: Running,
    pub(crate) reloads: ReloadRequests,
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) withholding: Withholding,
    /// Where what outlives a restart is kept; `None` for nowhere.
    pub(crate) state: Option<StateFile>,
    pub(crate) announcing: Announcing,
    pub(crate) services: Services,
    /// What Docker says.
    pub(crate) networks: Networks,
    /// What checks of services say.
    pub(crate) checked: mpsc::Receiver<CheckNews>,
}

impl Operation {
    /// Does what is asked until the program shall end, and says by which signal that
    /// was; `None` if a part of it has ended.
    pub(crate) async fn run(
        &mut self,
        mut signals: Signals,
        stop: &CancellationToken,
    ) -> Option<&'static str> {
        loop {
            let deadline = self.withholding.deadline();
            let due = self.services.deadline();
            tokio::select! {
                biased;
                _ = signals.terminate.recv() => return Some("SIGTERM"),
                _ = signals.interrupt.recv() => return Some("SIGINT"),
                () = stop.cancelled() => return None,
                _ = signals.hangup.recv() => {
                    // Whoever sent the signal reads the log.
                    let _ = self.reload().await;
                }
                asked = self.reloads.next() => {
                    // Who asked may have gone meanwhile.
                    let _ = asked.send(self.reload().await);
                }
                found = self.services.news() => {
                    self.services.found(found, &mut self.announcing, Instant::now());
                }
                Some(news) = self.checked.recv() => {
                    let (announcing, now) = (&mut self.announcing, Instant::now());
                    self.services.looked(news.id, &news.level, announcing, now);
                }
                heard = self.networks.next() => {
                    let changed = self.networks.hear(heard);
                    if changed.networks {
                        self.announce_networks();
                    }
                    if changed.containers {
                        self.look_at_containers();
                    }
                }
                Some(order) = self.orders.recv() => self.carry_out(order).await,
                () = until(deadline) => {
                    let announcing = &mut self.announcing;
                    let now = Instant::now();
                    self.withholding.expire(now, announcing, &self.running);
                }
                () = until(due) => self.services.expire(&mut self.announcing, Instant::now()),
            }
        }
    }

    async fn reload(&mut self) -> Result<crate::reload::Reloaded, String> {
        let announcing = &mut self.announcing;
        let reloaded = reload(&self.args, &mut self.config, &self.running, announcing).await?;
        let (settings, now) = (&self.config.services, Instant::now());
        let services = &mut self.services;
        services
            .configure(settings, &mut self.announcing, now)
            .await;
        self.announce_networks();
        self.look_at_containers();
        Ok(reloaded)
    }

    fn announce_networks(&mut self) {
        let docker = self.config.docker.as_ref();
        self.networks.announce(docker, &mut self.announcing);
        if self.networks.is_listed() {
            self.services.networks_announced();
        }
    }

    fn look_at_containers(&mut self) {
        let (containers, now) = (self.networks.containers(), Instant::now());
        self.services
            .contained(containers, &mut self.announcing, now);
    }

    async fn carry_out(&mut self, order: Order) {
        match order {
            Order::Fulfil(wish, waiter, answer) => {
                let withholding = &mut self.withholding;
                let announcing = &mut self.announcing;
                let done = withholding.fulfil(wish, announcing, &self.running, waiter);
                let kept = self.keep().await.map(|()| done.clone());
                // Who asked may have gone meanwhile; so below.
                let _ = answer.send(kept.map_err(|error| {
                    let said = done.text;
                    format!("{said}, and would not be so after a restart: {error}")
                }));
            }
            Order::Drain(service, wanted, waiter, answer) => {
                let announcing = &mut self.announcing;
                let now = Instant::now();
                let done = self
                    .services
                    .drain(&service, wanted, waiter, announcing, now);
                let _ = answer.send(done);
            }
            Order::Services(after, answer) => {
                let held = self.withholding.held();
                let _ = answer.send(self.services.page(after, held));
            }
            Order::Holding(address, answer) => {
                let held = self.withholding.held();
                let _ = answer.send(self.services.holding(address, held));
            }
            Order::Compare(file, answer) => {
                let file = file.as_deref().unwrap_or(&self.args.config);
                let _ = answer.send(diff::of_read(&self.config, self.args.load(file)));
            }
        }
    }
}

impl Operation {
    /// Keeps what operators want.
    async fn keep(&self) -> std::io::Result<()> {
        let Some(state) = &self.state else {
            return Ok(());
        };
        let wanted = self.withholding.wanted();
        let kept = state.keep(withholding::SECTION, &wanted).await;
        kept.inspect_err(|error| warn!("what operators want was not kept: {error}"))
    }
}

/// Completes then; never without a deadline.
pub(crate) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// How many may wait before the next one waits to ask.
const WAITING: usize = 4;
