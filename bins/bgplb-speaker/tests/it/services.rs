//! Services of the file: their addresses, and when they are announced.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use netplumb::{Netlink, Watch};

use crate::namespace::{in_namespace, ip};
use crate::program::config;
use crate::router::{Router, Session};
use crate::running::Running;

/// The addresses of the namespace's loopback link, but its own.
struct Loopback {
    kernel: Netlink,
    watch: Watch,
}

impl Loopback {
    fn new() -> Self {
        Self {
            kernel: Netlink::open().unwrap(),
            watch: Watch::open_for_addresses().unwrap(),
        }
    }

    fn addresses(&mut self) -> Vec<String> {
        let links = self.kernel.addresses().unwrap();
        let of_lo = links.into_iter().filter(|(link, _)| link.as_str() == "lo");
        let all = of_lo.flat_map(|(_, addresses)| addresses);
        let all = all.map(|it| it.to_string());
        all.filter(|it| it != "127.0.0.1/8" && it != "::1/128")
            .collect()
    }

    fn become_(&mut self, wanted: &[&str]) {
        while self.addresses() != wanted {
            let _ = self.watch.wait(Duration::from_secs(30)).unwrap();
        }
    }
}

/// The next thing the router is told of a route.
fn route(session: &mut Session) -> String {
    loop {
        let told = session.told();
        if told != "end" {
            return told;
        }
    }
}

/// So many prefixes that the router is told of, in whatever number of messages.
fn prefixes(session: &mut Session, count: usize) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    while told.len() < count {
        let message = route(session);
        let words = message.split(' ').filter(|it| it.starts_with(['+', '-']));
        told.extend(words.map(str::to_owned));
    }
    told
}

fn service(name: &str, addresses: &str, more: &str) -> String {
    format!("[[services]]\nname = \"{name}\"\naddresses = [{addresses}]\nlink = \"lo\"\n{more}\n")
}

#[test]
fn an_address_is_there_before_it_is_announced_and_goes_after_it_is_withdrawn() {
    in_namespace(|| {
        let mut loopback = Loopback::new();
        ip("addr add 10.1.1.1/32 dev lo");
        let router = Router::new();
        let both = config(&[router.peer("")], &[])
            + &service("web", "\"203.0.113.1\", \"2001:db8::1\"", "med = 7")
            + &service("dns", "\"203.0.113.2\"", "");
        let speaker = Running::start("service", &both);
        let mut session = router.accept();
        let mut told = [route(&mut session), route(&mut session)];
        told.sort();
        let wanted = [
            "+203.0.113.1/32 path 64512 med 7",
            "+203.0.113.2/32 path 64512",
        ];
        assert_eq!(told, wanted);
        let all = [
            "10.1.1.1/32",
            "203.0.113.1/32",
            "203.0.113.2/32",
            "2001:db8::1/128",
        ];
        assert_eq!(loopback.addresses(), all);
        // One of them goes, and the other hears nothing of it.
        let one = config(&[router.peer("")], &[]) + &service("dns", "\"203.0.113.2\"", "");
        fs::write(speaker.config(), one).unwrap();
        speaker.said(&["reload"]);
        assert_eq!(route(&mut session), "-203.0.113.1/32");
        assert_eq!(loopback.addresses(), all);
        loopback.become_(&["10.1.1.1/32", "203.0.113.2/32"]);
        speaker.terminate();
        assert_eq!(route(&mut session), "-203.0.113.2/32");
        // What others have put there stays.
        assert_eq!(loopback.addresses(), ["10.1.1.1/32"]);
    });
}

#[test]
fn an_address_that_somebody_deletes_comes_back_and_is_not_announced_meanwhile() {
    in_namespace(|| {
        let mut loopback = Loopback::new();
        let router = Router::new();
        let text = config(&[router.peer("")], &[]) + &service("web", "\"203.0.113.1\"", "");
        let _speaker = Running::start("mended", &text);
        let mut session = router.accept();
        assert_eq!(route(&mut session), "+203.0.113.1/32 path 64512");
        ip("addr del 203.0.113.1/32 dev lo");
        loopback.become_(&["203.0.113.1/32"]);
    });
}

#[test]
fn one_service_is_drained_and_comes_back_alone() {
    in_namespace(|| {
        let router = Router::new();
        let text = config(&[router.peer("")], &[])
            + &service("web", "\"203.0.113.1\"", "drain-time = 1")
            + &service("dns", "\"203.0.113.2\"", "");
        let speaker = Running::start("drained", &text);
        let mut session = router.accept();
        prefixes(&mut session, 2);
        let said = speaker.said(&["drain", "web", "--wait"]);
        assert_eq!(said, "the service web is drained: it is withdrawn\n");
        assert_eq!(
            route(&mut session),
            "+203.0.113.1/32 path 64512 graceful-shutdown"
        );
        assert_eq!(route(&mut session), "-203.0.113.1/32");
        let shown = speaker.said(&["services"]);
        assert!(shown.contains("drained"), "{shown}");
        assert_eq!(
            speaker.said(&["undrain", "web"]),
            "the service web is no longer drained\n"
        );
        assert_eq!(route(&mut session), "+203.0.113.1/32 path 64512");
        speaker.terminate();
    });
}

