//! SIGHUP: what a running program makes of a changed file, seen by its peers.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bgp_wire::{
    AsWidth, Asn, Capability, DecodeContext, Family, HoldTime, MaxMessageLen, MessageView, Open,
    RawMessage, SessionKind, encode_keepalive,
};
use bytes::BytesMut;

use crate::ConfigFile;

/// A router that waits for the speaker to connect.
struct Router {
    listener: TcpListener,
    address: IpAddr,
}

/// A session as the router sees it.
struct Session {
    stream: TcpStream,
    received: BytesMut,
}

impl Router {
    fn new() -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let [.., high, low] = std::process::id().to_be_bytes();
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let address = IpAddr::from(Ipv4Addr::new(127, high | 0x40, low, next));
        let listener = TcpListener::bind((address, 0)).unwrap();
        Self { listener, address }
    }

    /// Its entry in the speaker's file.
    fn peer(&self, more: &str) -> String {
        let (address, port) = (self.address, self.listener.local_addr().unwrap().port());
        format!(
            "[[peers]]\naddress = \"{address}\"\nport = {port}\nas = 64513\n\
             next-hop-v4 = \"192.0.2.1\"\nfamilies = [\"ipv4-unicast\"]\n{more}\n"
        )
    }

    fn accept(&self) -> Session {
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let IpAddr::V4(address) = self.address else {
            unreachable!()
        };
        let open = Open {
            asn: Asn::new(64513),
            hold_time: HoldTime::ZERO,
            identifier: address.into(),
            capabilities: vec![
                Capability::Multiprotocol(Family::IPV4_UNICAST),
                Capability::FourOctetAs(Asn::new(64513)),
            ],
        };
        let mut octets = BytesMut::new();
        open.encode(&mut octets).unwrap();
        encode_keepalive(&mut octets);
        let mut session = Session {
            stream,
            received: BytesMut::new(),
        };
        session.stream.write_all(&octets).unwrap();
        session
    }

    /// Whether nobody has connected since the last one was accepted.
    fn is_alone(&self) -> bool {
        self.listener.set_nonblocking(true).unwrap();
        self.listener.accept().is_err()
    }
}

impl Session {
    /// What the next UPDATE or NOTIFICATION says, in one line.
    fn told(&mut self) -> String {
        loop {
            let max = MaxMessageLen::STANDARD;
            let Some(message) = RawMessage::split_from(&mut self.received, max).unwrap() else {
                let mut octets = [0; 4096];
                let read = self.stream.read(&mut octets).unwrap();
                assert_ne!(read, 0, "the speaker closed the connection");
                self.received.extend_from_slice(&octets[..read]);
                continue;
            };
            match message.view().unwrap() {
                MessageView::Update(update) if update.is_end_of_rib().is_some() => {
                    return "end".to_owned();
                }
                MessageView::Update(update) => {
                    let context = DecodeContext::new(AsWidth::Four, SessionKind::External);
                    let judgement = update.judge(context);
                    let attributes = judgement.attributes();
                    let mut said = Vec::new();
                    for prefix in update.withdrawn_routes() {
                        said.push(format!("-{}", prefix.unwrap()));
                    }
                    for prefix in update.nlri() {
                        said.push(format!("+{}", prefix.unwrap()));
                    }
                    said.extend(attributes.as_path().map(|path| format!("path {path}")));
                    said.extend(attributes.med().map(|med| format!("med {med}")));
                    return said.join(" ");
                }
                MessageView::Notification(notification) => {
                    return notification.to_notification().code.to_string();
                }
                _ => {}
            }
        }
    }
}

/// The program, killed at the end of the test.
struct Program {
    child: Child,
    said: BufReader<ChildStderr>,
    file: ConfigFile,
}

