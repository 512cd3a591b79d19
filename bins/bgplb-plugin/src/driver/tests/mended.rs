//! Links that somebody else takes away, or that are on their way.

use super::*;

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
