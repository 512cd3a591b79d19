//! The driver against a peer made by hand, on a runtime that can be held up.

use std::net::{Ipv4Addr, UdpSocket};

use bfd::{DownReason, Hops, State, Timing};
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;

use super::*;

#[allow(dead_code, unreachable_pub, clippy::unwrap_used)]
#[path = "../../../tests/it/bfd_peer.rs"]
mod bfd_peer;

use bfd_peer::{BfdPeer, Order};

const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// An address that no other test uses, nor another run.
fn address(host: u8) -> IpAddr {
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high | 0x80, low, host).into()
}

/// A session with the peer `host`, on a driver that shares the test's thread.
fn session(host: u8, timing: Timing) -> (Shared, watch::Receiver<BfdStatus>) {
    let (requests, inbox) = mpsc::unbounded_channel();
    let (status, reader) = watch::channel(BfdStatus::new());
    requests.send(request(host, timing, status)).unwrap();
    (Shared { requests, inbox }, reader)
}

fn request(host: u8, timing: Timing, status: watch::Sender<BfdStatus>) -> Request {
    Request {
        remote: address(host),
        local: Some(address(host + 1)),
        interface: None,
        hops: Hops::Single,
        timing,
        status,
    }
}

struct Shared {
    requests: mpsc::UnboundedSender<Request>,
    inbox: mpsc::UnboundedReceiver<Request>,
}

/// Runs a driver, and tells when it has said to every peer that it goes.
fn run(driver: Driver) -> (impl Future<Output = ()>, CancellationToken) {
    let told = CancellationToken::new();
    (driver.run(told.clone().drop_guard()), told)
}

#[tokio::test]
async fn packets_that_arrived_while_the_thread_was_held_up_are_read_before_silence_is_judged() {
    // The peer grants us 5 s of silence, and we grant it 200 ms.
    let ours = Timing::new(ms(50), ms(50), 100).unwrap();
    let (Shared { requests, inbox }, mut status) = session(1, ours);
    let theirs = Timing::new(ms(50), ms(50), 4).unwrap();
    let peer = BfdPeer::start(address(1), address(2), theirs, 255);
    let local = LocalSet::new();
    let driver = local.spawn_local(run(Driver::new(inbox)).0);
    local
        .run_until(async {
            let quick = |s: &BfdStatus| s.parameters.detection_time == Some(ms(200));
            status.wait_for(quick).await.unwrap();
            for _ in 0..3 {
                // The whole runtime stands still for longer than any timer.
                std::thread::sleep(ms(500));
                tokio::time::sleep(ms(20)).await;
            }
            assert_eq!(status.borrow().failures, 0);
            assert_eq!(status.borrow().state, State::Up);

            // Real silence is noticed all the same.
            peer.order(Order::Silence);
            status.wait_for(|s| s.failures == 1).await.unwrap();
            let (_, why) = status.borrow().last_down.unwrap();
            assert_eq!(why, DownReason::DetectionTimeExpired(ms(200)));
            drop(requests);
            driver.await.unwrap();
        })
        .await;
}

#[tokio::test]
async fn two_ends_that_stood_still_together_do_not_blame_each_other() {
    let timing = Timing::new(ms(50), ms(50), 3).unwrap();
    let ends = [(5, 6), (6, 5)].map(|(remote, local)| {
        let (requests, inbox) = mpsc::unbounded_channel();
        let (status, reader) = watch::channel(BfdStatus::new());
        let request = Request {
            remote: address(remote),
            local: Some(address(local)),
            ..request(0, timing, status)
        };
        requests.send(request).unwrap();
        (requests, inbox, reader)
    });
    let [(one, inbox, mut status), (other, other_inbox, other_status)] = ends;
    let local = LocalSet::new();
    let _one = local.spawn_local(run(Driver::new(inbox)).0);
    let _other = local.spawn_local(run(Driver::new(other_inbox)).0);
    local
        .run_until(async {
            let quick = |s: &BfdStatus| s.parameters.detection_time == Some(ms(150));
            status.wait_for(quick).await.unwrap();
            for _ in 0..5 {
                // What was sent is read first; then everything stands still.
                tokio::time::sleep(ms(20)).await;
                std::thread::sleep(ms(400));
            }
            tokio::time::sleep(ms(200)).await;
            for status in [&status, &other_status] {
                assert_eq!(status.borrow().failures, 0);
                assert_eq!(status.borrow().state, State::Up);
            }
        })
        .await;
    drop((one, other));
}

