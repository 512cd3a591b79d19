//! Services of a Swarm of two nodes, each with the plugin in global scope.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::suite::Test;
use crate::lab::client::RunningClient;
use crate::lab::host::{Host, PLUGIN};
use crate::lab::swarm::Swarm;
use crate::lab::{Lab, service_addresses};
use crate::scenario;
use crate::wait::{secs, until};

/// All of them.
pub(super) const TESTS: [Test; 8] = [
    Test::always(
        "swarm_a_global_service_is_announced_by_both_nodes",
        global_service,
    ),
    Test::always(
        "swarm_a_service_with_a_virtual_address_is_announced_by_both_nodes",
        virtual_address,
    ),
    Test::always("swarm_driver_options_reach_the_agents", driver_options),
    Test::always("swarm_nodes_agree_on_the_addresses_of_a_pool", pool),
    Test::always(
        "swarm_an_update_of_a_service_fails_no_request",
        service_update,
    ),
    Test::always(
        "swarm_a_service_scaled_to_zero_leaves_no_trace_and_comes_back",
        scaled_to_zero,
    ),
    Test::always(
        "swarm_a_restarted_manager_announces_again",
        restarted_manager,
    ),
    Test::always(
        "swarm_a_node_that_leaves_is_withdrawn_and_may_come_back",
        leaving_node,
    ),
];

/// A task starts within this time, is healthy, announced and installed.
const START: std::time::Duration = secs(30);

const DNSRR: [&str; 4] = ["--endpoint-mode", "dnsrr", "--mode", "global"];

fn serve(lab: &Lab, swarm: Swarm<'_>, options: &[&str]) -> Result<()> {
    swarm.create_network(&[])?;
    swarm.create_service(options)?;
    lab.wait_service(&lab.all(), START)
}

/// The containers that run on a node.
fn tasks(host: &Host) -> Result<Vec<String>> {
    host.docker.names(&["ps"], "ID")
}

fn global_service(lab: &Lab) -> Result<()> {
    let swarm = Swarm::of(lab)?;
    serve(lab, swarm, &DNSRR)?;
    lab.wait_answers(&lab.all())?;
    swarm.manager.docker.run(&["service", "rm", "web1"])?;
    lab.wait_service(&[], secs(10))
}

/// Swarm's own balancing finds one address for the service and for each of its tasks.
fn virtual_address(lab: &Lab) -> Result<()> {
    let swarm = Swarm::of(lab)?;
    serve(lab, swarm, &["--mode", "global"])?;
    lab.wait_answers(&lab.all())
}

fn driver_options(lab: &Lab) -> Result<()> {
    const KEY: &str = "org.example.option";
    const MED: &str = "bgplb.med=77";
    let swarm = Swarm::of(lab)?;
    swarm.create_network(&["--opt", &format!("{KEY}=value"), "--opt", MED])?;
    swarm.create_service(&DNSRR)?;
    lab.wait_service(&lab.all(), START)?;
    // The worker knows of the network only what the manager's plugin gave it.
    let network = swarm.worker.docker.inspect("network", "web1")?;
    ensure!(network["Options"][KEY] == "value", "{network}");
    // And acts by it.
    for (address, length) in service_addresses()?.into_iter().zip([32, 128]) {
        let paths = lab.router().paths(&format!("{address}/{length}"))?;
        let meds: Vec<&Value> = paths.iter().map(|path| &path["BGP.med"]).collect();
        ensure!(meds == ["77", "77"], "{address} has {meds:?}");
    }
    Ok(())
}

/// The manager chooses the IPv4 address and tells it; the worker finds what goes with it.
fn pool(lab: &Lab) -> Result<()> {
    let swarm = Swarm::of(lab)?;
    let mut create = vec!["network", "create", "--driver", PLUGIN];
    create.extend(["--ipam-driver", PLUGIN, "--ipam-opt", "pool=web"]);
    create.extend(["--ipv6", "web1"]);
    swarm.manager.docker.run(&create)?;
    swarm.create_service(&DNSRR)?;
    for (address, length) in [("10.0.1.30", 32), ("2001:db8:0:2000::", 128)] {
        lab.wait_route(&format!("{address}/{length}"), &lab.all(), START)?;
        lab.wait_answers_of(address.parse()?, &lab.all())?;
    }
    swarm.manager.docker.run(&["service", "rm", "web1"])?;
    lab.wait_route("10.0.1.30/32", &[], secs(10))
}

