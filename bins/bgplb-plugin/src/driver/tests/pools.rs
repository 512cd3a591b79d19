//! Networks that take their addresses from pools, as Docker's engines ask for
//! them.

use healthwatch::Network;
use lb_plan::{AddressPool, AddressRange};

use super::*;

const SECOND: &str = "2301b136aae33ee4925f2e7b1c4ac2258cb0a511546d71945cdfc11880b2a922";
const THIRD: &str = "3301b136aae33ee4925f2e7b1c4ac2258cb0a511546d71945cdfc11880b2a922";

fn pools() -> Pools {
    let pool = |name: &str, ranges: &[&str]| {
        let ranges = ranges
            .iter()
            .map(|text| text.parse::<AddressRange>().unwrap());
        AddressPool::new(name, ranges.collect(), false).unwrap()
    };
    Pools::new(vec![
        pool(
            "web",
            &["192.168.0.30-192.168.0.32", "2001:db8:0:1000::/120"],
        ),
        pool("six", &["2001:db8:6::/120"]),
    ])
    .unwrap()
}

impl World {
    fn pooled(name: &str, scope: Scope, policy: Policy) -> Self {
        let directory = Arc::new(Directory::new(&format!("pools-{name}")));
        let kernel = SharedKernel::default();
        Self::resume_with(directory, kernel, policy, (pools(), scope))
    }

    /// The plugin ended at any moment, and begun again.
    fn again(self, scope: Scope) -> Self {
        let (directory, kernel) = (self.directory.clone(), self.kernel.clone());
        drop(self);
        Self::resume_with(directory, kernel, slow(), (pools(), scope))
    }

    async fn request_pool(&self, pool: &str, options: Value, v6: bool) -> (u16, Value) {
        let body = json!({
            "AddressSpace": "bgplb", "Pool": pool, "SubPool": "", "Options": options, "V6": v6,
        });
        self.call("IpamDriver.RequestPool", body).await
    }

    /// The address of a pool that Docker is given.
    async fn pool(&self, pool: &str, name: &str, v6: bool) -> String {
        let (status, answer) = self.request_pool(pool, json!({"pool": name}), v6).await;
        assert_eq!(status, 200, "{answer}");
        answer["Pool"].as_str().unwrap().to_owned()
    }

    /// Docker is refused with a sentence that holds these words.
    async fn no_pool(&self, pool: &str, options: Value, v6: bool, words: &str) {
        let (status, answer) = self.request_pool(pool, options, v6).await;
        assert!((400..500).contains(&status), "{status} {answer}");
        assert!(answer["Err"].as_str().unwrap().contains(words), "{answer}");
    }

    async fn release_pool(&self, prefix: &str) {
        let family = if prefix.contains(':') { "v6" } else { "v4" };
        let id = format!("bgplb|{family}|{prefix}");
        self.ok("IpamDriver.ReleasePool", json!({"PoolID": id}))
            .await;
    }

    async fn make(&self, id: &str, v4: &str, v6: &str) -> (u16, Value) {
        let data = |cidr: &str| match cidr {
            "" => json!([]),
            _ => json!([{"AddressSpace": "bgplb", "Pool": cidr, "Gateway": cidr}]),
        };
        let body = json!({
            "NetworkID": id, "Options": {}, "IPv4Data": data(v4), "IPv6Data": data(v6),
        });
        self.call("NetworkDriver.CreateNetwork", body).await
    }

    /// `docker network create --ipam-opt pool=web [--ipv6]`
    async fn create(&self, id: &str, v6: bool) -> [String; 2] {
        let v4 = self.pool("", "web", false).await;
        let v6 = if v6 {
            self.pool("", "web", true).await
        } else {
            String::new()
        };
        assert_eq!(self.make(id, &v4, &v6).await.0, 200);
        [v4, v6]
    }

    /// `docker network rm`, in the order of Docker's requests.
    async fn remove(&self, id: &str, prefixes: &[String; 2]) {
        for prefix in prefixes.iter().filter(|prefix| !prefix.is_empty()) {
            self.release_pool(prefix).await;
        }
        self.ok("NetworkDriver.DeleteNetwork", json!({"NetworkID": id}))
            .await;
    }

    async fn listed(&self, networks: &[(&str, &[&str])]) {
        let network = |(id, subnets): &(&str, &[&str])| Network {
            id: (*id).to_owned(),
            name: (*id).to_owned(),
            driver: "bgplb:latest".to_owned(),
            labels: Default::default(),
            subnets: subnets.iter().map(|text| text.parse().unwrap()).collect(),
        };
        let networks = networks.iter().map(network).collect();
        self.observe(Observation::Listed {
            containers: vec![],
            networks,
        })
        .await;
        // Once it is taken out of the queue, no question comes between.
        while self.docker.capacity() < self.docker.max_capacity() {
            tokio::task::yield_now().await;
        }
    }

