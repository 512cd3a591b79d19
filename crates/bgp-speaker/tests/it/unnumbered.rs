//! Peers that are found on their interfaces, in a network namespace of the test's own.
#![allow(unsafe_code)]

use std::net::{IpAddr, Ipv6Addr, SocketAddrV6};
use std::sync::Arc;

use bgp_fsm::State;
use bgp_speaker::{PeerLink, PeerLinks, PeerSettings, PeerStatus, PeerStatuses, RemoteAs};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::io::AsyncReadExt;
use tokio::net::TcpSocket;

use crate::link_local::{ip, on_a_link, plan};
use crate::node::{Node, PORT, Plan, soon};

/// A speaker at `own` whose peer is whoever is on the link.
fn unnumbered(asn: u32, link: &str, own: &str) -> Plan {
    let mut plan = plan(asn, link, own, "fe80::ffff", 1);
    let numbered = plan.config.peers.remove(0);
    plan.add_peer(PeerSettings {
        interface: Some(link.to_owned()),
        local_address: None,
        ..PeerSettings {
            address: Ipv6Addr::UNSPECIFIED.into(),
            remote_as: RemoteAs::External,
            ..numbered
        }
    });
    plan
}

fn address(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn index(link: &str) -> u32 {
    let shown = ip(&format!("-o link show {link}"));
    shown.split(':').next().unwrap().parse().unwrap()
}

/// What the kernel would tell of a link that runs.
fn running(link: &str, own: &str) -> PeerLink {
    PeerLink {
        index: index(link),
        running: true,
        mac: None,
        link_local: vec![address(own)],
        routers: Vec::new(),
        unreachable: Vec::new(),
    }
}

fn tell(node: &Node, link: &str, now: PeerLink) {
    let links = PeerLinks::from([(link.to_owned(), now)]);
    node.handle.set_peer_links(Arc::new(links));
}

/// Two speakers that have been told of their ends of the link.
async fn on_both_ends() -> (Node, Node) {
    let a = unnumbered(64512, "near", "fe80::1").start().await;
    let b = unnumbered(64513, "far", "fe80::2").start().await;
    tell(&a, "near", running("near", "fe80::1"));
    tell(&b, "far", running("far", "fe80::2"));
    a.established().await;
    (a, b)
}

async fn found(node: &Node, address: &str) -> PeerStatus {
    let address: IpAddr = address.parse().unwrap();
    node.peer(|peer| peer.neighbour == Some(address)).await
}

/// Says that `source` on the far end is a router, with this hop limit.
fn advertise(source: &str, hop_limit: u32) {
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)).unwrap();
    socket.set_multicast_hops_v6(hop_limit).unwrap();
    let scope = index("far");
    let at = |address| SockAddr::from(SocketAddrV6::new(address, 0, 0, scope));
    socket.bind(&at(address(source))).unwrap();
    let mut advertisement = [0; 16];
    advertisement[0] = 134;
    let sent = socket.send_to(&advertisement, &at(address("ff02::1")));
    assert_eq!(sent.unwrap(), advertisement.len());
}

#[test]
fn two_speakers_on_a_link_find_each_other() {
    on_a_link(|| async {
        let (a, mut b) = on_both_ends().await;
        b.established().await;
        a.announce(&["198.51.100.0/24"]);
        assert_eq!(b.learns().await, "198.51.100.0/24 via [fe80::1%far]");
        let status = found(&a, "fe80::2").await;
        assert_eq!(status.key().to_string(), "near");
        assert_eq!(status.local_address, Some("fe80::1".parse().unwrap()));
        a.stop().await;
        b.stop().await;
    });
}

