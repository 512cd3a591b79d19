//! What real engines send is understood, all of it.

use std::{collections::BTreeMap, fs, net::IpAddr, path::PathBuf, sync::Arc};

use docker_plugin_api::{CreateEndpointRequest, CreateNetworkRequest, MacAddress, Protocol};
use expect_test::expect;
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::driver::Recorder;

#[derive(Deserialize)]
pub(crate) struct Captured {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// Engine version and its requests.
pub(crate) fn engines() -> Vec<(String, Vec<Captured>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut engines: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let requests = text
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            (
                path.file_stem().unwrap().to_str().unwrap().to_owned(),
                requests,
            )
        })
        .collect();
    engines.sort_by(|(a, _), (b, _)| a.cmp(b));
    engines
}

#[test]
fn the_fixtures_hold_four_engines_and_what_makes_them_special() {
    let engines = engines();
    let versions: Vec<_> = engines
        .iter()
        .map(|(version, _)| version.as_str())
        .collect();
    assert_eq!(versions, ["20.10.24", "26.1.5", "28.5.2", "29.7.2"]);
    for (version, requests) in &engines {
        let has = |path: &str, part: &str| {
            requests
                .iter()
                .any(|request| request.path.ends_with(path) && request.body.contains(part))
        };
        assert!(has("AllocateNetwork", "\"IPv6Data\":null"), "{version}");
        assert!(has("RequestPool", "\"Options\":null"), "{version}");
        assert!(has("CreateNetwork", "\"IPv6Data\":[]"), "{version}");
        let swarm_id = |request: &Captured| {
            let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
            body["NetworkID"].as_str().is_some_and(|id| id.len() == 25)
        };
        assert!(requests.iter().any(swarm_id), "{version}");
        assert!(
            requests
                .iter()
                .all(|request| !request.headers.contains_key("Content-Type"))
        );
    }
}

