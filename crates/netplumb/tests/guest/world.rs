//! Network namespaces on one segment, and what goes to and fro between them.
#![allow(unsafe_code)]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use netplumb::ipvs::Protocol;
use socket2::{Domain, Socket, Type};

/// The addresses of the three on their segment.
pub(crate) const CLIENT: [&str; 2] = ["10.1.0.3", "2001:db8:1::3"];
pub(crate) const DIRECTOR: [&str; 2] = ["10.1.0.1", "2001:db8:1::1"];
pub(crate) const SERVER: [&str; 2] = ["10.1.0.2", "2001:db8:1::2"];

/// Panics outside of the guest: some of these tests unload modules.
pub(crate) fn in_guest() {
    assert!(
        std::env::var_os("BGPLB_GUEST").is_some(),
        "this test is for a kernel of its own: run `cargo xtask guest`"
    );
}

/// A client, a director that has the services, and a server, on one segment.
pub(crate) struct World {
    pub(crate) client: Space,
    pub(crate) director: Space,
    pub(crate) server: Space,
    segment: Space,
}

impl World {
    pub(crate) fn new() -> Self {
        in_guest();
        let segment = Space::new();
        segment.ip("link add br0 type bridge");
        segment.ip("link set br0 up");
        let world = Self {
            client: Space::new(),
            director: Space::new(),
            server: Space::new(),
            segment,
        };
        for (port, (space, addresses)) in [
            (&world.client, CLIENT),
            (&world.director, DIRECTOR),
            (&world.server, SERVER),
        ]
        .into_iter()
        .enumerate()
        {
            let name = &space.name;
            let segment = &world.segment;
            segment.ip(&format!(
                "link add p{port} type veth peer name eth0 netns {name}"
            ));
            segment.ip(&format!("link set p{port} master br0 up"));
            let [v4, v6] = addresses;
            space.ip("link set eth0 up");
            space.ip(&format!("addr add {v4}/24 dev eth0"));
            space.ip(&format!("addr add {v6}/64 dev eth0 nodad"));
        }
        world
    }

    /// Leads the client's packets to these addresses by the director.
    pub(crate) fn lead_to_director(&self, addresses: [&str; 2]) {
        for (address, gateway) in addresses.into_iter().zip(DIRECTOR) {
            self.client
                .ip(&format!("route add {address} via {gateway}"));
        }
    }
}

/// A network namespace, which ends with this.
pub(crate) struct Space {
    name: String,
}

impl Space {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        in_guest();
        let name = format!("np{}", NEXT.fetch_add(1, Ordering::Relaxed));
        run("ip", &format!("netns add {name}"));
        let space = Self { name };
        space.ip("link set lo up");
        space
    }

    /// Runs `work` on a thread that is in this namespace.
    pub(crate) fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.enter();
                work()
            });
            match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    fn enter(&self) {
        let file = std::fs::File::open(format!("/run/netns/{}", self.name)).unwrap();
        // SAFETY: the descriptor is open; only this thread changes namespaces.
        let done = unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) };
        assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn ip(&self, args: &str) -> String {
        run("ip", &format!("-n {} {args}", self.name))
    }

    pub(crate) fn run(&self, command: &str) -> String {
        run("ip", &format!("netns exec {} {command}", self.name))
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        _ = Command::new("ip")
            .args(["netns", "delete", &self.name])
            .status();
    }
}

/// Runs a program and returns what it prints.
pub(crate) fn run(program: &str, args: &str) -> String {
    let output = Command::new(program)
        .args(args.split_whitespace())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args}: {stderr}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// Looks until `look` yields something. The kernel tells nobody of what these
