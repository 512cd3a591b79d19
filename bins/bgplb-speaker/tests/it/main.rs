//! The program as its users start it.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod bgp_lb;
mod commands;
mod control;
mod decode;
mod import;
mod kernel;
mod metrics;
mod monitor;
mod namespace;
mod program;
mod reload;
mod router;
mod running;
mod services;
mod steering;
mod web;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A configuration file that is gone after the test.
struct ConfigFile(PathBuf);

impl ConfigFile {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("bgplb-speaker-test-{}-{name}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn run(&self, command: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
            .args([command, "--config"])
            .arg(&self.0)
            .output()
            .unwrap()
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

#[test]
fn check_config_says_what_a_usable_file_holds() {
    let file = ConfigFile::new(
        "usable",
        r#"
        [local]
        as = 65500
        router-id = "192.0.2.1"
        [[peers]]
        address = "192.0.2.2"
        as = 65501
        [[announce]]
        prefix = "203.0.113.0/24"
        "#,
    );
    let output = file.run("check-config");
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stdout);
    assert_eq!(
        said.split_once(": ").unwrap().1,
        "usable (peers: 1, prefixes: 1)\n"
    );
}

#[test]
fn a_bad_configuration_ends_both_commands_with_one_sentence_and_78() {
    let file = ConfigFile::new(
        "bad",
        "[local]\nas = 65500\nrouter-id = \"192.0.2.1\"\nlisten-on = 1\n",
    );
    for command in ["check-config", "run"] {
        let output = file.run(command);
        assert_eq!(output.status.code(), Some(78));
        let said = text(&output.stderr);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.contains(
                ":4:1: local.listen-on: unknown key; known here are as, listen, router-id"
            ),
            "{said}"
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_log_that_cannot_be_kept_as_wanted_ends_the_program_with_one_sentence_and_78() {
    let file = ConfigFile::new("log", "[local]\nas = 65500\nrouter-id = \"192.0.2.1\"\n");
    for (name, value, accepted) in [
        (
            "LOG_LEVEL",
            "loud",
            "give error, warn, info, debug or trace",
        ),
        (
            "LOG_LEVEL",
            "info,bgp_speaker=x",
            "give error, warn, info, debug or trace",
        ),
        (
            "LOG_FORMAT",
            "xml",
            "give human, or json for an object a line",
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
            .args(["run", "--config"])
            .arg(&file.0)
            .env(name, value)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(78));
        let said = text(&output.stderr);
        assert_eq!(said.lines().count(), 1, "{said}");
        let begin = format!("bgplb-speaker: {name}={value} can't be used");
        assert!(said.starts_with(&begin), "{said}");
        assert!(said.trim_end().ends_with(accepted), "{said}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
        .args(["run", "--config", "/nonexistent/speaker.toml"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    let said = text(&output.stderr);
    assert_eq!(
        said,
        "bgplb-speaker: /nonexistent/speaker.toml: No such file or directory (os error 2)\n"
    );
}
