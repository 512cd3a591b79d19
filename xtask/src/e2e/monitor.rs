//! What the plugin's `monitor` writes while sessions go on, as another program reads it.

use std::fs;

use anyhow::{Result, ensure};

use super::cases::{SOON, hosts};
use super::status::outside;
use super::suite::Case;
use crate::artifacts;
use crate::cmd::Cmd;
use crate::lab::{Lab, image, service_addresses};
use crate::scenario::{self, WEB};
use crate::wait::{secs, until};

/// What has nothing to do with the kind of router.
pub(super) const CASES: [(&str, Case); 1] = [(
    "a_capture_of_the_plugin_s_sessions_has_the_withdrawal_of_a_sick_container",
    captured,
)];

fn captured(lab: &Lab) -> Result<()> {
    let [h1, _] = hosts(lab)?;
    let decoder = artifacts::build_unoptimized_speaker()?;
    scenario::serve(lab)?;
    let capture = h1.dir.join("monitor.pcap");
    let log = h1.dir.join("monitor.log");
    let path = capture.display().to_string();
    let command = outside(lab, h1, &["monitor", "--pcap", &path])?;
    let mut monitor = command.spawn(&log)?;
    // The head of the file is written once the plugin has taken the listener.
    until("the capture to begin", SOON, || {
        let length = fs::metadata(&capture)?.len();
        ensure!(length > 0, "nothing is written");
        Ok(())
    })?;
    h1.exec(WEB, &image::SICKEN)?;
    h1.wait_health(WEB, "unhealthy")?;
    let [v4, v6] = service_addresses()?;
    let decoded = || Cmd::new(&decoder).arg("decode").arg(&capture).read();
    until("both withdrawals in the capture", secs(10), || {
        let said = decoded()?;
        for prefix in [format!("{v4}/32"), format!("{v6}/128")] {
            let mut updates = said.lines().filter(|line| line.contains("UPDATE"));
            ensure!(
                updates.any(|line| line.contains(&prefix)),
                "no UPDATE with {prefix}: {said}"
            );
        }
        Ok(())
    })?;
    monitor.stop(secs(5))?;
    h1.exec(WEB, &image::HEAL)?;
    h1.wait_health(WEB, "healthy")
}
