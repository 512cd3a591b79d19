//! `cargo xtask pictures`: the page and the tables as a laboratory with a fault shows them, for the
//! documentation.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::artifacts::{self, workspace};
use crate::browser::Browser;
use crate::e2e::{self, page, status};
use crate::lab::engine::Engine;
use crate::lab::host::Host;
use crate::lab::router::RouterKind;
use crate::lab::{Lab, Options, image};
use crate::packages;
use crate::scenario::{self, WEB};
use crate::wait::{secs, until};

/// Another service, whose container is not well.
const SHOP: &str = "shop";

/// What the commands are asked, and the file with the answer.
const TABLES: [(&str, &[&str]); 6] = [
    ("status.txt", &["status"]),
    ("services.txt", &["services"]),
    ("peers.txt", &["peers"]),
    ("routes.txt", &["routes", "advertised"]),
    ("explain.txt", &["explain", "10.0.0.102"]),
    ("doctor.txt", &["doctor"]),
];

/// Starts a laboratory and writes everything.
///
/// # Errors
///
/// When it does not come up, or a command or the browser fails.
pub(crate) fn write() -> Result<()> {
    let router = RouterKind::Bird;
    packages::ensure(&scenario::packages(router))?;
    let artifacts = artifacts::build(&e2e::plugin_dir()?)?;
    let options = Options {
        router: Some(router),
        password: None,
        narrate: false,
        engine: Engine::default(),
    };
    let lab = scenario::bring_up(2, &options, &artifacts, &[]).context("start the laboratory")?;
    let host = &lab.hosts[0];
    busy(&lab, host)?;
    let dir = folder();
    fs::create_dir_all(&dir)?;
    for (file, words) in TABLES {
        // The doctor and the check say by their exit code how it stands.
        let finished = status::outside(&lab, host, words)?.finish()?;
        let shown = format!("$ bgplb-plugin {}\n{}", words.join(" "), finished.stdout);
        fs::write(dir.join(file), shown)?;
    }
    photograph(host, &dir)
}

fn folder() -> PathBuf {
    workspace().join("docs/pictures")
}

/// One service as it should be, which has not always been so, and one that is not well.
fn busy(lab: &Lab, host: &Host) -> Result<()> {
    scenario::serve(lab)?;
    host.create_service_network(SHOP, Some("10.0.0.102"), Some("2001:db8:0:1000::102"))?;
    host.run_second_web(SHOP, SHOP)?;
    host.wait_health(SHOP, "healthy")?;
    for (name, command, health) in [
        (WEB, &image::SICKEN, "unhealthy"),
        (WEB, &image::HEAL, "healthy"),
        (SHOP, &image::SICKEN, "unhealthy"),
    ] {
        host.exec(name, command)?;
        host.wait_health(name, health)?;
    }
    until("the plugin to know of that", secs(5), || {
        let services = status::outside(lab, host, &["services"])?.read()?;
        anyhow::ensure!(services.contains("unhealthy"), "{services}");
        Ok(())
    })
}

/// By day on a desk, by night on a phone.
fn photograph(host: &Host, dir: &Path) -> Result<()> {
    let bridge = page::bridge(host)?;
    let browser = Browser::start(&host.dir, true)?;
    for (file, (width, height), dark) in [
        ("page.png", (1200, 800), false),
        ("phone.png", (390, 844), true),
    ] {
        browser.size(width, height)?;
        browser.dark(dark)?;
        browser.open(&bridge.url())?;
        let live = "document.getElementById('live').textContent";
        until("the page to follow", secs(10), || {
            let shown = browser.value(live)?;
            anyhow::ensure!(shown == "live", "{shown}");
            Ok(())
        })?;
        browser.picture(&dir.join(file))?;
    }
    Ok(())
}
