//! A real browser for the page: Debian's Chromium without a window, steered through ChromeDriver.

mod bridge;
mod http;

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::cmd::Cmd;
use crate::packages::Package;
use crate::wait::{secs, until};

pub(crate) use bridge::Bridge;

/// What it needs.
pub(crate) const PACKAGES: [Package; 2] =
    [crate::packages::CHROMIUM, crate::packages::CHROMEDRIVER];

/// Keeps Chromium from talking to anybody but the page, and lets it run as root.
const SWITCHES: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

/// One window of a browser of its own.
pub(crate) struct Browser {
    driver: Child,
    at: SocketAddr,
    session: String,
}

impl Browser {
    /// Starts it with its files in `dir`; without `scripts`, pages' scripts are not run.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub(crate) fn start(dir: &Path, scripts: bool) -> Result<Self> {
        let profile = dir.join(if scripts { "browser" } else { "plain-browser" });
        fs::create_dir_all(&profile)?;
        let log = File::create(profile.join("chromedriver.log"))?;
        let port = free_port()?;
        let driver = Command::new("/usr/bin/chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start chromedriver")?;
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut browser = Self {
            driver,
            at,
            session: String::new(),
        };
        until("chromedriver to answer", secs(20), || {
            http::ask(at, "GET", "/status", None).map(drop)
        })?;
        let user_data = format!("--user-data-dir={}", profile.join("profile").display());
        let arguments: Vec<&str> = SWITCHES.into_iter().chain([user_data.as_str()]).collect();
        // 2 is what a user's setting has for "block".
        let setting = if scripts { 1 } else { 2 };
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {
                "args": arguments,
                "prefs": {"profile.managed_default_content_settings.javascript": setting},
            },
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let session = http::ask(at, "POST", "/session", Some(&capabilities))?;
        let id = session["sessionId"].as_str();
        browser.session = id.with_context(|| session.to_string())?.to_owned();
        Ok(browser)
    }

    fn tell(&self, method: &str, what: &str, body: Option<&Value>) -> Result<Value> {
        let path = format!("/session/{}{what}", self.session);
        http::ask(self.at, method, &path, body)
    }

    /// Gives the window this size.
    ///
    /// # Errors
    ///
    /// When the browser does not answer; so with all that follow.
    pub(crate) fn size(&self, width: u32, height: u32) -> Result<()> {
        let metrics = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        }});
        self.tell("POST", "/goog/cdp/execute", Some(&metrics))
            .map(drop)
    }

    /// Shows pages as by night or by day.
    pub(crate) fn dark(&self, dark: bool) -> Result<()> {
        let value = if dark { "dark" } else { "light" };
        let media = json!({"cmd": "Emulation.setEmulatedMedia", "params": {
            "features": [{"name": "prefers-color-scheme", "value": value}],
        }});
        self.tell("POST", "/goog/cdp/execute", Some(&media))
            .map(drop)
    }

    /// Goes to a page and waits until it is loaded.
    pub(crate) fn open(&self, url: &str) -> Result<()> {
        self.tell("POST", "/url", Some(&json!({"url": url})))
            .map(drop)
    }

    /// The value of an expression in the page.
    pub(crate) fn value(&self, expression: &str) -> Result<Value> {
        let script = json!({"script": format!("return {expression};"), "args": []});
        self.tell("POST", "/execute/sync", Some(&script))
    }

    /// The page as it stands now.
    pub(crate) fn source(&self) -> Result<String> {
        let source = self.tell("GET", "/source", None)?;
        Ok(source.as_str().context("a page is text")?.to_owned())
    }

    /// What the browser complained of since it was last asked.
    pub(crate) fn complaints(&self) -> Result<Vec<String>> {
        let log = self.tell("POST", "/se/log", Some(&json!({"type": "browser"})))?;
        let entries = log.as_array().context("a list of complaints")?;
        let message = |entry: &Value| entry["message"].as_str().unwrap_or_default().to_owned();
        Ok(entries.iter().map(message).collect())
    }

    /// Writes the whole page, not only what fits the window, as a picture.
    pub(crate) fn picture(&self, file: &Path) -> Result<()> {
        let whole = json!({"cmd": "Page.captureScreenshot", "params": {
            "captureBeyondViewport": true,
        }});
        let picture = self.tell("POST", "/goog/cdp/execute", Some(&whole))?;
        let text = picture["data"].as_str().context("a picture is text")?;
        let encoded = file.with_extension("base64");
        fs::write(&encoded, text)?;
        let decode = "base64 --decode \"$0\" > \"$1\"";
        Cmd::new("sh")
            .args(["-c", decode])
            .arg(&encoded)
            .arg(file)
            .run()?;
        fs::remove_file(&encoded)?;
        let octets = fs::read(file)?;
        ensure!(
            octets.starts_with(b"\x89PNG"),
            "{} is no picture",
            file.display()
        );
        Ok(())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session.
        _ = self.tell("DELETE", "", None);
        _ = self.driver.kill();
        _ = self.driver.wait();
    }
}

/// A port that nobody listened on a moment ago.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