#[test]
fn peers_on_interfaces_are_taken_down_one_by_one() {
    on_a_link(|| async {
        let mut plan = unnumbered(64512, "near", "fe80::1");
        plan.add_peer(PeerSettings::on_interface("other", RemoteAs::External));
        let a = plan.start().await;
        let b = unnumbered(64513, "far", "fe80::2").start().await;
        tell(&a, "near", running("near", "fe80::1"));
        tell(&b, "far", running("far", "fe80::2"));
        a.peer(|peer| peer.state == State::Established).await;
        for (name, down) in [("other", [false, true]), ("fe80::2", [true, true])] {
            let key = a.handle.find_peer(name).unwrap();
            assert!(a.handle.set_peer_down(key, None));
            let mut peers = a.handle.peers();
            let so = |peers: &PeerStatuses| {
                let is_down = peers.iter().map(|it| it.administratively_down);
                is_down.eq(down)
            };
            soon(peers.wait_for(so)).await.unwrap();
        }
        a.peer(|peer| peer.state == State::Idle).await;
        let near = a.handle.find_peer("near").unwrap();
        assert!(a.handle.set_peer_up(near));
        a.peer(|peer| peer.state == State::Established).await;
        a.stop().await;
        b.stop().await;
    });
}

#[test]
fn one_that_advertises_nothing_is_found_by_its_connection() {
    on_a_link(|| async {
        let a = unnumbered(64512, "near", "fe80::1").start().await;
        let mut b = plan(64513, "far", "fe80::2", "fe80::1", 64512)
            .start()
            .await;
        a.established().await;
        a.announce(&["198.51.100.0/24"]);
        assert_eq!(b.learns().await, "198.51.100.0/24 via [fe80::1%far]");
        found(&a, "fe80::2").await;
        a.stop().await;
        b.stop().await;
    });
}

#[test]
fn one_that_only_waits_is_found_by_its_advertisements() {
    on_a_link(|| async {
        let mut waiting = unnumbered(64513, "far", "fe80::2");
        waiting.config.peers[0].initiation = bgp_speaker::Initiation::Passive;
        let a = unnumbered(64512, "near", "fe80::1").start().await;
        let b = waiting.start().await;
        tell(&a, "near", running("near", "fe80::1"));
        tell(&b, "far", running("far", "fe80::2"));
        a.established().await;
        b.established().await;
        a.stop().await;
        b.stop().await;
    });
}

#[test]
fn one_that_the_kernel_knows_as_a_router_needs_no_advertisement() {
    on_a_link(|| async {
        let a = unnumbered(64512, "near", "fe80::1").start().await;
        let mut b = plan(64513, "far", "fe80::2", "fe80::1", 64512);
        b.config.peers[0].initiation = bgp_speaker::Initiation::Passive;
        let b = b.start().await;
        let known = PeerLink {
            routers: vec![address("fe80::2")],
            ..running("near", "fe80::1")
        };
        tell(&a, "near", known);
        a.established().await;
        a.stop().await;
        b.stop().await;
    });
}

#[test]
fn the_session_follows_the_link_down_and_up_and_to_another_address() {
    on_a_link(|| async {
        let (a, b) = on_both_ends().await;
        tell(&a, "near", PeerLink::default());
        let down = a.peer(|peer| peer.state != State::Established).await;
        assert_eq!(down.neighbour, None);
        b.stop().await;
        ip("addr del fe80::2/64 dev far");
        ip("addr add fe80::3/64 dev far nodad");
        let b = unnumbered(64513, "far", "fe80::3").start().await;
        tell(&b, "far", running("far", "fe80::3"));
        tell(&a, "near", running("near", "fe80::1"));
        a.established().await;
        found(&a, "fe80::3").await;
        // The interface itself goes, as far as the kernel tells.
        a.handle.set_peer_links(Arc::default());
        a.peer(|peer| peer.state != State::Established).await;
        a.stop().await;
        b.stop().await;
    });
}

#[test]
fn the_session_moves_to_another_router_when_the_first_one_does_not_answer() {
    on_a_link(|| async {
        let (a, b) = on_both_ends().await;
        ip("addr add fe80::3/64 dev far nodad");
        let c = unnumbered(64514, "far", "fe80::3").start().await;
        let silent = PeerLink {
            unreachable: vec![address("fe80::2")],
            ..running("near", "fe80::1")
        };
        tell(&a, "near", silent);
        advertise("fe80::3", 255);
        let with_c = |peer: &PeerStatus| {
            let negotiated = peer.negotiated.as_ref();
            negotiated.is_some_and(|it| it.peer_as.get() == 64514)
        };
        a.peer(with_c).await;
        found(&a, "fe80::3").await;
        a.stop().await;
        b.stop().await;
        c.stop().await;
    });
}

