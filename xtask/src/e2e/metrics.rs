//! What monitoring reads of the plugin, over its socket and over TCP.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::cases::{SOON, hosts};
use super::security;
use super::status::{Cut, outside};
use super::suite::Case;
use crate::cmd::Cmd;
use crate::lab::host::{Host, PLUGIN};
use crate::lab::{Lab, image, service_addresses};
use crate::scenario::{self, WEB};
use crate::wait::{secs, until};

/// What has nothing to do with the kind of router.
pub(super) const CASES: [(&str, Case); 1] = [(
    "metrics_and_readiness_follow_a_service_over_the_socket_and_tcp",
    metrics,
)];

const LISTEN: &str = "127.0.0.1:9179";

fn metrics(lab: &Lab) -> Result<()> {
    let [h1, _] = hosts(lab)?;
    lab.wait_sessions(&lab.all(), secs(30))?;
    let said_before = fs::read(h1.log())?.len();
    let cut = Cut::new(h1)?;
    let listen = format!("STATUS_LISTEN={LISTEN}");
    security::set(h1, &[&listen, "LOG_FORMAT=json"])?;
    let result = watch(lab, h1, cut).and_then(|()| logged(h1, said_before));
    // Whatever came of it, the next tests count on the settings as they were.
    let restored = security::set(h1, &["STATUS_LISTEN=", "LOG_FORMAT=human"]);
    result?;
    restored?;
    lab.wait_sessions(&lab.all(), secs(30))
}

fn watch(lab: &Lab, h1: &Host, cut: Cut<'_>) -> Result<()> {
    // No session can come up yet.
    until("the plugin not to be ready", SOON, || {
        let (code, readiness) = asked(h1, "/readyz")?;
        let readiness: Value = serde_json::from_str(&readiness)?;
        let missing = readiness["missing"].as_array().context("no list")?;
        let codes: Vec<_> = missing.iter().map(|it| it["code"].as_str()).collect();
        ensure!(
            code == 503 && codes == [Some("peer")],
            "{code}: {readiness}"
        );
        Ok(())
    })?;
    expect(
        h1,
        &[
            ("bgplb_docker_connected", "1"),
            ("bgplb_routes_learned", "0"),
        ],
    )?;
    ensure!(asked(h1, "/healthz")?.0 == 200, "it is not healthy");
    drop(cut);
    lab.wait_sessions(&lab.all(), secs(60))?;
    until("the plugin to be ready", SOON, || {
        let (code, readiness) = asked(h1, "/readyz")?;
        ensure!(code == 200, "{code}: {readiness}");
        Ok(())
    })?;
    scenario::serve(lab)?;
    of_service(h1, ["1", "1", "0"])?;
    h1.exec(WEB, &image::SICKEN)?;
    h1.wait_health(WEB, "unhealthy")?;
    of_service(h1, ["0", "0", "1"])?;
    let count = "bgplb_event_to_wire_seconds_count";
    for change in ["announce", "withdraw"] {
        let series = format!("{count}{{change=\"{change}\"}}");
        let text = scraped(h1)?;
        let value: f64 = value(&text, &series).unwrap_or("0").parse()?;
        ensure!(value >= 1.0, "no {change} was measured: {text}");
    }
    h1.exec(WEB, &image::HEAL)?;
    h1.wait_health(WEB, "healthy")?;
    of_service(h1, ["1", "1", "0"])?;
    drained(lab, h1)?;
    refused(h1)
}

/// A drain is in the histogram as every withdrawal is.
fn drained(lab: &Lab, h1: &Host) -> Result<()> {
    let series = "bgplb_event_to_wire_seconds_count{change=\"withdraw\"}";
    let count = || -> Result<f64> { Ok(value(&scraped(h1)?, series).unwrap_or("0").parse()?) };
    let before = count()?;
    outside(lab, h1, &["drain", "host"])?.run()?;
    of_service(h1, ["0", "0", "0"])?;
    until("the drain in the histogram", SOON, || {
        let now = count()?;
        ensure!(now > before, "there are {now} withdrawals");
        Ok(())
    })?;
    outside(lab, h1, &["undrain", "host"])?.run()?;
    of_service(h1, ["1", "1", "0"])
}

