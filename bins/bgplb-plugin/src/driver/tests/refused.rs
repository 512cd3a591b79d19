//! What is refused, and that nothing of it stays.

use super::*;

#[tokio::test]
async fn a_kernel_that_refuses_leaves_nothing_half_done() {
    let world = World::new("refuse");
    // The comparison at the start looks twice and finds nothing to do.
    world
        .kernel_settles(|kernel| kernel.with(|k| k.calls()) == 2)
        .await;
    world.kernel.with(|kernel| kernel.fail(0, EPERM));
    let (status, answer) = world.create_network(NETWORK, "10.0.0.101/32").await;
    assert_eq!(status, 500, "{answer}");
    assert!(answer["Err"].as_str().unwrap().contains("bgplb-1201b136a"));
    assert!(world.kernel.links().is_empty());
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
}

#[tokio::test]
async fn what_is_not_known_is_refused_or_already_gone() {
    let world = World::new("unknown");
    let mut endpoint = ids(ENDPOINT);
    endpoint["Interface"] = json!({});
    for (method, body) in [
        ("NetworkDriver.CreateEndpoint", endpoint),
        ("NetworkDriver.Join", ids(ENDPOINT)),
        ("NetworkDriver.EndpointOperInfo", ids(ENDPOINT)),
    ] {
        let (status, answer) = world.call(method, body).await;
        assert_eq!(status, 404, "{method}: {answer}");
        assert_eq!(answer["Err"], answer["Error"]);
    }
    for method in [
        "NetworkDriver.Leave",
        "NetworkDriver.DeleteEndpoint",
        "NetworkDriver.DeleteNetwork",
    ] {
        world.ok(method, ids(ENDPOINT)).await;
    }
    assert!(world.kernel.links().is_empty());
}

#[tokio::test]
async fn a_network_is_made_once_and_owns_its_address_alone() {
    let world = World::new("twice");
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
    let (status, answer) = world.create_network(NETWORK, "10.0.0.102/32").await;
    assert_eq!(status, 409, "{answer}");
    let (status, answer) = world.create_network(OTHER, "10.0.0.101/32").await;
    assert_eq!(status, 409, "{answer}");
    assert!(answer["Err"].as_str().unwrap().contains("10.0.0.101/32"));
    assert_eq!(world.kernel.links().len(), 1);
}