#[tokio::test]
async fn a_session_nobody_reads_of_any_more_makes_room_for_another() {
    let timing = Timing::new(ms(300), ms(300), 3).unwrap();
    let (Shared { requests, inbox }, status) = session(3, timing);
    let mut driver = Driver::new(inbox);
    let first = driver.requests.recv().await.unwrap();
    driver.add(Instant::now(), first);
    let (sender, second) = watch::channel(BfdStatus::new());
    let again = |status| request(3, timing, status);
    driver.add(Instant::now(), again(sender));
    let problem = second.borrow().problem.clone().unwrap();
    let peer = address(3);
    assert_eq!(problem, format!("a BFD session with {peer} exists already"));

    drop(status);
    let (sender, third) = watch::channel(BfdStatus::new());
    driver.add(Instant::now(), again(sender));
    assert_eq!(third.borrow().problem, None);
    assert_eq!(driver.sessions.len(), 1);
    assert_eq!(driver.deadlines.len(), 1);

    // The one that had to wait gives up waiting when nobody reads of it either.
    drop(second);
    let at = driver.waiting[0].0;
    driver.time_out(at);
    assert_eq!(driver.waiting.len(), 0);
    drop(requests);
}

/// What a peer that listens only hears.
fn listener(host: u8) -> UdpSocket {
    UdpSocket::bind((address(host), bfd::SINGLE_HOP_PORT)).unwrap()
}

fn heard(socket: &UdpSocket) -> ControlPacket {
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut octets = [0; 64];
    let length = socket.recv(&mut octets).unwrap();
    ControlPacket::parse(&octets[..length]).unwrap()
}

/// A driver with one session that has heard of its peer.
fn acquainted(host: u8) -> (Driver, Shared, watch::Receiver<BfdStatus>, UdpSocket) {
    let timing = Timing::new(ms(10), ms(10), 2).unwrap();
    let (
        Shared {
            requests,
            mut inbox,
        },
        status,
    ) = session(host, timing);
    let peer = listener(host);
    let first = inbox.try_recv().unwrap();
    let (sender, inbox) = mpsc::unbounded_channel();
    let mut driver = Driver::new(inbox);
    driver.add(Instant::now(), first);
    let ours = heard(&peer);
    let answer = ControlPacket {
        my_discriminator: Discriminator::new(7).unwrap(),
        your_discriminator: Some(ours.my_discriminator),
        ..ours
    };
    let from = UdpSocket::bind((address(host), 0)).unwrap();
    socket2::SockRef::from(&from).set_ttl_v4(255).unwrap();
    let to = (address(host + 1), bfd::SINGLE_HOP_PORT);
    from.send_to(&answer.encode(), to).unwrap();
    driver.read(Instant::now());
    assert_eq!(heard(&peer).state, State::Init);
    assert_eq!(
        status.borrow().remote.unwrap().discriminator,
        answer.my_discriminator
    );
    drop(requests);
    let (_, closed) = mpsc::unbounded_channel();
    let shared = Shared {
        requests: sender,
        inbox: closed,
    };
    (driver, shared, status, peer)
}

#[tokio::test]
async fn our_packets_say_that_bfd_shares_the_fate_of_our_control_plane() {
    let (mut driver, _shared, _status, peer) = acquainted(15);
    driver.part_where(Instant::now(), |_| true);
    assert!(!heard(&peer).control_plane_independent);
}

#[tokio::test]
async fn a_session_that_ends_tells_its_peer_for_a_detection_time() {
    let (mut driver, _shared, status, peer) = acquainted(7);
    drop(status);
    let mut now = Instant::now();
    let begun = now;
    driver.part_where(now, Running::is_abandoned);
    // Twice the second that AdminDown is told in between.
    while let Some(next) = driver.deadline() {
        now = next;
        driver.time_out(now);
    }
    assert_eq!(now - begun, Duration::from_secs(2));
    assert!(driver.sessions.is_empty());
    let packets = waiting(&peer);
    assert!((2..=4).contains(&packets.len()), "{packets:?}");
    assert!(packets.iter().all(|it| it.state == State::AdminDown));
}

/// Everything that has arrived.
fn waiting(socket: &UdpSocket) -> Vec<ControlPacket> {
    socket.set_nonblocking(true).unwrap();
    let mut octets = [0; 64];
    std::iter::from_fn(|| Some((socket.recv(&mut octets).ok()?, octets)))
        .map(|(length, octets)| ControlPacket::parse(&octets[..length]).unwrap())
        .collect()
}