    fn requests(&self) -> Vec<String> {
        let state = self.remembered();
        state.requests.keys().map(ToString::to_string).collect()
    }
}

#[tokio::test]
async fn networks_get_the_next_addresses_of_their_pool_and_give_them_back() {
    let world = World::pooled("next", Scope::Local, slow());
    let first = world.create(NETWORK, true).await;
    assert_eq!(first, ["192.168.0.30/32", "2001:db8:0:1000::/128"]);
    assert_eq!(
        world.create(SECOND, true).await,
        ["192.168.0.31/32", "2001:db8:0:1000::1/128"]
    );
    world.remove(NETWORK, &first).await;
    let world = world.again(Scope::Local);
    assert_eq!(world.create(NETWORK, true).await, first);
    assert_eq!(world.create(THIRD, false).await[0], "192.168.0.32/32");
    let pool = json!({"pool": "web"});
    world
        .no_pool(
            "",
            pool,
            false,
            "pool web is exhausted: of its 3 IPv4 addresses 3 are in use",
        )
        .await;
    world.remove(NETWORK, &first).await;
    assert_eq!(world.pool("", "web", false).await, first[0]);
}

#[tokio::test]
async fn what_was_given_out_outlives_the_process_even_without_a_network() {
    let world = World::pooled("crash", Scope::Local, slow());
    assert_eq!(world.pool("", "web", false).await, "192.168.0.30/32");
    let world = world.again(Scope::Local);
    assert_eq!(world.pool("", "web", false).await, "192.168.0.31/32");
    assert_eq!(world.make(NETWORK, "192.168.0.30/32", "").await.0, 200);
    world.release_pool("192.168.0.31/32").await;
    assert_eq!(world.requests(), ["192.168.0.30"]);
}

#[tokio::test]
async fn an_address_chosen_by_hand_is_left_out() {
    let world = World::pooled("chosen", Scope::Local, slow());
    let none = json!({});
    assert_eq!(
        world.request_pool("192.168.0.30/32", none, false).await.0,
        200
    );
    assert_eq!(world.create(NETWORK, true).await[0], "192.168.0.31/32");
    // With the pool's name its other address follows.
    assert_eq!(
        world.pool("192.168.0.32/32", "web", false).await,
        "192.168.0.32/32"
    );
    assert_eq!(world.pool("", "web", true).await, "2001:db8:0:1000::2/128");
    // A network that an older release remembered.
    assert_eq!(world.make(SECOND, "", "2001:db8:6::/128").await.0, 200);
    let world = world.again(Scope::Local);
    assert_eq!(world.pool("", "six", false).await, "0.0.0.0/32");
    assert_eq!(world.pool("", "six", true).await, "2001:db8:6::1/128");
}

#[tokio::test]
async fn what_no_pool_can_give_is_refused_with_a_sentence() {
    let world = World::pooled("refused", Scope::Local, slow());
    let web = json!({"pool": "web"});
    for (pool, options, v6, words) in [
        ("", json!({"pool": "wep"}), false, "the pools are six, web"),
        (
            "10.0.0.1/32",
            web.clone(),
            false,
            "10.0.0.1 is not in pool web (192.168.0.30-192.168.0.32)",
        ),
        (
            "10.0.0.1/32",
            json!({"pool": "six"}),
            false,
            "has no IPv4 addresses",
        ),
        (
            "192.168.0.30/24",
            web.clone(),
            false,
            "only subnet mask /32",
        ),
        ("127.0.0.1/32", web.clone(), false, "loopback"),
        (
            "",
            json!({"pool": "web", "v6subnet": "2001:db8:6::1/128"}),
            true,
            "2001:db8:6::1 is not in pool web",
        ),
        ("", json!({}), true, "--ipam-opt pool=<name>"),
    ] {
        world.no_pool(pool, options, v6, words).await;
    }
    let body = json!({"Pool": "", "SubPool": "192.168.0.30/31", "Options": web, "V6": false});
    let (status, answer) = world.call("IpamDriver.RequestPool", body).await;
    assert_eq!(status, 400, "{answer}");
    assert!(answer["Err"].as_str().unwrap().contains("--ip-range"));
    assert_eq!(world.requests(), [""; 0], "nothing is given out");
}

#[tokio::test]
async fn a_refused_network_leaves_the_address_to_its_owner() {
    let world = World::pooled("owner", Scope::Local, slow());
    let first = world.create(NETWORK, false).await;
    assert_eq!(world.pool(&first[0], "web", false).await, first[0]);
    let (status, answer) = world.make(SECOND, &first[0], "").await;
    assert_eq!(status, 409, "{answer}");
    world.release_pool(&first[0]).await;
    assert_eq!(world.pool("", "web", false).await, "192.168.0.31/32");
}

