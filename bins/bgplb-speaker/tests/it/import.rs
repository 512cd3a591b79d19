//! What other programs were told, turned into our own configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use expect_test::expect_file;

use crate::text;

fn fixture(name: &str) -> PathBuf {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/import");
    all.join(name)
}

/// Runs it where the fixtures are, so that it names them shortly.
fn import(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
        .current_dir(fixture(""))
        .arg("import")
        .args(arguments)
        .output()
        .unwrap()
}

/// What is written and said of a fixture is in the files of `expected` beside it;
/// `UPDATE_EXPECT=1` writes them anew. What is written is one of our files, or the
/// program would have refused to write it.
fn check(arguments: &[&str], expected: &str, code: i32) {
    let output = import(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(!said.contains("never-shown"), "a secret was told: {said}");
    let written = fixture(&format!("{expected}.out.toml"));
    let told = fixture(&format!("{expected}.notes"));
    match code {
        78 => assert_eq!(text(&output.stdout), "", "{arguments:?}"),
        _ => expect_file![written].assert_eq(&text(&output.stdout)),
    }
    expect_file![told].assert_eq(&said);
}

/// bgp-lb without a flag for metrics would be at an address that depends on the host.
const METRICS: &str = "--metrics-address=127.0.0.1:8081";

#[test]
fn a_file_of_bgp_lb_is_taken_over_with_its_ports_where_they_were_balanced() {
    let file = "bgp-lb/full.json";
    check(&[METRICS, "--ipvs-setup", file], "bgp-lb/full", 0);
    let ignored = ["--from", "bgp-lb", METRICS, file];
    check(&ignored, "bgp-lb/full-without-ports", 1);
    let nowhere = ["--network-setup=false", "--ipvs-setup=true", METRICS, file];
    check(&nowhere, "bgp-lb/full-without-network", 1);
}

#[test]
fn a_service_of_bgp_lb_without_checks_is_well_while_the_internet_is() {
    check(&[METRICS, "bgp-lb/shortest.json"], "bgp-lb/shortest", 0);
}

#[test]
fn keys_of_bgp_lb_have_any_case_and_unknown_ones_are_told() {
    let file = "bgp-lb/loosely-written.json";
    check(&[METRICS, file], "bgp-lb/loosely-written", 1);
}

#[test]
fn everything_of_a_wrong_type_is_told_with_its_place() {
    let file = "bgp-lb/wrong-types.json";
    let arguments = [METRICS, "--ipvs-setup=true", file];
    check(&arguments, "bgp-lb/wrong-types", 78);
}

#[test]
fn gobgpd_is_understood_as_it_was_and_as_it_is() {
    check(&["gobgpd/of-2015.toml"], "gobgpd/of-2015", 0);
    check(&["gobgpd/of-today.toml"], "gobgpd/of-today", 1);
}

#[test]
fn objects_of_metallb_become_peers_of_the_speaker_and_pools_of_the_plugin() {
    check(&["metallb/objects.yaml"], "metallb/objects", 1);
    let plugin = ["--for", "plugin", "metallb/objects.yaml"];
    check(&plugin, "metallb/objects-plugin", 1);
}

#[test]
fn the_configuration_map_of_early_metallb_is_understood() {
    let file = "metallb/config-map.yaml";
    let arguments = ["--router-id", "192.168.1.5", file];
    check(&arguments, "metallb/config-map", 1);
    let plugin = ["--for=plugin", "--from=metallb", file];
    check(&plugin, "metallb/config-map-plugin", 1);
}

#[test]
fn without_an_identifier_metallbs_file_is_refused_with_what_to_give() {
    let output = import(&["metallb/config-map.yaml"]);
    assert_eq!(output.status.code(), Some(78));
    assert_eq!(text(&output.stdout), "");
    let said = text(&output.stderr);
    assert!(said.contains("--router-id ADDRESS"), "{said}");
}

#[test]
fn several_files_are_one_configuration_of_metallb_and_are_told_apart() {
    let files = ["metallb/config-map.yaml", "metallb/objects.yaml"];
    let output = import(&[files[0], files[1], "--for", "plugin"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let written = text(&output.stdout);
    assert!(written.contains("[pools.default]"), "{written}");
    assert!(written.contains("[pools.web]"), "{written}");
    assert!(
        said.contains("metallb/objects.yaml:14: left out: IPAddressPool/web"),
        "{said}"
    );
    let output = import(&["gobgpd/of-2015.toml", "gobgpd/of-today.toml"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains("accepted is one file"));
}

#[test]
fn what_can_not_be_read_is_refused_without_being_quoted() {
    let cases = [
        ("not-there.json", None, "No such file"),
        (
            "broken.json",
            Some("{\n\"password\": never-shown}"),
            "broken.json:2: unusable",
        ),
        (
            "broken.toml",
            Some("[global.config]\nas = never-shown\n"),
            "broken.toml:2: unusable",
        ),
        ("broken.yaml", Some("kind: [never-shown\n"), "broken.yaml"),
        ("empty.json", Some(""), "give --from"),
        ("other.toml", Some("[something]\nelse = 1\n"), "give --from"),
        (
            "hold.yaml",
            Some(SHORT_HOLD_TIME),
            "hold-time = 2: accepted is 0 or 3",
        ),
    ];
    let folder = std::env::temp_dir().join(format!("bgplb-import-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for (name, content, expected) in cases {
        let path = folder.join(name);
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        let output = import(&[path.to_str().unwrap()]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{name}: {said}");
        assert!(said.contains(expected), "{name}: {said}");
        assert!(!said.contains("never-shown"), "{name}: {said}");
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn pools_that_the_plugin_would_refuse_are_refused_for_it_alone() {
    let pool = |name: &str, addresses: &str| {
        format!(
            "---\nkind: IPAddressPool\nmetadata: {{name: {name}}}\nspec: {{addresses: [{addresses}]}}\n"
        )
    };
    let peer = SHORT_HOLD_TIME.replace("2s", "9s");
    let folder = std::env::temp_dir();
    for (n, (pools, expected)) in [
        (
            pool("a", "10.9.0.0/24") + &pool("b", "10.9.0.200-10.9.1.7"),
            "10.9.0.0/24",
        ),
        (pool("a", "10.9.0.0/24") + &pool("a", "10.8.0.0/24"), "a"),
        (pool("a_b$", "10.9.0.0/24"), "a_b$"),
        (pool("a", "127.0.0.0/30"), "127.0.0"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.join(format!("bgplb-pools-{}-{n}.yaml", std::process::id()));
        fs::write(&path, format!("{peer}{pools}")).unwrap();
        let file = path.to_str().unwrap();
        let output = import(&["--for", "plugin", file]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains(expected), "{said}");
        let output = import(&["--for", "speaker", file]);
        fs::remove_file(&path).unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
    }
}

const SHORT_HOLD_TIME: &str = "\
kind: BGPPeer
spec: {myASN: 1, peerASN: 2, peerAddress: 10.0.0.1, routerID: 10.0.0.2, holdTime: 2s}
";

#[test]
fn a_file_that_is_written_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::env::temp_dir().join(format!("bgplb-import-{}.toml", std::process::id()));
    let _ = fs::remove_file(&path);
    let output = import(&["-o", path.to_str().unwrap(), "gobgpd/of-2015.toml"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let checked = Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
        .arg("check-config")
        .arg(&path)
        .output()
        .unwrap();
    fs::remove_file(&path).unwrap();
    assert!(checked.status.success(), "{}", text(&checked.stderr));
}
