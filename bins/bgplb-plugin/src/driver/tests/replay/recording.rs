//! Recordings of what engines sent, and of the answers of a stand-in.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use serde_json::Value;

/// The keys of an answer to `IpamDriver.GetDefaultAddressSpaces`.
pub(super) const LOCAL: &str = "LocalDefaultAddressSpace";
pub(super) const GLOBAL: &str = "GlobalDefaultAddressSpace";

/// `None` after saying so if there are no recordings. The test harness captures
/// what `eprintln!` writes, which would hide that nothing was tested.
pub(super) fn recordings() -> Option<PathBuf> {
    let path = env::var_os("BGPLB_DOCKER_WIRE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/docker-wire"),
        PathBuf::from,
    );
    if path.is_dir() {
        return Some(path);
    }
    writeln!(io::stderr(), "skipped: no recordings at {}", path.display()).unwrap();
    None
}

/// The recordings of one engine, each from its own start to its own end.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("wire") && name.ends_with(".jsonl")
        })
        .collect();
    files.sort();
    files
}

/// One recorded request and the stand-in's answer.
pub(super) struct Recorded {
    pub(super) method: String,
    pub(super) body: String,
    pub(super) granted: bool,
    pub(super) answer: Value,
}

impl Recorded {
    /// The first of `lines`; `None` if it only says which command follows.
    pub(super) fn read(lines: &[Value]) -> Option<Self> {
        let (line, rest) = lines.split_first()?;
        let path = line["path"].as_str()?;
        // Docker takes an error from a success's body, too.
        let mut granted = line["status"] == 200 && line["resp"]["Err"].is_null();
        if path == "/NetworkDriver.CreateNetwork" {
            // Nor did it take a network that it never speaks of again: every
            // recording ends with all of them removed.
            let body: Value = serde_json::from_str(line["raw"].as_str()?).unwrap();
            let id = body["NetworkID"].as_str().unwrap();
            granted &= rest
                .iter()
                .any(|line| line["raw"].as_str().is_some_and(|raw| raw.contains(id)));
        }
        Some(Self {
            method: path.trim_start_matches('/').to_owned(),
            body: line["raw"].as_str()?.to_owned(),
            granted,
            answer: line["resp"].clone(),
        })
    }
}

/// Whether the command of a recording's line ends the plugin's process.
pub(super) fn ends_the_plugin(line: &Value) -> bool {
    let command = line["mark"].as_str().unwrap_or_default();
    command.contains("kill -9 plugin") || command.starts_with("docker plugin disable")
}

/// What the stand-in called its address spaces. Old engines ask for the names
/// once, in the first recording.
pub(super) fn address_spaces(recordings: &[Vec<Value>]) -> BTreeSet<String> {
    let answers = recordings
        .iter()
        .flatten()
        .filter(|line| line["path"] == "/IpamDriver.GetDefaultAddressSpaces")
        .flat_map(|line| [&line["resp"][LOCAL], &line["resp"][GLOBAL]]);
    answers
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
