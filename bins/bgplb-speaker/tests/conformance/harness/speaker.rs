//! The program under test: started, asked and stopped.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::peer::OWN_ROUTES;

/// How the speaker is told of a neighbour.
#[derive(Clone, Debug)]
pub struct Neighbour {
    pub asn: u32,
    pub hold_time: Option<u16>,
    pub families: Option<&'static str>,
    /// Where the speaker shall connect to; it only waits if `None`.
    pub port: Option<u16>,
    /// What becomes of its routes.
    pub import: &'static str,
    /// One more line of its settings. It is left out where the speaker does not
    /// know the key, for whose feature the case awaits.
    pub more: &'static str,
}

impl Neighbour {
    pub const EXTERNAL: Self = Self::of(EXTERNAL_AS);
    pub const INTERNAL: Self = Self::of(LOCAL_AS);

    pub const fn of(asn: u32) -> Self {
        Self {
            asn,
            hold_time: None,
            families: None,
            port: None,
            import: "accept",
            more: "",
        }
    }
}

/// The speaker's own AS.
pub const LOCAL_AS: u32 = 65500;
/// The AS of a neighbour of no particular one.
pub const EXTERNAL_AS: u32 = 65001;
/// The speaker's BGP Identifier.
pub const LOCAL_IDENTIFIER: [u8; 4] = [192, 0, 2, 1];

/// The running program.
pub struct Speaker {
    child: Child,
    pub address: SocketAddr,
    pub control: Control,
    log: Option<JoinHandle<Vec<String>>>,
    config: PathBuf,
}

/// Where the program is asked.
#[derive(Clone, Debug)]
pub struct Control {
    socket: PathBuf,
}

/// The address of the neighbour with this number.
pub fn address(number: usize) -> IpAddr {
    let [high, low] = u16::try_from(number + 256).unwrap().to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, 78, high, low))
}

impl Speaker {
    /// Starts the program with these neighbours, and returns when it listens. It
    /// announces so many routes beside its usual two.
    pub fn start(name: &str, neighbours: &[Neighbour], more_routes: usize) -> Self {
        let stem = format!("bgplb-conformance-{}-{name}", std::process::id());
        let config = std::env::temp_dir().join(stem).with_extension("toml");
        let socket = config.with_extension("sock");
        std::fs::write(&config, config_text(neighbours, more_routes)).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
            .arg("run")
            .arg("--config")
            .arg(&config)
            .arg("--socket")
            .arg(&socket)
            .env("LOG_LEVEL", "info")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the speaker listens").unwrap();
            // The port is the kernel's choice.
            if let Some((_, address)) = line.split_once(" listening address=") {
                break address.trim().parse().unwrap();
            }
        };
        let log = thread::spawn(move || lines.map_while(Result::ok).collect());
        Self {
            child,
            address,
            control: Control { socket },
            log: Some(log),
            config,
        }
    }

    /// A line of `/proc/PID/status`, in kB.
    pub fn memory(&self, line: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let found = status.lines().find_map(|it| it.strip_prefix(line)).unwrap();
        let digits = found.chars().filter(char::is_ascii_digit);
        digits.collect::<String>().parse().unwrap()
    }

    /// Lets VmHWM begin anew, and gives what it begins with, in kB.
    pub fn forget_memory(&self) -> u64 {
        let path = format!("/proc/{}/clear_refs", self.child.id());
        std::fs::write(path, "5").unwrap();
        self.memory("VmHWM:")
    }

    /// Sends SIGTERM; gives how it ended, how long that took, and its log.
    pub fn terminate(mut self) -> (ExitStatus, Duration, Vec<String>) {
        let began = Instant::now();
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let log = self.log.take().unwrap().join().unwrap();
        (status, began.elapsed(), log)
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.config);
        // It is there still if the program was not asked to end.
        let _ = std::fs::remove_file(&self.control.socket);
    }
}

impl Control {
    /// The answer to a question.
    pub fn get(&self, path: &str) -> Value {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        // The answer of version 1.0 is not in pieces; its end is that of the
        // connection.
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.0 200"), "{head}");
        serde_json::from_str(body).unwrap()
    }

    /// The routes learned from `peer`.
    pub fn routes_of(&self, peer: IpAddr) -> Vec<Value> {
        let answer = self.get(&format!("/v1/routes/learned?peer={peer}"));
        answer["routes"].as_array().unwrap().clone()
    }

    /// What is said of `peer`.
    pub fn peer(&self, peer: IpAddr) -> Value {
        let answer = self.get("/v1/peers");
        let peer = peer.to_string();
        let mut peers = answer["peers"].as_array().unwrap().iter();
        peers.find(|it| it["address"] == peer).unwrap().clone()
    }
}

fn config_text(neighbours: &[Neighbour], more_routes: usize) -> String {
    let identifier = Ipv4Addr::from(LOCAL_IDENTIFIER);
    let mut text = format!(
        "[local]\nas = {LOCAL_AS}\nrouter-id = \"{identifier}\"\nlisten = [\"127.78.0.1:0\"]\n"
    );
    for prefix in OWN_ROUTES {
        let _ = writeln!(text, "[[announce]]\nprefix = \"{prefix}\"");
    }
    // Other attributes keep them out of the UPDATE of those above.
    for number in 0..more_routes {
        let prefix = Ipv4Addr::from(0xac10_0000 + u32::try_from(number).unwrap());
        let _ = writeln!(text, "[[announce]]\nprefix = \"{prefix}/32\"\nmed = 1");
    }
    for (number, neighbour) in neighbours.iter().enumerate() {
        let address = address(number);
        let _ = writeln!(
            text,
            "[[peers]]\naddress = \"{address}\"\nas = {}\nimport = \"{}\"\n\
             next-hop-v4 = \"192.0.2.1\"\nnext-hop-v6 = \"2001:db8::1\"",
            neighbour.asn, neighbour.import
        );
        match neighbour.port {
            None => text.push_str("passive = true\n"),
            Some(port) => {
                let _ = writeln!(text, "port = {port}\nlocal-address = \"127.78.0.1\"");
            }
        }
        if let Some(seconds) = neighbour.hold_time {
            let _ = writeln!(text, "hold-time = {seconds}");
        }
        if is_known(neighbour.more) {
            let _ = writeln!(text, "{}", neighbour.more);
        }
        if let Some(families) = neighbour.families {
            let _ = writeln!(text, "families = [{families}]");
        }
    }
    text
}

/// Whether the speaker takes this line among a peer's settings.
fn is_known(line: &str) -> bool {
    if line.is_empty() {
        return false;
    }
    let config = std::env::temp_dir().join(format!("bgplb-known-{}.toml", std::process::id()));
    let text = "[local]\nas = 1\nrouter-id = \"192.0.2.1\"\n[[peers]]\nas = 2\n";
    std::fs::write(&config, format!("{text}address = \"192.0.2.2\"\n{line}\n")).unwrap();
    let checked = Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
        .args(["check-config", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    std::fs::remove_file(config).unwrap();
    let said = String::from_utf8(checked.stderr).unwrap();
    assert!(said.is_empty() || said.contains("unknown"), "{said}");
    checked.status.success()
}
