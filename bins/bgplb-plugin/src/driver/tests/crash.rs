//! What a plugin makes of what an earlier one left.

use super::*;

#[tokio::test]
async fn after_a_crash_running_containers_are_announced_again() {
    let first = serving("crash").await;
    let (directory, kernel) = (first.directory.clone(), first.kernel.clone());
    drop(first);
    let stray = netplumb::LinkSpec::new(
        naming::bridge("stray"),
        netplumb::LinkKind::Bridge(netplumb::BridgeSpec::default()),
        instance().bridge_alias("stray"),
    );
    kernel.with(|k| k.apply(&Op::CreateLink(stray))).unwrap();
    let world = World::resume(directory, kernel, slow());
    world.announced(&[]).await;
    world
        .kernel_settles(|kernel| kernel.links().len() == 2)
        .await;
    // Routers have kept the routes, so packets go on coming.
    assert_eq!(world.kernel.routes(), 2);
    world
        .observe(Observation::Listed {
            containers: vec![container(Level::Serving, &[ENDPOINT])],
            networks: vec![],
        })
        .await;
    world.announced(&BOTH).await;
    world.ok("NetworkDriver.Leave", ids(ENDPOINT)).await;
    assert_eq!(world.kernel.routes(), 0);
}

#[tokio::test]
async fn after_a_crash_nothing_is_delivered_to_containers_that_do_not_serve() {
    let first = serving("ill").await;
    let (directory, kernel) = (first.directory.clone(), first.kernel.clone());
    drop(first);
    let world = World::resume(directory, kernel, slow());
    world
        .observe(Observation::Listed {
            containers: vec![container(UNHEALTHY, &[ENDPOINT])],
            networks: vec![],
        })
        .await;
    world.kernel_settles(|kernel| kernel.routes() == 0).await;
    world.announced(&[]).await;
}

#[tokio::test]
async fn a_container_that_ended_while_no_plugin_ran_leaves_nothing_behind() {
    let first = serving("ended").await;
    let (directory, kernel) = (first.directory.clone(), first.kernel.clone());
    drop(first);
    // The fake kernel has no namespaces: the container's end is where Docker
    // puts it back.
    let inside = naming::veth_inside(ENDPOINT);
    assert!(kernel.with(|k| k.state().links.contains_key(&inside)));
    let policy = Policy {
        second_look: Duration::from_millis(20),
        ..slow()
    };
    let world = World::resume(directory, kernel, policy);
    world
        .kernel_settles(|k| k.links().len() == 1 && k.routes() == 0)
        .await;
    world
        .eventually(|c| match c.remembered_endpoints() {
            0 => Ok(()),
            count => Err(count.to_string()),
        })
        .await;
}
