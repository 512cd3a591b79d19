//! Sessions between link-local addresses, in a network namespace of the test's own.
#![allow(unsafe_code)]

use std::io::Write;
use std::net::{IpAddr, Ipv6Addr, SocketAddrV6};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bfd::State;
use bgp_speaker::{
    BfdSettings, LocalAddresses, NextHops, PeerSettings, PeerStatus, PeerStatuses, RemoteAs,
};

use crate::node::{PORT, Plan, soon};

/// Runs `test` on a thread of its own in a new network namespace, which ends
/// with the thread. Says so and does nothing without the right to.
pub fn in_namespace(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        // SAFETY: `unshare` takes no pointers; it changes the namespace of
        // this thread alone, which ends with the closure.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            let why = std::io::Error::last_os_error();
            // Not by `print!`, which the test harness keeps to itself.
            let line = format!("skipped: no network namespace of our own: {why}\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            return;
        }
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

pub fn ip(args: &str) -> String {
    let output = Command::new("ip").args(args.split(' ')).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {args}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// A speaker of `asn` at `own` on a link, with the other end's as its peer.
pub fn plan(asn: u32, link: &str, own: &str, other: &str, other_as: u32) -> Plan {
    let mut plan = Plan::new(asn);
    let own: Ipv6Addr = own.parse().unwrap();
    let index = ip(&format!("-o link show {link}"));
    let scope = index.split(':').next().unwrap().parse().unwrap();
    plan.config.listen = vec![SocketAddrV6::new(own, PORT, 0, scope).into()];
    plan.addresses = LocalAddresses {
        links: vec![vec![format!("{own}/64").parse().unwrap()]],
    };
    let peer: IpAddr = other.parse().unwrap();
    let settings = PeerSettings {
        interface: Some(link.to_owned()),
        local_address: Some(own.into()),
        next_hops: NextHops::default(),
        ..plan.peer_at(peer, bgp_wire::Asn::new(other_as))
    };
    plan.add_peer(settings);
    plan
}

/// Gives a link its only address.
fn lift(link: &str, address: &str) {
    ip(&format!("link set {link} addrgenmode none"));
    ip(&format!("link set {link} up"));
    ip(&format!("addr add {address}/64 dev {link} nodad"));
}

/// A link with one address at either end, and both speakers' world on it.
pub fn on_a_link<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    in_namespace(|| {
        ip("link add near type veth peer name far");
        for (link, address) in [("near", "fe80::1"), ("far", "fe80::2")] {
            lift(link, address);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(test());
    });
}

#[test]
fn both_families_go_by_link_local_next_hops() {
    on_a_link(|| async {
        let a = plan(64512, "near", "fe80::1", "fe80::2", 64513);
        let b = plan(64513, "far", "fe80::2", "fe80::1", 64512);
        let (a, mut b) = (a.start().await, b.start().await);
        a.established().await;
        b.established().await;
        a.announce(&["198.51.100.0/24"]);
        // There is no IPv4 address anywhere.
        let learned = b.learns().await;
        assert_eq!(learned, "198.51.100.0/24 via [fe80::1%far]");
        a.announce(&["2001:db8:100::/48"]);
        let learned = b.learns().await;
        assert_eq!(learned, "2001:db8:100::/48 via [fe80::1%far]");
        assert!(a.handle.peer_status()[0].withheld.is_empty());
        // Without an address of its own the link has no next hop to offer;
        // the session's is one.
        a.addresses.send_replace(Arc::default());
        assert!(a.handle.peer_status()[0].withheld.is_empty());
        a.stop().await;
        b.stop().await;
    });
}

#[test]
fn whoever_is_on_the_interface_becomes_its_peer() {
    on_a_link(|| async {
        let mut a = plan(64512, "near", "fe80::1", "fe80::2", 64513);
        let b = plan(64513, "far", "fe80::2", "fe80::1", 64512);
        a.config.peers = vec![PeerSettings::on_interface("near", RemoteAs::External)];
        let (a, mut b) = (a.start().await, b.start().await);
        a.established().await;
        a.announce(&["198.51.100.0/24"]);
        assert_eq!(b.learns().await, "198.51.100.0/24 via [fe80::1%far]");
        let status = &a.handle.peer_status()[0];
        assert_eq!(status.key().to_string(), "near");
        let own: IpAddr = "fe80::1".parse().unwrap();
        assert_eq!(status.local_address, Some(own));
        a.stop().await;
        b.stop().await;
    });
}

fn every_100_ms() -> Option<BfdSettings> {
    Some(BfdSettings::default().every(Duration::from_millis(100), 10))
}

fn is_watched(peer: &PeerStatus) -> bool {
    peer.bfd.as_ref().is_some_and(|bfd| bfd.state == State::Up)
}

#[test]
fn bfd_tells_one_address_on_two_links_apart() {
    on_a_link(|| async {
        ip("link add near2 type veth peer name far2");
        lift("near2", "fe80::1");
        lift("far2", "fe80::2");
        let speaker = |asn, own, other, other_as, links: [&str; 2]| {
            let mut speaker = plan(asn, links[0], own, other, other_as);
            let second = PeerSettings {
                interface: Some(links[1].to_owned()),
                ..speaker.config.peers[0].clone()
            };
            speaker.add_peer(second);
            for peer in &mut speaker.config.peers {
                peer.bfd = every_100_ms();
            }
            speaker
        };
        let a = speaker(64512, "fe80::1", "fe80::2", 64513, ["near", "near2"]);
        let b = speaker(64513, "fe80::2", "fe80::1", 64512, ["far", "far2"]);
        let (a, b) = (a.start().await, b.start().await);
        let mut numbers = Vec::new();
        for node in [&a, &b] {
            let mut peers = node.handle.peers();
            let both = |peers: &PeerStatuses| peers.iter().all(is_watched);
            let peers = soon(peers.wait_for(both)).await.unwrap();
            numbers.extend(peers.iter().filter_map(|peer| peer.bfd.clone()));
        }
        // Each has found the other end of its own link.
        let [a0, a1, b0, b1] = numbers.try_into().unwrap();
        for (one, other) in [(&a0, &b0), (&a1, &b1)] {
            assert_eq!(one.discriminator, other.remote.map(|it| it.discriminator));
            assert_eq!(other.discriminator, one.remote.map(|it| it.discriminator));
        }
        a.stop().await;
        b.stop().await;
    });
}

#[test]
fn bfd_watches_whoever_is_on_the_interface_and_follows_it_when_it_is_made_anew() {
    on_a_link(|| async {
        let mut a = plan(64512, "near", "fe80::1", "fe80::2", 64513);
        let mut b = plan(64513, "far", "fe80::2", "fe80::1", 64512);
        b.config.peers[0].bfd = every_100_ms();
        a.config.peers = vec![PeerSettings {
            bfd: every_100_ms(),
            local_address: Some("fe80::1".parse().unwrap()),
            ..PeerSettings::on_interface("near", RemoteAs::External)
        }];
        let (a, b) = (a.start().await, b.start().await);
        a.peer(is_watched).await;
        b.peer(is_watched).await;
        let failed = a.handle.peer_status()[0].bfd.clone().unwrap();
        assert_eq!(failed.failures, 0);

        ip("link del near");
        a.peer(|peer| peer.bfd.as_ref().is_some_and(|bfd| bfd.problem.is_some()))
            .await;
        ip("link add near type veth peer name far");
        lift("near", "fe80::1");
        lift("far", "fe80::2");
        a.peer(is_watched).await;
        b.peer(is_watched).await;
        a.stop().await;
        b.stop().await;
    });
}