/// tests wait for.
pub(crate) fn await_some<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Tells its name to whoever connects, then says back what it hears.
pub(crate) struct Server<'a> {
    space: &'a Space,
    protocol: Protocol,
    at: SocketAddr,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl<'a> Server<'a> {
    pub(crate) fn start(
        space: &'a Space,
        protocol: Protocol,
        at: SocketAddr,
        name: &'static str,
    ) -> Self {
        let listener = space.within(|| {
            let socket = socket(protocol, at);
            socket.set_read_timeout(None).unwrap();
            // After a server that had the same address.
            socket.set_reuse_address(true).unwrap();
            socket.bind(&at.into()).unwrap();
            if protocol != Protocol::Udp {
                socket.listen(16).unwrap();
            }
            socket
        });
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        let thread = std::thread::spawn(move || match protocol {
            Protocol::Udp => answer_datagrams(&listener, name),
            _ => answer_connections(&listener, name, &told),
        });
        Self {
            space,
            protocol,
            at,
            ends,
            thread: Some(thread),
        }
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        // Wakes the thread: a connection, or an empty datagram.
        self.space.within(|| {
            let socket = socket(self.protocol, self.at);
            _ = socket.connect(&self.at.into());
            if self.protocol == Protocol::Udp {
                _ = socket.send(&[]);
            }
        });
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("a server has panicked");
        }
    }
}

fn answer_connections(listener: &Socket, name: &'static str, ends: &AtomicBool) {
    std::thread::scope(|scope| {
        while let Ok((mut peer, _)) = listener.accept() {
            if ends.load(Ordering::Acquire) {
                break;
            }
            scope.spawn(move || {
                peer.set_read_timeout(Some(PATIENCE)).unwrap();
                _ = peer.write_all(name.as_bytes());
                let mut octets = [0; 64];
                while let Ok(length @ 1..) = peer.read(&mut octets) {
                    if peer.write_all(&octets[..length]).is_err() {
                        break;
                    }
                }
            });
        }
    });
}

fn answer_datagrams(socket: &Socket, name: &'static str) {
    let mut octets = [std::mem::MaybeUninit::uninit(); 64];
    while let Ok((1.., client)) = socket.recv_from(&mut octets) {
        socket.send_to(name.as_bytes(), &client).unwrap();
    }
}

/// A connection, or what takes its place with UDP, and who answers there.
pub(crate) struct Talk {
    socket: Socket,
    pub(crate) name: String,
}

impl Talk {
    /// Connects and hears the server's name.
    pub(crate) fn begin(
        space: &Space,
        protocol: Protocol,
        from: &str,
        to: SocketAddr,
    ) -> std::io::Result<Self> {
        space.within(|| {
            let mut socket = socket(protocol, to);
            let from = SocketAddr::new(from.parse().unwrap(), 0);
            socket.bind(&from.into()).unwrap();
            socket.connect_timeout(&to.into(), PATIENCE)?;
            if protocol == Protocol::Udp {
                socket.write_all(b"?")?;
            }
            let mut octets = [0; 64];
            let length = socket.read(&mut octets)?;
            let name = String::from_utf8_lossy(&octets[..length]).into_owned();
            Ok(Self { socket, name })
        })
    }

    /// Whether what is said comes back.
    pub(crate) fn goes_on(&mut self) -> bool {
        let mut octets = [0; 5];
        let said = self.socket.write_all(b"again");
        said.and_then(|()| self.socket.read_exact(&mut octets))
            .is_ok_and(|()| octets == *b"again")
    }
}

/// The name of who answers at this address.
pub(crate) fn ask(world: &World, protocol: Protocol, to: SocketAddr) -> String {
    let from = CLIENT[usize::from(to.is_ipv6())];
    let talk = Talk::begin(&world.client, protocol, from, to);
    talk.unwrap_or_else(|error| panic!("{protocol} {to}: {error}"))
        .name
}

pub(crate) fn is_refused(world: &World, protocol: Protocol, to: SocketAddr) -> bool {
    let from = CLIENT[usize::from(to.is_ipv6())];
    let talk = Talk::begin(&world.client, protocol, from, to);
    talk.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

fn socket(protocol: Protocol, address: SocketAddr) -> Socket {
    let kind = match protocol {
        Protocol::Udp => Type::DGRAM,
        _ => Type::STREAM,
    };
    let number = i32::from(protocol.number());
    let socket = Socket::new(
        Domain::for_address(address),
        kind,
        Some(socket2::Protocol::from(number)),
    )
    .unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// How long anything may take; a guest is slow where many share a machine.
const PATIENCE: Duration = Duration::from_secs(20);
