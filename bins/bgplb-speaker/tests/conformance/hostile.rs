//! Peers that mean harm, or are stuck: the speaker stays small, answers others,
//! and takes the peer back when it behaves.

use std::io::Write as _;
use std::net::{IpAddr, TcpStream};
use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::healthy::Healthy;
use crate::harness::peer::{Family, Peer};
use crate::harness::speaker::{Neighbour, Speaker, address};
use crate::harness::wire::{
    AS_PATH, NEXT_HOP, ORIGIN, Open, hex, keepalive, message, notification, route_refresh,
};
use crate::{ALONE, ends_well};

/// Each with what it may add to the speaker's memory, in kB, beside what the
/// allocator keeps for later.
const HOSTILITIES: [(&str, u64, Hostility); 9] = [
    (
        "announces ten million routes and may have a thousand",
        8_000,
        announces_too_many,
    ),
    (
        "never reads, and asks for everything again",
        16_000,
        never_reads,
    ),
    ("sends an octet at a time", 4_000, sends_octets),
    ("says nothing at all", 4_000, says_nothing),
    ("sends garbage", 8_000, sends_garbage),
    ("sends UPDATEs of garbage", 8_000, sends_garbage_updates),
    ("connects a thousand times", 16_000, connects_often),
    (
        "announces ten million routes nobody wants",
        4_000,
        announces_millions,
    ),
    ("begins sessions and leaves", 8_000, comes_and_goes),
];

type Hostility = fn(&Stage<'_>) -> Result<(), String>;

/// Where a hostility takes place.
struct Stage<'a> {
    speaker: &'a Speaker,
    /// Neighbours nobody else uses.
    addresses: &'a [IpAddr],
}

#[test]
fn hostile_peers_cost_little_and_disturb_nobody() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hostile = Neighbour {
        import: "reject",
        ..Neighbour::EXTERNAL
    };
    let mut neighbours = vec![Neighbour::EXTERNAL; 2];
    // The first hostility is for those whose routes are wanted.
    let wanted = Neighbour {
        more: "max-prefixes = 1000\nmax-prefixes-pause = 1",
        ..Neighbour::EXTERNAL
    };
    neighbours.resize(2 + ADDRESSES, wanted);
    neighbours.resize(2 + HOSTILITIES.len() * ADDRESSES, hostile);
    let speaker = Speaker::start("hostile", &neighbours, MORE_ROUTES);
    let healthy = Healthy::start(&speaker);
    let mut watcher = Watcher::start(&speaker);
    let addresses: Vec<_> = (2..neighbours.len()).map(address).collect();

    let mut failed = Vec::new();
    for ((what, allowed, hostility), addresses) in
        HOSTILITIES.into_iter().zip(addresses.chunks(ADDRESSES))
    {
        let before = speaker.forget_memory();
        let stage = Stage {
            speaker: &speaker,
            addresses,
        };
        let began = Instant::now();
        let (outcome, slowest) = watcher.during(|| hostility(&stage));
        let grown = speaker.memory("VmHWM:").saturating_sub(before);
        println!(
            "a peer that {what}: {:.1?}, {grown} kB, others waited {slowest:?}",
            began.elapsed()
        );
        let errors = [
            outcome.err(),
            Healthy::untouched(&speaker.control).err(),
            (grown > allowed).then(|| format!("{grown} kB, {allowed} kB are allowed")),
            (slowest > MOST_WAITING).then(|| format!("others waited {slowest:?}")),
        ];
        let errors = errors.into_iter().flatten();
        failed.extend(errors.map(|error| format!("a peer that {what}: {error}")));
    }

    ends_well(speaker, healthy, &failed);
}

