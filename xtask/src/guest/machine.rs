//! A guest kernel as an ordinary process: user-mode Linux on this machine's files, read only.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::Program;
use crate::cmd::{Cmd, quote};
use crate::sys;
use crate::wait::secs;

/// How long all of its tests may take; a machine with much else to do is slow.
const LIMIT: Duration = secs(900);

/// How often somebody looks for the deadline and for signals.
const TICK: Duration = Duration::from_millis(100);

/// How the names of their directories begin; what follows is the command's process.
const NAME: &str = "bgplb-guest-";

/// Where Debian's package has the modules, one directory for each version.
const MODULES: &str = "/usr/lib/uml/modules";

/// What the tests need and what no kernel loads by itself when it is asked for.
const LOADED: [&str; 4] = ["ipv6", "bridge", "ip_vs", "sctp"];

/// The files the guest is started with; they go with this value.
pub(super) struct Machine {
    dir: PathBuf,
}

impl Machine {
    /// Prepares a guest that runs what is wanted of these programs and ends.
    ///
    /// # Errors
    ///
    /// When its files can't be written.
    pub(super) fn new(programs: &[Program]) -> Result<Self> {
        let parent = std::env::temp_dir();
        remove_abandoned(&parent);
        let dir = parent.join(format!("{NAME}{}", std::process::id()));
        fs::create_dir_all(dir.join("lib")).with_context(|| format!("make {}", dir.display()))?;
        let machine = Self { dir };
        let modules = machine.dir.join("lib/modules");
        symlink(MODULES, &modules).with_context(|| format!("make {}", modules.display()))?;
        machine.write("modprobe", &machine.loader())?;
        machine.write("init", &machine.script(programs))?;
        Ok(machine)
    }

    /// What the kernel calls for a module (`/proc/sys/kernel/modprobe`).
    fn loader(&self) -> String {
        let dir = quote(&self.dir.display().to_string());
        format!("#!/bin/sh\nexec /usr/sbin/modprobe -d {dir} \"$@\"\n")
    }

    /// The first process. Its `/run` is its own, all else belongs to this machine.
    fn script(&self, programs: &[Program]) -> String {
        let loader = quote(&self.dir.join("modprobe").display().to_string());
        let modules = LOADED.join(" ");
        let tests = programs.iter().map(|program| {
            let path = quote(&program.path.display().to_string());
            let names = program.names.join(" ");
            format!("{path} --ignored --color never --test-threads=1 --exact {names} 2>&1\n")
        });
        let tests: String = tests.collect();
        format!(
            "#!/bin/sh\n\
             export PATH=/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/run BGPLB_GUEST=1\n\
             mount -t proc proc /proc\n\
             mount -t sysfs sys /sys\n\
             mount -t tmpfs tmpfs /run\n\
             mkdir /run/netns\n\
             echo {loader} > /proc/sys/kernel/modprobe\n\
             for module in {modules}; do {loader} $module; done\n\
             ip link set lo up\n\
             {tests}\
             echo o > /proc/sysrq-trigger\n\
             read forever\n"
        )
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.dir.join(name);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    /// Boots it and shows `line` what comes by its console, until it ends.
    ///
    /// # Errors
    ///
    /// When it can't be started, takes too long, or the user interrupts.
    pub(super) fn run(&self, mut line: impl FnMut(&str)) -> Result<()> {
        let mut guest = Guest(self.command().piped()?);
        let console = guest.0.stdout.take().context("the guest has a console")?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            // A console is no better than what is printed there.
            let mut console = BufReader::new(console);
            let mut octets = Vec::new();
            while matches!(console.read_until(b'\n', &mut octets), Ok(1..)) {
                let text = String::from_utf8_lossy(&octets).trim_end().to_owned();
                if sender.send(text).is_err() {
                    break;
                }
                octets.clear();
            }
        });
        let deadline = Instant::now() + LIMIT;
        loop {
            match receiver.recv_timeout(TICK) {
                Ok(text) => line(&text),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if sys::interrupted() {
                bail!("the guest was interrupted");
            }
            if Instant::now() >= deadline {
                bail!("the guest took longer than {LIMIT:?}");
            }
        }
    }

    /// In a process namespace of its own, which takes all its processes along,
    /// and which ends with this process however that ends.
    fn command(&self) -> Cmd {
        let dir = self.dir.display();
        Cmd::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare"])
            .args(["--fork", "--pid", "--kill-child", "linux.uml"])
            .args(["mem=256M", "rootfstype=hostfs", "ro", "quiet", "loglevel=1"])
            .args(["con=null", "con0=null,fd:1", "panic=-1"])
            .arg(format!("uml_dir={dir}"))
            .arg(format!("init={dir}/init"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.dir));
    }
}

/// Removes what commands that were killed have left.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(NAME));
        let pid = pid.and_then(|pid| pid.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // Of somebody else perhaps, who will do it.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

/// The running guest, which ends with this value.
struct Guest(Child);

impl Drop for Guest {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_guest_go_with_it() {
        let programs = [
            (
                "/t/guest one",
                vec!["links::a".to_owned(), "links::b".to_owned()],
            ),
            ("/t/guest-2", vec!["balanced::c".to_owned()]),
        ];
        let programs = programs.map(|(path, names)| Program {
            path: path.into(),
            names,
        });
        let machine = Machine::new(&programs).unwrap();
        let dir = machine.dir.clone();
        let init = fs::read_to_string(dir.join("init")).unwrap();
        assert!(init.contains("\n'/t/guest one' --ignored"), "{init}");
        assert!(
            init.contains("--exact links::a links::b 2>&1\n/t/guest-2 --ignored"),
            "{init}"
        );
        assert!(init.contains("--exact balanced::c 2>&1\necho o"), "{init}");
        drop(machine);
        assert!(!dir.exists());
    }

    #[test]
    fn what_a_killed_command_has_left_is_removed() {
        let parent = std::env::temp_dir().join(format!("bgplb-abandoned-{}", std::process::id()));
        // No process has such a number (`PID_MAX_LIMIT`).
        let left = parent.join(format!("{NAME}4294967295"));
        let used = parent.join(format!("{NAME}{}", std::process::id()));
        let other = parent.join(format!("{NAME}notes"));
        for dir in [&left, &used, &other] {
            fs::create_dir_all(dir.join("lib")).unwrap();
        }
        remove_abandoned(&parent);
        let there = [&left, &used, &other].map(|dir| dir.exists());
        fs::remove_dir_all(&parent).unwrap();
        assert_eq!(there, [false, true, true]);
    }
}
