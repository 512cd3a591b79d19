//! What operators have the plugin do by its status socket.

use lb_status::model::{Diff, Done};
use lb_status::{Drained, Gone, Refused, Steering};
use tokio::sync::oneshot;

use crate::controller::{Controller, Handle, Progress, Stopping};
use crate::reload::Reloader;

/// Does it.
#[derive(Clone)]
pub(crate) struct PluginSteering {
    controller: Handle,
    reloader: Reloader,
}

/// Answers when what was changed is on the disk.
type Saved = oneshot::Receiver<std::io::Result<()>>;

impl PluginSteering {
    pub(crate) const fn new(controller: Handle, reloader: Reloader) -> Self {
        Self {
            controller,
            reloader,
        }
    }

    pub(crate) const fn reloader(&self) -> &Reloader {
        &self.reloader
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Controller) -> T + Send + 'static,
    ) -> Result<T, Refused> {
        Ok(self.controller.ask(question).await.map_err(gone)?)
    }

    /// The network that is meant, and what operators call it; `None` for all.
    async fn find(&self, what: Drained) -> Result<Option<(String, String)>, Refused> {
        let Drained::Service(name) = what else {
            return Ok(None);
        };
        let found = self.ask(move |controller| {
            let id = controller.service_called(&name)?;
            let called = controller.called(&id);
            Ok((id, called))
        });
        found.await?.map(Some)
    }

    /// Waits until a drain has had its time.
    async fn drained(&self, network: Option<String>, name: &str) -> Result<(), Refused> {
        let mut settled = self.ask(|controller| controller.settled()).await?;
        loop {
            let network = network.clone();
            let progress = self.ask(move |controller| controller.progress(network.as_deref()));
            match progress.await? {
                Progress::Over => return Ok(()),
                Progress::TakenBack => {
                    let why = format!("the drain of {name} was taken back meanwhile");
                    return Err(Refused::conflict(why));
                }
                Progress::GoesOn => settled.changed().await.map_err(|_| Gone)?,
            }
        }
    }
}

impl Steering for PluginSteering {
    async fn drain(&self, what: Drained, wait: bool) -> Result<Done, Refused> {
        let found = self.find(what).await?;
        let (network, name) = named(found);
        let id = network.clone();
        let change = self.ask(move |controller| {
            let changed = match &id {
                Some(id) => controller.drain_service(id),
                None => controller.drain_host(),
            };
            (changed, controller.save())
        });
        let (changed, saved) = change.await?;
        on_disk(saved, &format!("{name} is drained")).await?;
        if wait {
            self.drained(network, &name).await?;
            let text = format!("{name} is drained: what was under way had its time");
            return Ok(Done::new(changed, text));
        }
        Ok(done(
            changed,
            &name,
            "is drained".to_owned(),
            "is drained already".to_owned(),
        ))
    }

    async fn undrain(&self, what: Drained) -> Result<Done, Refused> {
        let found = self.find(what).await?;
        let (network, name) = named(found);
        let change = self.ask(move |controller| {
            let changed = match &network {
                Some(id) => controller.undrain_service(id),
                None => controller.undrain_host(),
            };
            (changed, controller.still_kept_back(), controller.save())
        });
        let (changed, still, saved) = change.await?;
        on_disk(saved, &format!("{name} is no longer drained")).await?;
        let (now, already) = ("is no longer drained", "was not drained");
        Ok(done(changed, &name, with(now, still), with(already, still)))
    }

    async fn maintenance(&self, on: bool) -> Result<Done, Refused> {
        let change = self.ask(move |controller| {
            let changed = controller.set_maintenance(on);
            let still = controller.still_kept_back().filter(|_| !on);
            (changed, still, controller.save())
        });
        let (changed, still, saved) = change.await?;
        let (now, already) = if on {
            ("is in maintenance", "is in maintenance already")
        } else {
            ("is no longer in maintenance", "was not in maintenance")
        };
        on_disk(saved, &format!("{THIS_HOST} {now}")).await?;
        let (now, already) = (with(now, still), with(already, still));
        Ok(done(changed, THIS_HOST, now, already))
    }

    async fn diff(&self, file: Option<&str>) -> Result<Diff, Refused> {
        match file {
            None => Ok(self.reloader.diff()),
            Some(_) => Err(Refused::bad_request(
                "the plugin's settings name its files: it compares with those, and with no other",
            )),
        }
    }
}

fn named(found: Option<(String, String)>) -> (Option<String>, String) {
    match found {
        Some((id, name)) => (Some(id), name),
        None => (None, THIS_HOST.to_owned()),
    }
}

fn done(changed: bool, name: &str, now: String, already: String) -> Done {
    if changed {
        Done::new(true, format!("{name} {now}"))
    } else {
        Done::new(false, format!("{name} {already}"))
    }
}

/// A sentence's end with what keeps things back all the same.
fn with(end: &str, still: Option<&str>) -> String {
    still.map_or_else(|| end.to_owned(), |still| format!("{end}, but {still}"))
}

/// It is so from now on; whether a restart knows of it is the disk's matter.
async fn on_disk(saved: Saved, what: &str) -> Result<(), Refused> {
    let why = match saved.await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the plugin is stopping".to_owned(),
    };
    let sentence = format!("{what}, and would not be so after a restart: {why}");
    Err(Refused::conflict(sentence))
}

fn gone(_: Stopping) -> Gone {
    Gone
}

const THIS_HOST: &str = "this host";
