//! No body, path or method makes the router do anything but answer in JSON.

use std::sync::Arc;

use docker_plugin_api::Answer;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::Value;

use crate::{
    captured::{Captured, engines},
    driver::Recorder,
};

fn requests() -> Vec<Captured> {
    engines()
        .into_iter()
        .flat_map(|(_, requests)| requests)
        .collect()
}

fn paths() -> impl Strategy<Value = String> {
    let mut paths: Vec<String> = requests().into_iter().map(|request| request.path).collect();
    paths.sort();
    paths.dedup();
    select(paths)
}

/// A captured request, cut or changed in some places.
fn damaged() -> impl Strategy<Value = (String, Vec<u8>)> {
    let requests: Vec<_> = requests()
        .into_iter()
        .filter(|request| !request.body.is_empty())
        .map(|request| (request.path, request.body.into_bytes()))
        .collect();
    (
        select(requests),
        vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        any::<prop::sample::Index>(),
        any::<bool>(),
    )
        .prop_map(|((path, mut body), changes, end, cut)| {
            for (place, octet) in changes {
                let place = place.index(body.len());
                body[place] = octet;
            }
            if cut {
                body.truncate(end.index(body.len()));
            }
            (path, body)
        })
}

/// Values of any shape, under the keys that mean something as well as under others.
fn json() -> impl Strategy<Value = Value> {
    let keys = select(vec![
        "NetworkID",
        "EndpointID",
        "PoolID",
        "Options",
        "Interface",
        "Address",
        "AddressIPv6",
        "MacAddress",
        "IPv4Data",
        "IPv6Data",
        "Pool",
        "SubPool",
        "Gateway",
        "AuxAddresses",
        "V6",
        "AddressSpace",
        "SandboxKey",
        "DiscoveryType",
        "DiscoveryData",
        "Self",
        "other",
        "com.docker.network.generic",
        "com.docker.network.portmap",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(vec![
            "",
            "n",
            "10.0.0.101/32",
            "10.0.0.101",
            "2001:db8::/200",
            "::/0"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((keys.clone(), inner), 0..8).prop_map(|entries| {
                entries
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()
            }),
        ]
    })
}

fn call(method: &str, path: &str, body: Vec<u8>) -> (Answer, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let driver = Arc::new(Recorder::default());
    let answer = runtime.block_on(driver.router().call(method, path, body));
    (answer, driver.take().len())
}

fn check((answer, calls): (Answer, usize)) -> Result<(), TestCaseError> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    prop_assert!(body.is_object());
    if answer.status == 200 {
        prop_assert!(body.get("Err").is_none());
    } else {
        prop_assert!(
            [400, 404, 405].contains(&answer.status),
            "{}",
            answer.status
        );
        prop_assert!(
            body["Err"]
                .as_str()
                .is_some_and(|message| !message.is_empty())
        );
        prop_assert_eq!(&body["Err"], &body["Error"]);
        prop_assert_eq!(calls, 0, "a refused request reached the driver");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_are_answered(path in paths(), body in vec(any::<u8>(), 0..256)) {
        check(call("POST", &path, body))?;
    }

    #[test]
    fn any_json_is_answered(path in paths(), body in json()) {
        check(call("POST", &path, body.to_string().into_bytes()))?;
    }

    #[test]
    fn any_damaged_request_is_answered((path, body) in damaged()) {
        check(call("POST", &path, body))?;
    }

    #[test]
    fn any_path_and_method_are_answered(method in "[A-Z]{1,8}|.{0,4}", path in any::<String>()) {
        check(call(&method, &path, b"{}".to_vec()))?;
    }
}

#[test]
fn deep_nesting_is_refused_before_the_stack_ends() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(50_000), close.repeat(50_000));
        let body = format!("{{\"NetworkID\":\"n\",\"Options\":{deep}}}").into_bytes();
        let (answer, calls) = call("POST", "/NetworkDriver.CreateNetwork", body);
        assert_eq!((answer.status, calls), (400, 0));
    }
}