/// RFC 9687 section 3.
#[test]
fn a_peer_that_does_not_read_loses_its_session_after_the_send_hold_time() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let neighbour = Neighbour {
        more: "send-hold = 3",
        ..Neighbour::EXTERNAL
    };
    let speaker = Speaker::start("send-hold", &[neighbour], MORE_ROUTES);
    let mut peer = Peer::connect_narrow(address(0), speaker.address).unwrap();
    peer.establish(&Open::new(65001).octets(), Family::BOTH)
        .unwrap();
    fill_every_socket(&mut peer).unwrap();
    let begun = Instant::now();
    loop {
        let status = speaker.control.peer(address(0));
        if status["state"] != "Established" {
            let error = status["last_error"]["text"].as_str().unwrap();
            assert!(error.starts_with("Send Hold Timer Expired"), "{error}");
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{status}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A second neighbour without fault, which asks again and again how long an
/// answer takes.
struct Watcher {
    peer: Peer,
}

impl Watcher {
    fn start(speaker: &Speaker) -> Self {
        let mut peer = Peer::connect(address(1), speaker.address).unwrap();
        let open = Open::new(65001).hold_time(0);
        peer.establish(&open.octets(), Family::BOTH).unwrap();
        Self { peer }
    }

    /// Runs `hostility`, and tells how long the slowest answer took meanwhile.
    fn during(
        &mut self,
        hostility: impl FnOnce() -> Result<(), String> + Send,
    ) -> (Result<(), String>, Duration) {
        thread::scope(|scope| {
            let hostile = scope.spawn(hostility);
            let mut slowest = Duration::ZERO;
            loop {
                let last = hostile.is_finished();
                let began = Instant::now();
                self.peer.barrier(Family::V6).unwrap();
                slowest = slowest.max(began.elapsed());
                if last {
                    return (hostile.join().unwrap(), slowest);
                }
                thread::sleep(BETWEEN_QUESTIONS);
            }
        })
    }
}

impl Stage<'_> {
    fn connect(&self, from: IpAddr) -> Result<Peer, String> {
        Peer::connect(from, self.speaker.address).map_err(|error| error.to_string())
    }

    fn establish(&self, from: IpAddr) -> Result<Peer, String> {
        let mut peer = self.connect(from)?;
        peer.establish(&Open::new(65001).octets(), Family::BOTH)?;
        Ok(peer)
    }

    /// It behaves now, and has a session. Connections that come faster than the
    /// speaker takes them up are closed, so it tries again as any peer does.
    fn is_taken_back(&self, from: IpAddr) -> Result<(), String> {
        let mut attempts = 0;
        let mut peer = loop {
            attempts += 1;
            match self.establish(from) {
                Ok(peer) => break peer,
                Err(error) if attempts == MOST_ATTEMPTS => {
                    return Err(format!("not taken back: {error}"));
                }
                Err(_) => thread::sleep(CONNECT_RETRY),
            }
        };
        peer.send(&notification(6, 2, &[]))?;
        peer.closed()
    }

    fn everybody(&self, each: impl Fn(IpAddr) -> Result<(), String> + Sync) -> Result<(), String> {
        thread::scope(|scope| {
            let each = &each;
            let threads: Vec<_> = self
                .addresses
                .iter()
                .map(|from| scope.spawn(move || each(*from)))
                .collect();
            let mut outcomes = threads.into_iter().map(|thread| thread.join().unwrap());
            outcomes.try_for_each(|outcome| outcome)
        })
    }
}

/// Asks for everything again and again and reads nothing, until no socket takes
/// more: each answer is worth a hundred kilobytes.
fn fill_every_socket(peer: &mut Peer) -> Result<(), String> {
    for _ in 0..60 {
        peer.send(&route_refresh(1, 0))?;
        // Requests that come together are answered together.
        thread::sleep(Duration::from_millis(40));
    }
    Ok(())
}

fn never_reads(stage: &Stage<'_>) -> Result<(), String> {
    stage.everybody(|from| {
        let peer = Peer::connect_narrow(from, stage.speaker.address);
        let mut peer = peer.map_err(|error| error.to_string())?;
        peer.establish(&Open::new(65001).octets(), Family::BOTH)?;
        fill_every_socket(&mut peer)?;
        peer.abort()?;
        stage.is_taken_back(from)
    })
}

fn sends_octets(stage: &Stage<'_>) -> Result<(), String> {
    stage.everybody(|from| {
        let mut peer = stage.connect(from)?;
        for octet in Open::new(65001).octets().chunks(1) {
            peer.send(octet)?;
            thread::sleep(Duration::from_millis(50));
        }
        // That was a session's beginning all the same.
        peer.open(&[])?;
        peer.abort()?;
        stage.is_taken_back(from)
    })
}

fn says_nothing(stage: &Stage<'_>) -> Result<(), String> {
    let silent: Result<Vec<_>, _> = stage
        .addresses
        .iter()
        .map(|it| stage.connect(*it))
        .collect();
    thread::sleep(Duration::from_secs(1));
    drop(silent?);
    stage.everybody(|from| stage.is_taken_back(from))
}

fn sends_garbage(stage: &Stage<'_>) -> Result<(), String> {
    stage.everybody(|from| {
        let mut random = Random::new(from);
        let mut peer = stage.connect(from)?;
        // The connection may end before all is sent.
        let _ = peer.send(&random.octets(100_000));
        peer.ends()?;
        stage.is_taken_back(from)
    })
}

/// The header is right, and the lengths within are likely enough.
fn sends_garbage_updates(stage: &Stage<'_>) -> Result<(), String> {
    stage.everybody(|from| {
        let mut random = Random::new(from);
        let mut peer = stage.establish(from)?;
        for _ in 0..200 {
            let length = random.below(60);
            let attributes = random.attributes(length);
            let size = u16::try_from(attributes.len()).unwrap().to_be_bytes();
            let nlri = random.below(20);
            let nlri = random.octets(nlri);
            let body = [&[0, 0], &size[..], &attributes, &nlri].concat();
            if peer.send(&message(2, &body)).is_err() {
                break;
            }
        }
        peer.finish().ok();
        peer.ends()?;
        stage.is_taken_back(from)
    })
}

fn connects_often(stage: &Stage<'_>) -> Result<(), String> {
    let from = stage.addresses[0];
    let mut open = Vec::new();
    for _ in 0..1_000 {
        if let Ok(mut peer) = stage.connect(from) {
            // It may be closed already.
            let _ = peer.send(&Open::new(65001).octets()[..20]);
            open.push(peer);
        }
    }
    if open.len() < 900 {
        return Err(format!("only {} connections were made", open.len()));
    }
    drop(open);
    // Nobody's address.
    let stranger = IpAddr::from([127, 79, 0, 1]);
    for _ in 0..1_000 {
        let mut peer = stage.connect(stranger)?;
        let _ = peer.send(&Open::new(65001).octets());
        peer.ends()?;
    }
    stage.is_taken_back(from)
}

/// 10.0.0.0/32 and so on, in messages as long as they may be.
fn announce_millions(peer: &mut Peer) -> Result<(), String> {
    let attributes = hex(&[ORIGIN, AS_PATH, NEXT_HOP].concat());
    let length = u8::try_from(attributes.len()).unwrap();
    let fixed = [&[0, 0, 0, length], &attributes[..]].concat();
    let fitting = (4096 - 19 - fixed.len()) / 5;
    let mut next = 0x0a00_0000_u32;
    while next < 0x0a00_0000 + 10_000_000 {
        let mut body = fixed.clone();
        for _ in 0..fitting {
            body.push(32);
            body.extend(next.to_be_bytes());
            next += 1;
        }
        peer.send(&message(2, &body))?;
    }
    Ok(())
}

fn announces_millions(stage: &Stage<'_>) -> Result<(), String> {
    let from = stage.addresses[0];
    let mut peer = stage.establish(from)?;
    announce_millions(&mut peer)?;
    peer.barrier(Family::V4)?;
    let held = stage.speaker.control.peer(from)["accepted_prefixes"].clone();
    if held != 0 {
        return Err(format!("{held} prefixes were accepted"));
    }
    peer.send(&notification(6, 2, &[]))?;
    peer.closed()?;
    stage.is_taken_back(from)
}

fn announces_too_many(stage: &Stage<'_>) -> Result<(), String> {
    let from = stage.addresses[0];
    let mut peer = stage.establish(from)?;
    // The connection ends under its hands.
    let _ = announce_millions(&mut peer);
    peer.ends()?;
    let error = stage.speaker.control.peer(from)["last_error"]["text"].to_string();
    if !error.contains("(6/1)") {
        return Err(format!("the session did not end with 6/1: {error}"));
    }
    stage.is_taken_back(from)
}

fn comes_and_goes(stage: &Stage<'_>) -> Result<(), String> {
    stage.everybody(|from| {
        for _ in 0..50 {
            let stream = TcpStream::connect(stage.speaker.address);
            // From nobody's address, and from the neighbour's.
            drop(stream.and_then(|mut stream| stream.write_all(&keepalive())));
            let mut peer = stage.connect(from)?;
            peer.send(&Open::new(65001).octets())?;
            peer.abort()?;
        }
        stage.is_taken_back(from)
    })
}

/// Numbers nobody expects, and the same ones each time.
struct Random(u64);

impl Random {
    fn new(seed: IpAddr) -> Self {
        let IpAddr::V4(seed) = seed else {
            unreachable!()
        };
        Self(u64::from(seed.to_bits()) | 1)
    }

    /// Xorshift (Marsaglia 2003).
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap() % limit
    }

    fn octets(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_be_bytes()[0]).collect()
    }

    /// Known codes with flags and values of any kind.
    fn attributes(&mut self, length: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < length {
            let flags = [0x40, 0x80, 0xc0, 0x50][self.below(4)];
            let code = u8::try_from(self.below(36)).unwrap();
            let size = self.below(20);
            all.extend([flags, code, u8::try_from(size).unwrap()]);
            all.extend(self.octets(size));
        }
        all
    }
}

/// Neighbours for each hostility.
const ADDRESSES: usize = 20;

/// What there is to say to a peer: more than a socket takes at once.
const MORE_ROUTES: usize = 20_000;

/// How long a neighbour without fault may wait for an answer: on a machine that
/// has much else to do, and without optimization.
const MOST_WAITING: Duration = Duration::from_secs(4);

/// How often, and after which pauses, a peer tries to connect.
const MOST_ATTEMPTS: u32 = 10;
const CONNECT_RETRY: Duration = Duration::from_millis(500);

/// Asking is a load too.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(20);
