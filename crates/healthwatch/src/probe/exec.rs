//! Whether a program exits with 0.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::spec::SpecError;
use super::target::Cause;
use crate::check::{Failure, Outcome, Success};

/// A program with its arguments, without a shell.
///
/// It gets an environment of its own: `PATH`, what is given here, and
/// `BGPLB_TIMEOUT` in seconds. It reads nothing. When it has ended, or
/// its time is over, whatever is left of its process group is killed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExecSpec {
    /// The program's absolute path, then its arguments.
    pub command: Vec<String>,
    /// Further variables; their names begin with `BGPLB_`.
    pub environment: BTreeMap<String, String>,
    /// A first word of the output like `40%` is how much of its share the
    /// service asks for.
    pub weight_from_output: bool,
}

impl ExecSpec {
    /// Runs `command`, which begins with the program's absolute path.
    #[must_use]
    pub fn new(command: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}

#[derive(Debug)]
pub(crate) struct ExecProbe {
    spec: ExecSpec,
    target: String,
}

impl ExecProbe {
    pub(crate) fn new(spec: ExecSpec) -> Result<Self, SpecError> {
        let program = spec.command.first().map_or("", String::as_str);
        if !Path::new(program).is_absolute() {
            return Err(SpecError::new(format!(
                "command begins with \"{program}\"; accepted is the absolute path of a program"
            )));
        }
        if let Some(word) = spec.command.iter().find(|word| word.contains('\0')) {
            let shown = word.escape_debug();
            return Err(SpecError::new(format!(
                "command has \"{shown}\"; accepted are words without NUL"
            )));
        }
        let fits = |(name, value): &(&String, &String)| {
            name.starts_with("BGPLB_") && !name.contains(['=', '\0']) && !value.contains('\0')
        };
        if let Some((name, _)) = spec.environment.iter().find(|variable| !fits(variable)) {
            return Err(SpecError::new(format!(
                "environment has \"{}\"; accepted are names that begin with BGPLB_",
                name.escape_debug()
            )));
        }
        let target = format!("exec {program}");
        Ok(Self { spec, target })
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    pub(crate) async fn look(&self, limit: Duration) -> Outcome {
        let ended = self
            .run(limit)
            .await
            .map_err(|error| Failure::new(format_args!("{}: {}", self.target, Cause(&error))))?;
        if !ended.status.success() {
            return Err(ended.failure(&self.target));
        }
        if !self.spec.weight_from_output {
            return Ok(Success::default());
        }
        match ended.weight() {
            Some(weight) => Ok(Success::weighing(weight)),
            None => Err(Failure::new(format_args!(
                "{}: printed \"{}\", which does not begin with a share like 40%",
                self.target,
                ended.first_line()
            ))),
        }
    }

    pub(crate) async fn run(&self, limit: Duration) -> io::Result<Ended> {
        let mut words = self.spec.command.iter();
        let program = words.next().map_or("", String::as_str);
        let child = Command::new(program)
            .args(words)
            .env_clear()
            .env("PATH", PATH)
            .env("BGPLB_TIMEOUT", limit.as_secs_f64().to_string())
            .envs(&self.spec.environment)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut group = Group::new(child);
        let mut output = Output::default();
        let mut errors = Output::default();
        let (stdout, stderr) = (group.child.stdout.take(), group.child.stderr.take());
        let status = {
            let mut reading =
                std::pin::pin!(async { tokio::join!(output.read(stdout), errors.read(stderr)) });
            tokio::select! {
                status = group.child.wait() => {
                    // What it started may hold its output open: that is ended first.
                    group.kill();
                    // What has left the group goes on, and may hold it open for ever.
                    drop(timeout(LAST_WORDS, reading).await);
                    status?
                }
                _ = &mut reading => {
                    let status = group.child.wait().await?;
                    group.kill();
                    status
                }
            }
        };
        Ok(Ended {
            status,
            output: output.text,
            errors: errors.text,
        })
    }
}

/// A program that has ended, and what it printed first.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) output: Vec<u8>,
    pub(crate) errors: Vec<u8>,
}

impl Ended {
    /// That it did not end as it should, with its own word if it said one.
    pub(crate) fn failure(&self, target: &str) -> Failure {
        let how = match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("killed by signal {signal}"),
            (None, None) => "ended without an exit code".into(),
        };
        let said = self.first_line();
        if said.is_empty() {
            Failure::new(format_args!("{target}: {how} (0 accepted)"))
        } else {
            Failure::new(format_args!("{target}: {how} (0 accepted): {said}"))
        }
    }

    /// What it said: the first line of its errors, else of its output.
    pub(crate) fn first_line(&self) -> String {
        let line = |text: &[u8]| {
            let text = String::from_utf8_lossy(text);
            let line = text.lines().map(str::trim).find(|line| !line.is_empty());
            line.map(str::to_owned)
        };
        line(&self.errors)
            .or_else(|| line(&self.output))
            .unwrap_or_default()
    }

    fn weight(&self) -> Option<u8> {
        let text = String::from_utf8_lossy(&self.output);
        let weight: u8 = text
            .split_whitespace()
            .next()?
            .strip_suffix('%')?
            .parse()
            .ok()?;
        (weight <= 100).then_some(weight)
    }
}

/// The beginning of what a program writes; the rest is read and left out, so
/// that it need not wait.
#[derive(Default)]
struct Output {
    text: Vec<u8>,
}

impl Output {
    async fn read(&mut self, from: Option<impl AsyncRead + Unpin>) {
        let Some(mut from) = from else {
            return;
        };
        let mut piece = [0; 1024];
        // A fault ends it as the end does: the exit code decides.
        while let Ok(read @ 1..) = from.read(&mut piece).await {
            let room = KEPT - self.text.len();
            self.text.extend(piece.iter().take(read.min(room)));
        }
    }
}

/// A program and those it has started, which end with this.
struct Group {
    child: Child,
    leader: Option<Pid>,
}

impl Group {
    fn new(child: Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self {
            child,
            leader: id.and_then(Pid::from_raw),
        }
    }

    /// Kills what is left. The leader's number stays the group's while there
    /// is anybody in it, and is not given to others so soon where there is not.
    fn kill(&mut self) {
        if let Some(leader) = self.leader.take() {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // tokio waits for the leader, so that it leaves no zombie.
        self.kill();
    }
}

/// Octets that are kept of what a program writes.
const KEPT: usize = 4096;
/// How long output is read once its program has ended; it was written before.
const LAST_WORDS: Duration = Duration::from_millis(100);
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
