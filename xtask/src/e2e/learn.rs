//! Two hosts whose speakers tell each other of their container networks: plain bridges of Docker's,
//! reached by their own addresses.
//!
//! ```text
//!   h1  10.1.1.0/24, 2001:db8:a1::/64  -- lan --  h2  10.1.2.0/24, 2001:db8:a2::/64
//! ```

mod node;
mod world;

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use self::node::{BLUE, Node};
use self::world::{Way, World};
use super::{Tally, full_name};
use crate::lab::client::RunningClient;
use crate::wait::{secs, until};

type Case = fn(&World) -> Result<()>;

const DIRECT: [(&str, Case); 6] = [
    (
        "containers_of_two_hosts_reach_each_other_by_their_own_addresses",
        reach,
    ),
    (
        "networks_and_hosts_that_go_take_their_routes_along",
        routes_go,
    ),
    (
        "a_speaker_that_crashes_loses_no_request_and_foreign_routes_stay",
        crash,
    ),
    (
        "networks_are_not_given_up_after_a_crash_before_docker_has_said_which_there_are",
        crash_without_docker,
    ),
    ("a_service_follows_its_container", follow_container),
    ("a_network_of_our_own_is_not_learned", keep_our_own),
];

const BY_ROUTER: [(&str, Case); 1] = [(
    "containers_reach_each_other_by_their_own_addresses_through_frr",
    reach,
)];

/// Runs the wanted ones, those of each way in one laboratory.
pub(super) fn run(wanted: impl Fn(&str) -> bool, tally: &mut Tally) {
    run_by(Way::Directly, &DIRECT, &wanted, tally);
    run_by(Way::ByRouter, &BY_ROUTER, &wanted, tally);
}

fn run_by(way: Way, cases: &[(&str, Case)], wanted: impl Fn(&str) -> bool, tally: &mut Tally) {
    let cases = cases.iter();
    let cases = cases.map(|(case, test)| (full_name("learn", case), test));
    let cases: Vec<_> = cases.filter(|(name, _)| wanted(name)).collect();
    if cases.is_empty() {
        return;
    }
    if let Err(reason) = world::able(way) {
        for (name, _) in &cases {
            tally.skip(name, &format!("{reason:#}"));
        }
        return;
    }
    let world = match World::start(way) {
        Ok(world) => world,
        Err(error) => {
            for (name, _) in &cases {
                tally.fail(name, &format!("{error:#}"));
            }
            return;
        }
    };
    for (name, test) in &cases {
        let start = Instant::now();
        tally.note(name, start, test(&world), || world.logs());
    }
}

fn reach(world: &World) -> Result<()> {
    let [one, two] = world.nodes();
    let source = "source = \"10.1.1.1\"\nsource-v6 = \"2001:db8:a1::1\"";
    let _one = one.start(source, "")?;
    let _two = two.start("", "")?;
    one.wait_routes(two)?;
    two.wait_routes(one)?;
    for (from, to) in [(one, two), (two, one)] {
        for family in 0..2 {
            from.host
                .exec(BLUE, &["wget", "-q", "-O", "-", &to.url(family, "name")])?;
            let seen = from.ask(&to.url(family, "cgi-bin/who"))?;
            let address = from.container(family);
            ensure!(seen.contains(address), "{address} asked, seen is {seen:?}");
        }
    }
    sourced(one, two)?;
    // With the network its address goes, and the kernel takes the routes away.
    one.clear()?;
    two.wait_no_routes(one, secs(10))?;
    one.create()?;
    two.wait_routes(one)?;
    one.wait_routes(two)
        .context("after the network was made again")?;
    sourced(one, two)
}

/// What the host itself sends leaves with the address that its file says.
fn sourced(one: Node<'_>, two: Node<'_>) -> Result<()> {
    for (family, source) in [(0, "10.1.1.1"), (1, "2001:db8:a1::1")] {
        let to = two.container(family);
        let way = one.host.netns.ip(&format!("route get {to}"))?;
        ensure!(way.contains(&format!("src {source} ")), "it is {way}");
    }
    Ok(())
}

fn routes_go(world: &World) -> Result<()> {
    let [one, two] = world.nodes();
    let _one = one.start("", "")?;
    let mut running = two.start("", "")?;
    one.wait_routes(two)?;
    two.clear()?;
    one.wait_no_routes(two, secs(10))
        .context("after the network was removed")?;
    two.create()?;
    one.wait_routes(two)
        .context("after the network was made again")?;
    running.stop(secs(20))?;
    one.wait_no_routes(two, secs(10))
        .context("after the speaker was stopped")?;
    let mut running = two.start("", "")?;
    one.wait_routes(two)
        .context("after the speaker was started again")?;
    running.kill()?;
    // They stay for the restart time, in which it might come back.
    ensure!(one.has_routes(two)?, "they went with a crash at once");
    one.wait_no_routes(two, secs(60))
        .context("after the speaker did not come back")
}

