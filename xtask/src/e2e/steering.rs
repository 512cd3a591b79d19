//! What an administrator has the plugin do by its commands, and the events that are
//! told of it.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::cases::{SOON, hosts};
use super::load::Load;
use super::status::{ask, expect, outside};
use super::suite::Case;
use crate::lab::host::Host;
use crate::lab::{Lab, image};
use crate::scenario::{self, WEB};
use crate::sys;
use crate::wait::{secs, until};

/// What has nothing to do with the kind of router.
pub(super) const CASES: [(&str, Case); 3] = [
    ("a_drain_by_command_fails_no_request", drain),
    (
        "maintenance_outlives_a_crash_of_the_plugin_and_ends_by_command",
        maintenance,
    ),
    (
        "whoever_follows_the_events_sees_a_container_fall_ill_at_once",
        events,
    ),
];

fn drain(lab: &Lab) -> Result<()> {
    let [h1, h2] = hosts(lab)?;
    scenario::serve(lab)?;
    let load = Load::start(lab)?;
    let said = outside(lab, h1, &["drain", WEB, "--wait"])?.read()?;
    ensure!(said.starts_with(WEB), "{said}");
    lab.wait_service(&[h2], secs(3))?;
    expect(lab, h1, "withheld", "drained")?;
    let state = h1.docker.inspect("container", WEB)?["State"].clone();
    ensure!(
        state["Running"] == true,
        "a drain by command stopped it: {state}"
    );
    outside(lab, h1, &["undrain", WEB])?.run()?;
    lab.wait_service(&[h1, h2], secs(10))?;
    lab.wait_answers(&[h1, h2])?;
    load.expect_no_loss("a drain by command", 2)?;
    let refused = outside(lab, h1, &["drain", "elsewhere"])?.finish()?;
    let complaint = refused.complaint();
    let sentence = format!("there is no service elsewhere, there are: {WEB}");
    ensure!(
        refused.code == Some(1) && complaint.contains(&sentence),
        "{complaint}"
    );
    Ok(())
}

fn maintenance(lab: &Lab) -> Result<()> {
    let [h1, h2] = hosts(lab)?;
    scenario::serve(lab)?;
    let maintenance = Maintenance::begin(lab, h1)?;
    lab.wait_service(&[h2], secs(5))?;
    expect(lab, h1, "withheld", "maintenance")?;
    let pid = h1.plugin_pid()?;
    sys::kill(pid, libc::SIGKILL)?;
    until("Docker to start the plugin again", secs(20), || {
        ensure!(h1.plugin_pid()? != pid, "it is the old one");
        Ok(())
    })?;
    lab.wait_sessions(&lab.all(), secs(60))?;
    expect(lab, h1, "withheld", "maintenance")?;
    lab.wait_service(&[h2], secs(0))?;
    let status = ask(lab, h1, &["status"])?;
    ensure!(status["maintenance"].is_u64(), "{status}");
    drop(maintenance);
    lab.wait_service(&[h1, h2], secs(10))?;
    expect(lab, h1, "announced", "serving")
}

fn events(lab: &Lab) -> Result<()> {
    let [h1, _] = hosts(lab)?;
    scenario::serve(lab)?;
    let log = h1.dir.join("events.log");
    let follow = ["events", "--follow", "-o", "json"];
    let mut following = outside(lab, h1, &follow)?.spawn(&log)?;
    let told = |kind: &str, code: &str| -> Result<()> {
        let said = fs::read_to_string(&log).context("read what was followed")?;
        let lines = said
            .lines()
            .filter_map(|it| serde_json::from_str::<Value>(it).ok());
        let mut events = lines.filter(|it| it["kind"] == kind && it["code"] == code);
        let event = events
            .next()
            .with_context(|| format!("no {kind} of {code}: {said}"))?;
        ensure!(event["network"]["name"] == WEB, "{event}");
        Ok(())
    };
    until("what has happened to be told", SOON, || {
        told("service-state", "serving")
    })?;
    h1.exec(WEB, &image::SICKEN)?;
    h1.wait_health(WEB, "unhealthy")?;
    until("the container's illness to be told", secs(1), || {
        told("container-health", "unhealthy")?;
        told("service-state", "unhealthy")
    })?;
    following.stop(secs(5))
}

/// While this lives, a host is in maintenance.
struct Maintenance<'a>(&'a Lab, &'a Host);

impl<'a> Maintenance<'a> {
    fn begin(lab: &'a Lab, host: &'a Host) -> Result<Self> {
        let begun = Self(lab, host);
        begun.set("on")?;
        Ok(begun)
    }

    fn set(&self, state: &str) -> Result<()> {
        outside(self.0, self.1, &["maintenance", state])?.run()
    }
}

impl Drop for Maintenance<'_> {
    fn drop(&mut self) {
        _ = self.set("off");
    }
}
