//! What others have on the same host.

use super::*;

#[tokio::test]
async fn an_address_of_another_plugins_network_is_refused_while_that_exists() {
    let world = World::new("elsewhere");
    let theirs = healthwatch::Network {
        id: OTHER.to_owned(),
        name: "theirs".to_owned(),
        driver: "bgplb:other".to_owned(),
        // What is announced shows that the news has come.
        labels: [("bgplb_advertise".to_owned(), "true".to_owned())].into(),
        subnets: vec!["10.0.0.101/32".parse().unwrap()],
    };
    world.observe(Observation::Network(theirs)).await;
    world.announced(&["10.0.0.101/32"]).await;
    let (status, answer) = world.create_network(NETWORK, "10.0.0.101/32").await;
    assert_eq!(status, 409, "{answer}");
    assert!(answer["Err"].as_str().unwrap().contains("theirs"));
    assert!(world.kernel.links().is_empty());
    world
        .observe(Observation::NetworkGone(OTHER.to_owned()))
        .await;
    world.announced(&[]).await;
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
}

#[tokio::test]
async fn a_bridge_of_docker_bgp_lb_is_left_alone_and_named_with_the_command() {
    let world = World::new("unmarked");
    let name = naming::bridge(NETWORK);
    world.kernel.with(|kernel| {
        let kind = netplumb::LinkKind::Bridge(netplumb::BridgeSpec::default());
        let bridge = netplumb::LinkSpec::new(name.clone(), kind, "mark");
        kernel.apply(&Op::CreateLink(bridge)).unwrap();
        let link = kernel.state_mut().links.get_mut(&name).unwrap();
        link.alias.clear();
    });
    let (status, answer) = world.create_network(NETWORK, "10.0.0.101/32").await;
    assert_eq!(status, 409, "{answer}");
    let words = answer["Err"].as_str().unwrap();
    assert!(
        words.contains("`ip link delete bgplb-1201b136a`"),
        "{words}"
    );
    let there = world.kernel.with(|k| k.state().links.contains_key(&name));
    assert!(there);
    world
        .kernel
        .with(|kernel| kernel.state_mut().links.remove(&name));
    assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
}
