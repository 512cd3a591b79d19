//! Containers that say more, or something else, than they should.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};

use super::peak_mib;
use crate::lab::host::{GATEWAY_NETWORK, Host};
use crate::lab::{Lab, docker, image};
use crate::scenario::{self, WEB};
use crate::wait::{secs, until};

/// The hostile container's own network.
const EVIL: &str = "evil";
const EVIL_V4: &str = "10.0.0.120";
const ROUTE: &str = "10.0.0.120/32";

/// The most the plugin may take, in MiB: several times what it usually has, and much less than
/// what Docker says of the [`giant`] in one list.
const BOUND: u64 = 32;

/// Makes a container by Docker's API, whose words may be longer than a command line, connects it
/// to the network [`EVIL`] and starts it.
fn run(host: &Host, name: &str, last: u8, labels: &Map<String, Value>) -> Result<()> {
    let ports: Map<String, Value> = (1..=2000)
        .map(|port| (format!("{port}/udp"), json!({})))
        .collect();
    let health = format!(
        "{}; busybox yes evil | busybox head -c 3000000",
        image::HEALTH_COMMAND
    );
    let n = host.site.number;
    let body = json!({
        "Image": image::IMAGE,
        "Env": [format!("HOST={name}")],
        "Labels": labels,
        "ExposedPorts": ports,
        "Healthcheck": {"Test": ["CMD-SHELL", health], "Interval": 500_000_000, "Retries": 1},
        "NetworkingConfig": {"EndpointsConfig": {GATEWAY_NETWORK: {
            "IPAMConfig": {"IPv4Address": format!("172.23.{n}.{last}")},
        }}},
        "HostConfig": {"NetworkMode": GATEWAY_NETWORK},
    });
    let path = format!("containers/create?name={name}");
    let (status, answer) =
        docker::request(&host.dir.join("docker.sock"), &path, &body.to_string())?;
    ensure!(status == 201, "{status}: {answer}");
    host.docker.run(&["network", "connect", EVIL, name])?;
    // Whether it is healthy is seen at the router: to ask Docker takes long with such a container.
    host.docker.run(&["start", name]).map(drop)
}

/// A network of its own for what is hostile on the first host, beside the usual service on both.
fn begin(lab: &Lab) -> Result<&Host> {
    scenario::serve(lab)?;
    let host = &lab.hosts[0];
    host.create_service_network(EVIL, Some(EVIL_V4), None)?;
    Ok(host)
}

/// Has the plugin hear a change of another container, and with it all that was before.
fn hear_of_web(lab: &Lab, host: &Host) -> Result<()> {
    let others: Vec<&Host> = lab.hosts.iter().skip(1).collect();
    host.exec(WEB, &image::SICKEN)?;
    lab.wait_service(&others, secs(20))?;
    host.exec(WEB, &image::HEAL)?;
    lab.wait_service(&lab.all(), secs(20))
}

pub(super) fn lies(lab: &Lab) -> Result<()> {
    let host = begin(lab)?;
    let web = host.docker.inspect("container", WEB)?["Id"].clone();
    let web = web.as_str().context("a container has an id")?.to_owned();
    let network = host.docker.inspect("network", WEB)?["Id"].clone();
    let event = format!(
        r#"x"}}}},"scope":"local"}}
{{"Type":"container","Action":"die","Actor":{{"ID":"{web}","Attributes":{{"exitCode":"1"}}}}}}
{{"status":"health_status: unhealthy","id":"{web}","Type":"container","Action":"health_status: unhealthy","Actor":{{"ID":"{web}"}}}}
"#
    );
    let labels = json!({
        "signal": "12",
        "exitCode": "0",
        "execDuration": "-1",
        "name": WEB,
        "image": "",
        "container": web,
        "type": "bgplb:latest",
        "Action": "destroy",
        "ID": web,
        "status": "health_status: unhealthy",
        "bgplb_advertise": "true",
        "bgplb.peers": "192.0.2.1",
        "com.docker.network.driver": "bgplb:latest",
        "com.docker.network.endpoint.name": WEB,
        "NetworkID": network,
        event.as_str(): event.as_str(),
    });
    let labels = labels.as_object().context("labels are an object")?;
    run(host, "liar", 30, labels)?;
    lab.wait_route(ROUTE, &[host], secs(20))?;
    // Said to be SIGUSR2 by the label, which would drain it.
    host.docker.run(&["kill", "--signal", "SIGUSR2", "liar"])?;
    host.docker.run(&["kill", "--signal", "SIGWINCH", "liar"])?;
    hear_of_web(lab, host)?;
    lab.wait_route(ROUTE, &[host], Duration::ZERO)?;
    until("the log to name the liar", secs(5), || {
        let log = std::fs::read_to_string(host.log())?;
        let named = log.lines().any(|line| {
            line.contains("signals to this container are ignored") && line.contains("liar")
        });
        ensure!(named, "it does not");
        Ok(())
    })?;
    // Its end is its own.
    host.docker.run(&["rm", "--force", "liar"])?;
    lab.wait_route(ROUTE, &[], secs(10))?;
    lab.wait_service(&lab.all(), Duration::ZERO)?;
    lab.wait_answers(&lab.all())
}

pub(super) fn giant(lab: &Lab) -> Result<()> {
    let host = begin(lab)?;
    let pid = host.plugin_pid()?;
    let mut labels: Map<String, Value> = (0..20_000)
        .map(|number| (format!("a-label-{number}"), json!("of no importance")))
        .collect();
    labels.insert("big".to_owned(), json!("<&>\u{e9}\"\\".repeat(1_200_000)));
    run(host, "giant", 31, &labels)?;
    lab.wait_route(ROUTE, &[host], secs(20))?;
    hear_of_web(lab, host)?;
    host.docker.run(&["rm", "--force", "giant"])?;
    lab.wait_route(ROUTE, &[], secs(10))?;
    let peak = peak_mib(pid)?;
    ensure!(peak < BOUND, "the plugin took {peak} MiB");
    ensure!(host.plugin_pid()? == pid, "the plugin was restarted");
    lab.wait_service(&lab.all(), Duration::ZERO)
}
