//! The program while it runs, with a control socket to ask it at.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::{ConfigFile, text};

/// The program running, with its socket beside its configuration.
pub struct Running {
    child: Child,
    pub socket: PathBuf,
    file: ConfigFile,
}

impl Running {
    pub fn start(name: &str, config: &str) -> Self {
        let file = ConfigFile::new(name, config);
        let socket = file.0.with_extension("sock");
        let mut child = Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
            .args(["run", "--config"])
            .arg(&file.0)
            .arg("--socket")
            .arg(&socket)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        while !lines
            .next()
            .unwrap()
            .unwrap()
            .contains("control socket open")
        {}
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            socket,
            file,
        }
    }

    pub fn ask(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
            .args(arguments)
            .arg("--socket")
            .arg(&self.socket)
            .output()
            .unwrap()
    }

    pub fn said(&self, arguments: &[&str]) -> String {
        let output = self.ask(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    /// The file it was started with.
    pub fn config(&self) -> &Path {
        &self.file.0
    }

    /// Asks for what has to be refused, and gives the reason.
    pub fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.ask(arguments);
        assert_eq!(output.status.code(), Some(1));
        let said = text(&output.stderr);
        let reason = said.strip_prefix("bgplb-speaker: the speaker refuses: ");
        reason.expect(&said).trim_end().to_owned()
    }

    /// What is shown of the first peer.
    pub fn peer(&self) -> serde_json::Value {
        let said = self.said(&["peers", "-o", "json"]);
        let answer: serde_json::Value = serde_json::from_str(&said).unwrap();
        answer["peers"][0].clone()
    }

    /// Asks until it is so, which it comes to be soon.
    pub fn soon(&self, mut is_so: impl FnMut() -> bool) {
        let limit = Instant::now() + Duration::from_secs(30);
        while !is_so() {
            let shown = || self.said(&["peers"]);
            assert!(
                Instant::now() < limit,
                "it did not come to be:\n{}",
                shown()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn terminate(mut self) {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").arg(id).status().unwrap();
        assert!(killed.success());
        assert!(self.child.wait().unwrap().success());
        assert!(!self.socket.exists(), "the socket's file was left");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A program that was killed leaves it.
        let _ = std::fs::remove_file(&self.socket);
    }
}
