//! Docker's event stream, for stop-watches.

use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::lab::host::Host;
use crate::wait::secs;

/// The events of one host's containers, followed by `docker events`.
pub(super) struct Events {
    child: Child,
    lines: Receiver<(String, u128)>,
}

impl Events {
    /// Follows them from now on.
    ///
    /// # Errors
    ///
    /// When the `docker` command cannot be started.
    pub(super) fn start(host: &Host) -> Result<Self> {
        let args = [
            "events",
            "--filter",
            "type=container",
            "--format",
            "{{json .}}",
        ];
        let mut child = host.docker.command(&args).piped()?;
        let output = child.stdout.take().context("docker events has an output")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output)
                .lines()
                .map_while(std::io::Result::ok)
            {
                let Ok(event) = serde_json::from_str::<Value>(&line) else {
                    continue;
                };
                let action = event["Action"].as_str().unwrap_or_default().to_owned();
                let nanos = u128::from(event["timeNano"].as_u64().unwrap_or_default());
                if sender.send((action, nanos)).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines })
    }

    /// When Docker says that the next event of this kind happened, in nanoseconds since 1970.
    ///
    /// # Errors
    ///
    /// When there is none within 20 s.
    pub(super) fn next(&self, action: &str) -> Result<u128> {
        let deadline = Instant::now() + secs(20);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (got, nanos) = self
                .lines
                .recv_timeout(left)
                .with_context(|| format!("wait for Docker's event {action:?}"))?;
            if got == action {
                return Ok(nanos);
            }
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
