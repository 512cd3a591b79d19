//! The driver against a peer made by hand, on a runtime that can be held up.

use std::net::Ipv4Addr;

use bfd::{DownReason, Hops, Path, Timing};
use tokio::task::LocalSet;

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
async fn session(host: u8, timing: Timing) -> (Shared, watch::Receiver<BfdStatus>) {
    let (requests, inbox) = mpsc::channel(1);
    let (status, reader) = watch::channel(BfdStatus::new());
    let path = Path {
        remote: address(host),
        local: Some(address(host + 1)),
        interface: None,
        hops: Hops::Single,
    };
    let request = Request {
        path,
        timing,
        status,
    };
    requests.send(request).await.unwrap();
    (Shared { requests, inbox }, reader)
}

struct Shared {
    requests: mpsc::Sender<Request>,
    inbox: mpsc::Receiver<Request>,
}

#[tokio::test]
async fn packets_that_arrived_while_the_thread_was_held_up_are_read_before_silence_is_judged() {
    // The peer grants us 5 s of silence, and we grant it 200 ms.
    let ours = Timing::new(ms(50), ms(50), 100).unwrap();
    let (Shared { requests, inbox }, mut status) = session(1, ours).await;
    let theirs = Timing::new(ms(50), ms(50), 4).unwrap();
    let peer = BfdPeer::start(address(1), address(2), theirs, 255);
    let local = LocalSet::new();
    let driver = local.spawn_local(Driver::new(inbox).run());
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
        let (requests, inbox) = mpsc::channel(1);
        let (status, reader) = watch::channel(BfdStatus::new());
        let path = Path {
            remote: address(remote),
            local: Some(address(local)),
            interface: None,
            hops: Hops::Single,
        };
        let request = Request {
            path,
            timing,
            status,
        };
        requests.try_send(request).unwrap();
        (requests, inbox, reader)
    });
    let [(one, inbox, mut status), (other, other_inbox, other_status)] = ends;
    let local = LocalSet::new();
    let _one = local.spawn_local(Driver::new(inbox).run());
    let _other = local.spawn_local(Driver::new(other_inbox).run());
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
    let (Shared { requests, inbox }, status) = session(3, timing).await;
    let mut driver = Driver::new(inbox);
    let first = driver.requests.recv().await.unwrap();
    let path = first.path;
    driver.add(Instant::now(), first);
    let (sender, second) = watch::channel(BfdStatus::new());
    let again = |status| Request {
        path,
        timing,
        status,
    };
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
    drop(requests);
}
