//! `cargo xtask demo`: the README's scenario, told step by step.

use std::net::IpAddr;
use std::path::Path;
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};

use crate::artifacts::{self, Artifacts};
use crate::lab::client::{self, RunningClient, Summary};
use crate::lab::engine::Engine;
use crate::lab::host::Host;
use crate::lab::router::RouterKind;
use crate::lab::{Lab, Options, SERVICE_V4, SERVICE_V6, image, service_addresses};
use crate::scenario::{self, WEB};
use crate::wait::secs;
use crate::{e2e, lab, packages, sys};

/// Runs the demonstration; with `keep` the laboratory stays for a look around.
///
/// # Errors
///
/// When a step does not end as it should; the laboratory is then removed.
pub(crate) fn run(router: RouterKind, keep: bool) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "the demonstration needs Linux");
    ensure!(
        sys::is_root(),
        "the demonstration needs root: it makes network namespaces"
    );
    packages::ensure(&scenario::packages(router))?;
    lab::host::probe_namespaces()?;
    let artifacts = artifacts::build(&e2e::plugin_dir()?)?;
    if router == RouterKind::Speaker {
        artifacts::build_speaker()?;
    }
    let lab = set_up(router, &artifacts)?;
    let told = tell(&lab, &artifacts.plugin_dir);
    match told {
        Ok(()) if keep => lab.keep(),
        Ok(()) => {
            step("The end: everything is removed again");
            drop(lab);
        }
        Err(error) => {
            eprintln!("{}", lab.logs());
            return Err(error);
        }
    }
    Ok(())
}

fn step(title: &str) {
    println!("\n==> {title}");
}

fn set_up(router: RouterKind, artifacts: &Artifacts) -> Result<Lab> {
    step("Two Docker hosts, a router and a client, each in a network namespace");
    let lab = Lab::start(
        &Options {
            router: Some(router),
            password: None,
            narrate: true,
            engine: Engine::default(),
        },
        artifacts,
    )?;
    println!(
        "  router  192.168.8.137, 2001:db8:8::137   {}",
        lab.router().name()
    );
    for host in &lab.hosts {
        println!(
            "  {}      {}, {}     dockerd",
            host.site.name, host.site.v4, host.site.v6
        );
    }
    println!("  client  198.51.100.10, 2001:db8:c::10    behind the router");
    Ok(lab)
}

fn tell(lab: &Lab, plugin: &Path) -> Result<()> {
    let [h1, h2]: [&Host; 2] = lab.all().try_into().map_err(|_| anyhow!("two hosts"))?;

    step("The plugin, as a managed plugin of each engine");
    lab.install_plugins(plugin, &[])?;
    step("The gateway network: routed, not masqueraded, announced because of its label");
    h1.create_gateway_network()?;
    h2.create_gateway_network()?;
    scenario::await_gateways(lab)?;
    show_router_routes(lab)?;

    step("The service network, and on each host a container with a health check");
    for host in [h1, h2] {
        host.create_web1()?;
        host.run_web(WEB, WEB)?;
    }
    for host in [h1, h2] {
        host.wait_health(WEB, "healthy")?;
    }
    lab.wait_service(&[h1, h2], secs(10))?;
    for host in [h1, h2] {
        scenario::expect_host_routes(host, true)?;
    }

    step("Both containers are healthy: the hosts route to them, the router to both hosts");
    for host in [h1, h2] {
        show_host_routes(host)?;
    }
    show_router_routes(lab)?;
    show_answers(lab, &[h1, h2])?;

    step("The container on h1 turns unhealthy and leaves");
    h1.exec(WEB, &image::SICKEN)?;
    h1.wait_health(WEB, "unhealthy")?;
    lab.wait_service(&[h2], secs(5))?;
    show_router_routes(lab)?;
    show_answers(lab, &[h2])?;

    step("It recovers and comes back");
    h1.exec(WEB, &image::HEAL)?;
    h1.wait_health(WEB, "healthy")?;
    lab.wait_service(&[h1, h2], secs(5))?;
    show_answers(lab, &[h1, h2])?;

    step(
        "A drain: docker stop sends SIGUSR2, the address leaves at once, SIGTERM follows after 5 s",
    );
    drain(lab, h1, h2)
}

fn drain(lab: &Lab, h1: &Host, h2: &Host) -> Result<()> {
    let client = RunningClient::start(&lab.client_netns, &service_addresses()?, 2)?;
    println!("  client  asks both addresses over and over");
    let begin = Instant::now();
    let docker = h1.docker.clone();
    let stop = thread::spawn(move || docker.run(&["stop", WEB]));
    lab.wait_service(&[h2], secs(3))?;
    println!(
        "  router  routes to h2 only, {:.1} s after the command",
        begin.elapsed().as_secs_f64()
    );
    show_router_routes(lab)?;
    stop.join().map_err(|_| anyhow!("docker stop panicked"))??;
    println!(
        "  h1      the container ended after {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    lab.wait_answers(&[h2])?;
    let seen = client.finish()?;
    println!("  client  {}", describe(&seen));
    ensure!(
        seen.failures.is_empty(),
        "failed requests: {:?}",
        seen.failures
    );
    Ok(())
}

fn describe(seen: &Summary) -> String {
    let answers: Vec<String> = seen
        .answers
        .iter()
        .map(|(name, count)| format!("{count} answers from {name}"))
        .collect();
    format!("{}, {} failed", answers.join(", "), seen.failures.len())
}

fn show_host_routes(host: &Host) -> Result<()> {
    println!("  {}# ip route; ip -6 route", host.site.name);
    for address in service_addresses()? {
        let family = if address.is_ipv6() { "-6" } else { "-4" };
        indent(
            &host
                .netns
                .ip(&format!("{family} route show exact {address}"))?,
        );
    }
    Ok(())
}

fn show_router_routes(lab: &Lab) -> Result<()> {
    println!("  router# ip route; ip -6 route");
    for family in ["-4", "-6"] {
        let text = lab.router_netns.ip(&format!("{family} route show"))?;
        // A route with several next hops has a line for each of them, indented.
        let mut learned = false;
        for line in text.lines() {
            if !line.starts_with(char::is_whitespace) {
                learned = line.contains("proto bgp") || line.contains("proto bird");
            }
            if learned {
                println!("    {line}");
            }
        }
    }
    Ok(())
}

fn show_answers(lab: &Lab, hosts: &[&Host]) -> Result<()> {
    lab.wait_answers(hosts)?;
    let addresses: [(&str, IpAddr); 2] = [
        (SERVICE_V4, SERVICE_V4.parse()?),
        (SERVICE_V6, SERVICE_V6.parse()?),
    ];
    for (text, address) in addresses {
        let url = if address.is_ipv6() {
            format!("[{text}]")
        } else {
            text.to_owned()
        };
        println!("  client# for i in $(seq 100); do curl http://{url}/name; done | sort | uniq -c");
        let seen = client::requests(&lab.client_netns, &[address], 100)?;
        println!("    {}", describe(&seen));
    }
    Ok(())
}

fn indent(text: &str) {
    for line in text.lines() {
        println!("    {line}");
    }
}
