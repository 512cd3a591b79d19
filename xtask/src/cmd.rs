//! Runs other programs: bounded in time, interruptible, and with errors that quote the command.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::sys;

/// How long a command may take when nobody says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a waiting command looks at the clock and at pending signals.
const TICK: Duration = Duration::from_millis(50);

/// One command line, run to its end.
#[derive(Clone, Debug)]
pub(crate) struct Cmd {
    program: OsString,
    args: Vec<OsString>,
    stdin: Option<Vec<u8>>,
    timeout: Duration,
    interruptible: bool,
}

/// What a finished command left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The exit code; `None` when a signal ended the program.
    pub(crate) code: Option<i32>,
    /// Standard output, lossily decoded.
    pub(crate) stdout: String,
    /// Standard error, lossily decoded.
    pub(crate) stderr: String,
}

impl Cmd {
    /// A command with no arguments yet.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            stdin: None,
            timeout: DEFAULT_TIMEOUT,
            interruptible: true,
        }
    }

    /// Adds one argument.
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Gives the program these octets on its standard input.
    pub(crate) fn stdin(mut self, octets: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(octets.into());
        self
    }

    /// Replaces the time limit of 60 s.
    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Lets the command finish although the program was told to end; for cleaning up.
    pub(crate) fn uninterruptible(mut self) -> Self {
        self.interruptible = false;
        self
    }

    /// Runs the command; a non-zero exit code is not an error here.
    ///
    /// # Errors
    ///
    /// When the program cannot be started, takes longer than its limit, or the user interrupts.
    pub(crate) fn finish(&self) -> Result<Finished> {
        let mut child = Command::new(&self.program)
            .args(&self.args)
            .stdin(if self.stdin.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {self}"))?;
        let pid = child.id();
        if let (Some(octets), Some(mut pipe)) = (self.stdin.clone(), child.stdin.take()) {
            // A program that does not read its input closes the pipe; that is its business.
            thread::spawn(move || drop(pipe.write_all(&octets)));
        }
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || drop(sender.send(child.wait_with_output())));
        let output = self.await_output(pid, &receiver)?;
        Ok(Finished {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    fn await_output(
        &self,
        pid: u32,
        receiver: &mpsc::Receiver<std::io::Result<Output>>,
    ) -> Result<Output> {
        let deadline = Instant::now() + self.timeout;
        let reason = loop {
            match receiver.recv_timeout(TICK) {
                Ok(output) => return output.with_context(|| format!("wait for {self}")),
                Err(RecvTimeoutError::Disconnected) => break "was lost".to_owned(),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.interruptible && sys::interrupted() {
                break "was interrupted".to_owned();
            }
            if Instant::now() >= deadline {
                break format!("took longer than {:?}", self.timeout);
            }
        };
        // It may have ended this very moment.
        drop(sys::kill(pid, libc::SIGKILL));
        bail!("{self} {reason}")
    }

    /// Runs the command and gives its standard output without the last line end.
    ///
    /// # Errors
    ///
    /// As [`Self::finish`], and when the exit code is not zero; the message then holds what the
    /// program said.
    pub(crate) fn read(&self) -> Result<String> {
        let finished = self.finish()?;
        if finished.code == Some(0) {
            Ok(finished.stdout.trim_end().to_owned())
        } else {
            Err(anyhow!("{self}: {}", finished.complaint()))
        }
    }

    /// Runs the command for its effect.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub(crate) fn run(&self) -> Result<()> {
        self.read().map(drop)
    }

    /// Runs the command with the terminal as its output, for long work whose progress shall be
    /// seen, and gives whether it succeeded.
    ///
    /// # Errors
    ///
    /// When the program cannot be started.
    pub(crate) fn show(&self, env: &[(&str, OsString)]) -> Result<bool> {
        let mut child = Command::new(&self.program)
            .args(&self.args)
            .envs(env.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("start {self}"))?;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if sys::interrupted() {
                // Ctrl-C reached it from the terminal; a signal sent to this program did not.
                drop(sys::kill(child.id(), libc::SIGTERM));
                break child.wait()?;
            }
            thread::sleep(TICK);
        };
        Ok(status.success())
    }

    /// Starts the command in the background, in a process group of its own, so that Ctrl-C
    /// reaches this program first; both outputs go to the file `log`.
    ///
    /// # Errors
    ///
    /// When the log cannot be written or the program cannot be started.
    pub(crate) fn spawn(&self, log: &Path) -> Result<Daemon> {
        self.spawn_with(Stdio::null(), log)
    }

    /// [`Self::spawn`] with something on the standard input.
    ///
    /// # Errors
    ///
    /// As there.
    pub(crate) fn spawn_with(&self, stdin: impl Into<Stdio>, log: &Path) -> Result<Daemon> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("open {}", log.display()))?;
        let child = Command::new(&self.program)
            .args(&self.args)
            .stdin(stdin)
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {self}"))?;
        Ok(Daemon {
            child,
            line: self.to_string(),
            log: log.to_owned(),
            keep: false,
        })
    }

    /// Starts the command with pipes on its standard input and output.
    ///
    /// # Errors
    ///
    /// When the program cannot be started.
    pub(crate) fn piped(&self) -> Result<Child> {
        Command::new(&self.program)
            .args(&self.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {self}"))
    }
}

impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote(&self.program.to_string_lossy()))?;
        for arg in &self.args {
            write!(f, " {}", quote(&arg.to_string_lossy()))?;
        }
        Ok(())
    }
}

/// A word as it would be typed into a shell.
pub(crate) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+[]{}".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

impl Finished {
    /// What the program said about its failure, or its exit code if it said nothing.
    pub(crate) fn complaint(&self) -> String {
        let said = if self.stderr.trim().is_empty() {
            &self.stdout
        } else {
            &self.stderr
        };
        match (said.trim(), self.code) {
            ("", Some(code)) => format!("exit code {code}"),
            ("", None) => "ended by a signal".to_owned(),
            (said, _) => said.to_owned(),
        }
    }
}

/// A program running in the background; dropping it kills it and waits for its end.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    line: String,
    log: PathBuf,
    keep: bool,
}

impl Daemon {
    /// The process identifier.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The file holding both outputs of the program.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Leaves the program running when this value is dropped.
    pub(crate) fn keep(&mut self) {
        self.keep = true;
    }

    /// Ends the program by SIGTERM and waits for that.
    ///
    /// # Errors
    ///
    /// When it does not end within `limit`.
    pub(crate) fn stop(&mut self, limit: Duration) -> Result<()> {
        sys::kill(self.child.id(), libc::SIGTERM).with_context(|| format!("end {}", self.line))?;
        let deadline = Instant::now() + limit;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("{} does not end within {limit:?}", self.line);
            }
            thread::sleep(TICK);
        }
        Ok(())
    }

    /// Ends the program by SIGKILL and waits for that.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .with_context(|| format!("kill {}", self.line))
            .map(drop)
    }

    /// An error, with the end of its log, if the program has ended.
    ///
    /// # Errors
    ///
    /// When the program is not running any more.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!(
                "{} ended with {status}:\n{}",
                self.line,
                tail(&self.log, 12)
            ),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if !self.keep && matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// The last `lines` lines of a text file, or why it cannot be read.
pub(crate) fn tail(path: &Path, lines: usize) -> String {
    match std::fs::read(path) {
        Ok(octets) => {
            let text = String::from_utf8_lossy(&octets);
            // dockerd reports every connection and part of its own, and that each health check's
            // control group is gone already; nobody wants to read that.
            let chatter = ["module=grpc", "loading plugin", "loading cgroup for"];
            let told = |line: &&str| !chatter.iter().any(|words| line.contains(words));
            let all: Vec<&str> = text.lines().filter(told).collect();
            all[all.len().saturating_sub(lines)..].join("\n")
        }
        Err(error) => format!("({}: {error})", path.display()),
    }
}

/// The last 25 lines of each log with its name, for a failed test.
pub(crate) fn tails(logs: &[impl AsRef<Path>]) -> String {
    let shown = logs.iter().map(AsRef::as_ref).map(|log| {
        let name = log.display();
        format!("--- {name}\n{}\n", tail(log, 25))
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let command = Cmd::new("docker").args(["run", "--health-cmd", "wget -q x", "", "it's"]);
        assert_eq!(
            command.to_string(),
            r"docker run --health-cmd 'wget -q x' '' 'it'\''s'"
        );
    }

    #[test]
    fn a_failure_quotes_the_command_and_what_it_said() {
        let error = Cmd::new("sh")
            .args(["-c", "echo why >&2; exit 3"])
            .read()
            .unwrap_err();
        assert_eq!(error.to_string(), "sh -c 'echo why >&2; exit 3': why");
    }

    #[test]
    fn a_silent_failure_shows_its_exit_code() {
        let error = Cmd::new("false").run().unwrap_err();
        assert_eq!(error.to_string(), "false: exit code 1");
    }

    #[test]
    fn a_command_that_takes_too_long_is_ended() {
        let start = Instant::now();
        let command = Cmd::new("sleep")
            .arg("30")
            .timeout(Duration::from_millis(100));
        let error = command.run().unwrap_err();
        assert_eq!(error.to_string(), "sleep 30 took longer than 100ms");
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn standard_input_reaches_the_command() {
        assert_eq!(Cmd::new("cat").stdin("words\n").read().unwrap(), "words");
    }
}
