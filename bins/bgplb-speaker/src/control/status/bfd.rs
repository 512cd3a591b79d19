//! BFD sessions as JSON.

use std::time::Duration;

use bgp_speaker::BfdStatus;
use serde::Serialize;

use super::seconds;

#[derive(Serialize)]
pub(super) struct BfdRow<'a> {
    state: String,
    /// Seconds since 1970.
    since: u64,
    diagnostic: String,
    discriminator: Option<u32>,
    /// Milliseconds.
    transmit_interval: Option<f64>,
    /// Milliseconds.
    detection_time: Option<f64>,
    failures: u64,
    last_down: Option<DownRow>,
    remote: Option<RemoteRow>,
    problem: Option<&'a str>,
}

#[derive(Serialize)]
struct DownRow {
    /// Seconds since 1970.
    at: u64,
    text: String,
}

/// The peer by its last packet.
#[derive(Serialize)]
struct RemoteRow {
    discriminator: u32,
    state: String,
    diagnostic: String,
    /// Milliseconds.
    min_tx: f64,
    /// Milliseconds.
    min_rx: f64,
    multiplier: u8,
    control_plane_independent: bool,
}

impl<'a> From<&'a BfdStatus> for BfdRow<'a> {
    fn from(bfd: &'a BfdStatus) -> Self {
        Self {
            state: bfd.state.to_string(),
            since: seconds(bfd.since),
            diagnostic: bfd.diagnostic.to_string(),
            discriminator: bfd.discriminator.map(|it| it.get()),
            transmit_interval: bfd.parameters.transmit_interval.map(milliseconds),
            detection_time: bfd.parameters.detection_time.map(milliseconds),
            failures: bfd.failures,
            last_down: bfd.last_down.map(|(at, why)| DownRow {
                at: seconds(at),
                text: why.to_string(),
            }),
            remote: bfd.remote.map(|remote| RemoteRow {
                discriminator: remote.discriminator.get(),
                state: remote.state.to_string(),
                diagnostic: remote.diagnostic.to_string(),
                min_tx: milliseconds(remote.desired_min_tx),
                min_rx: milliseconds(remote.required_min_rx),
                multiplier: remote.detect_multiplier,
                control_plane_independent: remote.control_plane_independent,
            }),
            problem: bfd.problem.as_deref(),
        }
    }
}

/// Intervals are told in microseconds, and mean milliseconds.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
