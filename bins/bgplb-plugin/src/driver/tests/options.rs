//! What a network's options change, and drains of the whole host.

use super::*;

/// A network with these options and one container that serves.
async fn with(name: &str, options: Value) -> World {
    let world = World::new(name);
    let made = world.create_network_with(NETWORK, "10.0.0.101/32", options);
    assert_eq!(made.await.0, 200);
    world
        .observe(Observation::Listed {
            containers: vec![],
            networks: vec![],
        })
        .await;
    world.attach(ENDPOINT).await;
    world.container(Level::Serving, &[ENDPOINT]).await;
    world
}

impl World {
    /// Waits until this is why the network is, or is not, announced.
    async fn reason(&self, code: &'static str) {
        self.eventually(move |controller| match controller.reason_of(NETWORK) {
            Some(reason) if reason.code() == code => Ok(()),
            reason => Err(format!("{reason:?}")),
        })
        .await;
    }

    async fn med(&self, wanted: Option<u32>) {
        self.eventually(move |controller| {
            let meds = controller.announced_meds();
            match meds.iter().all(|med| *med == wanted) && meds.len() == 2 {
                true => Ok(()),
                false => Err(format!("{meds:?}")),
            }
        })
        .await;
    }

    async fn drain(&self) {
        let container = ContainerId::new(CONTAINER).unwrap();
        let signal = 12;
        self.observe(Observation::Signal { container, signal })
            .await;
    }
}

#[tokio::test]
async fn options_that_cannot_be_used_are_refused_and_change_nothing() {
    let world = World::new("bad-options");
    for (options, words) in [
        (json!({"bgplb.med": "high"}), "bgplb.med=high"),
        (json!({"bgplb.nothing": "1"}), "bgplb.nothing"),
        (json!({"bgplb.peers": "192.0.2.77"}), "192.0.2.77"),
        (json!({"bgplb.med": 7}), "bgplb.med"),
    ] {
        let created = world.create_network_with(NETWORK, "10.0.0.101/32", options.clone());
        let (status, answer) = created.await;
        assert_eq!(status, 400, "{answer}");
        assert!(answer["Err"].as_str().unwrap().contains(words), "{answer}");
    }
    assert!(world.kernel.links().is_empty());
    assert!(world.remembered().networks.is_empty());
    let (status, _) = world.create_network(NETWORK, "10.0.0.101/32").await;
    assert_eq!(status, 200, "nothing of it was left");
}

#[tokio::test]
async fn a_swarm_manager_checks_options_and_hands_them_on() {
    let world = World::new("swarm-options");
    let body = |med: &str| {
        json!({
            "NetworkID": NETWORK, "Options": {"bgplb.med": med}, "IPv6Data": [],
            "IPv4Data": [{"AddressSpace": "bgplb", "Pool": "10.0.0.101/32", "Gateway": "10.0.0.101/32"}],
        })
    };
    let answer = world.ok("NetworkDriver.AllocateNetwork", body("7")).await;
    assert_eq!(answer["Options"]["bgplb.med"], "7");
    let (status, _) = world.call("NetworkDriver.AllocateNetwork", body("x")).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn options_hold_over_a_crash() {
    let first = with("options-crash", json!({"bgplb.med": "7"})).await;
    first.med(Some(7)).await;
    let (directory, kernel) = (first.directory.clone(), first.kernel.clone());
    drop(first);
    let world = World::resume(directory, kernel, slow());
    world
        .observe(Observation::Listed {
            containers: vec![container(Level::Serving, &[ENDPOINT])],
            networks: vec![],
        })
        .await;
    world.med(Some(7)).await;
}

#[tokio::test]
async fn a_container_must_prove_itself_unless_it_served_before_a_crash() {
    let first = with("proof", json!({"bgplb.min-healthy-time": "1h"})).await;
    first.reason("unproven").await;
    first.announced(&[]).await;
    let (directory, kernel) = (first.directory.clone(), first.kernel.clone());
    drop(first);
    let world = World::resume(directory, kernel, slow());
    world
        .observe(Observation::Listed {
            containers: vec![container(Level::Serving, &[ENDPOINT])],
            networks: vec![],
        })
        .await;
    world.announced(&BOTH).await;
    // Once it has failed it must prove itself again.
    world.level(UNHEALTHY).await;
    world.announced(&[]).await;
    world.level(Level::Serving).await;
    world.reason("unproven").await;
}

#[tokio::test]
async fn proof_comes_by_time_alone() {
    let world = with("proof-time", json!({"bgplb.min-healthy-time": "50ms"})).await;
    world.announced(&BOTH).await;
}

#[tokio::test]
async fn who_is_withdrawn_too_often_is_held_down_for_a_while() {
    let world = with("held", json!({"bgplb.hold-down": "2/1h/1h"})).await;
    for _ in 0..2 {
        world.announced(&BOTH).await;
        world.level(UNHEALTHY).await;
        world.announced(&[]).await;
        world.level(Level::Serving).await;
    }
    world.reason("held-down").await;
    world.announced(&[]).await;
    let world = with("held-time", json!({"bgplb.hold-down": "1/1h/50ms"})).await;
    world.announced(&BOTH).await;
    world.level(UNHEALTHY).await;
    world.announced(&[]).await;
    world.level(Level::Serving).await;
    world.announced(&BOTH).await;
}

#[tokio::test]
async fn a_drain_marks_first_and_withdraws_later() {
    let marking = json!({"bgplb.drain": "med", "bgplb.drain-time": "1h"});
    let world = with("mark", marking).await;
    world.med(None).await;
    world.drain().await;
    world.med(Some(u32::MAX)).await;
    let quick = json!({"bgplb.drain": "med", "bgplb.drain-time": "50ms"});
    let world = with("mark-time", quick).await;
    world.announced(&BOTH).await;
    world.drain().await;
    world.announced(&[]).await;
}

#[tokio::test]
async fn a_drained_host_announces_nothing_until_it_is_told_to() {
    let first = with("host", json!({})).await;
    first.announced(&BOTH).await;
    for _ in 0..2 {
        first.controller.ask(Controller::drain_host).await.unwrap();
    }
    first.announced(&[]).await;
    first.remembers(|state| state.drained).await;
    let (directory, kernel) = (first.directory.clone(), first.kernel.clone());
    drop(first);
    let world = World::resume(directory, kernel, slow());
    world
        .observe(Observation::Listed {
            containers: vec![container(Level::Serving, &[ENDPOINT])],
            networks: vec![],
        })
        .await;
    world.reason("draining").await;
    world.announced(&[]).await;
    for _ in 0..2 {
        world
            .controller
            .ask(Controller::undrain_host)
            .await
            .unwrap();
    }
    world.announced(&BOTH).await;
    world.remembers(|state| !state.drained).await;
}

#[tokio::test]
async fn a_host_is_drained_in_each_network_s_own_manner() {
    let marking = json!({"bgplb.drain": "med", "bgplb.drain-time": "1h"});
    let world = with("host-mark", marking).await;
    world.announced(&BOTH).await;
    world.controller.ask(Controller::drain_host).await.unwrap();
    world.med(Some(u32::MAX)).await;
    world
        .controller
        .ask(Controller::undrain_host)
        .await
        .unwrap();
    world.med(None).await;
}
