//! Two routers on one switch, without Docker: what a laboratory needs to lose a path in silence.
//!
//! ```text
//!   r  192.0.2.1, 2001:db8::1  ---- c, the switch ----  h1  192.0.2.2, 2001:db8::2
//! ```
//!
//! Namespaces and directory are named and cleaned up like those of [`super::Lab`].

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::netns::Netns;
use super::{Guard, NETNS_PREFIX, OWNER_FILE, cleanup, new_id};

/// The two namespaces and the switch between them; dropping it removes them.
#[derive(Debug)]
pub(crate) struct Switched {
    id: String,
    /// Where programs keep their files.
    pub(crate) dir: PathBuf,
    /// The namespace with the addresses that end in 1.
    pub(crate) one: Netns,
    /// The namespace with the addresses that end in 2.
    pub(crate) two: Netns,
    switch: Netns,
}

impl Switched {
    /// Builds the namespaces.
    ///
    /// # Errors
    ///
    /// When the kernel refuses; what was built is removed again.
    pub(crate) fn start() -> Result<Self> {
        crate::sys::adopt_orphans();
        let id = new_id()?;
        let dir = cleanup::run_dir(&id);
        fs::create_dir(&dir).with_context(|| format!("make {}", dir.display()))?;
        let mut guard = Guard {
            id: &id,
            armed: true,
        };
        let mark = cleanup::process_mark(std::process::id()).context("read our own start time")?;
        fs::write(dir.join(OWNER_FILE), mark)?;
        let name = |node: &str| format!("{NETNS_PREFIX}{id}-{node}");
        let switch = Netns::create(name("c"))?;
        switch.ip("link add lan type bridge")?;
        switch.ip("link set lan up")?;
        let node = |node: &str, number: u8| -> Result<Netns> {
            let netns = Netns::create(name(node))?;
            let (port, peer) = (format!("port{number}"), switch.name());
            netns.ip(&format!(
                "link add eth0 type veth peer name {port} netns {peer}"
            ))?;
            switch.ip(&format!("link set {port} master lan up"))?;
            netns.ip(&format!("address add 192.0.2.{number}/24 dev eth0"))?;
            netns.ip(&format!("address add 2001:db8::{number}/64 dev eth0 nodad"))?;
            netns.ip("link set eth0 up")?;
            Ok(netns)
        };
        let (one, two) = (node("r", 1)?, node("h1", 2)?);
        guard.armed = false;
        drop(guard);
        Ok(Self {
            id,
            dir,
            one,
            two,
            switch,
        })
    }

    /// Unplugs the second node from the switch: both keep their carrier, and hear no more.
    ///
    /// # Errors
    ///
    /// When `ip` fails.
    pub(crate) fn cut(&self) -> Result<()> {
        self.switch.ip("link set port2 nomaster").map(drop)
    }

    /// Plugs the second node in again.
    ///
    /// # Errors
    ///
    /// When `ip` fails.
    pub(crate) fn mend(&self) -> Result<()> {
        self.switch.ip("link set port2 master lan").map(drop)
    }
}

impl Drop for Switched {
    fn drop(&mut self) {
        super::report_removal(&self.id);
    }
}