#[tokio::test]
async fn another_session_with_the_peer_need_not_wait_for_the_farewell() {
    let (mut driver, _shared, status, peer) = acquainted(9);
    drop(status);
    let (sender, status) = watch::channel(BfdStatus::new());
    let timing = Timing::new(ms(10), ms(10), 2).unwrap();
    driver.add(Instant::now(), request(9, timing, sender));
    assert_eq!(status.borrow().problem, None);
    let states = [heard(&peer).state, heard(&peer).state];
    assert_eq!(states, [State::AdminDown, State::Down]);
    assert_eq!(driver.sessions.len(), 1);
}

#[tokio::test]
async fn a_driver_that_stops_tells_its_peers_once_and_goes_on_behind() {
    let (driver, shared, status, peer) = acquainted(11);
    let (run, told) = run(driver);
    let local = LocalSet::new();
    let begun = Instant::now();
    let running = local.spawn_local(run);
    local
        .run_until(async {
            drop(shared);
            told.cancelled().await;
            assert!(!running.is_finished());
            assert_eq!(heard(&peer).state, State::AdminDown);
            // Somebody else may listen there already.
            UdpSocket::bind((address(12), bfd::SINGLE_HOP_PORT)).unwrap();
            running.await.unwrap();
        })
        .await;
    assert!(begun.elapsed() >= Duration::from_secs(2));
    assert_eq!(heard(&peer).state, State::AdminDown);
    drop(status);
}

#[tokio::test]
async fn an_interface_that_is_not_there_is_named_and_waited_for() {
    let timing = Timing::default();
    let (requests, inbox) = mpsc::unbounded_channel();
    let mut driver = Driver::new(inbox);
    let (status, reader) = watch::channel(BfdStatus::new());
    let mut wanted = request(13, timing, status);
    wanted.interface = Some("no-such-link".to_owned());
    driver.add(Instant::now(), wanted);
    let problem = reader.borrow().problem.clone().unwrap();
    assert!(
        problem.starts_with("find the interface no-such-link: "),
        "{problem}"
    );
    // It comes.
    driver.waiting[0].1.interface = Some("lo".to_owned());
    let at = driver.deadline().unwrap();
    driver.time_out(at);
    assert_eq!(reader.borrow().problem, None);
    assert_eq!(driver.sessions.len(), 1);
    assert!(driver.waiting.is_empty());
    drop(requests);
}

/// Policy and nice value of a thread of ours, by its number in `/proc/self/task`.
fn scheduling(thread: &str) -> Option<[String; 2]> {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).ok()?;
    // The name stands in parentheses; what follows begins with the third field of proc(5).
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<_> = rest.split_whitespace().collect();
    Some([41, 19].map(|field| fields[field - 3].to_owned()))
}

#[tokio::test]
async fn the_thread_has_the_best_priority_it_may_have_though_nobody_logs_it() {
    let number = || {
        let link = std::fs::read_link("/proc/thread-self").unwrap();
        link.file_name().unwrap().to_str().unwrap().to_owned()
    };
    let best = std::thread::spawn(move || {
        let said = priority::raise();
        (said, scheduling(&number()).unwrap())
    });
    let (said, best) = best.join().unwrap();
    if said == "ordinary" {
        println!("no better priority is permitted here: not tried");
        return;
    }
    let (requests, inbox) = mpsc::unbounded_channel();
    let told = CancellationToken::new();
    Driver::start(inbox, told.clone().drop_guard()).unwrap();
    let (status, reader) = watch::channel(BfdStatus::new());
    requests
        .send(request(17, Timing::default(), status))
        .unwrap();
    let mut watching = reader.clone();
    // The session begins after the thread has.
    let begun = |status: &BfdStatus| status.discriminator.is_some();
    watching.wait_for(begun).await.unwrap();
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.map(|task| task.unwrap().file_name().into_string().unwrap());
    let ours: Vec<_> = names
        .filter(|it| {
            let name = std::fs::read_to_string(format!("/proc/self/task/{it}/comm"));
            name.is_ok_and(|name| name.trim() == "bfd")
        })
        .filter_map(|it| scheduling(&it))
        .collect();
    assert_eq!(ours, [best]);
    drop(requests);
    told.cancelled().await;
}
