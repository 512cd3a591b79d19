//! Docker's requests through the real router, the controller and a kernel in
//! memory: what is done, in which order, and what is left.

mod options;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bgp_speaker::{LocalAddresses, Speaker, SpeakerConfig};
use bgp_wire::{Asn, BgpIdentifier};
use docker_plugin_api as api;
use healthwatch::{Attachment, Container, ContainerId, DockerClient, Level, Observation, Reason};
use lb_plan::Pools;
use netplumb::{FakeKernel, Kernel, Observed, Op};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Driver;
use crate::background::Background;
use crate::controller::addresses::Addresses;
use crate::controller::{Beginning, Controller, Effects, Handle, Policy};
use crate::datapath::Spread;
use crate::instance::Instance;
use crate::ipam::Ipam;
use crate::numbers::Numbers;
use crate::options::Site;
use crate::plumber::Plumber;
use crate::settings::{DrainAction, Scope};
use crate::stopper::StopperTask;
use crate::store::{self, State, Store};
use crate::{datapath, naming};

mod abandoned;
mod disk;
mod elsewhere;
mod forgotten;
mod hostcheck;
mod hostpath;
mod killed;
mod pools;
mod replay;
mod watched;

const NETWORK: &str = "1201b136aae33ee4925f2e7b1c4ac2258cb0a511546d71945cdfc11880b2a922";
const ENDPOINT: &str = "6c7afb574597eeed4200a3739772d275cff79c257d2e73926a37687818083c21";
const OTHER: &str = "7d8bfc574597eeed4200a3739772d275cff79c257d2e73926a37687818083c21";
const CONTAINER: &str = "c0ffee0000000000000000000000000000000000000000000000000000000000";

fn instance() -> Instance {
    "00000001".parse().unwrap()
}

/// A kernel in memory that can be looked into while the plumber has it.
#[derive(Clone, Default)]
struct SharedKernel(Arc<Mutex<FakeKernel>>, Life);

impl SharedKernel {
    fn with<T>(&self, look: impl FnOnce(&mut FakeKernel) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    fn links(&self) -> BTreeSet<String> {
        self.with(|kernel| {
            let ours = kernel.state().links.values();
            ours.filter(|link| link.alias.starts_with("bgplb:"))
                .map(|link| link.alias.clone())
                .collect()
        })
    }

    /// To how many addresses there are routes.
    fn routes(&self) -> usize {
        self.with(|kernel| {
            let routes = kernel.state().routes.keys();
            routes.map(|key| key.dst).collect::<BTreeSet<_>>().len()
        })
    }
}

impl Kernel for SharedKernel {
    type Error = netplumb::Error;

    fn observe(&mut self) -> Result<Observed, Self::Error> {
        self.with(FakeKernel::observe)
    }

    fn apply(&mut self, op: &Op) -> Result<(), Self::Error> {
        self.with(|kernel| {
            if !self.1.goes_on() {
                kernel.fail(0, EPERM);
            }
            kernel.apply(op)
        })
    }
}

/// How many more changes of kernel and disk a plugin lives to see, as if it were
/// killed then; without an end by default.
#[derive(Clone, Default)]
struct Life(Arc<Mutex<Option<u32>>>);

impl Life {
    fn of(changes: u32) -> Self {
        Self(Arc::new(Mutex::new(Some(changes))))
    }

    /// Spends one change, if there is one left.
    fn goes_on(&self) -> bool {
        match self.0.lock().unwrap().as_mut() {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    fn is_over(&self) -> bool {
        *self.0.lock().unwrap() == Some(0)
    }
}

/// The plugin without sockets.
struct World {
    kernel: SharedKernel,
    router: api::Router,
    controller: Handle,
    docker: mpsc::Sender<Observation>,
    stops: StopperTask,
    stop: CancellationToken,
    directory: Arc<Directory>,
}

/// A state directory of a test, gone with the last world that uses it.
struct Directory {
    path: PathBuf,
    /// Held by a store while it writes.
    is_there: Arc<Mutex<bool>>,
}

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("bgplb-driver-{name}-{}", std::process::id());
        Self {
            path: std::env::temp_dir().join(name),
            is_there: Arc::new(Mutex::new(true)),
        }
    }

