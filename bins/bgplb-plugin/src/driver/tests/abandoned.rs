//! Endpoints that Docker asked for and never used.

use super::*;

async fn listed(world: &World, containers: Vec<Container>) {
    world
        .observe(Observation::Listed {
            containers,
            networks: vec![],
        })
        .await;
}

fn quick() -> Policy {
    Policy {
        second_look: Duration::from_millis(30),
        ..slow()
    }
}

/// A world with an endpoint that has no links yet.
async fn created(name: &str) -> World {
    let directory = World::new(name).directory.clone();
    let world = World::resume(directory, SharedKernel::default(), quick());
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
    let mut body = ids(ENDPOINT);
    body["Interface"] = json!({"Address": "10.0.0.101/32"});
    world.ok("NetworkDriver.CreateEndpoint", body).await;
    world
}

async fn remembered(world: &World) -> usize {
    let count = |c: &mut Controller| c.remembered_endpoints();
    world.controller.ask(count).await.unwrap()
}

#[tokio::test]
async fn an_endpoint_that_no_container_has_is_given_up_at_the_second_look() {
    let world = created("abandoned").await;
    listed(&world, vec![]).await;
    assert_eq!(remembered(&world).await, 1, "too early");
    tokio::time::sleep(quick().second_look).await;
    listed(&world, vec![]).await;
    let gone = |state: &State| state.networks[NETWORK].endpoints.is_empty();
    world.remembers(gone).await;
    assert_eq!(remembered(&world).await, 0);
}

#[tokio::test]
async fn an_endpoint_that_a_container_has_or_that_is_joined_stays() {
    let world = created("held").await;
    let held = || vec![container(Level::Serving, &[ENDPOINT])];
    listed(&world, held()).await;
    tokio::time::sleep(quick().second_look).await;
    listed(&world, held()).await;
    assert_eq!(remembered(&world).await, 1);
    listed(&world, vec![]).await;
    // What was doubtful is so no more once it is joined.
    world.ok("NetworkDriver.Join", ids(ENDPOINT)).await;
    tokio::time::sleep(quick().second_look).await;
    listed(&world, vec![]).await;
    assert_eq!(remembered(&world).await, 1);
}
