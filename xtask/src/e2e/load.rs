//! The client's requests during a test, counted.

use anyhow::{Result, ensure};

use crate::lab::client::RunningClient;
use crate::lab::{Lab, service_addresses};

/// Requests that are made without a pause to both addresses of the service.
#[derive(Debug)]
pub(super) struct Load {
    client: RunningClient,
}

impl Load {
    /// Starts them; every host of the laboratory has answered then.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(super) fn start(lab: &Lab) -> Result<Self> {
        let addresses = service_addresses()?;
        let client = RunningClient::start(&lab.client_netns, &addresses, lab.hosts.len())?;
        Ok(Self { client })
    }

    /// Ends them and says how many there were during `what`. A connection that is open in the very
    /// moment in which the router changes its routes may move to another host; the router did that
    /// `changes` times.
    ///
    /// # Errors
    ///
    /// When one of them was not answered, or more moved than can be by that.
    pub(super) fn expect_no_loss(self, what: &str, changes: u32) -> Result<()> {
        let seen = self.client.finish()?;
        let (answered, failed, again) = (seen.answered(), seen.failures.len(), seen.resent);
        println!("{what}: {answered} requests answered, {failed} failed, {again} sent again");
        ensure!(failed == 0, "failed requests: {:?}", seen.failures);
        ensure!(answered > 100, "only {answered} requests were made");
        // Of each family one at a time is under way.
        ensure!(
            again <= 2 * changes,
            "{again} requests were sent again, with {changes} changes of routes"
        );
        Ok(())
    }
}
