use super::*;
use crate::config::{Look, Place, Sharing};

#[test]
fn every_key_of_a_service_arrives() {
    let config = load(FULL).unwrap();
    let [service] = &config.services[..] else {
        panic!("{:?}", config.services);
    };
    assert_eq!(service.name, "web");
    let prefixes: Vec<_> = service.prefixes.iter().map(ToString::to_string).collect();
    assert_eq!(prefixes, ["198.51.100.80/32", "198.51.100.96/28"]);
    assert_eq!(service.place, Place::Existing("lo".parse().unwrap()));
    assert_eq!(service.sharing, Sharing::Any);
    assert_eq!(service.audience.as_ref().unwrap().len(), 1);
    assert_eq!(service.hold_down.unwrap().hold, Duration::from_secs(300));
    // One for each address.
    let keys: Vec<_> = service
        .ports
        .iter()
        .map(|it| it.spec().key.to_string())
        .collect();
    assert_eq!(keys, ["udp 198.51.100.80:53", "udp 198.51.100.96:53"]);
    let targets: Vec<_> = service.checks.iter().map(|it| it.target()).collect();
    assert_eq!(targets, ["http://127.0.0.1:80/health", "exec /bin/true"]);
    assert_eq!(
        service.checks[0].timing.interval,
        Duration::from_millis(250)
    );
    assert!(matches!(service.checks[1].look, Look::Probe(_)));
}

#[test]
fn a_service_says_what_its_least_is_and_has_a_link_of_its_own() {
    let least = with("link = \"lo\"", "");
    let config = load(&least).unwrap();
    let dummy = Place::Dummy("bgplb".parse().unwrap());
    assert_eq!(config.services[0].place, dummy);
    let wrong = with("addresses = [\"198.51.100.80\", \"198.51.100.96/28\"]", "");
    assert!(
        refused(&wrong).contains("services[0].addresses: missing"),
        "{}",
        refused(&wrong)
    );
}

#[test]
fn what_is_wrong_with_services() {
    let addresses = |text: &str| {
        let line = "addresses = [\"198.51.100.80\", \"198.51.100.96/28\"]";
        refused(&with(line, &format!("addresses = {text}")))
    };
    let after_link =
        |text: &str| refused(&with("link = \"lo\"", &format!("link = \"lo\"\n{text}")));
    let said = [
        addresses("[]"),
        addresses("[\"web\"]"),
        addresses("[\"127.0.0.1\"]"),
        addresses("[\"203.0.113.0/24\"]"),
        after_link("dummy = \"web\""),
        after_link("slow-start = 9"),
        after_link("policy = \"some\""),
        refused(&with("peers = [\"worker-1\"]", "peers = [\"worker-9\"]")),
        refused(&with("protocol = \"udp\"", "protocol = \"icmp\"")),
        refused(&with(
            "flags = [\"port\"]\ndestinations = [{ ",
            "forward = \"direct-routing\"\ndestinations = [{ port = 8053, ",
        )),
        refused(&with("scheduler = \"mh\"", "scheduler = \"wrr\"")),
        refused(&with(
            "address = \"192.168.8.9\"",
            "address = \"2001:db8::9\"",
        )),
        refused(&with("command = [\"/bin/true\"]", "command = [\"true\"]")),
        refused(&with("interval = 0.25", "interval = 0")),
        refused(&with("path = \"/health\"", "status = [\"ok\"]")),
    ];
    expect![[r#"
        speaker.toml:35:13: services[0].addresses: a service has at least one address
        speaker.toml:35:14: services[0].addresses[0] = "web": accepted is an address, or the first one of a prefix with its length, in quotes: "192.0.2.10", "2001:db8::10", "198.51.100.0/28"
        speaker.toml:35:13: services[0].addresses: 127.0.0.1/32 cannot be served: 127.0.0.1 is a loopback address and can't be a service address; use a unicast address
        speaker.toml:35:13: services[0].addresses: 203.0.113.0/24 is announced by [[announce]] already
        speaker.toml:36:8: services[0].link: there is a dummy beside it, use one
        speaker.toml:37:14: services[0].slow-start: routers hear of a weight by link-bandwidth alone, which is missing
        speaker.toml:37:10: services[0].policy = "some": accepted is "any" or "all"
        speaker.toml:38:9: services[0].peers: there is no peer "worker-9": known are 192.168.8.40
        speaker.toml:41:12: services[0].ports[0].protocol = "icmp": accepted is "tcp", "udp" or "sctp"
        speaker.toml:45:16: services[0].ports[0].destinations: destination 192.168.8.9:8053 of service udp 198.51.100.80:53: direct routing leaves the port as it is, so the destination's has to be 53; only masquerading changes it
        speaker.toml:45:16: services[0].ports[0].destinations: destination 192.168.8.9:8053 of service udp 198.51.100.96:53: direct routing leaves the port as it is, so the destination's has to be 53; only masquerading changes it
        speaker.toml:42:8: services[0].ports[0].port: service udp 198.51.100.80:53: the flags `fallback` and `port` are for the schedulers sh and mh, not for wrr
        speaker.toml:42:8: services[0].ports[0].port: service udp 198.51.100.96:53: the flags `fallback` and `port` are for the schedulers sh and mh, not for wrr
        speaker.toml:45:16: services[0].ports[0].destinations: none of them can be reached for 198.51.100.80, which is of another family
        speaker.toml:45:16: services[0].ports[0].destinations: none of them can be reached for 198.51.100.96, which is of another family
        speaker.toml:53:8: services[0].checks[1].kind: command begins with "true"; accepted is the absolute path of a program
        speaker.toml:50:12: services[0].checks[0].interval: interval is 0 s; accepted is 0.01 s to 86400 s
        speaker.toml:49:11: services[0].checks[0].status[0] = "ok": accepted is a status or a range of them in quotes, such as "204" or "200-299""#]].assert_eq(&said.join("\n"));
}

#[test]
fn services_that_share_an_address_agree_on_when_it_is_announced() {
    let other =
        "\n[[services]]\nname = \"dns\"\naddresses = [\"198.51.100.80\"]\npolicy = \"all\"\n";
    let wrong = format!("{FULL}{other}");
    expect![[r#"speaker.toml:59:10: services[1].policy: 198.51.100.80/32 is an address of the service "web" too, whose policy is another one"#]].assert_eq(&refused(&wrong));
    let name = other.replace("dns", "web").replace("policy = \"all\"", "");
    expect![[r#"speaker.toml:57:8: services[1].name: "web" is the name of services[0] already"#]]
        .assert_eq(&refused(&format!("{FULL}{name}")));
}
