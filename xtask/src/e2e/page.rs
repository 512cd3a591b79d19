//! The page for people, in a real browser.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::json;

use super::cases::{SOON, hosts};
use super::status;
use super::suite::Case;
use crate::browser::{self, Bridge, Browser};
use crate::lab::host::Host;
use crate::lab::{Lab, image};
use crate::packages;
use crate::scenario::{self, WEB};
use crate::wait::{secs, until};

/// What has nothing to do with the kind of router.
pub(super) const CASES: [(&str, Case); 2] = [
    ("the_page_follows_what_happens", follows),
    ("the_page_is_whole_without_scripts", plain),
];

/// A phone held upright, in pixels of its style.
const PHONE: (u32, u32) = (390, 844);

/// How the states of both addresses stand in the page.
const STATES: &str = "Array.from(document.querySelectorAll(\
     '[aria-labelledby=services] td[data-label=State]'), it => it.textContent).join()";

/// A page of the plugin of this host, by a port of its own.
pub(crate) fn bridge(host: &Host) -> Result<Bridge> {
    packages::ensure(&browser::PACKAGES)?;
    Bridge::to(&status::socket(host)?)
}

fn follows(lab: &Lab) -> Result<()> {
    let [h1, _] = hosts(lab)?;
    scenario::serve(lab)?;
    let bridge = bridge(h1)?;
    let browser = Browser::start(&h1.dir, true)?;
    browser.open(&bridge.url())?;
    let shows = |wanted: &str| {
        until(&format!("the page to show {wanted}"), SOON, || {
            let states = browser.value(STATES)?;
            ensure!(states == wanted, "it shows {states}");
            Ok(())
        })
    };
    shows("announced,announced")?;
    // It is not loaded again: what was put into it stays.
    browser.value("window.seen = 'seen'")?;
    until("the page to follow", SOON, || {
        let live = browser.value("document.getElementById('live').textContent")?;
        ensure!(live == "live", "{live}");
        Ok(())
    })?;
    h1.exec(WEB, &image::SICKEN)?;
    h1.wait_health(WEB, "unhealthy")?;
    shows("withheld,withheld")?;
    let events = browser.value("document.querySelector('.events').textContent")?;
    let told = events
        .as_str()
        .is_some_and(|it| it.contains("service-withdrawn"));
    ensure!(told, "{events}");
    h1.exec(WEB, &image::HEAL)?;
    shows("announced,announced")?;
    ensure!(
        browser.value("window.seen")? == "seen",
        "it was loaded again"
    );
    fits(&browser, &h1.dir)?;
    let complaints = browser.complaints()?;
    ensure!(complaints.is_empty(), "the browser says {complaints:?}");
    Ok(())
}

/// On a phone nothing has to be pushed aside, by day and by night.
fn fits(browser: &Browser, dir: &Path) -> Result<()> {
    let (width, height) = PHONE;
    browser.size(width, height)?;
    for dark in [false, true] {
        browser.dark(dark)?;
        let needed = browser.value("document.documentElement.scrollWidth")?;
        ensure!(needed == json!(width), "it is {needed} wide on a phone");
        // Text and ground differ.
        let colours = "getComputedStyle(document.body)";
        let (ink, ground) = (
            browser.value(&format!("{colours}.color"))?,
            browser.value(&format!("{colours}.backgroundColor"))?,
        );
        ensure!(ink != ground, "{ink} on {ground}");
    }
    browser.picture(&dir.join("phone.png"))
}

fn plain(lab: &Lab) -> Result<()> {
    let [h1, _] = hosts(lab)?;
    scenario::serve(lab)?;
    let bridge = bridge(h1)?;
    let browser = Browser::start(&h1.dir, false)?;
    browser.open(&bridge.url())?;
    let source = browser.source()?;
    let addresses = ["10.0.0.101/32", "2001:db8:0:1000::101/128", "192.168.8.137"];
    for wanted in addresses
        .into_iter()
        .chain([WEB, "announced", "Established"])
    {
        ensure!(source.contains(wanted), "no {wanted} in {source}");
    }
    h1.exec(WEB, &image::SICKEN)?;
    h1.wait_health(WEB, "unhealthy")?;
    // It loads itself again.
    until("the page to show that by itself", secs(15), || {
        let source = browser.source()?;
        ensure!(
            source.contains("withheld") && source.contains("unhealthy"),
            "{source}"
        );
        Ok(())
    })
}
