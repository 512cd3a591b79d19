//! Lists of old and new engines, and what a lenient reader makes of them.

use super::*;
use crate::docker::level::{Level, Reason};

#[test]
fn a_list_of_api_1_41_is_read() {
    let json = br#"[{"Id":"4e2c06","Names":["/other/link","/web"],"Image":"bb","Command":"sh","Created":1,
        "Ports":[],"Labels":{"a":"b"},"State":"running","Status":"Up 3 seconds (health: starting)",
        "HostConfig":{"NetworkMode":"lb"},"NetworkSettings":{"Networks":{"lb":{"IPAMConfig":null,
        "NetworkID":"n1","EndpointID":"e1","Gateway":"","IPAddress":"10.0.0.101","IPPrefixLen":32,
        "GlobalIPv6Address":"2001:db8::101","GlobalIPv6PrefixLen":128},
        "six":{"NetworkID":"n2","EndpointID":"","IPAddress":"0.0.0.0","GlobalIPv6Address":""}}},"Mounts":[]}]"#;
    let listing = containers(json).unwrap().remove(0).into_container();
    assert_eq!(listing.name, "web");
    assert_eq!(listing.labels["a"], "b");
    assert_eq!(listing.level, Level::NotServing(Reason::Starting));
    let [lb, six] = &listing.endpoints[..] else {
        panic!("{listing:?}")
    };
    assert_eq!(
        (lb.network_id.as_str(), lb.endpoint_id.as_str()),
        ("n1", "e1")
    );
    assert_eq!(lb.ipv4, "10.0.0.101".parse().ok());
    assert_eq!(lb.ipv6, "2001:db8::101".parse().ok());
    assert_eq!(
        (six.ipv4, six.ipv6, six.endpoint_id.as_str()),
        (None, None, "")
    );
}

#[test]
fn the_health_object_of_api_1_52_is_read() {
    let json = br#"[{"Id":"aa","State":"running","Status":"Up 1 second",
        "Health":{"Status":"unhealthy","FailingStreak":3}}]"#;
    let container = containers(json).unwrap().remove(0).into_container();
    assert_eq!(container.level, Level::NotServing(Reason::Unhealthy));
}

#[test]
fn missing_and_null_fields_are_no_error() {
    let json = br#"[{"Id":"aa","Names":null,"Labels":null,"NetworkSettings":null,"Health":null},
        {"Id":"bb","NetworkSettings":{"Networks":{"x":null}},"Whatever":{"new":1}},
        {"Names":["/no id"]}, {"Id":"../../etc"}]"#;
    let listings = containers(json).unwrap();
    assert_eq!(
        listings.iter().map(|l| l.id.as_str()).collect::<Vec<_>>(),
        ["aa", "bb"]
    );
    assert!(containers(b"null").unwrap().is_empty());
    assert!(networks(b"null").unwrap().is_empty());
    assert!(containers(b"{\"message\":\"x\"}").is_err());
}

#[test]
fn networks_keep_driver_labels_and_every_subnet_that_is_one() {
    let json = br#"[{"Name":"web1","Id":"zz","Driver":"example/lb:latest","Scope":"local",
        "IPAM":{"Driver":"x","Options":null,"Config":[{"Subnet":"10.0.0.101/24","Gateway":"10.0.0.1/24"},
        {"Subnet":"2001:db8::101/128"},{"Subnet":"0.0.0.0/32"},{"Subnet":"rubbish"},{}]},
        "Labels":{"bgplb_advertise":"true"}},
        {"Id":"aa","IPAM":{"Config":null}}, {"Name":"no id"}]"#;
    let networks = networks(json).unwrap();
    assert_eq!(
        networks.iter().map(|n| n.id.as_str()).collect::<Vec<_>>(),
        ["aa", "zz"]
    );
    assert_eq!(networks[1].driver, "example/lb:latest");
    let subnets: Vec<_> = networks[1]
        .subnets
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        subnets,
        ["10.0.0.101/24", "2001:db8::101/128", "0.0.0.0/32"]
    );
}

#[test]
fn inspection_tells_stop_signal_and_timeout() {
    let json = br#"{"State":{"Running":true,"Health":{"Status":"healthy"}},
        "Config":{"StopSignal":"SIGUSR2","StopTimeout":3,"Labels":{"signal":"12"}}}"#;
    let inspected = inspected(json).unwrap();
    assert!(inspected.running && inspected.has_health_check);
    assert_eq!(inspected.stop_signal.as_deref(), Some("SIGUSR2"));
    assert_eq!(inspected.stop_timeout, Some(3));
    assert!(super::inspected(b"{}").unwrap().stop_signal.is_none());
}

#[test]
fn error_messages_are_docker_words_or_the_beginning_of_the_body() {
    assert_eq!(
        error_message(br#"{"message":"no such container"}"#),
        "no such container"
    );
    assert_eq!(error_message(b"  <html>\xff"), "<html>\u{fffd}");
    assert_eq!(error_message(&[b'x'; 1000]).len(), 200);
}
