//! What is answered, to the octet.

use std::{sync::Arc, time::Duration};

use docker_plugin_api::*;
use expect_test::{Expect, expect};
use serde_json::json;

use crate::driver::Recorder;

async fn check(router: &Router, path: &str, body: &str, expected: Expect) {
    let answer = router.call("POST", path, body.to_owned()).await;
    expected.assert_eq(&format!(
        "{} {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    ));
}

/// Answers with everything an answer can hold, or fails, as the network's name says.
struct Speaking;

impl NetworkDriver for Speaking {
    fn capabilities(&self) -> NetworkCapabilities {
        NetworkCapabilities {
            scope: Scope::Local,
            connectivity_scope: Some(Scope::Global),
            gw_alloc_checker: true,
        }
    }

    async fn create_network(&self, request: CreateNetworkRequest) -> Result<(), PluginError> {
        match request.network_id.as_str() {
            "panic" => panic!("on purpose"),
            "slow" => std::future::pending().await,
            "conflict" => Err(PluginError::conflict(
                "10.0.0.101/32 belongs to network \"web1\"",
            )),
            _ => Ok(()),
        }
    }

    async fn delete_network(&self, _: DeleteNetworkRequest) -> Result<(), PluginError> {
        Err(PluginError::internal(
            "delete link bgplb-1: Device or resource busy (EBUSY)",
        ))
    }

    async fn create_endpoint(
        &self,
        _: CreateEndpointRequest,
    ) -> Result<CreateEndpointResponse, PluginError> {
        let interface = EndpointInterface {
            address: Some("10.0.0.101/32".parse().unwrap()),
            address_ipv6: Some("2001:db8::101/128".parse().unwrap()),
            mac_address: Some("02:42:0A:00:00:65".parse().unwrap()),
        };
        Ok(CreateEndpointResponse { interface })
    }

    async fn delete_endpoint(&self, _: DeleteEndpointRequest) -> Result<(), PluginError> {
        Ok(())
    }

    async fn join(&self, _: JoinRequest) -> Result<JoinResponse, PluginError> {
        Ok(JoinResponse {
            interface_name: Some(InterfaceName {
                src_name: "v0".into(),
                dst_prefix: "lb".into(),
            }),
            gateway: Some("169.254.1.1".parse().unwrap()),
            gateway_ipv6: Some("fe80::1".parse().unwrap()),
            static_routes: vec![
                StaticRoute {
                    destination: "169.254.1.1/32".parse().unwrap(),
                    next_hop: None,
                },
                StaticRoute {
                    destination: "10.0.0.0/8".parse().unwrap(),
                    next_hop: Some("169.254.1.1".parse().unwrap()),
                },
            ],
            disable_gateway_service: true,
        })
    }

    async fn leave(&self, _: LeaveRequest) -> Result<(), PluginError> {
        Ok(())
    }

    async fn gw_alloc_check(
        &self,
        request: GwAllocCheckRequest,
    ) -> Result<GwAllocCheckResponse, PluginError> {
        let skip_ipv6 = request.options.enable_ipv6()? != Some(true);
        Ok(GwAllocCheckResponse {
            skip_ipv4: true,
            skip_ipv6,
        })
    }
}

#[tokio::test]
async fn activation_names_what_is_implemented() {
    let driver = Arc::new(Recorder::default());
    let network = network_router(Arc::clone(&driver));
    let ipam = ipam_router(driver);
    let both = expect![[r#"200 {"Implements":["NetworkDriver","IpamDriver"]}"#]];
    check(
        &ipam.clone().merge(network.clone()),
        "/Plugin.Activate",
        "",
        both,
    )
    .await;
    let one = expect![[r#"200 {"Implements":["IpamDriver"]}"#]];
    check(&ipam.clone().merge(ipam), "/Plugin.Activate", "", one).await;
    let unknown = expect![[
        r#"404 {"Err":"this plugin has no method \"/IpamDriver.RequestPool\"","Error":"this plugin has no method \"/IpamDriver.RequestPool\""}"#
    ]];
    check(&network, "/IpamDriver.RequestPool", "{}", unknown).await;
}

#[tokio::test]
async fn answers_carry_docker_s_keys() {
    let router = network_router(Arc::new(Speaking));
    let ids = r#"{"NetworkID":"n","EndpointID":"e"}"#;
    for (path, body, expected) in [
        (
            "/NetworkDriver.GetCapabilities",
            "",
            expect![[
                r#"200 {"Scope":"local","ConnectivityScope":"global","GwAllocChecker":true}"#
            ]],
        ),
        (
            "/NetworkDriver.CreateEndpoint",
            ids,
            expect![[
                r#"200 {"Interface":{"Address":"10.0.0.101/32","AddressIPv6":"2001:db8::101/128","MacAddress":"02:42:0a:00:00:65"}}"#
            ]],
        ),
        (
            "/NetworkDriver.Join",
            ids,
            expect![[
                r#"200 {"InterfaceName":{"SrcName":"v0","DstPrefix":"lb"},"Gateway":"169.254.1.1","GatewayIPv6":"fe80::1","StaticRoutes":[{"Destination":"169.254.1.1/32","RouteType":1,"NextHop":""},{"Destination":"10.0.0.0/8","RouteType":0,"NextHop":"169.254.1.1"}],"DisableGatewayService":true}"#
            ]],
        ),
        (
            "/NetworkDriver.GwAllocCheck",
            r#"{"Options":{"com.docker.network.enable_ipv4":true,"com.docker.network.enable_ipv6":true,"com.docker.network.generic":{}}}"#,
            expect![[r#"200 {"SkipIPv4":true,"SkipIPv6":false}"#]],
        ),
        ("/NetworkDriver.Leave", ids, expect!["200 {}"]),
        (
            "/NetworkDriver.EndpointOperInfo",
            ids,
            expect![[r#"200 {"Value":{}}"#]],
        ),
        (
            "/NetworkDriver.ProgramExternalConnectivity",
            ids,
            expect!["200 {}"],
        ),
        (
            "/NetworkDriver.RevokeExternalConnectivity",
            ids,
            expect!["200 {}"],
        ),
        ("/NetworkDriver.FreeNetwork", ids, expect!["200 {}"]),
        (
            "/NetworkDriver.AllocateNetwork",
            r#"{"NetworkID":"n","Options":{"k":"v"},"IPv6Data":null}"#,
            expect![[r#"200 {"Options":{"k":"v"}}"#]],
        ),
        (
            "/NetworkDriver.DiscoverDelete",
            r#"{"DiscoveryType":1,"DiscoveryData":{"Self":true}}"#,
            expect!["200 {}"],
        ),
    ] {
        check(&router, path, body, expected).await;
    }
}

#[tokio::test]
async fn ipam_answers_carry_docker_s_keys() {
    let router = Arc::new(Recorder::default()).router();
    for (path, body, expected) in [
        (
            "/IpamDriver.GetCapabilities",
            "",
            expect![[r#"200 {"RequiresMACAddress":false,"RequiresRequestReplay":false}"#]],
        ),
        (
            "/IpamDriver.GetDefaultAddressSpaces",
            "",
            expect![[
                r#"200 {"LocalDefaultAddressSpace":"test","GlobalDefaultAddressSpace":"test"}"#
            ]],
        ),
        (
            "/IpamDriver.RequestPool",
            r#"{"Pool":"10.0.0.101/32"}"#,
            expect![[r#"200 {"PoolID":"10.0.0.101/32","Pool":"10.0.0.101/32"}"#]],
        ),
        (
            "/IpamDriver.RequestAddress",
            r#"{"PoolID":"p","Address":"","Options":null}"#,
            expect![[r#"200 {"Address":"192.0.2.1/32"}"#]],
        ),
        (
            "/IpamDriver.ReleaseAddress",
            r#"{"PoolID":"p","Address":"1.2.3.4"}"#,
            expect!["200 {}"],
        ),
        (
            "/IpamDriver.ReleasePool",
            r#"{"PoolID":"p"}"#,
            expect!["200 {}"],
        ),
    ] {
        check(&router, path, body, expected).await;
    }
    let mut pool = PoolResponse::new(PoolId::new("p").unwrap(), "10.0.0.101/32".parse().unwrap());
    pool.data
        .insert(PoolResponse::GATEWAY.into(), "10.0.0.101/32".into());
    assert_eq!(
        serde_json::to_value(&pool).unwrap(),
        json!({
            "PoolID": "p",
            "Pool": "10.0.0.101/32",
            "Data": {"com.docker.network.gateway": "10.0.0.101/32"},
        })
    );
}

#[tokio::test]
async fn the_purpose_of_an_address_is_read_from_its_options() {
    let gateway: RequestAddressRequest = serde_json::from_value(json!({
        "PoolID": "p",
        "Address": "",
        "Options": {"RequestAddressType": "com.docker.network.gateway"},
    }))
    .unwrap();
    assert!(gateway.is_gateway());
    assert_eq!(gateway.address, None);
    let endpoint: RequestAddressRequest = serde_json::from_value(json!({
        "PoolID": "p",
        "Address": "2001:DB8::0101",
        "Options": {
            "com.docker.network.endpoint.macaddress": "02:42:0a:00:00:65",
            "com.docker.network.endpoint.name": "c1",
        },
    }))
    .unwrap();
    assert!(!endpoint.is_gateway());
    assert_eq!(endpoint.address, Some("2001:db8::101".parse().unwrap()));
    assert_eq!(endpoint.endpoint_name(), Some("c1"));
    assert_eq!(
        endpoint.mac_address().unwrap(),
        Some([2, 0x42, 0x0a, 0, 0, 0x65].into())
    );
}

#[tokio::test]
async fn a_refusal_sets_both_keys_and_the_status_of_its_kind() {
    let router = network_router(Arc::new(Speaking));
    let conflict = expect![[
        r#"409 {"Err":"10.0.0.101/32 belongs to network \"web1\"","Error":"10.0.0.101/32 belongs to network \"web1\""}"#
    ]];
    check(
        &router,
        "/NetworkDriver.CreateNetwork",
        r#"{"NetworkID":"conflict"}"#,
        conflict,
    )
    .await;
    let internal = expect![[
        r#"500 {"Err":"delete link bgplb-1: Device or resource busy (EBUSY)","Error":"delete link bgplb-1: Device or resource busy (EBUSY)"}"#
    ]];
    check(
        &router,
        "/NetworkDriver.DeleteNetwork",
        r#"{"NetworkID":"n"}"#,
        internal,
    )
    .await;
}

#[tokio::test]
async fn a_body_that_is_not_one_object_with_sound_fields_is_refused_with_the_reason() {
    let driver = Arc::new(Recorder::default());
    let router = driver.router();
    for (body, expected) in [
        ("[\"n\"]", "request body is not a JSON object"),
        ("null", "request body is not a JSON object"),
        ("\"n\"", "request body is not a JSON object"),
        ("\u{feff}{}", "request body is not a JSON object"),
        (
            "{",
            "request body: EOF while parsing an object at line 1 column 1",
        ),
        ("{}", "request body: missing field `NetworkID`"),
        (
            r#"{"NetworkID":"n"}{"NetworkID":"n"}"#,
            "request body: trailing characters at line 1 column 18",
        ),
        (
            r#"{"NetworkID":"n","NetworkID":"m"}"#,
            "request body: duplicate field `NetworkID`",
        ),
        (r#"{"NetworkID":""}"#, "request body: network id is empty"),
        (
            r#"{"NetworkID":"../x"}"#,
            "request body: network id holds '/'; letters, digits and _.- are allowed",
        ),
        (
            r#"{"NetworkID":"n","IPv4Data":[{"Pool":"10.0.0.101"}]}"#,
            "request body: \"10.0.0.101\" is not an address with a prefix length, such as \
             10.0.0.101/32",
        ),
    ] {
        let answer = router
            .call("POST", "/NetworkDriver.CreateNetwork", body)
            .await;
        assert_eq!(answer.status, 400, "{body}");
        let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            answer,
            json!({"Err": expected, "Error": expected}),
            "{body}"
        );
    }
    assert_eq!(driver.take(), []);
}

#[tokio::test]
async fn ids_are_checked() {
    for bad in ["", "a b", "a\0b", "a\nb", "é", "x".repeat(257).as_str()] {
        assert!(NetworkId::new(bad).is_err(), "{bad:?}");
    }
    for good in [
        "a",
        "local|4|10.0.0.101/32",
        "local|6|2001:db8::101/128",
        "x".repeat(256).as_str(),
    ] {
        assert_eq!(PoolId::new(good).unwrap().as_str(), good);
    }
}

#[tokio::test]
async fn a_refused_text_is_quoted_only_in_part() {
    let router = Arc::new(Recorder::default()).router();
    let body = json!({"Pool": "é".repeat(100_000)}).to_string();
    let answer = router.call("POST", "/IpamDriver.RequestPool", body).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.len() < 1000, "{}", answer.body.len());
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_in_json() {
    let router = Arc::new(Recorder::default()).router();
    let not_found = expect![[
        r#"404 {"Err":"this plugin has no method \"/VolumeDriver.Create\"","Error":"this plugin has no method \"/VolumeDriver.Create\""}"#
    ]];
    check(&router, "/VolumeDriver.Create", "{}", not_found).await;
    for path in [
        "/",
        "*",
        "/NetworkDriver.Join/",
        "/networkdriver.join",
        "not a path",
        "",
    ] {
        let answer = router.call("POST", path, "{}").await;
        assert_eq!(answer.status, 404, "{path}");
        let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer["Err"], answer["Error"]);
    }
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"] {
        let answer = router.call(method, "/NetworkDriver.Join", "{}").await;
        assert_eq!(answer.status, 405, "{method}");
        let text = format!("/NetworkDriver.Join must be called with POST, not {method}");
        let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer, json!({"Err": text, "Error": text}));
    }
}

#[tokio::test]
async fn a_body_within_the_bound_is_read_and_one_above_it_refused() {
    let driver = Arc::new(Recorder::default());
    let router = driver.router();
    let object = r#"{"PoolID":"p"}"#;
    let padded = |len: usize| format!("{object}{}", " ".repeat(len - object.len()));
    let bound = Limits::default().body;
    let within = router
        .call("POST", "/IpamDriver.ReleasePool", padded(bound))
        .await;
    assert_eq!(within.status, 200);
    let above = expect![[
        r#"413 {"Err":"request body is larger than 1048576 octets","Error":"request body is larger than 1048576 octets"}"#
    ]];
    check(
        &router,
        "/IpamDriver.ReleasePool",
        &padded(bound + 1),
        above,
    )
    .await;
    assert_eq!(driver.take().len(), 1);
}

#[tokio::test]
async fn a_panic_is_answered_and_leaves_the_router_working() {
    let router = network_router(Arc::new(Speaking));
    let panicked = expect![[
        r#"500 {"Err":"NetworkDriver.CreateNetwork ended in a panic of the plugin","Error":"NetworkDriver.CreateNetwork ended in a panic of the plugin"}"#
    ]];
    check(
        &router,
        "/NetworkDriver.CreateNetwork",
        r#"{"NetworkID":"panic"}"#,
        panicked,
    )
    .await;
    check(
        &router,
        "/NetworkDriver.CreateNetwork",
        r#"{"NetworkID":"n"}"#,
        expect!["200 {}"],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_takes_too_long_is_given_up() {
    let limits = Limits {
        handler: Duration::from_secs(3),
        ..Limits::default()
    };
    let router = network_router(Arc::new(Speaking)).with_limits(limits);
    let start = tokio::time::Instant::now();
    let slow = expect![[
        r#"504 {"Err":"NetworkDriver.CreateNetwork took longer than 3s","Error":"NetworkDriver.CreateNetwork took longer than 3s"}"#
    ]];
    check(
        &router,
        "/NetworkDriver.CreateNetwork",
        r#"{"NetworkID":"slow"}"#,
        slow,
    )
    .await;
    let took = start.elapsed();
    assert!(
        took >= limits.handler && took < limits.handler * 2,
        "{took:?}"
    );
}

#[test]
fn hardware_addresses_are_six_pairs_of_digits() {
    assert_eq!(
        "02:42:0A:00:00:65"
            .parse::<MacAddress>()
            .unwrap()
            .to_string(),
        "02:42:0a:00:00:65"
    );
    for bad in [
        "",
        "02:42:0a:00:00",
        "02:42:0a:00:00:65:01",
        "2:42:0a:00:00:65",
        "+2:42:0a:00:00:65",
        "02-42-0a-00-00-65",
    ] {
        assert_eq!(bad.parse::<MacAddress>(), Err(InvalidMacAddress), "{bad}");
    }
}
