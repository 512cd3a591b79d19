//! The Docker engine that is followed, and sources of installed routes.

use super::*;

const LOCAL: &str = "[local]\nas = 64512\nrouter-id = \"192.0.2.1\"\n";

fn docker(keys: &str) -> DockerSettings {
    let config = load(&format!("{LOCAL}[docker]\n{keys}"));
    config.unwrap().docker.unwrap()
}

fn check(keys: &str, expected: Expect) {
    expected.assert_eq(&refused(&format!("{LOCAL}{keys}\n")));
}

#[test]
fn the_table_alone_announces_networks_as_the_plugin_does() {
    let plain = docker("");
    assert_eq!(plain.socket, Path::new("/var/run/docker.sock"));
    assert!(plain.announce.unwrap().matches("bgplb_advertise", "true"));
    assert_eq!(load(LOCAL).unwrap().docker, None);
}

#[test]
fn every_key_of_the_engine_arrives() {
    let said = docker(
        "socket = \"/run/d.sock\"\nannounce-label = \"tell\"\nmed = 7\ncommunities = [\"64512:1\"]\n",
    );
    assert_eq!(said.socket, Path::new("/run/d.sock"));
    assert!(said.announce.unwrap().matches("tell", "anything"));
    assert_eq!(said.attributes.med, Some(7));
    assert_eq!(said.attributes.communities.len(), 1);
    assert_eq!(docker("announce-label = \"\"").announce, None);
}

#[test]
fn checks_of_containers_imply_the_usual_engine_and_no_announcement() {
    let services = "[[services]]\nname = \"web\"\naddresses = [\"192.0.2.80\"]\nlink = \"lo\"\n\
                    [[services.checks]]\nkind = \"docker\"\ncontainer = \"web\"\n";
    let config = load(&format!("{LOCAL}{services}")).unwrap();
    let docker = config.docker.as_ref().unwrap();
    assert_eq!(docker.socket, Path::new("/var/run/docker.sock"));
    assert_eq!(docker.announce, None);
    let why = load(LOCAL).unwrap().needs_restart(&config);
    assert!(why.unwrap().contains("[docker]"));
    // Its label is another matter.
    let with_table = load(&format!("{LOCAL}[docker]\n{services}")).unwrap();
    assert_eq!(config.needs_restart(&with_table), None);
}

#[test]
fn what_is_wrong_with_an_engine_is_said() {
    check(
        "[docker]\nsocket = \"docker.sock\"",
        expect![[
            r#"speaker.toml:5:10: docker.socket = "docker.sock": accepted is the path of Docker's socket from / on, in quotes"#
        ]],
    );
    check(
        "[docker]\nannounce-label = \"=true\"",
        expect![[
            r#"speaker.toml:5:18: docker.announce-label = "=true": accepted is a label "KEY=VALUE", "KEY" for any value, or "" for no network"#
        ]],
    );
    check(
        "[docker]\nannounce-label = true",
        expect![[
            r#"speaker.toml:5:18: docker.announce-label = true: accepted is a label "KEY=VALUE", "KEY" for any value, or "" for no network"#
        ]],
    );
    check(
        "[docker]\nlabel = \"a=b\"",
        expect![
            "speaker.toml:5:1: docker.label: unknown key; known here are announce-label, communities, local-pref, med, socket"
        ],
    );
}

#[test]
fn a_source_is_an_address_of_its_family() {
    let text = format!(
        "{LOCAL}[kernel]\ninstall = true\nsource = \"10.1.1.1\"\nsource-v6 = \"2001:db8:1::1\"\n"
    );
    let kernel = load(&text).unwrap().kernel.unwrap();
    assert_eq!(kernel.source_v4, Some("10.1.1.1".parse().unwrap()));
    assert_eq!(kernel.source_v6, Some("2001:db8:1::1".parse().unwrap()));
    check(
        "[kernel]\nsource = \"2001:db8:1::1\"",
        expect![[
            r#"speaker.toml:5:10: kernel.source = "2001:db8:1::1": accepted is an IPv4 address in quotes"#
        ]],
    );
    check(
        "[kernel]\nsource-v6 = \"10.1.1.1\"",
        expect![[
            r#"speaker.toml:5:13: kernel.source-v6 = "10.1.1.1": accepted is an IPv6 address in quotes"#
        ]],
    );
}