#[tokio::test]
async fn docker_asking_in_circles_is_stopped_with_the_reason() {
    let world = World::pooled("circles", Scope::Local, slow());
    let option = json!({"v6subnet": "2001:db8::53/128"});
    for _ in 0..64 {
        assert_eq!(world.request_pool("", option.clone(), true).await.0, 200);
    }
    let name_server = "a name server of this host (/etc/resolv.conf)";
    world.no_pool("", option.clone(), true, name_server).await;
    // A pool ends sooner, for the same reason.
    for _ in 0..3 {
        world.pool("", "web", false).await;
    }
    world
        .no_pool("", json!({"pool": "web"}), false, name_server)
        .await;
    // Docker gives everything back in the end; then it may ask again.
    world.release_pool("2001:db8::53/128").await;
    assert_eq!(world.request_pool("", option, true).await.0, 200);
}

#[tokio::test]
async fn manager_and_worker_on_one_host_share_an_address() {
    let world = World::pooled("swarm", Scope::Global, slow());
    // The manager asks for IPv4 only, and makes no network.
    let v4 = world.pool("", "web", false).await;
    let body = json!({
        "NetworkID": "jubce68sheb2e6fq9hv58e60m", "Options": {},
        "IPv4Data": [{"AddressSpace": "", "Gateway": v4, "Pool": v4}], "IPv6Data": null,
    });
    world
        .ok("NetworkDriver.AllocateNetwork", body.clone())
        .await;
    for _ in 0..2 {
        // The worker, for its first task, and again after its last one.
        assert_eq!(world.pool(&v4, "web", false).await, v4);
        let v6 = world.pool("", "web", true).await;
        assert_eq!(v6, "2001:db8:0:1000::/128");
        assert_eq!(
            world.make("jubce68sheb2e6fq9hv58e60m", &v4, &v6).await.0,
            200
        );
        world
            .remove("jubce68sheb2e6fq9hv58e60m", &[v4.clone(), v6])
            .await;
        assert_eq!(
            world.requests(),
            ["192.168.0.30"],
            "the manager has it still"
        );
    }
    assert_eq!(world.pool("", "web", false).await, "192.168.0.31/32");
    world.release_pool(&v4).await;
    world.release_pool("192.168.0.31/32").await;
    assert_eq!(world.requests(), [""; 0]);
}

#[tokio::test]
async fn networks_made_at_once_get_addresses_that_belong_together() {
    let world = World::pooled("at-once", Scope::Global, slow());
    let make = async |id: &'static str| {
        let [v4, v6] = world.create(id, true).await;
        let (v4, v6) = (v4.trim_end_matches("/32"), v6.trim_end_matches("/128"));
        let number = v4.strip_prefix("192.168.0.3").unwrap().to_owned();
        let last = v6.strip_prefix("2001:db8:0:1000::").unwrap();
        assert_eq!(if last.is_empty() { "0" } else { last }, number);
        number
    };
    let (a, b, c) = tokio::join!(make(NETWORK), make(SECOND), make(THIRD));
    assert_eq!(BTreeSet::from([a, b, c]).len(), 3);
    // Addresses that do not belong together are refused, whoever put them so.
    let (status, answer) = world
        .make(OTHER, "192.168.0.30/32", "2001:db8:0:1000::7/128")
        .await;
    assert_eq!(status, 409, "{answer}");
}

#[tokio::test]
async fn leaked_addresses_are_found_by_comparison_with_docker() {
    let policy = Policy {
        reclaim_after: Duration::ZERO,
        ..slow()
    };
    let world = World::pooled("leak", Scope::Local, policy);
    let kept = world.create(NETWORK, true).await;
    // Docker gave up on this one, and the end of that one was not heard.
    world.pool("", "web", false).await;
    let lost = world.create(SECOND, true).await;
    world
        .no_pool("", json!({"pool": "web"}), false, "exhausted")
        .await;
    assert_eq!(world.kernel.links().len(), 2);
    let subnets: [&str; 2] = [&kept[0], &kept[1]];
    world.listed(&[(NETWORK, &subnets)]).await;
    world.listed(&[(NETWORK, &subnets)]).await;
    world
        .kernel_settles(|kernel| kernel.links().len() == 1)
        .await;
    world
        .remembers(|state| state.requests.len() == 2 && state.networks.len() == 1)
        .await;
    assert_eq!(world.create(THIRD, false).await[0], "192.168.0.31/32");
    assert_eq!(world.create(SECOND, true).await, lost);
}

#[tokio::test]
async fn networks_of_docker_that_the_plugin_was_not_told_of_keep_their_addresses() {
    let world = World::pooled("listed", Scope::Local, slow());
    world
        .listed(&[("old", &["192.168.0.30/32", "10.0.0.0/24", "0.0.0.0/32"])])
        .await;
    assert_eq!(world.pool("", "web", false).await, "192.168.0.31/32");
}
