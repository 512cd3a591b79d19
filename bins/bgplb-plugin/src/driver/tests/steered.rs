//! Drains and maintenance by command: what is withdrawn, what is told, and what a
//! restart knows of it.

use lb_status::model::{DrainScope, EventKind, Reason as Why, ServiceState};

use super::*;
use crate::controller::Progress;

/// Waits until every address is told so.
async fn told(world: &World, wanted: (ServiceState, Why)) {
    world
        .eventually(move |controller| {
            let page = controller.services_page(None);
            let services: Vec<_> = page
                .services
                .iter()
                .map(|it| (it.state, it.reason))
                .collect();
            if !services.is_empty() && services.iter().all(|it| *it == wanted) {
                Ok(())
            } else {
                Err(format!("{services:?}"))
            }
        })
        .await;
}

async fn scope(world: &World) -> Option<DrainScope> {
    let page = world
        .controller
        .ask(|controller| controller.services_page(None));
    page.await.unwrap().services[0].drain.map(|it| it.scope)
}

/// Calls a service by a name, as operators do.
async fn called(world: &World, name: &'static str) -> Result<String, String> {
    let asked = world.controller.ask(move |it| it.service_called(name));
    asked
        .await
        .unwrap()
        .map_err(|refused| format!("{refused:?}"))
}

fn quick() -> Policy {
    Policy {
        drain_time: Duration::from_millis(20),
        ..slow()
    }
}

async fn serving_quickly(name: &str) -> World {
    let directory = Arc::new(Directory::new(name));
    let world = World::resume(directory, SharedKernel::default(), quick());
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
    world.attach(ENDPOINT).await;
    world.container(Level::Serving, &[ENDPOINT]).await;
    world.announced(&BOTH).await;
    world
}

#[tokio::test]
async fn a_drained_service_is_withdrawn_until_that_is_taken_back_and_stops_no_container() {
    let world = serving_quickly("steered-drain").await;
    let drain = |controller: &mut Controller| controller.drain_service(NETWORK);
    assert!(world.controller.ask(drain).await.unwrap());
    assert!(
        !world.controller.ask(drain).await.unwrap(),
        "it is drained already"
    );
    world.announced(&[]).await;
    told(&world, (ServiceState::Withheld, Why::Drained)).await;
    assert_eq!(scope(&world).await, Some(DrainScope::Service));
    let progress = |controller: &Controller| match controller.progress(Some(NETWORK)) {
        Progress::Over => Ok(()),
        other => Err(format!("{other:?}")),
    };
    world.eventually(progress).await;
    assert!(world.stops.is_idle(), "a container was stopped");
    // Health changes nothing of it.
    world.level(UNHEALTHY).await;
    world.level(Level::Serving).await;
    told(&world, (ServiceState::Withheld, Why::Drained)).await;

    let undrain = |controller: &mut Controller| controller.undrain_service(NETWORK);
    assert!(world.controller.ask(undrain).await.unwrap());
    world.announced(&BOTH).await;
    assert_eq!(scope(&world).await, None);
    let events = world.events.page(0, usize::MAX).events;
    let drains = events
        .iter()
        .filter(|it| it.code.as_deref() == Some("service"));
    let kinds: Vec<_> = drains.map(|it| it.kind).collect();
    assert_eq!(kinds, [EventKind::DrainBegun, EventKind::DrainEnded]);
}

#[tokio::test]
async fn a_service_is_called_by_its_network_its_number_or_its_address() {
    let world = serving("steered-names").await;
    let network = healthwatch::Network {
        id: NETWORK.to_owned(),
        name: "web1".to_owned(),
        driver: "bgplb".to_owned(),
        labels: Default::default(),
        subnets: Vec::new(),
    };
    world.observe(Observation::Network(network)).await;
    world
        .eventually(|controller| {
            controller
                .service_called("web1")
                .map(drop)
                .map_err(|_| String::new())
        })
        .await;
    for name in ["1201b136", "10.0.0.101", "2001:db8::101", "10.0.0.101/32"] {
        assert_eq!(called(&world, name).await.unwrap(), NETWORK, "{name}");
    }
    for name in ["web", "10.0.0.102", "120", "9999"] {
        let refused = called(&world, name).await.unwrap_err();
        let sentence = format!("there is no service {name}, there are: web1");
        assert!(refused.contains(&sentence), "{refused}");
    }
}

#[tokio::test]
async fn maintenance_takes_back_everything_and_outlives_a_crash() {
    let world = serving("steered-maintenance").await;
    let labels = [("bgplb_advertise".to_owned(), "true".to_owned())];
    let labelled = healthwatch::Network {
        id: "5".repeat(64),
        name: "labelled".to_owned(),
        driver: "bridge".to_owned(),
        labels: labels.into(),
        subnets: vec!["10.9.0.0/24".parse().unwrap()],
    };
    world.observe(Observation::Network(labelled.clone())).await;
    let all = [&BOTH[..], &["10.9.0.0/24"]].concat();
    world.announced(&all).await;
    let set = |on| move |controller: &mut Controller| controller.set_maintenance(on);
    assert!(world.controller.ask(set(true)).await.unwrap());
    world.announced(&[]).await;
    told(&world, (ServiceState::Draining, Why::Maintenance)).await;
    assert_eq!(scope(&world).await, Some(DrainScope::Maintenance));
    world.remembers(|state| state.maintenance.is_some()).await;

    // Another plugin on what the first has left, as after SIGKILL.
    let (directory, kernel) = (Arc::clone(&world.directory), world.kernel.clone());
    drop(world);
    let world = World::resume(directory, kernel, slow());
    let containers = vec![container(Level::Serving, &[ENDPOINT])];
    let networks = vec![labelled];
    world
        .observe(Observation::Listed {
            containers,
            networks,
        })
        .await;
    told(&world, (ServiceState::Withheld, Why::Maintenance)).await;
    world.announced(&[]).await;
    let overview = world.controller.ask(|controller| controller.overview());
    assert!(overview.await.unwrap().maintenance.is_some());

    assert!(world.controller.ask(set(false)).await.unwrap());
    assert!(!world.controller.ask(set(false)).await.unwrap());
    world.announced(&all).await;
    world.remembers(|state| state.maintenance.is_none()).await;
}

#[tokio::test]
async fn the_drain_of_a_service_outlives_maintenance_and_a_restart() {
    let world = serving("steered-both").await;
    let steer = |controller: &mut Controller| {
        controller.drain_service(NETWORK);
        controller.set_maintenance(true);
        controller.set_maintenance(false);
    };
    world.controller.ask(steer).await.unwrap();
    world.announced(&[]).await;
    assert_eq!(scope(&world).await, Some(DrainScope::Service));
    world
        .remembers(|state| state.networks[NETWORK].drained)
        .await;
    let (directory, kernel) = (Arc::clone(&world.directory), world.kernel.clone());
    drop(world);
    let world = World::resume(directory, kernel, slow());
    world.container(Level::Serving, &[ENDPOINT]).await;
    told(&world, (ServiceState::Withheld, Why::Drained)).await;
    assert_eq!(scope(&world).await, Some(DrainScope::Service));
}
