//! What both programs can be told to do, done by this one.

use std::path::PathBuf;

use lb_status::model::{Diff, Done};
use lb_status::{Drained, Gone, Refused, Steering};
use tokio::sync::oneshot;

use crate::operation::{Order, Orders};
use crate::withholding::{Waiter, Wish};

/// Passes it on to the owner of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct SpeakerSteering {
    orders: Orders,
}

impl SpeakerSteering {
    pub(crate) const fn new(orders: Orders) -> Self {
        Self { orders }
    }

    async fn fulfil(&self, wish: Wish, waiter: Option<Waiter>) -> Result<Done, Refused> {
        let done = self.order(|answer| Order::Fulfil(wish, waiter, answer));
        done.await?.map_err(Refused::conflict)
    }

    async fn drain_service(&self, name: String, wanted: bool, wait: bool) -> Result<Done, Refused> {
        let (waiter, withdrawn) = match wait {
            true => Some(oneshot::channel()).unzip(),
            false => (None, None),
        };
        let service = name.clone();
        let done = self.order(|answer| Order::Drain(service, wanted, waiter, answer));
        let Some(done) = done.await? else {
            let why = format!("there is no service {name}: `services` lists them");
            return Err(Refused::not_found(why));
        };
        let Some(withdrawn) = withdrawn else {
            return Ok(done);
        };
        withdrawn
            .await
            .map_err(|_| Gone)?
            .map_err(Refused::conflict)?;
        let text = format!("the service {name} is drained: it is withdrawn");
        Ok(Done::new(done.changed, text))
    }

    async fn order<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<T>) -> Order,
    ) -> Result<T, Refused> {
        let (sender, answer) = oneshot::channel();
        let sent = self.orders.send(order(sender)).await;
        sent.map_err(|_| Gone)?;
        Ok(answer.await.map_err(|_| Gone)?)
    }
}

impl Steering for SpeakerSteering {
    async fn drain(&self, what: Drained, wait: bool) -> Result<Done, Refused> {
        if let Drained::Service(name) = what {
            return self.drain_service(name, true, wait).await;
        }
        if !wait {
            return self.fulfil(Wish::Drained(true), None).await;
        }
        let (waiter, withdrawn) = oneshot::channel();
        let done = self.fulfil(Wish::Drained(true), Some(waiter)).await?;
        withdrawn
            .await
            .map_err(|_| Gone)?
            .map_err(Refused::conflict)?;
        let text = "this host is drained: everything is withdrawn";
        Ok(Done::new(done.changed, text))
    }

    async fn undrain(&self, what: Drained) -> Result<Done, Refused> {
        match what {
            Drained::Host => self.fulfil(Wish::Drained(false), None).await,
            Drained::Service(name) => self.drain_service(name, false, false).await,
        }
    }

    async fn maintenance(&self, on: bool) -> Result<Done, Refused> {
        self.fulfil(Wish::Maintenance(on), None).await
    }

    async fn diff(&self, file: Option<&str>) -> Result<Diff, Refused> {
        let file = file.map(PathBuf::from);
        self.order(|answer| Order::Compare(file, answer)).await
    }
}
