//! BFD while every processor is busy; alone, so that no other test suffers.
#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used)]

#[path = "../it/node.rs"]
mod node;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bfd::State;
use bgp_speaker::{BfdSettings, PeerStatus};

use crate::node::{Node, Plan, introduce, soon};

/// Twice as many threads as processors compute as fast as they can.
struct Load {
    over: Arc<AtomicBool>,
}

impl Load {
    fn start() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..2 * processors {
            let over = Arc::clone(&over);
            std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Self { over }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn every_50_ms() -> BfdSettings {
    BfdSettings::default().every(Duration::from_millis(50), 3)
}

#[tokio::test]
async fn busy_processors_cause_no_false_alarm() {
    let (mut a, mut b) = (Plan::new(64512), Plan::new(64513));
    introduce(&mut a, &mut b);
    a.config.peers[0].bfd = Some(every_50_ms());
    b.config.peers[0].bfd = Some(every_50_ms());
    let (a, b) = (a.start().await, b.start().await);
    for node in [&a, &b] {
        let up = |peer: &PeerStatus| peer.bfd.as_ref().is_some_and(|b| b.state == State::Up);
        node.peer(up).await;
    }
    let load = Load::start();
    let alarm = |node: &Node| {
        let mut peers = node.handle.peers();
        async move {
            let failed = |peer: &PeerStatus| peer.bfd.as_ref().is_some_and(|b| b.failures > 0);
            let peers = peers.wait_for(|peers| failed(&peers[0])).await;
            peers.unwrap()[0].bfd.clone().unwrap().last_down
        }
    };
    tokio::select! {
        down = alarm(&a) => panic!("{down:?}"),
        down = alarm(&b) => panic!("{down:?}"),
        () = tokio::time::sleep(Duration::from_secs(3)) => {}
    }
    drop(load);
    soon(async { tokio::join!(a.stop(), b.stop()) }).await;
}
