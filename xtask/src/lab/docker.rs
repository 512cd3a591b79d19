//! The `docker` command of one engine, and the plugin socket behind it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::space::Space;
use crate::cmd::Cmd;
use crate::packages;

/// Talks to one engine through its socket.
#[derive(Clone, Debug)]
pub(crate) struct Docker {
    host: String,
    socket: PathBuf,
    narrate: bool,
    /// The argument of `nsenter` for mounts that hold a `docker` of the engine's own version.
    mounts: Option<String>,
}

impl Docker {
    /// The engine of `host` listening on `socket`; with `narrate` every [`Self::run`] is printed.
    pub(crate) fn new(host: &str, socket: PathBuf, narrate: bool) -> Self {
        Self {
            host: host.to_owned(),
            socket,
            narrate,
            mounts: None,
        }
    }

    /// The engine of `host`, asked with the `docker` command of its own file tree.
    pub(crate) fn inside(host: &str, socket: PathBuf, space: &Space) -> Self {
        Self {
            mounts: Some(space.mounts()),
            ..Self::new(host, socket, false)
        }
    }

    /// The socket as `-H` wants it.
    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// A `docker` command for this engine.
    pub(crate) fn command(&self, args: &[&str]) -> Cmd {
        let client = match &self.mounts {
            None => Cmd::new(packages::docker()),
            Some(mounts) => Cmd::new("nsenter").args([mounts, "--", "docker"]),
        };
        client.arg("-H").arg(self.url()).args(args)
    }

    /// Runs a command that matters to the reader, and gives what it prints.
    ///
    /// # Errors
    ///
    /// With Docker's own words when it refuses.
    pub(crate) fn run(&self, args: &[&str]) -> Result<String> {
        if self.narrate {
            let words = args.iter().map(|arg| crate::cmd::quote(arg));
            println!("{}", wrap(&format!("  {}# docker", self.host), words));
        }
        self.command(args).read()
    }

    /// Runs a command to look at something.
    ///
    /// # Errors
    ///
    /// With Docker's own words when it refuses.
    pub(crate) fn ask(&self, args: &[&str]) -> Result<String> {
        self.command(args).read()
    }

    /// What `docker inspect` knows about one object.
    ///
    /// # Errors
    ///
    /// When there is no such object.
    pub(crate) fn inspect(&self, kind: &str, name: &str) -> Result<Value> {
        let text = self.ask(&["inspect", "--type", kind, name])?;
        let list: Value = serde_json::from_str(&text).context("parse docker inspect")?;
        list.get(0)
            .cloned()
            .with_context(|| format!("{kind} {name} is not there"))
    }

    /// The health of a container: `starting`, `healthy`, `unhealthy`, or the state of one that
    /// does not run.
    ///
    /// # Errors
    ///
    /// When there is no such container.
    pub(crate) fn health(&self, name: &str) -> Result<String> {
        let state = self.inspect("container", name)?["State"].clone();
        let status = state["Status"].as_str().unwrap_or_default();
        let health = state["Health"]["Status"].as_str();
        Ok(if status == "running" {
            health.unwrap_or(status)
        } else {
            status
        }
        .to_owned())
    }

    /// Gives an archive to `docker import` as an image that runs `/init`.
    ///
    /// # Errors
    ///
    /// When Docker refuses it.
    pub(crate) fn import(&self, archive: Vec<u8>, name: &str) -> Result<()> {
        self.command(&["import", "-c", r#"CMD ["/init"]"#, "-", name])
            .stdin(archive)
            .run()
    }

    /// The names that a listing command such as `docker ps --all` prints.
    ///
    /// # Errors
    ///
    /// When Docker refuses.
    pub(crate) fn names(&self, args: &[&str], field: &str) -> Result<Vec<String>> {
        let format = format!("{{{{.{field}}}}}");
        let mut all = args.to_vec();
        all.extend(["--format", &format]);
        Ok(self.ask(&all)?.lines().map(str::to_owned).collect())
    }
}

/// A command line as a reader likes it: continued on further lines where it gets long.
fn wrap(start: &str, words: impl Iterator<Item = String>) -> String {
    const WIDTH: usize = 100;
    const INDENT: &str = "        ";
    let mut text = start.to_owned();
    let mut column = text.len();
    for word in words {
        if column + 1 + word.len() > WIDTH {
            text.push_str(" \\\n");
            text.push_str(INDENT);
            column = INDENT.len();
        } else {
            text.push(' ');
            column += 1;
        }
        column += word.len();
        text.push_str(&word);
    }
    text
}

/// Finds the socket of the only enabled plugin below a host's directory of plugin sockets.
///
/// # Errors
///
/// When there is none.
pub(crate) fn plugin_socket(plugins: &Path) -> Result<PathBuf> {
    for entry in fs::read_dir(plugins).with_context(|| format!("list {}", plugins.display()))? {
        let socket = entry?.path().join("bgplb.sock");
        if socket.exists() {
            return Ok(socket);
        }
    }
    bail!("no plugin socket below {}", plugins.display())
}

/// Sends one plugin request as dockerd would and gives the status and the body of the answer.
///
/// # Errors
///
/// When the plugin does not answer with HTTP within five seconds.
pub(crate) fn plugin_request(socket: &Path, method: &str, body: &str) -> Result<(u16, String)> {
    let accept = "Accept: application/vnd.docker.plugins.v1.2+json";
    post(socket, method, accept, body, Duration::from_secs(5))
}

/// Sends one request to an engine, whose words may be longer than a command line.
///
/// # Errors
///
/// When the engine does not answer with HTTP within a minute.
pub(crate) fn request(socket: &Path, path: &str, body: &str) -> Result<(u16, String)> {
    let kind = "Content-Type: application/json";
    post(socket, path, kind, body, Duration::from_secs(60))
}

fn post(
    socket: &Path,
    path: &str,
    header: &str,
    body: &str,
    limit: Duration,
) -> Result<(u16, String)> {
    let mut stream = connect(socket)?;
    stream.set_read_timeout(Some(limit))?;
    write!(
        stream,
        "POST /{path} HTTP/1.1\r\nHost: \r\nConnection: close\r\nContent-Length: {}\r\n\
         {header}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .with_context(|| format!("read the answer to {path}"))?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("an answer without a body")?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok((
        status.with_context(|| format!("no status in {head:?}"))?,
        body.trim().to_owned(),
    ))
}

/// Connects to a unix socket.
///
/// A path through `/proc/PID/root` may be longer than a socket address allows, so the connection
/// is made through a short link to the socket's directory.
///
/// # Errors
///
/// When nobody listens there.
pub(crate) fn connect(socket: &Path) -> Result<UnixStream> {
    use std::os::fd::AsRawFd as _;
    let parent = socket.parent().context("a socket has a directory")?;
    let name = socket.file_name().context("a socket has a name")?;
    let dir = fs::File::open(parent)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd())).join(name);
    UnixStream::connect(short).with_context(|| format!("connect to {}", socket.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_goes_on_in_the_next_line() {
        let words = ["a".repeat(60), "b".repeat(60)];
        let text = wrap("  h1# docker", words.into_iter());
        let expected = format!(
            "  h1# docker {} \\\n        {}",
            "a".repeat(60),
            "b".repeat(60)
        );
        assert_eq!(text, expected);
    }
}
