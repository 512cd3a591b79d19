//! Whether a unit of systemd is active.

use std::path::PathBuf;
use std::time::Duration;

use super::exec::{ExecProbe, ExecSpec};
use super::spec::SpecError;
use super::target::Cause;
use crate::check::{Failure, Outcome, Success};

/// A unit, asked for with `systemctl show`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SystemdSpec {
    /// With its suffix: `nginx.service`.
    pub unit: String,
    /// The absolute path of `systemctl`; `/usr/bin/systemctl` by default.
    pub systemctl: PathBuf,
}

impl SystemdSpec {
    /// `unit`, which has its suffix.
    #[must_use]
    pub fn new(unit: impl Into<String>) -> Self {
        Self {
            unit: unit.into(),
            systemctl: "/usr/bin/systemctl".into(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct SystemdProbe {
    command: ExecProbe,
    target: String,
}

impl SystemdProbe {
    pub(crate) fn new(spec: SystemdSpec) -> Result<Self, SpecError> {
        let unit = spec.unit;
        // A pattern would name several, and a name without a suffix another than it seems.
        let is_name = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
        if !unit.contains('.') || unit.len() > 255 || !unit.chars().all(is_name) {
            return Err(SpecError::new(format!(
                "unit is \"{}\"; accepted is the name of one unit with its suffix",
                unit.escape_debug()
            )));
        }
        let target = format!("systemd {unit}");
        let systemctl = spec.systemctl.display().to_string();
        let command = ExecProbe::new(ExecSpec::new([
            systemctl.as_str(),
            "show",
            "--property=ActiveState",
            "--",
            &unit,
        ]))?;
        Ok(Self { command, target })
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    pub(crate) async fn look(&self, limit: Duration) -> Outcome {
        let target = &self.target;
        let ended = self.command.run(limit).await.map_err(|error| {
            Failure::new(format_args!(
                "{target}: {}: {}",
                self.command.target(),
                Cause(&error)
            ))
        })?;
        if !ended.status.success() {
            return Err(ended.failure(target));
        }
        let text = String::from_utf8_lossy(&ended.output);
        let state = text
            .lines()
            .find_map(|line| line.strip_prefix("ActiveState="))
            .map(str::trim);
        match state {
            // A service that reads its configuration again serves meanwhile.
            Some("active" | "reloading" | "refreshing") => Ok(Success::default()),
            Some(state) => Err(Failure::new(format_args!(
                "{target}: {state} (active accepted)"
            ))),
            None => Err(Failure::new(format_args!(
                "{target}: systemctl does not tell its ActiveState: {}",
                ended.first_line()
            ))),
        }
    }
}
