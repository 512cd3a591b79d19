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
        only_host(&what)?;
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
        only_host(&what)?;
        self.fulfil(Wish::Drained(false), None).await
    }

    async fn maintenance(&self, on: bool) -> Result<Done, Refused> {
        self.fulfil(Wish::Maintenance(on), None).await
    }

    async fn diff(&self, file: Option<&str>) -> Result<Diff, Refused> {
        let file = file.map(PathBuf::from);
        self.order(|answer| Order::Compare(file, answer)).await
    }
}

fn only_host(what: &Drained) -> Result<(), Refused> {
    match what {
        Drained::Host => Ok(()),
        Drained::Service(name) => Err(Refused::not_found(format!(
            "there is no service {name}: this program has none, and drains `host` alone"
        ))),
    }
}