#[test]
fn what_came_from_beyond_the_link_is_not_believed() {
    on_a_link(|| async {
        let a = unnumbered(64512, "near", "fe80::1").start().await;
        tell(&a, "near", running("near", "fe80::1"));
        ip("addr add fe80::3/64 dev far nodad");
        advertise("fe80::2", 64);
        advertise("fe80::3", 255);
        found(&a, "fe80::3").await;
        a.stop().await;
    });
}

#[test]
fn a_second_router_on_the_link_is_not_let_in() {
    on_a_link(|| async {
        let (a, b) = on_both_ends().await;
        ip("addr add fe80::3/64 dev far nodad");
        let socket = TcpSocket::new_v6().unwrap();
        let scope = index("far");
        let own = SocketAddrV6::new(address("fe80::3"), 0, 0, scope);
        socket.bind(own.into()).unwrap();
        let door = SocketAddrV6::new(address("fe80::1"), PORT, 0, scope);
        let mut stream = soon(socket.connect(door.into())).await.unwrap();
        let closed = soon(stream.read(&mut [0; 1])).await;
        assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
        assert_eq!(a.handle.peer_status()[0].state, State::Established);
        found(&a, "fe80::2").await;
        a.stop().await;
        b.stop().await;
    });
}

#[test]
fn an_interface_may_get_a_peer_while_the_speaker_runs_and_lose_it() {
    on_a_link(|| async {
        let mut plan = unnumbered(64512, "near", "fe80::1");
        let peer = plan.config.peers.remove(0);
        let a = plan.start().await;
        let b = unnumbered(64513, "far", "fe80::2").start().await;
        tell(&a, "near", running("near", "fe80::1"));
        tell(&b, "far", running("far", "fe80::2"));
        assert!(a.handle.peer_interfaces().borrow().is_empty());
        let key = peer.key();
        a.handle.add_peer(peer).await.unwrap();
        b.established().await;
        assert!(a.handle.peer_interfaces().borrow().contains("near"));
        assert!(a.handle.remove_peer(key).await.unwrap());
        let mut interfaces = a.handle.peer_interfaces();
        let none = soon(interfaces.wait_for(|it| it.is_empty())).await;
        assert!(none.is_ok());
        drop(none);
        a.stop().await;
        b.stop().await;
    });
}

/// Takes CAP_NET_RAW from this thread, which ends with its test.
fn drop_net_raw() {
    // linux/capability.h: the header of version 3, and the two words of each set.
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    struct Sets {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    const CAP_NET_RAW: u32 = 13;
    let header = Header {
        version: 0x2008_0522,
        pid: 0,
    };
    let mut sets = [Sets::default(); 2];
    // SAFETY: the kernel reads and writes two structures of that layout, of this thread alone.
    let done = unsafe {
        let got = libc::syscall(libc::SYS_capget, &raw const header, &raw mut sets);
        sets[0].effective &= !(1 << CAP_NET_RAW);
        sets[0].permitted &= !(1 << CAP_NET_RAW);
        got | libc::syscall(libc::SYS_capset, &raw const header, &raw const sets)
    };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn without_the_right_to_hear_routers_the_capability_is_named() {
    on_a_link(|| async {
        drop_net_raw();
        let a = unnumbered(64512, "near", "fe80::1").start().await;
        tell(&a, "near", running("near", "fe80::1"));
        let status = a.peer(|peer| peer.last_error.is_some()).await;
        assert_eq!(
            status.last_error.unwrap().text,
            "the peer cannot be looked for: the program lacks the capability CAP_NET_RAW: \
             Operation not permitted (os error 1)"
        );
        a.stop().await;
    });
}