#[tokio::test]
async fn every_request_reaches_the_driver_with_nothing_lost() {
    for (version, requests) in engines() {
        let driver = Arc::new(Recorder::default());
        let router = driver.router();
        for request in requests {
            let answer = router
                .call(&request.method, &request.path, request.body.clone())
                .await;
            let about = format!("{version} {} {}", request.path, request.body);
            assert_eq!(answer.status, 200, "{about} {:?}", answer.body);
            assert!(
                serde_json::from_slice::<Value>(&answer.body)
                    .unwrap()
                    .is_object(),
                "{about}"
            );

            let calls = driver.take();
            if request.path == "/Plugin.Activate" {
                assert_eq!(calls, []);
                continue;
            }
            let [(path, recorded)] = calls.as_slice() else {
                panic!("{about}: {calls:?}")
            };
            assert_eq!(*path, request.path);
            let body = serde_json::from_str(&request.body).unwrap_or(Value::Null);
            for fact in facts(&body) {
                assert!(
                    recorded.contains(&fact),
                    "{about}: {fact} is not in {recorded}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_same_request_without_its_body_is_refused_and_reaches_nobody() {
    for (version, requests) in engines() {
        let driver = Arc::new(Recorder::default());
        let router = driver.router();
        for request in requests
            .into_iter()
            .filter(|request| !request.body.is_empty())
        {
            for body in ["", "\n"] {
                let answer = router.call(&request.method, &request.path, body).await;
                assert_eq!(answer.status, 400, "{version} {}", request.path);
                let answer: BTreeMap<String, String> =
                    serde_json::from_slice(&answer.body).unwrap();
                assert_eq!(answer["Err"], answer["Error"]);
                assert!(answer["Err"].contains("empty"), "{answer:?}");
            }
        }
        assert_eq!(driver.take(), []);
    }
}

/// Every text and number of a request, addresses in their canonical form.
fn facts(value: &Value) -> Vec<String> {
    match value {
        Value::Null | Value::Bool(_) => Vec::new(),
        Value::Number(number) => vec![number.to_string()],
        Value::String(text) => match (text.parse::<IpNet>(), text.parse::<IpAddr>()) {
            (Ok(net), _) => vec![net.to_string()],
            (_, Ok(ip)) => vec![ip.to_string()],
            _ => vec![text.clone()],
        },
        Value::Array(values) => values.iter().flat_map(facts).collect(),
        Value::Object(map) => map.values().flat_map(facts).collect(),
    }
}

#[test]
fn options_of_a_network_are_read_by_type() {
    let request: CreateNetworkRequest = serde_json::from_value(json!({
        "NetworkID": "120h8y1ngbf1esrj941453dm9",
        "Options": {
            "com.docker.network.enable_ipv4": false,
            "com.docker.network.enable_ipv6": true,
            "com.docker.network.generic": {"com.docker.network.driver.mtu": "1400", "foo": "bar"},
            "com.docker.network.internal": true,
        },
        "IPv4Data": null,
        "IPv6Data": [{"AddressSpace": "x", "Pool": "2001:0DB8:0::0101/128"}],
    }))
    .unwrap();
    let options = &request.options;
    assert_eq!(options.enable_ipv4().unwrap(), Some(false));
    assert_eq!(options.enable_ipv6().unwrap(), Some(true));
    assert!(options.internal().unwrap());
    assert_eq!(
        options.generic().unwrap(),
        [("com.docker.network.driver.mtu", "1400"), ("foo", "bar")]
    );
    assert_eq!(request.ipv4_data, []);
    assert_eq!(
        request.ipv6_data[0].pool,
        Some("2001:db8::101/128".parse().unwrap())
    );
    assert_eq!(request.ipv6_data[0].gateway, None);
    assert_eq!(request.network_id.short(9), "120h8y1ng");
    assert_eq!(request.network_id.short(99), "120h8y1ngbf1esrj941453dm9");
}

#[test]
fn absent_and_null_options_mean_what_docker_means_by_them() {
    for options in [
        json!({}),
        json!(null),
        json!({"com.docker.network.generic": null}),
    ] {
        let request: CreateNetworkRequest =
            serde_json::from_value(json!({"NetworkID": "n", "Options": options})).unwrap();
        assert_eq!(request.options.enable_ipv4().unwrap(), None);
        assert_eq!(request.options.generic().unwrap(), []);
        assert!(!request.options.internal().unwrap());
    }
}

#[test]
fn options_of_the_wrong_type_are_named() {
    let request: CreateNetworkRequest = serde_json::from_value(json!({
        "NetworkID": "n",
        "Options": {"com.docker.network.enable_ipv6": "yes", "com.docker.network.generic": {"mtu": 1400}},
    }))
    .unwrap();
    let errors = format!(
        "{}\n{}",
        request.options.enable_ipv6().unwrap_err(),
        request.options.generic().unwrap_err()
    );
    expect![[r#"
        option "com.docker.network.enable_ipv6" is not true or false
        option "mtu" is not a text"#]]
    .assert_eq(&errors);
}

#[test]
fn options_of_an_endpoint_are_read_by_type() {
    let request: CreateEndpointRequest = serde_json::from_value(json!({
        "NetworkID": "n",
        "EndpointID": "e",
        "Interface": {"Address": "10.0.0.101/32", "AddressIPv6": "", "MacAddress": ""},
        "Options": {
            "com.docker.network.endpoint.dnsservers": ["1.1.1.1"],
            "com.docker.network.endpoint.exposedports": [{"Proto": 6, "Port": 80}, {"Proto": 132, "Port": 81}],
            "com.docker.network.endpoint.ifname": "lb0",
            "com.docker.network.endpoint.macaddress": "AhEiM0RV",
            "com.docker.network.portmap": [{
                "Proto": 17, "IP": "", "Port": 53, "HostIP": "127.0.0.1", "HostPort": 5300, "HostPortEnd": 5301,
            }],
            "foo": "bar",
        },
    }))
    .unwrap();
    assert_eq!(
        request.interface.address,
        Some("10.0.0.101/32".parse().unwrap())
    );
    assert_eq!(request.interface.address_ipv6, None);
    let options = &request.options;
    let ports = options.exposed_ports().unwrap();
    assert_eq!((ports[0].protocol, ports[0].port), (Protocol::TCP, 80));
    assert_eq!((ports[1].protocol, ports[1].port), (Protocol::SCTP, 81));
    let published = options.port_map().unwrap()[0];
    assert_eq!(
        (published.protocol, published.port, published.ip),
        (Protocol::UDP, 53, None)
    );
    assert_eq!(published.host_ip, Some("127.0.0.1".parse().unwrap()));
    assert_eq!((published.host_port, published.host_port_end), (5300, 5301));
    let mac = options.mac_address().unwrap().unwrap();
    assert_eq!(mac, MacAddress::new([0x02, 0x11, 0x22, 0x33, 0x44, 0x55]));
    assert_eq!(
        options.dns_servers().unwrap(),
        ["1.1.1.1".parse::<IpAddr>().unwrap()]
    );
    assert_eq!(options.interface_name().unwrap(), Some("lb0"));
    assert_eq!(options.driver_opts().collect::<Vec<_>>(), [("foo", "bar")]);
}
