use std::time::SystemTime;

use bgp_speaker::{Speaker, SpeakerConfig, SpeakerHandle};
use bgp_wire::{Asn, BgpIdentifier};
use healthwatch::{Container, ContainerId, Level, Reason};

use super::*;
use crate::config::Config;

struct World {
    networks: Networks,
    announcing: Announcing,
    speaker: SpeakerHandle,
    own: watch::Receiver<Arc<BTreeSet<IpNet>>>,
    docker: DockerSettings,
    // Whoever it tells is not there, but it has to be.
    _speaker: Speaker,
}

impl World {
    fn new(listed: &[&str]) -> Self {
        let router_id = BgpIdentifier::from(std::net::Ipv4Addr::LOCALHOST);
        let config = SpeakerConfig::new(Asn::new(64512), router_id);
        let (_, addresses) = watch::channel(Arc::default());
        let (speaker, handle) = Speaker::new(config, addresses).unwrap();
        let mut text = "[local]\nas = 64512\nrouter-id = \"192.0.2.1\"\n[docker]\n".to_owned();
        for prefix in listed {
            text += &format!("[[announce]]\nprefix = \"{prefix}\"\n");
        }
        let config = Config::from_text(&text).unwrap();
        handle.apply(&config.announce);
        let networks = Networks::default();
        Self {
            own: networks.own(),
            networks,
            announcing: Announcing::new(handle.clone(), config.announce.clone(), false),
            speaker: handle,
            docker: config.docker.unwrap(),
            _speaker: speaker,
        }
    }

    fn hear(&mut self, observation: Observation) -> Changed {
        let changed = self.networks.hear(observation);
        let docker = Some(&self.docker);
        self.networks.announce(docker, &mut self.announcing);
        changed
    }

    fn list(&mut self, networks: &[Network]) {
        self.hear(Observation::Listed {
            containers: Vec::new(),
            networks: networks.to_vec(),
        });
    }

    fn announced(&self) -> Vec<String> {
        let all = self.networks.announced.iter();
        let all: Vec<_> = all.map(|it| it.to_string()).collect();
        assert_eq!(self.speaker.announced_prefixes(), all.len());
        all
    }
}

fn network(id: &str, label: Option<&str>, subnets: &[&str]) -> Network {
    let label = label.map(|value| ("bgplb_advertise".to_owned(), value.to_owned()));
    Network {
        id: id.to_owned(),
        name: id.to_owned(),
        driver: "bridge".to_owned(),
        labels: label.into_iter().collect(),
        subnets: subnets.iter().map(|it| it.parse().unwrap()).collect(),
    }
}

fn container(id: &str, name: &str, level: Level) -> Container {
    Container {
        id: ContainerId::new(id).unwrap(),
        name: name.to_owned(),
        labels: BTreeMap::new(),
        level,
        endpoints: Vec::new(),
    }
}

#[test]
fn subnets_of_labelled_networks_are_announced_while_the_networks_are_there() {
    let mut world = World::new(&[]);
    let both = network("a", Some("true"), &["10.1.1.1/24", "2001:db8:1::/64"]);
    let other = network("b", Some("false"), &["10.1.2.0/24"]);
    let none = network("c", None, &["10.1.3.0/24"]);
    world.list(&[both, other, none]);
    assert_eq!(world.announced(), ["10.1.1.0/24", "2001:db8:1::/64"]);
    assert_eq!(world.own.borrow().len(), 4);
    world.hear(Observation::Network(network(
        "d",
        Some("true"),
        &["10.1.4.0/24"],
    )));
    assert_eq!(world.announced().len(), 3);
    world.hear(Observation::NetworkGone("a".to_owned()));
    assert_eq!(world.announced(), ["10.1.4.0/24"]);
    assert_eq!(world.own.borrow().len(), 3);
}