fn service_update(lab: &Lab) -> Result<()> {
    let swarm = Swarm::of(lab)?;
    let mut options = DNSRR.to_vec();
    options.extend(["--stop-signal", "SIGUSR2", "--stop-grace-period", "30s"]);
    // A container that is healthy at once answers IPv6 only when the kernel has checked the
    // link-local address towards Docker's bridge for duplicates, some two seconds later.
    options.extend(["--health-interval", "3s"]);
    serve(lab, swarm, &options)?;
    lab.wait_answers(&lab.all())?;
    let before = [tasks(swarm.manager)?, tasks(swarm.worker)?];
    let client = RunningClient::start(&lab.client_netns, &service_addresses()?, 2)?;
    let mut update = vec!["service", "update", "--detach", "--force"];
    update.extend([
        "--update-parallelism",
        "1",
        "--update-monitor",
        "1s",
        "web1",
    ]);
    swarm.manager.docker.run(&update)?;
    until("the update to be complete", secs(60), || {
        let service = swarm.manager.docker.inspect("service", "web1")?;
        let state = &service["UpdateStatus"]["State"];
        ensure!(state == "completed", "it is {state}");
        Ok(())
    })?;
    lab.wait_service(&lab.all(), START)?;
    let seen = client.finish()?;
    ensure!(
        seen.failures.is_empty(),
        "failed requests: {:?}",
        seen.failures
    );
    // Routers move connections that are open while a next hop comes or goes.
    ensure!(seen.resent <= 4, "{} were sent again", seen.resent);
    for (host, old) in lab.all().into_iter().zip(before) {
        let new = tasks(host)?;
        ensure!(
            new.len() == 1 && new != old,
            "on {} were {old:?} and are {new:?}",
            host.site.name
        );
    }
    lab.wait_answers(&lab.all())
}

fn scaled_to_zero(lab: &Lab) -> Result<()> {
    let swarm = Swarm::of(lab)?;
    let before = [
        scenario::traces(swarm.manager)?,
        scenario::traces(swarm.worker)?,
    ];
    let mut options = vec!["--endpoint-mode", "dnsrr", "--replicas", "2"];
    options.extend(["--replicas-max-per-node", "1"]);
    serve(lab, swarm, &options)?;
    let scale = |count: &str| {
        let service = format!("web1={count}");
        let args = ["service", "scale", "--detach", &service];
        swarm.manager.docker.run(&args)
    };
    scale("0")?;
    lab.wait_service(&[], START)?;
    // With its last task a node loses the network, too.
    for (host, before) in lab.all().into_iter().zip(before) {
        scenario::expect_traces(host, &before)?;
    }
    scale("2")?;
    lab.wait_service(&lab.all(), START)?;
    lab.wait_answers(&lab.all())
}

fn restarted_manager(lab: &Lab) -> Result<()> {
    let swarm = Swarm::of(lab)?;
    serve(lab, swarm, &DNSRR)?;
    let before = tasks(swarm.worker)?;
    // Docker ends its containers with it, and Swarm starts others when it is back.
    swarm.manager.restart_engine()?;
    lab.wait_service(&lab.all(), START)?;
    let now = tasks(swarm.worker)?;
    ensure!(now == before, "the worker had {before:?} and has {now:?}");
    lab.wait_answers(&lab.all())?;
    swarm.manager.docker.run(&["service", "rm", "web1"])?;
    lab.wait_service(&[], secs(10))
}

fn leaving_node(lab: &Lab) -> Result<()> {
    let swarm = Swarm::of(lab)?;
    serve(lab, swarm, &DNSRR)?;
    swarm.leave()?;
    lab.wait_service(&[swarm.manager], START)?;
    lab.wait_answers(&[swarm.manager])?;
    // What Docker itself has for a Swarm goes as well, so only what is ours can be compared.
    until("everything of the service to go", secs(10), || {
        let links = swarm.worker.plugin_links()?;
        ensure!(links.is_empty(), "there are {links:?}");
        for address in service_addresses()? {
            let link = swarm.worker.service_link(address)?;
            ensure!(link.is_none(), "{address} is routed to {link:?}");
        }
        Ok(())
    })?;
    swarm.join()?;
    lab.wait_service(&lab.all(), START)?;
    lab.wait_answers(&lab.all())
}
