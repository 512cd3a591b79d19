//! The reader's two machines, and how the commands of a page are given there.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};

use crate::artifacts::workspace;
use crate::book::console::{self, Place, Step};
use crate::book::markdown::Page;
use crate::cmd::{Cmd, Daemon, quote, tail};
use crate::lab::host::Host;
use crate::lab::space::Space;
use crate::lab::{Lab, image};
use crate::packages;
use crate::wait::{secs, until};

/// How long one command may take: one of them builds the plugin.
const COMMAND: u64 = 900;

/// How long a command may be asked again until it prints what the page says.
const PATIENCE: u64 = 60;

/// `pidof` of one host among several.
const PIDOF: &str = r#"#!/bin/sh
own=$(readlink /proc/self/ns/net)
for process in /proc/[0-9]*; do
    [ "$(cat "$process/comm" 2> /dev/null)" = "$1" ] || continue
    [ "$(readlink "$process/ns/net")" = "$own" ] && echo "${process#/proc/}"
done
"#;

/// A host of the laboratory, and its router's namespace if the reader sets that up.
pub(super) struct Machines<'a> {
    pub(super) host: &'a Host,
    router: Option<&'a Router>,
    path: OsString,
}

impl<'a> Machines<'a> {
    /// The first host, with what a page expects to find there.
    pub(super) fn of(lab: &'a Lab, router: Option<&'a Router>) -> Result<Self> {
        let host = lab.hosts.first().context("a laboratory has hosts")?;
        let nginx = image::build_nginx(&lab.dir().join("nginx"), &packages::busybox())?;
        host.docker.import(nginx, "nginx")?;
        let bin = lab.dir().join("bin");
        fs::create_dir_all(&bin)?;
        let pidof = bin.join("pidof");
        fs::write(&pidof, PIDOF)?;
        fs::set_permissions(&pidof, fs::Permissions::from_mode(0o755))?;
        let mut path = bin.into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        Ok(Self { host, router, path })
    }

    /// Gives every command of a page, in order, as [`give`] does.
    pub(super) fn follow(&self, name: &str, page: &Page) -> Result<()> {
        let steps = console::steps(page).with_context(|| name.to_owned())?;
        ensure!(!steps.is_empty(), "{name} has no commands");
        give(name, &steps, |step| self.command(step))
    }

    fn command(&self, step: &Step) -> Result<Cmd> {
        let space = match step.place {
            Place::Host => &self.host.space,
            Place::Router => {
                &self
                    .router
                    .context("this page has no router of the reader's")?
                    .space
            }
            Place::SecondHost | Place::Client => bail!("this page has one host and its router"),
        };
        let mut path = OsString::from("PATH=");
        path.push(&self.path);
        let shell = space
            .command("env")
            .arg(path)
            .arg(format!("DOCKER_HOST={}", self.host.docker.url()))
            .arg("sh");
        Ok(of_shell(shell, step))
    }
}

/// Gives commands of the page `name`, in order, each by what `command` makes of it. One with an
/// output in the page only asks: it is given again until it says so.
///
/// # Errors
///
/// With the line of the first that fails, or does not come to say what the page says.
pub(in crate::e2e) fn give(
    name: &str,
    steps: &[Step],
    command: impl Fn(&Step) -> Result<Cmd>,
) -> Result<()> {
    let one = |step: &Step| {
        if step.expected.is_empty() {
            return command(step)?.run();
        }
        until("what the page says", secs(PATIENCE), || {
            // Some that find nothing end with an error, which the page does not show.
            let said = command(step)?.finish()?;
            console::seen(&step.expected, &(said.stdout + &said.stderr))
        })
    };
    steps.iter().try_for_each(|step| {
        one(step).with_context(|| format!("{name}:{}: {}", step.line, step.command))
    })
}

/// A step as a shell is given it, in the clone of the repository.
pub(in crate::e2e) fn of_shell(shell: Cmd, step: &Step) -> Cmd {
    // Other mounts begin at the root.
    let clone = quote(&workspace().display().to_string());
    let script = format!("set -e\ncd {clone}\n{}", step.command);
    shell.args(["-c", &script]).timeout(secs(COMMAND))
}

/// The router's namespace with files of its own, and BIRD as it is after its installation.
pub(super) struct Router {
    // First what runs in it.
    bird: Daemon,
    space: Space,
}

impl Router {
    pub(super) fn start(lab: &Lab) -> Result<Self> {
        let dir: PathBuf = lab.dir().join("router");
        let files = dir.join("etc-bird");
        fs::create_dir_all(&files)?;
        fs::write(files.join("bird.conf"), "protocol device { }\n")?;
        let (shown, files) = (dir.display(), files.display());
        // Mounting the directory on itself marks the mount namespace as ours for the clean-up.
        let mounts = format!(
            "mount --bind {shown} {shown}\n\
             mount -t tmpfs tmpfs /run\n\
             mkdir /run/bird\n\
             chown -R bird:bird /run/bird {files}\n\
             mount --bind {files} /etc/bird\n"
        );
        let space = Space::with_mounts("r", &lab.router_netns, &mounts)?;
        let bird = space.command("/usr/sbin/bird");
        let bird = bird
            .args(["-f", "-u", "bird", "-g", "bird"])
            .spawn(&dir.join("bird.log"))?;
        let router = Self { bird, space };
        until("BIRD's control socket", secs(10), || {
            let birdc = router.space.command("birdc");
            birdc.args(["show", "status"]).read()
        })?;
        Ok(router)
    }

    /// The end of its log.
    pub(super) fn log(&self) -> String {
        tail(self.bird.log(), 25)
    }
}