/// Both addresses of the service: desired, announced, unhealthy containers.
fn of_service(host: &Host, wanted: [&str; 3]) -> Result<()> {
    let [v4, v6] = service_addresses()?;
    let mut series = Vec::new();
    for prefix in [format!("{v4}/32"), format!("{v6}/128")] {
        let labels = format!("network=\"{WEB}\",prefix=\"{prefix}\"");
        series.push((format!("bgplb_service_desired{{{labels}}}"), wanted[0]));
        series.push((format!("bgplb_service_announced{{{labels}}}"), wanted[1]));
        let unhealthy = format!("{labels},health=\"unhealthy\"");
        series.push((
            format!("bgplb_service_containers{{{unhealthy}}}"),
            wanted[2],
        ));
    }
    let series: Vec<_> = series
        .iter()
        .map(|(name, value)| (&**name, *value))
        .collect();
    expect(host, &series)
}

/// Waits until these series have these values.
fn expect(host: &Host, wanted: &[(&str, &str)]) -> Result<()> {
    until(&format!("{wanted:?}"), SOON, || {
        let text = scraped(host)?;
        for (series, wanted) in wanted {
            let found = value(&text, series);
            ensure!(found == Some(wanted), "{series} is {found:?} in {text}");
        }
        Ok(())
    })
}

fn value<'a>(text: &'a str, series: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
}

/// All metrics over TCP; the socket has the same series.
fn scraped(host: &Host) -> Result<String> {
    let (code, text) = asked(host, "/metrics")?;
    ensure!(code == 200 && text.ends_with("# EOF\n"), "{code}: {text}");
    let by_socket = Cmd::new("sh")
        .args(["-c", BY_SOCKET, "sh"])
        .arg(state_dir(host)?)
        .read()?;
    let families = |text: &str| -> Vec<String> {
        let types = text.lines().filter(|line| line.starts_with("# TYPE"));
        types.map(str::to_owned).collect()
    };
    ensure!(families(&text) == families(&by_socket), "{by_socket}");
    Ok(text)
}

/// The socket's path is longer than its address may be.
const BY_SOCKET: &str =
    "cd \"$1\" && exec curl -sS --fail --unix-socket status.sock http://localhost/metrics";

/// The plugin's propagated mount, seen from the host.
fn state_dir(host: &Host) -> Result<std::path::PathBuf> {
    let id = host.docker.inspect("plugin", PLUGIN)?["Id"].clone();
    let plugins = host.dir.join("data/plugins");
    let plugin = plugins.join(id.as_str().context("a plugin without an id")?);
    Ok(plugin.join("propagated-mount"))
}

/// The code and the body of an answer over TCP.
fn asked(host: &Host, path: &str) -> Result<(u16, String)> {
    curl(host, &[&format!("http://{LISTEN}{path}")])
}

fn curl(host: &Host, words: &[&str]) -> Result<(u16, String)> {
    let curl = host.netns.command("curl");
    let said = curl
        .args(["-sS", "-m", "10", "-w", "%{http_code}"])
        .args(words)
        .read()?;
    let (body, code) = said.split_at_checked(said.len() - 3).context("no code")?;
    Ok((code.parse()?, body.to_owned()))
}

/// What is not for everybody who reaches the port.
fn refused(host: &Host) -> Result<()> {
    let monitor = format!("http://{LISTEN}/v1/monitor");
    ensure!(curl(host, &[&monitor])?.0 == 404, "captures are served");
    let metrics = format!("http://{LISTEN}/metrics");
    let other = ["-H", "Host: evil.example", &metrics];
    ensure!(curl(host, &other)?.0 == 403, "any name is answered");
    let post = ["-X", "POST", &metrics];
    ensure!(curl(host, &post)?.0 == 405, "POST is answered");
    Ok(())
}

/// The engine passes on what the plugin writes, as what it takes it for.
fn logged(host: &Host, from: usize) -> Result<()> {
    let log = fs::read(host.log())?;
    let log = String::from_utf8_lossy(log.get(from..).unwrap_or_default()).into_owned();
    let told = |line: &&str| line.contains("session established");
    let line = log.lines().find(told).context("no session in the log")?;
    ensure!(
        line.contains("level=info") && line.contains("\\\"message\\\":\\\"session established\\\""),
        "{line}"
    );
    Ok(())
}
