//! What others do to our objects in a real kernel, and how soon it is mended.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use healthwatch::Level;
use lb_plan::Pools;
use netplumb::{Kernel as _, Netlink, ObjectNews, ObjectWatch, Observed};
use serde_json::{Value, json};

use super::hostcheck::in_namespace;
use super::{
    BOTH, Directory, ENDPOINT, NETWORK, OTHER, Policy, SharedKernel, UNHEALTHY, World, ids,
    instance, slow,
};
use crate::plumber::Plumber;
use crate::settings::Scope;
use crate::{datapath, kernel_news, naming};

/// Runs `ip` in this thread's namespace.
pub(super) fn ip(args: &str) {
    let status = Command::new("ip").args(args.split(' ')).status().unwrap();
    assert!(status.success(), "ip {args}");
}

/// A plugin on the kernel of this thread's namespace, which compares with it
/// only when it is told to.
pub(super) fn world(name: &str, policy: Policy) -> World {
    let (world, news) = deaf_world(name, policy);
    kernel_news::follow(news, &world.controller).unwrap();
    world
}

/// The same, but nobody tells it.
fn deaf_world(name: &str, policy: Policy) -> (World, ObjectWatch) {
    ip("link set lo up");
    let kernel = Netlink::open().unwrap();
    let news = kernel_news::open(instance(), &kernel).unwrap();
    let plumber = Plumber::start(kernel, datapath::owned(instance())).unwrap();
    let world = World::resume_on(
        Arc::new(Directory::new(name)),
        SharedKernel::default(),
        plumber,
        policy,
        (Pools::default(), Scope::Local),
    );
    (world, news)
}

/// The container's end is taken as Docker takes it, as far as the host sees.
fn open(endpoint: &str) {
    ip(&format!("link set {} up", naming::veth_inside(endpoint)));
}

/// What of ours the kernel has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ours {
    pub(super) links: BTreeSet<String>,
    pub(super) addresses: BTreeSet<String>,
    routes: BTreeSet<String>,
    next_hops: BTreeSet<u32>,
    neighs: BTreeSet<String>,
}

pub(super) fn ours() -> Ours {
    let observed: Observed = Netlink::open().unwrap().observe().unwrap();
    let links = observed.links.iter();
    let links = links.filter(|(_, link)| link.alias.starts_with("bgplb:"));
    Ours {
        links: links
            .map(|(name, link)| format!("{name} {:?} {} {:?}", link.master, link.up, link.alias))
            .collect(),
        // What the kernel gives a link itself is made of its MAC address.
        addresses: observed
            .addrs
            .iter()
            .filter(|it| it.addr.prefix_len() == it.addr.max_prefix_len())
            .filter(|it| it.link.as_str().starts_with("bgplb-"))
            .map(|it| format!("{} {}", it.addr, it.link))
            .collect(),
        routes: observed
            .routes
            .values()
            .filter(|route| route.protocol == 186)
            .map(|route| format!("{} {:?}", route.key(), route.next_hops.object()))
            .collect(),
        next_hops: observed.next_hops.keys().map(|id| id.get()).collect(),
        neighs: observed
            .neighs
            .values()
            .filter(|it| !it.ip.is_multicast())
            .map(|it| format!("{it:?}"))
            .collect(),
    }
}