fn crash(world: &World) -> Result<()> {
    let [one, two] = world.nodes();
    let next_hop = two.host.site.v4;
    let foreign = "10.9.9.0/24";
    let netns = &one.host.netns;
    netns.ip(&format!("route add {foreign} via {next_hop} proto static"))?;
    let test = || -> Result<()> {
        let mut first = one.start("", "")?;
        let mut second = two.start("", "")?;
        one.wait_routes(two)?;
        let client = RunningClient::start(netns, &two.addresses()?, 1)?;
        first.kill()?;
        ensure!(one.has_routes(two)?, "our routes went with our crash");
        let _first = one.start("", "")?;
        one.wait_session(two).context("after our crash")?;
        second.kill()?;
        let _second = two.start("", "")?;
        // Its own view is of this session, and not of the one before.
        two.wait_session(one).context("after its crash")?;
        one.wait_session(two).context("after its crash")?;
        one.wait_routes(two)?;
        let seen = client.finish()?;
        ensure!(
            seen.failures.is_empty(),
            "failed requests: {:?}",
            seen.failures
        );
        ensure!(
            seen.answered() > 0 && seen.resent == 0,
            "there was {seen:?}"
        );
        Ok(())
    };
    let tested = test();
    let left = netns.ip(&format!("route show {foreign} proto static"))?;
    netns.ip(&format!("route flush {foreign} proto static"))?;
    tested?;
    ensure!(
        left.contains(foreign),
        "the foreign route is gone: {left:?}"
    );
    Ok(())
}

fn crash_without_docker(world: &World) -> Result<()> {
    let [one, two] = world.nodes();
    let _one = one.start("", "")?;
    let mut running = two.start("", "")?;
    one.wait_routes(two)?;
    two.wait_routes(one)?;
    let frozen = two.freeze_engine()?;
    running.kill()?;
    let _two = two.start("", "")?;
    two.wait_session(one)?;
    let told = one.tables_told(two)?;
    ensure!(
        told == 0,
        "{told} tables are said to be whole without a word of Docker's"
    );
    ensure!(one.has_routes(two)?, "the routes are gone");
    drop(frozen);
    one.wait_session(two)?;
    ensure!(one.has_routes(two)?, "the routes went in the end");
    Ok(())
}

fn follow_container(world: &World) -> Result<()> {
    let [one, two] = world.nodes();
    let _one = one.start("", "")?;
    let address = "203.0.113.80";
    let service = format!(
        "[[services]]\nname = \"web\"\naddresses = [\"{address}\"]\nlink = \"lo\"\n\
         [[services.checks]]\nkind = \"docker\"\ncontainer = \"{BLUE}\"\n"
    );
    let _two = two.start("", &service)?;
    let shown = |wanted: bool| {
        until(&format!("{address} there: {wanted}"), secs(30), || {
            let routes = one.host.netns.routes(false, &format!("exact {address}"))?;
            ensure!(routes.is_empty() != wanted, "there are {routes:?}");
            Ok(())
        })
    };
    shown(true)?;
    two.host.docker.run(&["pause", BLUE])?;
    shown(false).context("after the container was paused")?;
    two.host.docker.run(&["unpause", BLUE])?;
    shown(true).context("after the container went on")?;
    two.host.docker.run(&["rename", BLUE, "red"])?;
    shown(false).context("without a container of that name")?;
    two.host.docker.run(&["rename", "red", BLUE])?;
    shown(true).context("with a container of that name")
}

fn keep_our_own(world: &World) -> Result<()> {
    let [one, two] = world.nodes();
    let _one = one.start("", "")?;
    let [v4, _] = one.subnets;
    let _two = two.start("", &format!("[[announce]]\nprefix = \"{v4}\"\n"))?;
    one.wait_routes(two)?;
    until("the word of it in the log", secs(10), || {
        let log = std::fs::read_to_string(one.log())?;
        let said = log.contains("a network of this host's own; its route is not installed");
        ensure!(said, "it says nothing of it");
        Ok(())
    })?;
    let routes = one.host.netns.ip(&format!("route show exact {v4}"))?;
    ensure!(!routes.contains("bgp"), "there is {routes}");
    Ok(())
}