#[test]
fn a_service_whose_link_is_not_there_is_withheld_and_says_so() {
    in_namespace(|| {
        let router = Router::new();
        let text = config(&[router.peer("")], &[])
            + "[[services]]\nname = \"web\"\naddresses = [\"203.0.113.1\"]\nlink = \"eth7\"\n";
        let speaker = Running::start("no-link", &text);
        let mut session = router.accept();
        let explained = speaker.said(&["explain", "203.0.113.1"]);
        assert!(explained.contains("there is no link eth7"), "{explained}");
        let counted = || {
            let status = speaker.said(&["status", "-o", "json"]);
            let status: serde_json::Value = serde_json::from_str(&status).unwrap();
            ["announced", "undelivered"].map(|it| status["services"][it].as_u64())
        };
        assert_eq!(counted(), [Some(0), Some(1)]);
        ip("link add eth7 type veth peer name eth8");
        ip("link set eth7 up");
        assert_eq!(route(&mut session), "+203.0.113.1/32 path 64512");
        assert_eq!(counted(), [Some(1), Some(0)]);
    });
}

#[test]
fn a_service_is_announced_while_its_check_passes() {
    in_namespace(|| {
        let router = Router::new();
        let check = "[[services.checks]]\nkind = \"tcp\"\nport = 8080\ninterval = 0.05\nrise = 2\nfall = 2\n";
        let text = config(&[router.peer("")], &[]) + &service("web", "\"203.0.113.1\"", check);
        let speaker = Running::start("checked", &text);
        let mut session = router.accept();
        speaker.soon(|| {
            let explained = speaker.said(&["explain", "203.0.113.1"]);
            explained.contains("tcp 127.0.0.1:8080") && explained.contains("refused")
        });
        let listener = TcpListener::bind("127.0.0.1:8080").unwrap();
        assert_eq!(route(&mut session), "+203.0.113.1/32 path 64512");
        let shown = speaker.said(&["services"]);
        assert!(shown.contains("1/1 passing"), "{shown}");
        drop(listener);
        assert_eq!(route(&mut session), "-203.0.113.1/32");
        let shown = speaker.said(&["services"]);
        assert!(shown.contains("unhealthy"), "{shown}");
        speaker.terminate();
    });
}

#[test]
fn a_reload_that_changes_a_service_withdraws_nothing_that_stays() {
    in_namespace(|| {
        let router = Router::new();
        let with =
            |addresses: &str| config(&[router.peer("")], &[]) + &service("web", addresses, "");
        let one = with("\"203.0.113.1\"");
        let speaker = Running::start("changed", &one);
        let mut session = router.accept();
        assert_eq!(route(&mut session), "+203.0.113.1/32 path 64512");
        fs::write(speaker.config(), with("\"203.0.113.1\", \"203.0.113.2\"")).unwrap();
        speaker.said(&["reload"]);
        assert_eq!(route(&mut session), "+203.0.113.2/32 path 64512");
        fs::write(speaker.config(), with("\"203.0.113.2\"")).unwrap();
        speaker.said(&["reload"]);
        assert_eq!(route(&mut session), "-203.0.113.1/32");
        speaker.terminate();
    });
}

#[test]
fn a_file_keeps_a_service_in_maintenance() {
    in_namespace(|| {
        let router = Router::new();
        let file = std::env::temp_dir().join(format!("bgplb-maintenance-{}", std::process::id()));
        fs::write(&file, "").unwrap();
        let more = format!("maintenance-file = \"{}\"", file.display());
        let text = config(&[router.peer("")], &[]) + &service("web", "\"203.0.113.1\"", &more);
        let speaker = Running::start("maintained", &text);
        let mut session = router.accept();
        speaker.soon(|| speaker.said(&["services"]).contains("maintenance"));
        fs::remove_file(&file).unwrap();
        assert_eq!(route(&mut session), "+203.0.113.1/32 path 64512");
        fs::write(&file, "").unwrap();
        assert_eq!(route(&mut session), "-203.0.113.1/32");
        fs::remove_file(&file).unwrap();
    });
}

#[test]
fn a_killed_program_finds_what_it_has_left_and_takes_away_what_is_not_wanted_any_more() {
    in_namespace(|| {
        let mut loopback = Loopback::new();
        let router = Router::new();
        let state =
            std::env::temp_dir().join(format!("bgplb-services-{}.json", std::process::id()));
        let without = format!(
            "{}[control]\nstate = \"{}\"\n",
            config(&[router.peer("")], &[]),
            state.display()
        );
        let with = |addresses: &str| without.clone() + &service("web", addresses, "");
        let first = Running::start("killed-service", &with("\"203.0.113.1\", \"203.0.113.2\""));
        let mut session = router.accept();
        prefixes(&mut session, 2);
        // By SIGKILL.
        drop(first);
        assert_eq!(loopback.addresses(), ["203.0.113.1/32", "203.0.113.2/32"]);
        let second = Running::start("killed-service-2", &with("\"203.0.113.2\""));
        let mut session = router.accept();
        assert!(session.says_restarted());
        assert_eq!(session.told(), "+203.0.113.2/32 path 64512");
        assert_eq!(session.told(), "end");
        loopback.become_(&["203.0.113.2/32"]);
        // So does the last one, with the file's last service.
        drop(second);
        let third = Running::start("killed-service-3", &without);
        loopback.become_(&[]);
        third.terminate();
        fs::remove_file(&state).unwrap();
    });
}
