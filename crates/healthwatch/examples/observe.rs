//! Prints what the local Docker does, as levels: `observe [SOCKET]`.
#![allow(clippy::print_stdout)]

use healthwatch::{Container, DockerConfig, DockerWatch, Observation};
use tokio_util::sync::CancellationToken;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let config = std::env::args_os()
        .nth(1)
        .map_or_else(DockerConfig::default, DockerConfig::new);
    let (watch, mut observations) = DockerWatch::new(config);
    let watching = tokio::spawn(watch.run(CancellationToken::new()));
    while let Some(observation) = observations.recv().await {
        print(observation);
    }
    watching.abort();
}

fn print(observation: Observation) {
    match observation {
        Observation::Listed {
            containers,
            networks,
        } => {
            println!(
                "{} containers, {} networks",
                containers.len(),
                networks.len()
            );
            containers.iter().for_each(print_container);
            for network in networks {
                println!(
                    "  network {} ({}) {:?}",
                    network.name, network.driver, network.subnets
                );
            }
        }
        Observation::Container(container) => print_container(&container),
        Observation::ContainerGone(id) => println!("  {id} is gone"),
        Observation::Level {
            container, level, ..
        } => println!("  {container} is {level}"),
        Observation::Signal { container, signal } => println!("  {container} got signal {signal}"),
        Observation::Network(network) => {
            println!("  network {} ({})", network.name, network.driver)
        }
        Observation::NetworkGone(id) => println!("  network {id} is gone"),
        Observation::Unreachable { error } => println!("Docker is unreachable: {error}"),
        Observation::Reachable => println!("Docker is back"),
        _ => {}
    }
}

fn print_container(container: &Container) {
    println!(
        "  {} {} is {}",
        container.id, container.name, container.level
    );
    for attachment in &container.endpoints {
        println!(
            "    on {} {:?} {:?}",
            attachment.network_name, attachment.ipv4, attachment.ipv6
        );
    }
}