#[test]
fn what_is_known_is_held_while_docker_is_away() {
    let mut world = World::new(&[]);
    world.list(&[network("a", Some("true"), &["10.1.1.0/24"])]);
    let error = "gone".to_owned();
    let changed = world.hear(Observation::Unreachable { error });
    assert_eq!(changed, Changed::default());
    world.hear(Observation::Reachable);
    assert_eq!(world.announced(), ["10.1.1.0/24"]);
    world.list(&[]);
    assert!(world.announced().is_empty());
}

#[test]
fn subnets_that_lead_nowhere_are_left_out() {
    let mut world = World::new(&[]);
    let unusable = [
        "0.0.0.0/0",
        "::/0",
        "0.0.0.0/32",
        "fe80::/64",
        "224.0.0.0/8",
    ];
    world.list(&[
        network("a", Some("true"), &unusable),
        network("b", Some("true"), &["10.1.1.0/24"]),
    ]);
    assert_eq!(world.announced(), ["10.1.1.0/24"]);
}

#[test]
fn of_overlapping_subnets_the_one_that_is_announced_stays() {
    let mut world = World::new(&[]);
    let first = network("z", Some("true"), &["10.1.0.0/16"]);
    let second = network("a", Some("true"), &["10.1.1.0/24"]);
    world.list(std::slice::from_ref(&first));
    world.list(&[second.clone(), first]);
    assert_eq!(world.announced(), ["10.1.0.0/16"]);
    world.list(&[second]);
    assert_eq!(world.announced(), ["10.1.1.0/24"]);
}

#[test]
fn a_subnet_of_two_networks_is_withdrawn_with_the_last() {
    let mut world = World::new(&[]);
    let [one, two] = ["a", "b"].map(|id| network(id, Some("true"), &["10.1.1.0/24"]));
    world.list(&[one.clone(), two]);
    world.list(&[one]);
    assert_eq!(world.announced(), ["10.1.1.0/24"]);
    world.list(&[]);
    assert!(world.announced().is_empty());
}

#[test]
fn what_the_file_lists_stays_when_a_network_of_it_goes() {
    let mut world = World::new(&["10.1.1.0/24"]);
    world.list(&[network("a", Some("true"), &["10.1.1.0/24"])]);
    world.list(&[]);
    assert_eq!(world.speaker.announced_prefixes(), 1);
    // And the other way round: the line goes from the file, the network is there.
    world.list(&[network("a", Some("true"), &["10.1.1.0/24"])]);
    let gone = bgp_speaker::RibChange::withdraw("10.1.1.0/24".parse().unwrap());
    world.announcing.change_listed(vec![gone], Arc::default());
    assert_eq!(world.speaker.announced_prefixes(), 1);
    world.list(&[]);
    assert_eq!(world.speaker.announced_prefixes(), 0);
}

#[test]
fn a_container_is_known_by_its_name() {
    let mut world = World::new(&[]);
    let serves = |world: &World, name| world.networks.containers().serves(name);
    assert_eq!(serves(&world, "web"), None);
    world.list(&[]);
    let missing = Err("there is no container web".to_owned());
    assert_eq!(serves(&world, "web"), Some(missing.clone()));
    world.hear(Observation::Container(container(
        "1",
        "web",
        Level::Serving,
    )));
    assert_eq!(serves(&world, "web"), Some(Ok(())));
    let changed = world.hear(Observation::Level {
        container: ContainerId::new("1").unwrap(),
        level: Level::NotServing(Reason::Unhealthy),
        event_time: Some(SystemTime::now()),
    });
    assert!(changed.containers && !changed.networks);
    assert!(serves(&world, "web").is_some_and(|it| it.is_err()));
    // Another takes the name before the first one is gone.
    world.hear(Observation::Container(container(
        "2",
        "web",
        Level::Serving,
    )));
    world.hear(Observation::ContainerGone(ContainerId::new("1").unwrap()));
    assert_eq!(serves(&world, "web"), Some(Ok(())));
    world.hear(Observation::Container(container(
        "2",
        "www",
        Level::Serving,
    )));
    assert_eq!(serves(&world, "web"), Some(missing));
    assert_eq!(serves(&world, "www"), Some(Ok(())));
}
