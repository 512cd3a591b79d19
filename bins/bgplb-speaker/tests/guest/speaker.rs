//! The program as it is started and asked.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::world::Space;

/// The program while it runs; it is killed with this value.
pub struct Speaker {
    child: Child,
    config: PathBuf,
    log: Arc<Mutex<String>>,
}

impl Speaker {
    /// Starts it in a namespace, with a file, a socket and a state in `dir`.
    pub fn start(space: &Space, dir: &Path, config: &str) -> Self {
        Self::start_with(space, dir, config, &[])
    }

    /// The same with these variables.
    pub fn start_with(space: &Space, dir: &Path, config: &str, variables: &[(&str, &str)]) -> Self {
        let file = dir.join("speaker.toml");
        fs::write(&file, config).unwrap();
        let mut child = space.within(|| {
            Command::new(PROGRAM)
                .args(["run", "--config"])
                .arg(&file)
                .envs(variables.iter().copied())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        });
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        loop {
            let said = log.lock().unwrap().clone();
            let line = lines.next().unwrap_or_else(|| panic!("it ended: {said}"));
            let line = line.unwrap();
            log.lock().unwrap().push_str(&format!("{line}\n"));
            if line.contains("control socket open") {
                break;
            }
        }
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        Self {
            child,
            config: file,
            log,
        }
    }

    /// Asks what has to be answered.
    pub fn said(&self, arguments: &[&str]) -> String {
        let output = Command::new(PROGRAM)
            .args(arguments)
            .arg("--socket")
            .arg(self.config.with_file_name("speaker.sock"))
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}\n{}", self.log());
        String::from_utf8(output.stdout).unwrap()
    }

    /// Has it read another file.
    pub fn reload(&self, config: &str) {
        fs::write(&self.config, config).unwrap();
        self.said(&["reload"]);
    }

    /// What is shown of the service that has this prefix.
    pub fn service(&self, prefix: &str) -> Value {
        let said = self.said(&["services", "-o", "json"]);
        let shown: Value = serde_json::from_str(&said).unwrap();
        let services = shown["services"].as_array().unwrap();
        let of_prefix = services.iter().find(|it| it["prefix"] == prefix);
        of_prefix.unwrap_or_else(|| panic!("{said}")).clone()
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Has it end as an init system does.
    pub fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
    }

    /// Waits until it has ended, which has to be in order.
    pub fn end(mut self) {
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}\n{}", self.log());
    }
}

impl Drop for Speaker {
    #[expect(clippy::print_stdout, reason = "it is shown of tests that fail")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("what the speaker wrote:\n{}", self.log());
        }
        // By SIGKILL.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_bgplb-speaker");
