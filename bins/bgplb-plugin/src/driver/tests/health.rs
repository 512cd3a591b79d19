//! What containers say of themselves, and what becomes of their addresses.

use super::*;

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