impl Program {
    fn start(name: &str, peers: &[String], announce: &[&str]) -> Self {
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

    fn reload(&self, text: &str) {
        fs::write(&self.file.0, text).unwrap();
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-HUP", &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for a line of the log that has this in it.
    fn says(&mut self, wanted: &str) -> String {
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

fn config(peers: &[String], announce: &[&str]) -> String {
    let mut text = "[local]\nas = 64512\nrouter-id = \"192.0.2.1\"\n".to_owned();
    text.extend(peers.iter().map(String::as_str));
    for prefix in announce {
        text.push_str(&format!("[[announce]]\nprefix = \"{prefix}\"\n"));
    }
    text
}

#[test]
fn changed_announcements_and_attributes_reach_sessions_that_stay() {
    let [one, other, late] = [Router::new(), Router::new(), Router::new()];
    let before = ["203.0.113.1/32", "203.0.113.2/32"];
    let peers = [one.peer(""), other.peer("")];
    let mut program = Program::start("stay", &peers, &before);
    let mut sessions = [one.accept(), other.accept()];
    for session in &mut sessions {
        assert_eq!(session.told(), "+203.0.113.1/32 +203.0.113.2/32 path 64512");
        assert_eq!(session.told(), "end");
    }
    let [mut first, mut second] = sessions;

    // Another list.
    let after = ["203.0.113.2/32", "203.0.113.3/32"];
    program.reload(&config(&peers, &after));
    for session in [&mut first, &mut second] {
        assert_eq!(session.told(), "-203.0.113.1/32");
        assert_eq!(session.told(), "+203.0.113.3/32 path 64512");
    }

    // Other attributes for one of them.
    let peers = [one.peer("med = 9\nprepend = 1"), other.peer("")];
    program.reload(&config(&peers, &after));
    program.says("updated=1 unchanged=1");
    let mut told = first.told();
    if told == "-203.0.113.1/32" {
        // Saying everything again may repeat a withdrawal, which is harmless.
        told = first.told();
    }
    assert_eq!(
        told,
        "+203.0.113.2/32 +203.0.113.3/32 path 64512 64512 med 9"
    );

    // One more peer, and one less.
    let peers = [one.peer("med = 9\nprepend = 1"), late.peer("")];
    program.reload(&config(&peers, &after));
    assert_eq!(
        late.accept().told(),
        "+203.0.113.2/32 +203.0.113.3/32 path 64512"
    );
    assert_eq!(second.told(), "-203.0.113.2/32 -203.0.113.3/32");
    let cease = second.told();
    assert!(cease.contains("Administrative Shutdown"), "{cease}");

    // The first session was there all the time, and heard nothing else.
    program.reload(&config(&peers, &["203.0.113.3/32"]));
    assert_eq!(first.told(), "-203.0.113.2/32");
    assert!(one.is_alone());
}

#[test]
fn a_bad_file_changes_nothing_and_is_described_in_the_log() {
    let router = Router::new();
    let peers = [router.peer("")];
    let mut program = Program::start("bad-reload", &peers, &["203.0.113.1/32"]);
    let mut session = router.accept();
    assert_eq!(session.told(), "+203.0.113.1/32 path 64512");
    assert_eq!(session.told(), "end");

    let bad = config(&[router.peer("hold-time = 2")], &["203.0.113.2/32"]);
    program.reload(&bad);
    program.says("peers[0].hold-time = 2: accepted is 0 or 3 to 65535 seconds");
    program.says("everything stays as it is");
    // What needs a new start is refused whole as well.
    let other = config(&peers, &["203.0.113.2/32"]).replace("64512", "64999");
    program.reload(&other);
    program.says("changes of [local] need a new start");

    program.reload(&config(&peers, &["203.0.113.1/32", "203.0.113.9/32"]));
    assert_eq!(session.told(), "+203.0.113.9/32 path 64512");
    assert!(router.is_alone());
}

#[test]
fn other_changes_of_a_peer_make_a_new_session() {
    let router = Router::new();
    let program = Program::start("restart", &[router.peer("")], &["203.0.113.1/32"]);
    let mut session = router.accept();
    assert_eq!(session.told(), "+203.0.113.1/32 path 64512");
    program.reload(&config(
        &[router.peer("local-as = 64777")],
        &["203.0.113.1/32"],
    ));
    assert_eq!(session.told(), "end");
    assert_eq!(session.told(), "-203.0.113.1/32");
    let cease = session.told();
    assert!(cease.contains("Administrative Shutdown"), "{cease}");
    drop(session);
    let mut session = router.accept();
    assert_eq!(session.told(), "+203.0.113.1/32 path 64777");
}

/// Whatever a test waits for happens at once or never.
const SOON: Duration = Duration::from_secs(30);