/// Waits until the kernel has this.
pub(super) async fn has(wanted: &Ours) {
    let begin = Instant::now();
    loop {
        let now = ours();
        if now == *wanted {
            return;
        }
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "the kernel has {now:#?} instead of {wanted:#?}"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn serving(name: &str, policy: Policy) -> World {
    let world = world(name, policy);
    serve(&world).await;
    world
}

async fn serve(world: &World) {
    serve_with(world, json!({})).await;
}

/// The same on a network with these options.
pub(super) async fn serve_with(world: &World, options: Value) {
    let made = world.create_network_with(NETWORK, "10.0.0.101/32", options);
    assert_eq!(made.await.0, 200);
    world.attach(ENDPOINT).await;
    open(ENDPOINT);
    world.container(Level::Serving, &[ENDPOINT]).await;
    world.announced(&BOTH).await;
}

pub(super) async fn restored(world: &World) -> u64 {
    world
        .controller
        .ask(|controller| controller.times_restored())
        .await
        .unwrap()
}

#[test]
fn whatever_somebody_deletes_is_there_again_at_once() {
    in_namespace(|| async {
        // Nothing is due by time.
        let world = serving("watched-each", slow()).await;
        let whole = ours();
        assert_eq!(whole.routes.len(), 4, "{whole:#?}");
        let bridge = naming::bridge(NETWORK);
        let first = *whole.next_hops.first().unwrap();
        let (v4, v6) = ("10.0.0.101", "2001:db8::101");
        let deletions = [
            format!("route del {v4}/32 proto 186 metric 0"),
            format!("route del {v4}/32 proto 186 metric 4096"),
            format!("-6 route del {v6}/128 proto 186 metric 1024"),
            format!("neigh del {v4} dev {bridge}"),
            format!("nexthop del id {first}"),
        ];
        for deletion in &deletions {
            ip(deletion);
            has(&whole).await;
        }
        // What the kernel deletes with an object may be told a moment after it.
        let times = restored(&world).await;
        assert!(
            (5..=10).contains(&times),
            "{times} times for five deletions"
        );
    });
}

#[test]
fn links_that_somebody_changes_or_deletes_are_as_before_at_once() {
    in_namespace(|| async {
        // Nothing is due by time.
        let world = serving("watched-links", slow()).await;
        let whole = ours();
        let bridge = naming::bridge(NETWORK);
        let veth = naming::veth_outside(ENDPOINT);
        let changes = [
            format!("link set {bridge} address 02:00:00:00:00:01"),
            format!("link set {bridge} down"),
            format!("link set {veth} down"),
            format!("link set {veth} nomaster"),
            format!("link del {bridge}"),
            format!("link set {bridge} name other"),
        ];
        for change in &changes {
            ip(change);
            has(&whole).await;
            world.announced(&BOTH).await;
        }
    });
}

#[test]
fn own_changes_are_mended_by_nobody() {
    in_namespace(|| async {
        let policy = Policy {
            settle_time: Duration::ZERO,
            ..slow()
        };
        let world = serving("watched-own", policy).await;
        world.attach(OTHER).await;
        open(OTHER);
        world.container(Level::Serving, &[ENDPOINT, OTHER]).await;
        world.level(UNHEALTHY).await;
        world.announced(&[]).await;
        world.level(Level::Serving).await;
        world.announced(&BOTH).await;
        for endpoint in [ENDPOINT, OTHER] {
            world.ok("NetworkDriver.Leave", ids(endpoint)).await;
            world
                .ok("NetworkDriver.DeleteEndpoint", ids(endpoint))
                .await;
        }
        world.announced(&[]).await;
        // What somebody does after all that is told after all that.
        world.attach(ENDPOINT).await;
        open(ENDPOINT);
        world.container(Level::Serving, &[ENDPOINT]).await;
        world.announced(&BOTH).await;
        assert_eq!(restored(&world).await, 0);
        let whole = ours();
        ip("route del 10.0.0.101/32 proto 186 metric 0");
        has(&whole).await;
        assert_eq!(restored(&world).await, 1);
    });
}

#[test]
fn without_a_carrier_a_container_is_not_announced_and_with_one_it_is_at_once() {
    in_namespace(|| async {
        // A refused delivery would never be tried again.
        let world = world("watched-carrier", slow());
        assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
        world.attach(ENDPOINT).await;
        world.container(Level::Serving, &[ENDPOINT]).await;
        let reason = |controller: &super::Controller| match controller.reason_of(NETWORK) {
            Some(lb_plan::Reason::NotAttached) => Ok(()),
            other => Err(format!("{other:?}")),
        };
        world.eventually(reason).await;
        open(ENDPOINT);
        world.announced(&BOTH).await;
        ip(&format!("link set {} down", naming::veth_inside(ENDPOINT)));
        world.announced(&[]).await;
        world.eventually(reason).await;
        open(ENDPOINT);
        world.announced(&BOTH).await;
    });
}

#[test]
fn a_container_whose_link_is_deleted_is_withdrawn_and_given_up() {
    in_namespace(|| async {
        let world = serving("watched-veth", slow()).await;
        world.attach(OTHER).await;
        open(OTHER);
        world.container(Level::Serving, &[ENDPOINT, OTHER]).await;
        ip(&format!("link del {}", naming::veth_outside(ENDPOINT)));
        let one_left = |controller: &super::Controller| match controller.remembered_endpoints() {
            1 => Ok(()),
            other => Err(format!("{other} endpoints")),
        };
        world.eventually(one_left).await;
        world.announced(&BOTH).await;
        ip(&format!("link del {}", naming::veth_outside(OTHER)));
        world.announced(&[]).await;
        // Docker may say so later.
        world.ok("NetworkDriver.Leave", ids(OTHER)).await;
        world.ok("NetworkDriver.DeleteEndpoint", ids(OTHER)).await;
    });
}

#[test]
fn who_deletes_in_a_loop_is_not_followed_in_one() {
    in_namespace(|| async {
        let world = serving("watched-storm", slow()).await;
        let whole = ours();
        // As often as it is there, until it stays away.
        let begin = Instant::now();
        while restored(&world).await < 16 {
            let args = [
                "route",
                "del",
                "10.0.0.101/32",
                "proto",
                "186",
                "metric",
                "0",
            ];
            _ = Command::new("ip").args(args).output().unwrap();
            assert!(
                begin.elapsed() < Duration::from_secs(60),
                "it is not mended"
            );
        }
        has(&whole).await;
        let begin = Instant::now();
        ip("route del 10.0.0.101/32 proto 186 metric 0");
        world.announced(&[]).await;
        // Then it is mended, not at once, and announced again.
        has(&whole).await;
        assert!(begin.elapsed() >= Duration::from_secs(1), "at once");
        world.announced(&BOTH).await;
    });
}

#[test]
fn after_lost_news_everything_is_compared() {
    in_namespace(|| async {
        // It does not hear of the first carrier either.
        let policy = Policy {
            retry_time: Duration::from_millis(20),
            ..slow()
        };
        let (world, _news) = deaf_world("watched-lost", policy);
        serve(&world).await;
        let (whole, times) = (ours(), restored(&world).await);
        ip("route del 10.0.0.101/32 proto 186 metric 0");
        world
            .controller
            .ask(|controller| controller.kernel_changed(&ObjectNews::all_lost()))
            .await
            .unwrap();
        has(&whole).await;
        assert_eq!(
            restored(&world).await,
            times,
            "the comparison mends by itself"
        );
    });
}
