//! Faults of the host, made in namespaces of the test's own.
#![allow(unsafe_code)]

use std::fs;
use std::io::{self, Write as _};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use healthwatch::Observation;

use super::{Directory, NETWORK, Policy, SharedKernel, World, slow};
use host_check::Finding;

/// Runs `test` on a thread of its own in new namespaces of network and
/// mounts, which the plugin's threads inherit. Says so and does nothing without the right to.
pub(super) fn in_namespace<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let thread = std::thread::spawn(move || {
        // SAFETY: `unshare` takes no pointers; it changes the namespaces of
        // this thread alone, which ends with the closure.
        if unsafe { libc::unshare(libc::CLONE_NEWNET | libc::CLONE_NEWNS) } != 0 {
            let why = io::Error::last_os_error();
            // Not by `print!`, which the test harness keeps to itself.
            writeln!(io::stderr(), "skipped: no namespaces: {why}").unwrap();
            return;
        }
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(test());
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

pub(super) fn set(switch: &str, value: &str) {
    fs::write(format!("/proc/sys/net/{switch}"), value).unwrap();
}

/// A plugin that looks at the host all the time.
fn watchful(name: &str) -> World {
    let policy = Policy {
        reconcile_every: Duration::from_millis(20),
        ..slow()
    };
    let directory = Arc::new(Directory::new(name));
    World::resume(directory, SharedKernel::default(), policy)
}

/// Waits until exactly this is found.
pub(super) async fn found(world: &World, wanted: &'static [&'static str]) {
    let check = move |controller: &super::Controller| {
        let findings = controller.findings().keys();
        let now: Vec<&str> = findings.map(Finding::code).collect();
        if now == wanted {
            Ok(())
        } else {
            Err(format!("{now:?}"))
        }
    };
    world.eventually(check).await;
}

pub(super) const V4: &str = "ipv4/ip_forward";
pub(super) const V6: &str = "ipv6/conf/all/forwarding";

#[test]
fn forwarding_that_is_off_is_found_and_forgotten_once_it_is_on() {
    in_namespace(|| async {
        set(V4, "0");
        set(V6, "0");
        let world = watchful("forwarding");
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

/// A bridge as Docker makes it for a network of this id.
pub(super) fn bridge(id: &str) -> String {
    let name = format!("br-{}", &id[..12]);
    let mut ip = Command::new("ip");
    let made = ip.args(["link", "add", &name, "type", "bridge"]).status();
    assert!(made.unwrap().success(), "{name}");
    format!("ipv4/conf/{name}/rp_filter")
}

#[test]
fn a_strict_reverse_path_filter_of_a_gateway_bridge_is_found() {
    in_namespace(|| async {
        const GATEWAY: &str = "90dba0e0c1b2a3d4";
        const UNKNOWN: &str = "a17ebc5a9d8c7b6a";
        const ALL: &str = "ipv4/conf/all/rp_filter";
        set(V4, "1");
        set(V6, "1");
        set(ALL, "0");
        let own = bridge(GATEWAY);
        set(&own, "1");
        // A bridge that is none of Docker's is nobody's gateway.
        set(&bridge(UNKNOWN), "1");
        let world = watchful("rp-filter");
        let network = healthwatch::Network {
            id: GATEWAY.to_owned(),
            name: "gateway".to_owned(),
            driver: "bridge".to_owned(),
            labels: Default::default(),
            subnets: Vec::new(),
        };
        world.observe(Observation::Network(network)).await;
        assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
        found(&world, &["rp-filter-strict"]).await;
        // The command of the finding.
        set(&own, "2");
        found(&world, &[]).await;
        set(&own, "0");
        set(ALL, "1");
        found(&world, &["rp-filter-strict"]).await;
        set(&own, "2");
        found(&world, &[]).await;
    });
}

/// Runs `mount` in this thread's namespace.
pub(super) fn mount(args: &[&str]) {
    let status = Command::new("mount").args(args).status().unwrap();
    assert!(status.success(), "mount {args:?}");
}

#[test]
fn a_name_server_that_is_a_service_is_found() {
    in_namespace(|| async {
        set(V4, "1");
        set(V6, "1");
        // Nothing of this reaches the machine's own mounts.
        mount(&["--make-rprivate", "/"]);
        let directory = Arc::new(Directory::new("resolv-file"));
        fs::create_dir_all(&directory.path).unwrap();
        let file = directory.path.join("resolv.conf");
        fs::write(&file, "# nameserver 10.0.0.101\nnameserver 192.0.2.53\n").unwrap();
        mount(&["--bind", file.to_str().unwrap(), "/etc/resolv.conf"]);

        let world = watchful("resolv");
        assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
        for server in ["10.0.0.101", "2001:db8::101"] {
            fs::write(&file, format!("nameserver {server}\n")).unwrap();
            found(&world, &["name-server-is-service"]).await;
            fs::write(&file, "nameserver 192.0.2.53\n").unwrap();
            found(&world, &[]).await;
        }
    });
}

#[test]
fn the_servers_behind_a_stub_are_looked_at() {
    in_namespace(|| async {
        set(V4, "1");
        set(V6, "1");
        // Nothing of this reaches the machine's own mounts.
        mount(&["--make-rprivate", "/"]);
        let directory = Arc::new(Directory::new("resolv-stub"));
        fs::create_dir_all(&directory.path).unwrap();
        let file = directory.path.join("resolv.conf");
        fs::write(&file, "nameserver 127.0.0.53\n").unwrap();
        mount(&["--bind", file.to_str().unwrap(), "/etc/resolv.conf"]);
        mount(&["-t", "tmpfs", "tmpfs", "/run"]);
        let behind = std::path::Path::new("/run/systemd/resolve");
        fs::create_dir_all(behind).unwrap();

        let world = watchful("resolv-behind");
        assert_eq!(world.create_network(NETWORK, "10.0.0.101/32").await.0, 200);
        found(&world, &[]).await;
        let behind = behind.join("resolv.conf");
        fs::write(&behind, "nameserver 10.0.0.101\n").unwrap();
        found(&world, &["name-server-is-service"]).await;
        // Without the stub nobody asks them.
        fs::write(&file, "nameserver 192.0.2.53\n").unwrap();
        found(&world, &[]).await;
    });
}
