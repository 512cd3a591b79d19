//! Learned routes in a kernel, in a network namespace of the test's own.

use std::time::Duration;

use netplumb::{Kernel, Netlink, Wake, Watch};

use crate::namespace::{in_namespace, ip};
use crate::program::Program;
use crate::router::Router;

/// The namespace's kernel.
struct Routes {
    kernel: Netlink,
    watch: Watch,
}

impl Routes {
    fn new() -> Self {
        Self {
            kernel: Netlink::open().unwrap(),
            watch: Watch::open().unwrap(),
        }
    }

    /// The routes of BGP, each with its gateways.
    fn learned(&mut self) -> Vec<String> {
        let observed = self.kernel.observe().unwrap();
        let learned = observed.routes.values().filter(|r| r.protocol == 186);
        learned
            .map(|route| {
                let gateways = route.next_hops.iter().filter_map(|hop| hop.gateway);
                let gateways: Vec<_> = gateways.map(|gateway| gateway.to_string()).collect();
                format!("{} via {}", route.dst, gateways.join(" "))
            })
            .collect()
    }

    /// Waits until these are the learned routes.
    fn become_(&mut self, expected: &[&str]) {
        while self.learned() != expected {
            let wake = self.watch.wait(Duration::from_secs(30)).unwrap();
            assert_eq!(wake, Wake::LookAgain, "still {:?}", self.learned());
        }
    }
}

const INSTALL: &str = "import = \"accept\"\n[kernel]\ninstall = true\n";

#[test]
fn routes_come_and_go_with_the_link_to_their_next_hop() {
    in_namespace(|| {
        let mut routes = Routes::new();
        let router = Router::new();
        let _program = Program::start("link", &[router.peer(INSTALL)], &[]);
        let mut session = router.accept();
        // One that leads somewhere, one to the next hop itself, one to nowhere.
        session.announce("198.51.100.0/24", [192, 0, 2, 9]);
        session.announce("192.0.2.9/32", [192, 0, 2, 9]);
        session.announce("203.0.113.0/24", [10, 9, 9, 9]);
        let both = [
            "192.0.2.9/32 via 192.0.2.9",
            "198.51.100.0/24 via 192.0.2.9",
        ];
        routes.become_(&both);
        ip("link set far down");
        routes.become_(&[]);
        ip("link set far up");
        routes.become_(&both);
        // A way appears to the third one.
        ip("route add 10.9.9.0/24 via 192.0.2.7");
        routes.become_(&[both[0], both[1], "203.0.113.0/24 via 192.0.2.7"]);
        // Another router leads there.
        ip("route replace 10.9.9.0/24 via 192.0.2.8");
        routes.become_(&[both[0], both[1], "203.0.113.0/24 via 192.0.2.8"]);
    });
}

#[test]
fn routes_of_an_earlier_run_stay_where_a_peer_confirms_them() {
    in_namespace(|| {
        let mut routes = Routes::new();
        ip("route add 198.51.100.0/24 via 192.0.2.9 proto 186 metric 30");
        ip("route add 198.51.101.0/24 via 192.0.2.9 proto 186 metric 30");
        ip("route add 198.51.102.0/24 via 192.0.2.9 proto 186 metric 31");
        let router = Router::new();
        let _program = Program::start("sweep", &[router.peer(INSTALL)], &[]);
        let mut session = router.accept();
        assert_eq!(routes.learned().len(), 3);
        session.announce("198.51.100.0/24", [192, 0, 2, 9]);
        // What was not confirmed goes; what has another metric is not ours.
        routes.become_(&[
            "198.51.100.0/24 via 192.0.2.9",
            "198.51.102.0/24 via 192.0.2.9",
        ]);
    });
}

#[test]
fn a_killed_program_comes_back_as_a_restarted_one_and_sweeps_after_end_of_rib() {
    in_namespace(|| {
        let mut routes = Routes::new();
        let router = Router::new();
        let start = || Program::start("killed", &[router.peer(INSTALL)], &["203.0.113.1/32"]);
        let program = start();
        let mut session = router.accept();
        assert!(!session.says_restarted());
        session.announce("198.51.100.0/24", [192, 0, 2, 9]);
        session.announce("198.51.101.0/24", [192, 0, 2, 9]);
        let both = [
            "198.51.100.0/24 via 192.0.2.9",
            "198.51.101.0/24 via 192.0.2.9",
        ];
        routes.become_(&both);
        // By SIGKILL.
        drop(program);
        let _program = start();
        let mut session = router.accept();
        assert!(session.says_restarted());
        // What it announces is in its file, so the peer need not wait for it.
        assert_eq!(session.told(), "+203.0.113.1/32 path 64512");
        assert_eq!(session.told(), "end");
        assert_eq!(routes.learned(), both);
        session.announce("198.51.100.0/24", [192, 0, 2, 9]);
        routes.become_(&both[..1]);
    });
}
