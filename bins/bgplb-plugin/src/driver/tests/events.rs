//! What happens is written down when it does.

use lb_status::model::{Event, EventKind};

use super::*;

/// Every event so far, as far as it is short.
fn told(world: &World) -> Vec<(EventKind, String)> {
    let events = world.events.page(0, usize::MAX).events.into_iter();
    let short = |event: &Event| (event.kind, event.code.clone().unwrap_or_default());
    events.map(|event| short(&event)).collect()
}

/// Waits until this is told.
async fn event(world: &World, kind: EventKind, code: &str) -> Event {
    let mut at = 0;
    loop {
        world.events.behind(at).await;
        for event in world.events.page(at, 1).events {
            if event.kind == kind && event.code.as_deref().unwrap_or_default() == code {
                return Event::clone(&event);
            }
            at = event.sequence;
        }
    }
}

#[tokio::test]
async fn a_container_that_falls_ill_is_told_with_what_follows_from_it() {
    let world = serving("events").await;
    let before = world.events.newest();
    world.level(UNHEALTHY).await;
    let state = event(&world, EventKind::ServiceState, "unhealthy").await;
    assert_eq!(state.network.unwrap().id, NETWORK);
    assert!(
        state
            .message
            .ends_with("is withheld: the health check fails")
    );
    let ill = event(&world, EventKind::ContainerHealth, "unhealthy").await;
    assert_eq!(ill.container.as_deref(), Some("web1"));
    assert_eq!(ill.message, "web1 is unhealthy");
    let page = world.events.page(before, usize::MAX).events;
    let kinds: Vec<_> = page.iter().map(|it| it.kind).collect();
    let withdrawn = [EventKind::ServiceWithdrawn; 2];
    let others = [
        EventKind::ContainerHealth,
        withdrawn[0],
        withdrawn[1],
        EventKind::ServiceState,
    ];
    assert_eq!(kinds, others);
    assert_eq!(page[1].prefix.unwrap().to_string(), BOTH[0]);
    // The same once more is no news.
    world.level(UNHEALTHY).await;
    world.level(Level::Serving).await;
    event(&world, EventKind::ContainerHealth, "serving").await;
    let ill = told(&world).into_iter().filter(|it| it.1 == "unhealthy");
    let ill = ill.filter(|it| it.0 == EventKind::ContainerHealth);
    assert_eq!(ill.count(), 1);
}

#[tokio::test]
async fn docker_and_drains_are_told_when_they_change() {
    let world = serving("events-drain").await;
    let networks = vec![];
    let containers = vec![container(Level::Serving, &[ENDPOINT])];
    world
        .observe(Observation::Listed {
            containers,
            networks,
        })
        .await;
    event(&world, EventKind::DockerConnected, "").await;
    let error = "connection refused".to_owned();
    world.observe(Observation::Unreachable { error }).await;
    event(&world, EventKind::DockerDisconnected, "").await;
    world.controller.ask(Controller::drain_host).await.unwrap();
    event(&world, EventKind::DrainBegun, "host").await;
    event(&world, EventKind::ServiceState, "draining").await;
    world.controller.ask(Controller::drain_host).await.unwrap();
    world
        .controller
        .ask(Controller::undrain_host)
        .await
        .unwrap();
    event(&world, EventKind::DrainEnded, "host").await;
    let begun = told(&world)
        .into_iter()
        .filter(|it| it.0 == EventKind::DrainBegun);
    assert_eq!(begun.count(), 1, "draining twice is draining once");
}
