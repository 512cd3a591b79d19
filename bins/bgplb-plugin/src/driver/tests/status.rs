//! What the plugin says of its services.

use lb_status::model::{
    DrainScope, DrainStage, Health, Reason as Why, Service, ServiceState, Share,
};

use super::*;

/// Waits until the first service, which is IPv4's, is so.
async fn first(world: &World, wanted: (ServiceState, Why)) -> Service {
    world
        .eventually(move |controller| {
            let page = controller.services_page(None);
            let service = page.services.first().ok_or("there is none")?;
            let now = (service.state, service.reason);
            if now == wanted {
                Ok(())
            } else {
                Err(format!("{now:?}"))
            }
        })
        .await;
    services(world).await.remove(0)
}

async fn services(world: &World) -> Vec<Service> {
    let page = world
        .controller
        .ask(|controller| controller.services_page(None));
    page.await.unwrap().services
}

#[tokio::test]
async fn every_address_is_told_with_its_state_and_the_reason() {
    let world = World::new("status");
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
    let alone = first(&world, (ServiceState::Withheld, Why::NoEndpoint)).await;
    assert!(alone.containers.is_empty());
    assert!(alone.since > 0);
    assert_eq!(alone.explanation, "no container on this host");

    world.attach(ENDPOINT).await;
    let unknown = first(&world, (ServiceState::Withheld, Why::HealthUnknown)).await;
    assert_eq!(unknown.containers[0].name, None);
    assert_eq!(unknown.containers[0].health, Health::Unknown);

    world.container(Level::Serving, &[ENDPOINT]).await;
    let announced = first(&world, (ServiceState::Announced, Why::Serving)).await;
    assert_eq!(announced.network.id, NETWORK);
    assert_eq!(announced.attributes.unwrap().origin, "igp");
    let container = &announced.containers[0];
    assert_eq!(container.name.as_deref(), Some("web1"));
    assert_eq!(container.id.as_deref(), Some(CONTAINER));
    assert_eq!(container.share, Share::Full);
    let both: Vec<_> = services(&world).await.into_iter().collect();
    let both: Vec<_> = both.iter().map(|it| it.prefix.to_string()).collect();
    assert_eq!(both, BOTH);

    world.level(UNHEALTHY).await;
    let unhealthy = first(&world, (ServiceState::Withheld, Why::Unhealthy)).await;
    assert_eq!(unhealthy.attributes, None);
    assert_eq!(unhealthy.containers[0].health, Health::Unhealthy);
    assert_eq!(unhealthy.containers[0].share, Share::Full, "it settles");
}

#[tokio::test]
async fn drains_are_told_with_the_time_they_have_left() {
    let world = serving("status-drain").await;
    let container = ContainerId::new(CONTAINER).unwrap();
    let signal = 12;
    world
        .observe(Observation::Signal { container, signal })
        .await;
    let drained = first(&world, (ServiceState::Draining, Why::Draining)).await;
    let drain = drained.containers[0].drain.unwrap();
    assert_eq!(drain.scope, DrainScope::Container);
    assert_eq!(drain.stage, DrainStage::Withdrawn);
    let now = lb_status::model::seconds(std::time::SystemTime::now());
    let left = drain.until.unwrap() - now;
    assert!((3590..=3600).contains(&left), "{left}");
    assert_eq!(drained.drain, None);

    world.controller.ask(Controller::drain_host).await.unwrap();
    let drained = services(&world).await.remove(0);
    let drain = drained.drain.unwrap();
    assert_eq!((drain.scope, drain.until), (DrainScope::Host, None));
    let overview = world.controller.ask(|controller| controller.overview());
    assert_eq!(overview.await.unwrap().drain, Some(drain));
}

#[tokio::test]
async fn an_address_the_kernel_does_not_deliver_is_told_apart() {
    let world = World::new("status-refused");
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
    world.attach(ENDPOINT).await;
    world.kernel.with(|kernel| kernel.fail(0, EPERM));
    world.container(Level::Serving, &[ENDPOINT]).await;
    let refused = first(&world, (ServiceState::Undelivered, Why::DatapathNotReady)).await;
    assert_eq!(refused.containers[0].share, Share::None);
    assert_eq!(refused.attributes, None);
}

#[tokio::test]
async fn docker_is_told_as_away_while_it_is() {
    let world = serving("status-docker").await;
    let reachable = |wanted: bool| {
        move |controller: &Controller| {
            let docker = controller.overview().docker;
            let is_so = docker.reachable == wanted && docker.since > 0;
            is_so.then_some(()).ok_or_else(|| format!("{docker:?}"))
        }
    };
    let networks = vec![];
    let containers = vec![container(Level::Serving, &[ENDPOINT])];
    world
        .observe(Observation::Listed {
            containers,
            networks,
        })
        .await;
    world.eventually(reachable(true)).await;
    let error = "connection refused".to_owned();
    world.observe(Observation::Unreachable { error }).await;
    world.eventually(reachable(false)).await;
    world.observe(Observation::Reachable).await;
    world.eventually(reachable(true)).await;
}

#[tokio::test]
async fn an_address_is_found_by_itself() {
    let world = serving("status-one").await;
    for (address, wanted) in [
        ("10.0.0.101", Some("10.0.0.101/32")),
        ("2001:db8::101", Some("2001:db8::101/128")),
        ("10.0.0.102", None),
    ] {
        let address = address.parse().unwrap();
        let asked = world
            .controller
            .ask(move |controller| controller.service_of(address));
        let found = asked.await.unwrap().map(|it| it.prefix.to_string());
        assert_eq!(found.as_deref(), wanted);
    }
}

#[tokio::test]
async fn many_networks_are_read_a_few_at_a_time_and_each_once() {
    const MANY: usize = 150;
    let world = World::new("status-many");
    for n in 0..MANY {
        let cidr = format!("10.1.0.{n}/32");
        let pool = json!([{"AddressSpace": "bgplb", "Pool": cidr, "Gateway": cidr}]);
        // Links are named after how it begins.
        let id = format!("{n:09x}{n:055x}");
        let body = json!({
            "NetworkID": id, "Options": {"com.docker.network.generic": {}},
            "IPv4Data": pool, "IPv6Data": [],
        });
        world.ok("NetworkDriver.CreateNetwork", body).await;
    }
    let (mut seen, mut sizes, mut after) = (BTreeSet::new(), Vec::new(), None::<String>);
    loop {
        let from = after.take();
        let asked = world
            .controller
            .ask(move |controller| controller.services_page(from.as_deref()));
        let page = asked.await.unwrap();
        sizes.push(page.services.len());
        seen.extend(page.services.into_iter().map(|it| it.prefix));
        match page.last {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    assert_eq!(sizes, [64, 64, 22]);
    assert_eq!(seen.len(), MANY);
}
