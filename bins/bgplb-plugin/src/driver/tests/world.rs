//! The laboratory: the plugin without sockets, with a kernel in memory and
//! Docker's part played by the test.

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
use lb_status::EventLog;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Driver;
use super::kernel::{Life, SharedKernel};
use crate::background::Background;
use crate::controller::addresses::Addresses;
use crate::controller::{Beginning, Controller, Effects, Handle, Policy};
use crate::datapath::Spread;
use crate::instance::Instance;
use crate::ipam::Ipam;
use crate::latency::LatencyTask;
use crate::numbers::Numbers;
use crate::options::Site;
use crate::plumber::Plumber;
use crate::settings::{DrainAction, Scope};
use crate::stopper::StopperTask;
use crate::store::{self, State, Store};
use crate::{datapath, naming};

pub(super) const NETWORK: &str = "1201b136aae33ee4925f2e7b1c4ac2258cb0a511546d71945cdfc11880b2a922";
pub(super) const ENDPOINT: &str =
    "6c7afb574597eeed4200a3739772d275cff79c257d2e73926a37687818083c21";
pub(super) const OTHER: &str = "7d8bfc574597eeed4200a3739772d275cff79c257d2e73926a37687818083c21";
pub(super) const CONTAINER: &str =
    "c0ffee0000000000000000000000000000000000000000000000000000000000";

pub(super) fn instance() -> Instance {
    "00000001".parse().unwrap()
}

/// The plugin without sockets.
pub(super) struct World {
    pub(super) kernel: SharedKernel,
    pub(super) router: api::Router,
    pub(super) controller: Handle,
    pub(super) docker: mpsc::Sender<Observation>,
    pub(super) stops: StopperTask,
    pub(super) events: EventLog,
    pub(super) stop: CancellationToken,
    pub(super) directory: Arc<Directory>,
}

/// A state directory of a test, gone with the last world that uses it.
pub(super) struct Directory {
    pub(super) path: PathBuf,
    /// Held by a store while it writes.
    pub(super) is_there: Arc<Mutex<bool>>,
}

impl Directory {
    pub(super) fn new(name: &str) -> Self {
        let name = format!("bgplb-driver-{name}-{}", std::process::id());
        Self {
            path: std::env::temp_dir().join(name),
            is_there: Arc::new(Mutex::new(true)),
        }
    }

    /// A store that writes into the directory. Its thread may outlive the test by a moment.
    pub(super) fn store(&self, life: Life) -> Store {
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
    pub(super) fn remembered(&self) -> State {
        store::load(&self.directory.path).unwrap().state
    }
}

impl World {
    /// Waits until what is on the disk is so.
    pub(super) async fn remembers(&self, check: impl Fn(&State) -> bool) {
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
    pub(super) fn new(name: &str) -> Self {
        let directory = Arc::new(Directory::new(name));
        Self::resume(directory, SharedKernel::default(), slow())
    }

    /// A plugin started on what an earlier one left in `directory` and the
    /// kernel.
    pub(super) fn resume(directory: Arc<Directory>, kernel: SharedKernel, policy: Policy) -> Self {
        Self::resume_with(directory, kernel, policy, (Pools::default(), Scope::Local))
    }

    /// The same with address pools, for networks of this scope.
    pub(super) fn resume_with(
        directory: Arc<Directory>,
        kernel: SharedKernel,
        policy: Policy,
        pools: (Pools, Scope),
    ) -> Self {
        let plumber = Plumber::start(kernel.clone(), datapath::owned(instance())).unwrap();
        Self::resume_on(directory, kernel, plumber, policy, pools)
    }

    /// The same on the kernel that `plumber` talks to.
    pub(super) fn resume_on(
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
        let events = EventLog::default();
        let (_, stopwatch, _) = LatencyTask::new(speaker.clone());
        let effects = Effects {
            instance: instance(),
            speaker: speaker.clone(),
            plumber,
            store: directory.store(kernel.1.clone()),
            stopper,
            events: events.clone(),
            stopwatch,
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
            events,
            stop,
            directory,
        }
    }

    pub(super) async fn call(&self, method: &str, body: Value) -> (u16, Value) {
        let path = format!("/{method}");
        let answer = self.router.call("POST", &path, body.to_string()).await;
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    pub(super) async fn ok(&self, method: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, body).await;
        assert_eq!(status, 200, "{method}: {answer}");
        answer
    }

    pub(super) async fn create_network(&self, id: &str, v4: &str) -> (u16, Value) {
        self.create_network_with(id, v4, json!({})).await
    }

    pub(super) async fn create_network_with(
        &self,
        id: &str,
        v4: &str,
        options: Value,
    ) -> (u16, Value) {
        let pool = |cidr: &str| json!([{"AddressSpace": "bgplb", "Pool": cidr, "Gateway": cidr}]);
        let body = json!({
            "NetworkID": id, "Options": {"com.docker.network.generic": options},
            "IPv4Data": pool(v4), "IPv6Data": pool("2001:db8::101/128"),
        });
        self.call("NetworkDriver.CreateNetwork", body).await
    }

    pub(super) async fn attach(&self, endpoint: &str) {
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

    pub(super) async fn observe(&self, observation: Observation) {
        self.docker.send(observation).await.unwrap();
    }

    pub(super) async fn container(&self, level: Level, endpoints: &[&str]) {
        self.observe(Observation::Container(container(level, endpoints)))
            .await;
    }

    pub(super) async fn level(&self, level: Level) {
        self.observe(Observation::Level {
            container: ContainerId::new(CONTAINER).unwrap(),
            level,
            event_time: None,
        })
        .await;
    }

    /// Waits until what is announced is this.
    pub(super) async fn announced(&self, wanted: &[&str]) {
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

    pub(super) async fn eventually(
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

    pub(super) async fn kernel_settles(&self, check: impl Fn(&SharedKernel) -> bool) {
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
pub(super) fn slow() -> Policy {
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

pub(super) fn ids(endpoint: &str) -> Value {
    json!({"NetworkID": NETWORK, "EndpointID": endpoint, "Options": {}})
}

pub(super) fn container(level: Level, endpoints: &[&str]) -> Container {
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

pub(super) const BOTH: [&str; 2] = ["10.0.0.101/32", "2001:db8::101/128"];
pub(super) const UNHEALTHY: Level = Level::NotServing(Reason::Unhealthy);

pub(super) async fn serving(name: &str) -> World {
    let world = World::new(name);
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
    world.attach(ENDPOINT).await;
    world.container(Level::Serving, &[ENDPOINT]).await;
    world.announced(&BOTH).await;
    world
}
