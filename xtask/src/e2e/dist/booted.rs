//! The packages under a systemd that runs: a fresh system booted in namespaces of its own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::Made;
use super::fresh_root::FreshRoot;
use super::installed::with_packages;
use crate::cmd::{Cmd, Daemon, tail};
use crate::wait::{secs, until};

/// Where control groups are that have to do with systemd: with controllers apart, or together.
const GROUPS: [&str; 2] = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup"];

/// Boots what is mounted at `$1` as the first process of its namespaces. Services of the machine
/// are not started in it; it has but the loopback.
const BOOT: &str = "set -e
root=$1 groups=$2
mount --make-rprivate /
mount --bind $root $root
mount -t proc proc $root/proc
mount -t sysfs sysfs $root/sys
if [ $groups = /sys/fs/cgroup ]; then
    mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
else
    mount -t tmpfs -o mode=755 tmpfs $root/sys/fs/cgroup
    mkdir $root/sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup $root/sys/fs/cgroup/systemd
fi
mount -t tmpfs -o mode=755 tmpfs $root/run
mount -t tmpfs -o mode=755 tmpfs $root/dev
while read -r name minor; do mknod -m 666 $root/dev/$name c 1 $minor; done <<end
null 3
zero 5
full 7
random 8
urandom 9
end
mknod -m 666 $root/dev/tty c 5 0
mkdir $root/dev/pts $root/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts $root/dev/pts
ln -s pts/ptmx $root/dev/ptmx
rm -rf $root/etc/systemd/system/*.wants
ip link set lo up
cd $root
mkdir old
pivot_root . old
umount -l /old
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    /lib/systemd/systemd --system --unit=multi-user.target --log-target=console --show-status=no
";

/// A system that was booted. Dropping it ends all of it.
struct Booted {
    init: Daemon,
    /// The first process of it.
    pid: u32,
    group: Group,
    // Behind what runs in it.
    _root: FreshRoot,
}

impl Booted {
    fn boot(root: FreshRoot, log: &Path) -> Result<Self> {
        let group = Group::new()?;
        let namespaces = "--mount --cgroup --pid --net --ipc --uts --fork --kill-child=KILL";
        // It is a member of its group before it can't be seen from outside any more.
        let enter = "echo $$ > $1/cgroup.procs; shift; exec unshare \"$@\"";
        let mut init = root
            .outside("sh")
            .args(["-c", enter, "sh"])
            .arg(&group.path)
            .args(namespaces.split_whitespace())
            .args(["--", "sh", "-c", BOOT, "sh"])
            .arg(root.path())
            .arg(group.base)
            .spawn(log)?;
        let pid = until("the system's first process", secs(20), || {
            if let Err(error) = init.check() {
                return Ok(Err(error));
            }
            // The program in between is nsenter or has become unshare.
            let parent = init.pid();
            let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?;
            let child: u32 = children.trim().parse().context("no child yet")?;
            let name = fs::read_to_string(format!("/proc/{child}/comm"))?;
            ensure!(name.trim() == "systemd", "it is {name}");
            Ok(Ok(child))
        })??;
        let booted = Self {
            init,
            pid,
            group,
            _root: root,
        };
        until("systemd to have started everything", secs(60), || {
            let state = booted
                .command(&["systemctl", "is-system-running"])
                .finish()?;
            let state = state.stdout.trim().to_owned();
            ensure!(["running", "degraded"].contains(&&*state), "it is {state}");
            Ok(())
        })?;
        Ok(booted)
    }

    /// A command in all of its namespaces.
    fn command(&self, words: &[&str]) -> Cmd {
        Cmd::new("nsenter")
            .arg(format!("--target={}", self.pid))
            .args([
                "--mount", "--cgroup", "--pid", "--net", "--ipc", "--uts", "--root", "--wd", "--",
            ])
            .args(words)
    }

    fn is_active(&self, unit: &str) -> Result<()> {
        let state = self
            .command(&["systemctl", "status", "--no-pager", unit])
            .finish()?;
        let active = self.command(&["systemctl", "is-active", unit]).finish()?;
        ensure!(
            active.stdout.trim() == "active",
            "{}{}",
            state.stdout,
            state.stderr
        );
        Ok(())
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        let tee = self.command(&["tee", file]).stdin(text.as_bytes());
        tee.read().map(drop)
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        // With its first process all others end.
        drop(crate::sys::kill(self.pid, libc::SIGKILL));
        drop(self.init.kill());
        self.group.remove();
    }
}

/// The control group of a system.
struct Group {
    base: &'static str,
    path: PathBuf,
}

impl Group {
    fn new() -> Result<Self> {
        let mut bases = GROUPS.into_iter();
        let base = bases.find(|base| Path::new(base).join("cgroup.procs").exists());
        let base = base.context("no control groups of systemd are mounted")?;
        let path = Path::new(base).join(format!("bgplb-booted-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("make {}", path.display()))?;
        Ok(Self { base, path })
    }

    /// Its processes take a moment to end.
    fn remove(&self) {
        let gone = until("the control group to be empty", secs(10), || {
            let find = Cmd::new("find").arg(&self.path);
            find.args(["-depth", "-type", "d", "-delete"]).run()
        });
        if let Err(error) = gone {
            println!("{} stays: {error:#}", self.path.display());
        }
    }
}

/// Both services start, do what systemd has them do, and end in order.
pub(super) fn services(made: &Made) -> Result<()> {
    let log = made.out.with_file_name("dist-booted.log");
    let root = with_packages(made, "booted")?;
    let booted = Booted::boot(root, &log).with_context(|| tail(&log, 20))?;
    speaker(&booted).context("the speaker")?;
    let said = || {
        let journal = [
            "journalctl",
            "--no-pager",
            "--lines=20",
            "--unit=bgplb-plugin.service",
        ];
        booted.command(&journal).read().unwrap_or_default()
    };
    plugin(&booted).with_context(|| format!("the plugin, which said:\n{}", said()))
}

fn speaker(booted: &Booted) -> Result<()> {
    const UNIT: &str = "bgplb-speaker.service";
    let settings = |prefix: &str| {
        format!(
            "[local]\nas = 64512\nrouter-id = \"192.0.2.1\"\n\
             [control]\nstate = \"/var/lib/bgplb-speaker/state.json\"\n\
             [[announce]]\nprefix = \"{prefix}\"\n"
        )
    };
    let file = "/etc/bgplb/speaker.toml";
    let asked = |words: &[&str]| booted.command(&[&["bgplb-speaker"], words].concat()).read();
    booted.write(file, &settings("198.51.100.1/32"))?;
    booted.command(&["systemctl", "start", UNIT]).run()?;
    booted.is_active(UNIT)?;
    until("an answer where the commands ask", secs(10), || {
        asked(&["status"])
    })?;

    booted.write(file, &settings("198.51.100.2/32"))?;
    booted.command(&["systemctl", "reload", UNIT]).run()?;
    until("the other prefix", secs(10), || {
        let said = asked(&["routes", "advertised"])?;
        ensure!(said.contains("198.51.100.2/32"), "{said}");
        Ok(())
    })?;

    // The state is in a folder that systemd makes, for a user that is there only now.
    asked(&["maintenance", "on"])?;
    booted
        .command(&["systemctl", "kill", "--signal=KILL", UNIT])
        .run()?;
    until(
        "systemd to start it again, in maintenance",
        secs(20),
        || {
            let said = asked(&["events"])?;
            ensure!(
                !said.contains("config-reloaded"),
                "it is the old one: {said}"
            );
            let said = asked(&["status"])?;
            ensure!(said.contains("in maintenance"), "{said}");
            Ok(())
        },
    )?;
    let said = booted
        .command(&["systemd-analyze", "security", "--no-pager", UNIT])
        .read()?;
    println!("{}", said.lines().last().unwrap_or_default());
    booted.command(&["systemctl", "stop", UNIT]).run()?;
    let result = ["systemctl", "show", "--value", "--property=Result", UNIT];
    let result = booted.command(&result).read()?;
    ensure!(result == "success", "it ended with {result}");
    Ok(())
}

fn plugin(booted: &Booted) -> Result<()> {
    const UNITS: [&str; 2] = ["bgplb-plugin.socket", "bgplb-plugin.service"];
    let settings = "ROUTER_ID=192.0.2.1\nPEER_ADDRESS=192.0.2.2\nPEER_AS=64513\n";
    booted.write("/etc/bgplb/plugin.env", settings)?;
    booted.command(&["systemctl", "start", UNITS[0]]).run()?;
    booted.is_active(UNITS[0])?;
    ensure!(booted.is_active(UNITS[1]).is_err(), "it runs unasked");
    // Whoever asks first has it started, and waits.
    let ask = "curl -sS --fail -m 20 --unix-socket /run/docker/plugins/bgplb.sock \
               -X POST http://plugin/Plugin.Activate";
    let words: Vec<&str> = ask.split_whitespace().collect();
    let said = booted.command(&words).read()?;
    ensure!(said.contains("NetworkDriver"), "{said}");
    booted.is_active(UNITS[1])?;
    let said = booted
        .command(&["systemd-analyze", "security", "--no-pager", UNITS[1]])
        .read()?;
    println!("{}", said.lines().last().unwrap_or_default());
    booted.command(&["systemctl", "stop"]).args(UNITS).run()?;
    let result = [
        "systemctl",
        "show",
        "--value",
        "--property=Result",
        UNITS[1],
    ];
    let result = booted.command(&result).read()?;
    ensure!(result == "success", "it ended with {result}");
    Ok(())
}
