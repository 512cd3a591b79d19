//! The services as status requests read them: a page at a time, from their owner.

use std::net::IpAddr;
use std::ops::Bound;

use lb_status::model::{DrainScope, DrainStage, Reason, Service as Row, ServiceState};
use lb_status::{Gone, Rows};
use tokio::sync::oneshot;

use super::Services;
use crate::operation::{Order, Orders};
use crate::withholding::Held;

/// The rows of services, read while they are written.
#[derive(Debug)]
pub(crate) struct ServiceRows {
    orders: Orders,
    /// The last service that was read.
    after: Option<String>,
}

impl ServiceRows {
    /// All of them, from whoever takes `orders`.
    pub(crate) const fn new(orders: Orders) -> Self {
        Self {
            orders,
            after: None,
        }
    }
}

impl Rows for ServiceRows {
    type Row = Row;

    async fn next(&mut self) -> Result<Option<Vec<Row>>, Gone> {
        let (sender, answer) = oneshot::channel();
        let order = Order::Services(self.after.take(), sender);
        self.orders.send(order).await.map_err(|_| Gone)?;
        let page = answer.await.map_err(|_| Gone)?;
        self.after = page.last;
        Ok(self.after.is_some().then_some(page.rows))
    }
}

/// Some services.
#[derive(Debug)]
pub(crate) struct Page {
    rows: Vec<Row>,
    /// The name of the last one; `None` when there are no more.
    last: Option<String>,
}

impl Services {
    /// Those that follow `after` in the order of their names.
    /// What is `held` back with the whole host is not announced, whatever it would be.
    pub(crate) fn page(&self, after: Option<String>, held: Held) -> Page {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let services = self.services.range((from, Bound::Unbounded)).take(PAGE);
        let mut page = Page {
            rows: Vec::new(),
            last: None,
        };
        let counted = self.datapath.counted();
        for (name, service) in services {
            let rows = service.rows(&self.found, &counted);
            page.rows.extend(rows.map(|row| with_host(row, held)));
            page.last = Some(name.clone());
        }
        page
    }

    /// A service that holds `address`; of several the one that is announced.
    pub(crate) fn holding(&self, address: IpAddr, held: Held) -> Option<Row> {
        let counted = self.datapath.counted();
        let services = self.services.values();
        let rows = services.flat_map(|service| service.rows(&self.found, &counted));
        let holding = rows.filter(|row| row.prefix.contains(&address));
        let nearest = holding.min_by_key(|row| row.state);
        nearest.map(|row| with_host(row, held))
    }
}

/// The row as it is while the whole host is drained.
fn with_host(mut row: Row, held: Held) -> Row {
    let Some(drain) = held.drain() else {
        return row;
    };
    let announced = row.state == ServiceState::Announced;
    row.drain = Some(drain);
    match drain.stage {
        DrainStage::Marked if announced => {
            row.state = ServiceState::Draining;
            row.reason = Reason::Draining;
        }
        DrainStage::Withdrawn if announced || row.state == ServiceState::Draining => {
            row.state = ServiceState::Withheld;
            row.reason = match drain.scope {
                DrainScope::Maintenance => Reason::Maintenance,
                _ => Reason::Drained,
            };
            row.attributes = None;
        }
        _ => return row,
    }
    row.explanation = "the whole host is drained".to_owned();
    row
}

/// Services at a time.
const PAGE: usize = 100;