    /// A store that writes into the directory. Its thread may outlive the test by a moment.
    fn store(&self, life: Life) -> Store {
        let (path, is_there) = (self.path.clone(), Arc::clone(&self.is_there));
        let write = move |state: &State| {
            let is_there = is_there.lock().unwrap();
            if *is_there && life.goes_on() {
                store::write(&path, state)
            } else {
                Err(io::ErrorKind::NotFound.into())
            }
        };
        Store::writing_by(write).unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let mut is_there = self.is_there.lock().unwrap();
        *is_there = false;
        let removed = std::fs::remove_dir_all(&self.path);
        if !std::thread::panicking() {
            removed.unwrap();
        }
    }
}

impl World {
    fn remembered(&self) -> State {
        store::load(&self.directory.path).unwrap().state
    }
}

impl World {
    /// Waits until what is on the disk is so.
    async fn remembers(&self, check: impl Fn(&State) -> bool) {
        for _ in 0..500 {
            if check(&self.remembered()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("on the disk is {:?}", self.remembered());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl World {
    fn new(name: &str) -> Self {
        let directory = Arc::new(Directory::new(name));
        Self::resume(directory, SharedKernel::default(), slow())
    }

    /// A plugin started on what an earlier one left in `directory` and the
    /// kernel.
    fn resume(directory: Arc<Directory>, kernel: SharedKernel, policy: Policy) -> Self {
        Self::resume_with(directory, kernel, policy, (Pools::default(), Scope::Local))
    }

    /// The same with address pools, for networks of this scope.
    fn resume_with(
        directory: Arc<Directory>,
        kernel: SharedKernel,
        policy: Policy,
        pools: (Pools, Scope),
    ) -> Self {
        let plumber = Plumber::start(kernel.clone(), datapath::owned(instance())).unwrap();
        Self::resume_on(directory, kernel, plumber, policy, pools)
    }

    /// The same on the kernel that `plumber` talks to.
    fn resume_on(
        directory: Arc<Directory>,
        kernel: SharedKernel,
        plumber: Plumber,
        policy: Policy,
        (pools, scope): (Pools, Scope),
    ) -> Self {
        let state = store::load(&directory.path).unwrap().state;
        let (_addresses, addresses) = watch::channel(Arc::new(LocalAddresses::default()));
        let identifier = BgpIdentifier::from(std::net::Ipv4Addr::new(192, 0, 2, 1));
        let config = SpeakerConfig::new(Asn::new(64512), identifier);
        let (_speaker, speaker) = Speaker::new(config, addresses).unwrap();
        let client = DockerClient::new("/nowhere", Duration::from_secs(1));
        let (stops, stopper) = StopperTask::new(client);
        let effects = Effects {
            instance: instance(),
            speaker: speaker.clone(),
            plumber,
            store: directory.store(kernel.1.clone()),
            stopper,
            spread: Spread::Resilient,
            by_address: false,
        };
        let site = Site {
            local_as: 64512,
            peers: vec![crate::settings::Peer {
                address: [192, 0, 2, 1].into(),
                remote_as: 65500,
            }],
        };
        let addresses = Addresses::new(pools, scope, &state);
        let beginning = Beginning {
            state,
            numbers: Numbers::default(),
            site: site.clone(),
        };
        let (controller, handle) = Controller::new(beginning, addresses, policy, effects);
        let (docker, observations) = mpsc::channel(16);
        let stop = CancellationToken::new();
        tokio::spawn(controller.run(observations, stop.clone()));
        let background = Background::new(TaskTracker::new());
        let driver = Driver::new(handle.clone(), speaker, scope, site, background);
        let ipam = Ipam::new(handle.clone());
        let router = api::network_router(Arc::new(driver)).merge(api::ipam_router(Arc::new(ipam)));
        Self {
            kernel,
            router,
            controller: handle,
            docker,
            stops,
            stop,
            directory,
        }
    }

    async fn call(&self, method: &str, body: Value) -> (u16, Value) {
        let path = format!("/{method}");
        let answer = self.router.call("POST", &path, body.to_string()).await;
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    async fn ok(&self, method: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, body).await;
        assert_eq!(status, 200, "{method}: {answer}");
        answer
    }

    async fn create_network(&self, id: &str, v4: &str) -> (u16, Value) {
        self.create_network_with(id, v4, json!({})).await
    }

    async fn create_network_with(&self, id: &str, v4: &str, options: Value) -> (u16, Value) {
        let pool = |cidr: &str| json!([{"AddressSpace": "bgplb", "Pool": cidr, "Gateway": cidr}]);
        let body = json!({
            "NetworkID": id, "Options": {"com.docker.network.generic": options},
            "IPv4Data": pool(v4), "IPv6Data": pool("2001:db8::101/128"),
        });
        self.call("NetworkDriver.CreateNetwork", body).await
    }

    async fn attach(&self, endpoint: &str) {
        let mut body = ids(endpoint);
        body["Interface"] = json!({
            "Address": "10.0.0.101/32", "AddressIPv6": "2001:db8::101/128", "MacAddress": "",
        });
        self.ok("NetworkDriver.CreateEndpoint", body).await;
        let mut body = ids(endpoint);
        body["SandboxKey"] = json!("/run/docker/netns/1");
        let joined = self.ok("NetworkDriver.Join", body).await;
        let name = naming::veth_inside(endpoint).to_string();
        assert_eq!(joined["InterfaceName"]["SrcName"], json!(name));
    }

    async fn observe(&self, observation: Observation) {
        self.docker.send(observation).await.unwrap();
    }

    async fn container(&self, level: Level, endpoints: &[&str]) {
        self.observe(Observation::Container(container(level, endpoints)))
            .await;
    }

    async fn level(&self, level: Level) {
        self.observe(Observation::Level {
            container: ContainerId::new(CONTAINER).unwrap(),
            level,
            event_time: None,
        })
        .await;
    }

    /// Waits until what is announced is this.
    async fn announced(&self, wanted: &[&str]) {
        let wanted: BTreeSet<String> = wanted.iter().map(|p| (*p).to_owned()).collect();
        self.eventually(move |controller| {
            let now: BTreeSet<String> = controller
                .announced()
                .map(|prefix| prefix.to_string())
                .collect();
            if now == wanted {
                Ok(())
            } else {
                Err(format!("{now:?}"))
            }
        })
        .await;
    }

    async fn eventually(
        &self,
        check: impl Fn(&Controller) -> Result<(), String> + Clone + Send + 'static,
    ) {
        let mut last = Ok(());
        for _ in 0..500 {
            let check = check.clone();
            last = self.controller.ask(move |c| check(c)).await.unwrap();
            if last.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never came to be: {last:?}");
    }

    async fn kernel_settles(&self, check: impl Fn(&SharedKernel) -> bool) {
        for _ in 0..500 {
            if check(&self.kernel) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "links {:?}, {} routes",
            self.kernel.links(),
            self.kernel.routes()
        );
    }
}

/// Nothing happens by time.
fn slow() -> Policy {
    let hour = Duration::from_secs(3600);
    Policy {
        drain_time: hour,
        settle_time: hour,
        retry_time: hour,
        reconcile_every: hour,
        second_look: hour,
        ..Policy::new(DrainAction::Stop)
    }
}

fn ids(endpoint: &str) -> Value {
    json!({"NetworkID": NETWORK, "EndpointID": endpoint, "Options": {}})
}

fn container(level: Level, endpoints: &[&str]) -> Container {
    Container {
        id: ContainerId::new(CONTAINER).unwrap(),
        name: "web1".to_owned(),
        labels: Default::default(),
        level,
        endpoints: endpoints
            .iter()
            .map(|endpoint| Attachment {
                network_id: NETWORK.to_owned(),
                endpoint_id: (*endpoint).to_owned(),
                network_name: "web1".to_owned(),
                ipv4: None,
                ipv6: None,
            })
            .collect(),
    }
}

/// `asm-generic/errno-base.h`.
const EPERM: i32 = 1;
const BOTH: [&str; 2] = ["10.0.0.101/32", "2001:db8::101/128"];
const UNHEALTHY: Level = Level::NotServing(Reason::Unhealthy);

async fn serving(name: &str) -> World {
    let world = World::new(name);
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
    world.attach(ENDPOINT).await;
    world.container(Level::Serving, &[ENDPOINT]).await;
    world.announced(&BOTH).await;
    world
}

#[tokio::test]
async fn a_container_is_announced_while_it_serves_and_comes_back() {
    let world = World::new("health");
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
    world.attach(ENDPOINT).await;
    world
        .container(Level::NotServing(Reason::Starting), &[ENDPOINT])
        .await;
    world.announced(&[]).await;
    assert_eq!(world.kernel.routes(), 0);
    world.level(Level::Serving).await;
    world.announced(&BOTH).await;
    assert_eq!(world.kernel.routes(), 2);
    world.level(UNHEALTHY).await;
    world.announced(&[]).await;
    assert_eq!(world.kernel.routes(), 2, "delivery outlives the withdrawal");
    world.level(Level::Serving).await;
    world.announced(&BOTH).await;
}

#[tokio::test]
async fn delivery_ends_once_the_withdrawal_has_settled() {
    let directory = World::new("settle").directory.clone();
    let policy = Policy {
        settle_time: Duration::ZERO,
        ..slow()
    };
    let world = World::resume(directory, SharedKernel::default(), policy);
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
    world.attach(ENDPOINT).await;
    world.container(Level::Serving, &[ENDPOINT]).await;
    world.announced(&BOTH).await;
    world.level(UNHEALTHY).await;
    world.kernel_settles(|kernel| kernel.routes() == 0).await;
    assert_eq!(world.kernel.links().len(), 2, "the links stay");
}

#[tokio::test]
async fn leaving_removes_everything_the_endpoint_had() {
    let world = serving("leave").await;
    world.ok("NetworkDriver.Leave", ids(ENDPOINT)).await;
    world.announced(&[]).await;
    assert_eq!(world.kernel.routes(), 0);
    let bridge = BTreeSet::from([instance().bridge_alias(NETWORK)]);
    assert_eq!(world.kernel.links(), bridge);
    world
        .ok("NetworkDriver.DeleteEndpoint", ids(ENDPOINT))
        .await;
    world
        .ok("NetworkDriver.DeleteNetwork", json!({"NetworkID": NETWORK}))
        .await;
    assert!(world.kernel.links().is_empty());
    assert_eq!(world.remembered().networks.len(), 0);
}

#[tokio::test]
async fn a_second_container_keeps_the_address_announced() {
    let world = serving("second").await;
    world.attach(OTHER).await;
    world.container(Level::Serving, &[ENDPOINT, OTHER]).await;
    world.ok("NetworkDriver.Leave", ids(ENDPOINT)).await;
    world.announced(&BOTH).await;
    world.kernel_settles(|kernel| kernel.routes() == 2).await;
    let macs = world.kernel.with(|kernel| {
        let neighs = kernel.state().neighs.values();
        neighs
            .map(|neigh| neigh.mac.octets())
            .collect::<BTreeSet<_>>()
    });
    assert_eq!(macs, BTreeSet::from([naming::mac(OTHER)]));
}

#[tokio::test]
async fn sigusr2_withdraws_and_stops_the_container_later() {
    let directory = World::new("drain").directory.clone();
    let policy = Policy {
        drain_time: Duration::from_millis(50),
        ..slow()
    };
    let mut world = World::resume(directory, SharedKernel::default(), policy);
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
    world.attach(ENDPOINT).await;
    world.container(Level::Serving, &[ENDPOINT]).await;
    world.announced(&BOTH).await;
    for signal in [15, 12, 12] {
        let container = ContainerId::new(CONTAINER).unwrap();
        world
            .observe(Observation::Signal { container, signal })
            .await;
    }
    world.announced(&[]).await;
    assert_eq!(world.stops.next().await.as_deref(), Some(CONTAINER));
    assert!(world.stops.is_idle(), "draining twice is draining once");
    // The drain does not wait for the disk.
    let draining = |state: &State| state.networks[NETWORK].endpoints[ENDPOINT].draining;
    world.remembers(draining).await;
}

#[tokio::test]
async fn after_a_crash_running_containers_are_announced_again() {
    let first = serving("crash").await;
    let (directory, kernel) = (first.directory.clone(), first.kernel.clone());
    drop(first);
    let stray = netplumb::LinkSpec::new(
        naming::bridge("stray"),
        netplumb::LinkKind::Bridge(netplumb::BridgeSpec::default()),
        instance().bridge_alias("stray"),
    );
    kernel.with(|k| k.apply(&Op::CreateLink(stray))).unwrap();
    let world = World::resume(directory, kernel, slow());
    world.announced(&[]).await;
    world
        .kernel_settles(|kernel| kernel.links().len() == 2)
        .await;
    // Routers have kept the routes, so packets go on coming.
    assert_eq!(world.kernel.routes(), 2);
    world
        .observe(Observation::Listed {
            containers: vec![container(Level::Serving, &[ENDPOINT])],
            networks: vec![],
        })
        .await;
    world.announced(&BOTH).await;
    world.ok("NetworkDriver.Leave", ids(ENDPOINT)).await;
    assert_eq!(world.kernel.routes(), 0);
}

#[tokio::test]
async fn after_a_crash_nothing_is_delivered_to_containers_that_do_not_serve() {
    let first = serving("ill").await;
    let (directory, kernel) = (first.directory.clone(), first.kernel.clone());
    drop(first);
    let world = World::resume(directory, kernel, slow());
    world
        .observe(Observation::Listed {
            containers: vec![container(UNHEALTHY, &[ENDPOINT])],
            networks: vec![],
        })
        .await;
    world.kernel_settles(|kernel| kernel.routes() == 0).await;
    world.announced(&[]).await;
}

#[tokio::test]
async fn a_link_that_somebody_removed_comes_back() {
    let directory = World::new("repair").directory.clone();
    let policy = Policy {
        reconcile_every: Duration::from_millis(20),
        ..slow()
    };
    let world = World::resume(directory, SharedKernel::default(), policy);
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
    world.kernel.with(|kernel| {
        let name = naming::bridge(NETWORK);
        kernel.state_mut().links.remove(&name);
    });
    world.kernel_settles(|k| k.links().len() == 1).await;
}

#[tokio::test]
async fn a_container_whose_link_is_gone_is_withdrawn_and_its_link_not_made_anew() {
    let directory = World::new("link").directory.clone();
    let policy = Policy {
        reconcile_every: Duration::from_millis(20),
        settle_time: Duration::ZERO,
        ..slow()
    };
    let world = World::resume(directory, SharedKernel::default(), policy);
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
    world.attach(ENDPOINT).await;
    world.container(Level::Serving, &[ENDPOINT]).await;
    world.announced(&BOTH).await;
    world.kernel.with(|kernel| {
        let name = naming::veth_outside(ENDPOINT);
        kernel.state_mut().links.remove(&name);
    });
    world.announced(&[]).await;
    world
        .kernel_settles(|k| k.links().len() == 1 && k.routes() == 0)
        .await;
}

#[tokio::test]
async fn links_that_are_being_made_are_not_taken_for_left_behind() {
    let directory = World::new("joining").directory.clone();
    let policy = Policy {
        reconcile_every: Duration::from_millis(5),
        ..slow()
    };
    let world = World::resume(directory, SharedKernel::default(), policy);
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
    let mut body = ids(ENDPOINT);
    body["Interface"] = json!({"Address": "10.0.0.101/32"});
    world.ok("NetworkDriver.CreateEndpoint", body).await;
    // Docker has not got its answer yet when the comparisons come.
    let join = |c: &mut Controller| c.begin_join(NETWORK, ENDPOINT);
    let plumbed = world.controller.ask(join).await.unwrap().unwrap();
    plumbed.await.unwrap().unwrap();
    let calls = world.kernel.with(|k| k.calls());
    world
        .kernel_settles(|kernel| kernel.with(|k| k.calls()) > calls + 10)
        .await;
    assert_eq!(world.kernel.links().len(), 2);
}

#[tokio::test]
async fn a_container_that_ended_while_no_plugin_ran_leaves_nothing_behind() {
    let first = serving("ended").await;
    let (directory, kernel) = (first.directory.clone(), first.kernel.clone());
    drop(first);
    // The fake kernel has no namespaces: the container's end is where Docker
    // puts it back.
    let inside = naming::veth_inside(ENDPOINT);
    assert!(kernel.with(|k| k.state().links.contains_key(&inside)));
    let policy = Policy {
        second_look: Duration::from_millis(20),
        ..slow()
    };
    let world = World::resume(directory, kernel, policy);
    world
        .kernel_settles(|k| k.links().len() == 1 && k.routes() == 0)
        .await;
    world
        .eventually(|c| match c.remembered_endpoints() {
            0 => Ok(()),
            count => Err(count.to_string()),
        })
        .await;
}

#[tokio::test]
async fn a_kernel_that_refuses_leaves_nothing_half_done() {
    let world = World::new("refuse");
    // The comparison at the start looks twice and finds nothing to do.
    world
        .kernel_settles(|kernel| kernel.with(|k| k.calls()) == 2)
        .await;
    world.kernel.with(|kernel| kernel.fail(0, EPERM));
    let (status, answer) = world.create_network(NETWORK, "10.0.0.101/32").await;
    assert_eq!(status, 500, "{answer}");
    assert!(answer["Err"].as_str().unwrap().contains("bgplb-1201b136a"));
    assert!(world.kernel.links().is_empty());
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
}

#[tokio::test]
async fn what_is_not_known_is_refused_or_already_gone() {
    let world = World::new("unknown");
    let mut endpoint = ids(ENDPOINT);
    endpoint["Interface"] = json!({});
    for (method, body) in [
        ("NetworkDriver.CreateEndpoint", endpoint),
        ("NetworkDriver.Join", ids(ENDPOINT)),
        ("NetworkDriver.EndpointOperInfo", ids(ENDPOINT)),
    ] {
        let (status, answer) = world.call(method, body).await;
        assert_eq!(status, 404, "{method}: {answer}");
        assert_eq!(answer["Err"], answer["Error"]);
    }
    for method in [
        "NetworkDriver.Leave",
        "NetworkDriver.DeleteEndpoint",
        "NetworkDriver.DeleteNetwork",
    ] {
        world.ok(method, ids(ENDPOINT)).await;
    }
    assert!(world.kernel.links().is_empty());
}

#[tokio::test]
async fn a_network_is_made_once_and_owns_its_address_alone() {
    let world = World::new("twice");
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
    let (status, answer) = world.create_network(NETWORK, "10.0.0.102/32").await;
    assert_eq!(status, 409, "{answer}");
    let (status, answer) = world.create_network(OTHER, "10.0.0.101/32").await;
    assert_eq!(status, 409, "{answer}");
    assert!(answer["Err"].as_str().unwrap().contains("10.0.0.101/32"));
    assert_eq!(world.kernel.links().len(), 1);
}

#[tokio::test]
async fn labelled_networks_are_announced_while_they_exist() {
    let world = serving("label").await;
    let network = |id: &str, label: &str, subnets: &[&str]| healthwatch::Network {
        id: id.to_owned(),
        name: id.to_owned(),
        driver: "bridge".to_owned(),
        labels: [("bgplb_advertise".to_owned(), label.to_owned())].into(),
        subnets: subnets.iter().map(|s| s.parse().unwrap()).collect(),
    };
    let gateway = network("gw", "true", &["172.23.1.0/24", "2001:db8:0:1001::/64"]);
    world.observe(Observation::Network(gateway.clone())).await;
    world
        .observe(Observation::Network(network(
            "no",
            "false",
            &["172.24.0.0/24"],
        )))
        .await;
    world
        .observe(Observation::Network(network(
            NETWORK,
            "true",
            &["10.0.0.101/32"],
        )))
        .await;
    let all = [BOTH.as_slice(), &["172.23.1.0/24", "2001:db8:0:1001::/64"]].concat();
    world.announced(&all).await;
    world
        .observe(Observation::NetworkGone("gw".to_owned()))
        .await;
    world.announced(&BOTH).await;
    world.observe(Observation::Network(gateway)).await;
    world.announced(&all).await;
    world
        .observe(Observation::Listed {
            containers: vec![container(Level::Serving, &[ENDPOINT])],
            networks: vec![],
        })
        .await;
    world.announced(&BOTH).await;
}

#[tokio::test]
async fn while_docker_is_away_what_is_known_is_held() {
    let world = serving("away").await;
    world
        .observe(Observation::Unreachable {
            error: "connection refused".to_owned(),
        })
        .await;
    world.announced(&BOTH).await;
    world.observe(Observation::Reachable).await;
    world
        .observe(Observation::Listed {
            containers: vec![],
            networks: vec![],
        })
        .await;
    world.announced(&[]).await;
}
