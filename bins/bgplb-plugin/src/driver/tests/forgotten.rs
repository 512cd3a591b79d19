//! Networks that Docker has forgotten without a word.

use super::*;

/// What Docker says when it has listed everything and there is nothing.
fn nothing() -> Observation {
    Observation::Listed {
        containers: vec![],
        networks: vec![],
    }
}

/// A second run on what the first one left.
fn again(first: World) -> World {
    let (directory, kernel) = (first.directory.clone(), first.kernel.clone());
    drop(first);
    World::resume(directory, kernel, slow())
}

#[tokio::test]
async fn a_network_that_docker_creates_anew_after_a_restart_is_taken() {
    let world = again(serving("anew").await);
    // Whatever was on it is gone from Docker with it.
    let (status, answer) = world.create_network(NETWORK, "10.0.0.101/32").await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        world.kernel.links(),
        [instance().bridge_alias(NETWORK)].into()
    );
    assert_eq!(world.kernel.routes(), 0);
    let remembered = world.remembered().networks;
    assert!(remembered[NETWORK].endpoints.is_empty(), "{remembered:?}");
    world.attach(OTHER).await;
    world.container(Level::Serving, &[OTHER]).await;
    world.announced(&BOTH).await;
    // Twice in one run is a mistake all the same.
    let (status, answer) = world.create_network(NETWORK, "10.0.0.101/32").await;
    assert_eq!(status, 409, "{answer}");
    world.announced(&BOTH).await;
}

#[tokio::test]
async fn a_network_that_docker_creates_anew_may_have_another_address() {
    let world = again(serving("moved").await);
    assert_eq!(world.create_network(NETWORK, "10.0.0.102/32").await.0, 200);
    let record = &world.remembered().networks[NETWORK];
    assert_eq!(record.v4, Some("10.0.0.102".parse().unwrap()));
}

#[tokio::test]
async fn a_network_that_docker_uses_is_not_created_anew() {
    let world = again(serving("used").await);
    world.attach(OTHER).await;
    let (status, answer) = world.create_network(NETWORK, "10.0.0.101/32").await;
    assert_eq!(status, 409, "{answer}");
}

#[tokio::test]
async fn a_network_that_docker_does_not_list_any_more_gives_its_address_back() {
    let first = World::new("absent");
    assert_eq!(first.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
    let world = again(first);
    let (status, answer) = world.create_network(OTHER, "10.0.0.101/32").await;
    assert_eq!(status, 409, "{answer}");
    world.observe(nothing()).await;
    world.remembers(|state| state.networks.is_empty()).await;
    world
        .kernel_settles(|kernel| kernel.links().is_empty())
        .await;
    assert_eq!(world.create_network(OTHER, "10.0.0.101/32").await.0, 200);
}

/// The list was made before Docker's request came.
#[tokio::test]
async fn a_network_of_this_run_is_not_forgotten_by_an_older_list() {
    let world = World::new("listed");
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
    world.observe(nothing()).await;
    world.attach(ENDPOINT).await;
    world.container(Level::Serving, &[ENDPOINT]).await;
    world.announced(&BOTH).await;
}

#[tokio::test]
async fn a_network_with_a_running_container_is_held_whatever_docker_lists() {
    let world = again(serving("held").await);
    world.observe(nothing()).await;
    world.container(Level::Serving, &[ENDPOINT]).await;
    world.announced(&BOTH).await;
}
