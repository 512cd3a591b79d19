//! Faults of the host, made in a network namespace of the test's own.
#![allow(unsafe_code)]

use std::fs;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use super::{Directory, NETWORK, Policy, SharedKernel, World, slow};

/// Runs `test` on a thread of its own in a new network namespace, which the
/// plugin's threads inherit. Says so and does nothing without the right to.
fn in_namespace<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let thread = std::thread::spawn(move || {
        // SAFETY: `unshare` takes no pointers; it changes the namespace of
        // this thread alone, which ends with the closure.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            let why = io::Error::last_os_error();
            // Not by `print!`, which the test harness keeps to itself.
            writeln!(io::stderr(), "skipped: no network namespace: {why}").unwrap();
            return;
        }
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(test());
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn set(switch: &str, value: &str) {
    fs::write(format!("/proc/sys/net/{switch}"), value).unwrap();
}

/// Waits until exactly this is found.
async fn found(world: &World, wanted: &'static [&'static str]) {
    let check = move |controller: &super::Controller| {
        let codes = controller.findings().keys();
        let now: Vec<&str> = codes.map(|code| code.name()).collect();
        if now == wanted {
            Ok(())
        } else {
            Err(format!("{now:?}"))
        }
    };
    world.eventually(check).await;
}

const V4: &str = "ipv4/ip_forward";
const V6: &str = "ipv6/conf/all/forwarding";

#[test]
fn forwarding_that_is_off_is_found_and_forgotten_once_it_is_on() {
    in_namespace(|| async {
        set(V4, "0");
        set(V6, "0");
        let directory = Arc::new(Directory::new("forwarding"));
        let policy = Policy {
            reconcile_every: Duration::from_millis(20),
            ..slow()
        };
        let world = World::resume(directory, SharedKernel::default(), policy);
        assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
        found(&world, &["forwarding-ipv4-off", "forwarding-ipv6-off"]).await;
        set(V4, "1");
        found(&world, &["forwarding-ipv6-off"]).await;
        set(V6, "1");
        found(&world, &[]).await;
        set(V4, "0");
        found(&world, &["forwarding-ipv4-off"]).await;
    });
}

#[test]
fn a_new_network_has_the_host_looked_at() {
    in_namespace(|| async {
        set(V4, "0");
        set(V6, "1");
        let world = World::new("forwarding-new");
        assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
        found(&world, &["forwarding-ipv4-off"]).await;
    });
}

#[test]
fn only_families_of_services_matter() {
    in_namespace(|| async {
        set(V4, "0");
        set(V6, "0");
        let world = World::new("forwarding-v6");
        assert_eq!(world.create_network(NETWORK, "0.0.0.0/32").await.0, 200);
        found(&world, &["forwarding-ipv6-off"]).await;
    });
}
