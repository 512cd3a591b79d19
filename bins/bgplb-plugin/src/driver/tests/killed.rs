//! A plugin killed after each of its changes of kernel and disk, and what the
//! next one makes of what it left.

use super::*;

/// What Docker asks for in the life of a container, in order.
const REQUESTS: [&str; 6] = [
    "CreateNetwork",
    "CreateEndpoint",
    "Join",
    "Leave",
    "DeleteEndpoint",
    "DeleteNetwork",
];

/// How far Docker believes to have come.
#[derive(Default)]
struct Docker {
    network: bool,
    joined: bool,
}

impl Docker {
    /// What Docker has once a request was made and answered like this.
    fn note(&mut self, request: &str, answered: bool) {
        match request {
            "CreateNetwork" => self.network = answered,
            "Join" => self.joined = answered,
            "Leave" => self.joined = false,
            "CreateEndpoint" | "DeleteEndpoint" => {}
            // It deletes whatever the answer is.
            _ => self.network = false,
        }
    }

    fn observation(&self) -> Observation {
        let held: &[&str] = if self.joined { &[ENDPOINT] } else { &[] };
        let networks = self.network.then(|| healthwatch::Network {
            id: NETWORK.to_owned(),
            name: "web1".to_owned(),
            driver: "bgplb:latest".to_owned(),
            labels: [].into(),
            subnets: vec![],
        });
        Observation::Listed {
            containers: vec![container(Level::Serving, held)],
            networks: networks.into_iter().collect(),
        }
    }
}

fn quick() -> Policy {
    Policy {
        settle_time: Duration::ZERO,
        reconcile_every: Duration::from_millis(5),
        second_look: Duration::from_millis(20),
        ..slow()
    }
}

fn body(request: &str, options: &Value) -> Value {
    let pool = |cidr: &str| json!([{"AddressSpace": "bgplb", "Pool": cidr, "Gateway": cidr}]);
    let mut body = ids(ENDPOINT);
    match request {
        "CreateNetwork" => {
            body["IPv4Data"] = pool("10.0.0.101/32");
            body["IPv6Data"] = pool("2001:db8::101/128");
            body["Options"] = json!({"com.docker.network.generic": options});
        }
        "CreateEndpoint" => {
            body["Interface"] = json!({
                "Address": "10.0.0.101/32", "AddressIPv6": "2001:db8::101/128", "MacAddress": "",
            });
        }
        "Join" => body["SandboxKey"] = json!("/run/docker/netns/1"),
        _ => {}
    }
    body
}

/// Docker takes the container's end into the container.
fn move_inside(kernel: &SharedKernel) -> netplumb::LinkState {
    let inside = naming::veth_inside(ENDPOINT);
    let taken = kernel.with(|kernel| kernel.state_mut().links.remove(&inside));
    taken.unwrap()
}

/// Docker puts it back when the container ends; it is gone if its other end is.
fn move_outside(kernel: &SharedKernel, end: netplumb::LinkState) {
    kernel.with(|kernel| {
        let links = &mut kernel.state_mut().links;
        if links.contains_key(&naming::veth_outside(ENDPOINT)) {
            links.insert(naming::veth_inside(ENDPOINT), end);
        }
    });
}

/// Whether there is everything for delivery; nothing of it is there otherwise.
fn delivers(kernel: &SharedKernel) -> bool {
    kernel.with(|kernel| {
        let state = kernel.state();
        let routes = state
            .routes
            .keys()
            .map(|key| key.dst)
            .collect::<BTreeSet<_>>();
        let none = state.routes.is_empty() && state.neighs.is_empty();
        routes.len() == BOTH.len() || !(none && state.next_hops.is_empty())
    })
}

/// Makes requests until the plugin is dead; `None` if it outlives them all.
async fn killed_after(name: &str, options: &Value, changes: u32) -> Option<(Docker, World)> {
    let name = format!("{name}-{changes}");
    let directory = Arc::new(Directory::new(&name));
    let life = Life::of(changes);
    let kernel = SharedKernel(Arc::default(), life.clone());
    let world = World::resume(directory.clone(), kernel, slow());
    let mut docker = Docker::default();
    let mut died = false;
    let mut inside = None;
    for request in REQUESTS {
        let (status, _) = world
            .call(&format!("NetworkDriver.{request}"), body(request, options))
            .await;
        docker.note(request, status == 200);
        if docker.joined && request == "Join" {
            inside = Some(move_inside(&world.kernel));
            world.container(Level::Serving, &[ENDPOINT]).await;
            if !life.is_over() {
                // The routes may be what it does not live to see.
                world
                    .kernel_settles(|kernel| life.is_over() || delivers(kernel))
                    .await;
            }
        }
        if life.is_over() {
            died = true;
            break;
        }
    }
    if let Some(end) = inside.filter(|_| !docker.joined) {
        move_outside(&world.kernel, end);
    }
    let kernel = SharedKernel(Arc::clone(&world.kernel.0), Life::default());
    drop(world);
    died.then(|| (docker, World::resume(directory, kernel, quick())))
}

#[tokio::test]
async fn a_plugin_killed_at_any_point_leaves_nothing_that_the_next_one_does_not_mend() {
    mended_wherever_it_was_killed("killed", json!({}), 0).await;
}

#[tokio::test]
async fn so_it_is_where_the_host_is_the_gateway() {
    mended_wherever_it_was_killed("killed-gateway", gateway::options(), 2).await;
}

/// The bridge of the network with these options has so many addresses.
async fn mended_wherever_it_was_killed(name: &str, options: Value, addresses: usize) {
    let mut killings = 0;
    while let Some((docker, world)) = killed_after(name, &options, killings).await {
        let at = format!("killed after {killings} changes");
        // Docker never comes back to what was not answered.
        for _ in 0..2 {
            world.observe(docker.observation()).await;
            tokio::time::sleep(quick().second_look).await;
        }
        world.observe(docker.observation()).await;
        let mut links = BTreeSet::new();
        if docker.network {
            links.insert(instance().bridge_alias(NETWORK));
        }
        if docker.joined {
            links.insert(instance().veth_alias(ENDPOINT));
        }
        println!("{at}: {links:?}");
        world
            .announced(if docker.joined { &BOTH } else { &[] })
            .await;
        world
            .kernel_settles(|kernel| {
                let has = kernel.with(|kernel| kernel.state().addrs.len());
                kernel.links() == links
                    && delivers(kernel) == docker.joined
                    && has == if docker.network { addresses } else { 0 }
            })
            .await;
        world
            .remembers(|state| {
                let endpoints = |it: &store::NetworkRecord| it.endpoints.len();
                let remembered = state.networks.values().map(endpoints).sum::<usize>();
                state.networks.len() == usize::from(docker.network)
                    && remembered == usize::from(docker.joined)
            })
            .await;
        killings += 1;
    }
    assert!(killings > 10, "it was killed {killings} times only");
}
