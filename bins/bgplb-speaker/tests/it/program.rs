//! The program while it runs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::ConfigFile;

/// The program, killed at the end of the test.
pub struct Program {
    child: Child,
    said: BufReader<ChildStderr>,
    file: ConfigFile,
}

impl Program {
    pub fn start(name: &str, peers: &[String], announce: &[&str]) -> Self {
        let file = ConfigFile::new(name, &config(peers, announce));
        let mut child = Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
            .args(["run", "--config"])
            .arg(&file.0)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        Self { child, said, file }
    }

    pub fn reload(&self, text: &str) {
        fs::write(&self.file.0, text).unwrap();
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-HUP", &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for a line of the log that has this in it.
    pub fn says(&mut self, wanted: &str) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            let read = self.said.read_line(&mut line).unwrap();
            all.push_str(&line);
            assert_ne!(read, 0, "it ended without “{wanted}”, after:\n{all}");
            if line.contains(wanted) {
                return line;
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn config(peers: &[String], announce: &[&str]) -> String {
    let mut text = "[local]\nas = 64512\nrouter-id = \"192.0.2.1\"\n".to_owned();
    text.extend(peers.iter().map(String::as_str));
    for prefix in announce {
        text.push_str(&format!("[[announce]]\nprefix = \"{prefix}\"\n"));
    }
    text
}
