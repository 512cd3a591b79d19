//! What Docker is told when the disk refuses.

use super::*;

/// Runs `requests` while nothing can be written, then lets it be written again.
async fn without_disk(world: &World, requests: impl AsyncFnOnce()) {
    let path = &world.directory.path;
    std::fs::remove_dir_all(path).unwrap();
    std::fs::write(path, "no directory").unwrap();
    requests().await;
    std::fs::remove_file(path).unwrap();
    std::fs::create_dir(path).unwrap();
}

fn refusal((status, answer): (u16, Value)) {
    assert_eq!(status, 500, "{answer}");
    let words = answer["Err"].as_str().unwrap();
    assert!(words.contains("state can't be written"), "{words}");
}

#[tokio::test]
async fn a_network_that_cannot_be_remembered_is_not_made() {
    let world = World::new("full-network");
    without_disk(&world, async || {
        refusal(world.create_network(NETWORK, "10.0.0.101/32").await);
    })
    .await;
    world
        .kernel_settles(|kernel| kernel.links().is_empty())
        .await;
    // Docker may try again under the same id.
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
    assert_eq!(world.remembered().networks.len(), 1);
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_remembered_is_neither_made_nor_joined() {
    let world = World::new("full-endpoint");
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
    let mut body = ids(ENDPOINT);
    body["Interface"] = json!({"Address": "10.0.0.101/32"});
    without_disk(&world, async || {
        let create = "NetworkDriver.CreateEndpoint";
        refusal(world.call(create, body.clone()).await);
    })
    .await;
    world.ok("NetworkDriver.CreateEndpoint", body).await;
    without_disk(&world, async || {
        refusal(world.call("NetworkDriver.Join", ids(ENDPOINT)).await);
    })
    .await;
    let bridge = instance().bridge_alias(NETWORK);
    assert_eq!(world.kernel.links(), [bridge].into());
    world.ok("NetworkDriver.Join", ids(ENDPOINT)).await;
    assert!(world.remembered().networks[NETWORK].endpoints[ENDPOINT].attached);
}

#[tokio::test]
async fn what_is_deleted_is_gone_even_if_that_cannot_be_written() {
    let world = serving("full-delete").await;
    without_disk(&world, async || {
        let delete = "NetworkDriver.DeleteEndpoint";
        refusal(world.call(delete, ids(ENDPOINT)).await);
        let delete = "NetworkDriver.DeleteNetwork";
        refusal(world.call(delete, json!({"NetworkID": NETWORK})).await);
    })
    .await;
    assert!(world.kernel.links().is_empty());
    world.announced(&[]).await;
}
