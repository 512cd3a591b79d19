//! BFD sessions of the speaker.

use std::time::Duration;

use bfd::State;
use bgp_speaker::BfdStatus;

use crate::model::{BfdDown, BfdRemote, BfdSession, BfdState, seconds};

pub(super) fn session(bfd: &BfdStatus) -> BfdSession {
    BfdSession {
        state: state(bfd.state),
        since: seconds(bfd.since),
        diagnostic: bfd.diagnostic.to_string(),
        discriminator: bfd.discriminator.map(|it| it.get()),
        transmit_interval: bfd.parameters.transmit_interval.map(milliseconds),
        detection_time: bfd.parameters.detection_time.map(milliseconds),
        failures: bfd.failures,
        last_down: bfd.last_down.map(|(at, why)| BfdDown {
            at: seconds(at),
            text: why.to_string(),
        }),
        remote: bfd.remote.map(|remote| BfdRemote {
            discriminator: remote.discriminator.get(),
            state: state(remote.state),
            diagnostic: remote.diagnostic.to_string(),
            min_tx: milliseconds(remote.desired_min_tx),
            min_rx: milliseconds(remote.required_min_rx),
            multiplier: remote.detect_multiplier,
            control_plane_independent: remote.control_plane_independent,
        }),
        problem: bfd.problem.clone(),
    }
}

const fn state(state: State) -> BfdState {
    match state {
        State::AdminDown => BfdState::AdminDown,
        State::Down => BfdState::Down,
        State::Init => BfdState::Init,
        State::Up => BfdState::Up,
    }
}

/// Intervals are told in microseconds, and mean milliseconds.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
