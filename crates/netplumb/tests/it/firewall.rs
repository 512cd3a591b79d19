//! What the packet filter makes of packets, as iptables and nft set it up.

use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use netplumb::{Accepted, Fate, Firewall, FirewallWatch, Obstacle, Passage, Way};

use crate::world::{in_namespace, name};

/// Runs a test in a namespace of its own where `program` is there; says so where
/// it is not.
fn with(program: &'static str, test: impl FnOnce() + Send + 'static) {
    if Command::new(program).arg("--version").output().is_err() {
        let line = format!("skipped: {program} is not there\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return;
    }
    in_namespace(test);
}

fn run(line: &str) {
    let mut words = line.split_whitespace();
    let output = Command::new(words.next().unwrap()).args(words).output();
    let output = output.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {stderr}");
}

/// Has `nft` carry out a script.
fn nft(script: &str) {
    let output = Command::new("nft").arg(script).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {stderr}");
}

fn passage(to: &str) -> Passage {
    Passage {
        from: name("eth0"),
        from_index: 2,
        by: name("bgplb-1201b136a"),
        by_index: 7,
        service: to.parse().unwrap(),
        way: Way::Request,
    }
}

fn dropped(to: &str) -> Option<Obstacle> {
    match Firewall::open().unwrap().forward(&passage(to)).unwrap() {
        Fate::MayPass => None,
        Fate::Dropped(obstacle) => Some(obstacle),
    }
}

const V4: &str = "10.0.0.101";
const V6: &str = "2001:db8::101";

/// What Docker sets up beside a policy to drop.
const DOCKER: &[&str] = &[
    "-P FORWARD DROP",
    "-N DOCKER-USER",
    "-A DOCKER-USER -j RETURN",
    "-N DOCKER-ISOLATION-STAGE-1",
    "-N DOCKER-ISOLATION-STAGE-2",
    "-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2",
    "-A DOCKER-ISOLATION-STAGE-1 -j RETURN",
    "-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP",
    "-A DOCKER-ISOLATION-STAGE-2 -j RETURN",
    "-N DOCKER",
    "-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp --dport 80 -j ACCEPT",
    "-A FORWARD -j DOCKER-USER",
    "-A FORWARD -j DOCKER-ISOLATION-STAGE-1",
    "-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-A FORWARD -o docker0 -j DOCKER",
    "-A FORWARD -i docker0 ! -o docker0 -j ACCEPT",
    "-A FORWARD -i docker0 -o docker0 -j ACCEPT",
    "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT",
];

#[test]
fn an_empty_filter_drops_nothing() {
    in_namespace(|| {
        assert_eq!(dropped(V4), None);
        assert_eq!(dropped(V6), None);
    });
}

#[test]
fn dockers_policy_to_drop_is_found_and_the_operators_chain_mends_it() {
    with("iptables-nft", || {
        for rule in DOCKER {
            run(&format!("iptables-nft {rule}"));
        }
        let found = dropped(V4).unwrap();
        assert_eq!(found.to_string(), "ip filter FORWARD");
        assert_eq!(found.operators_chain.as_deref(), Some("DOCKER-USER"));
        assert!(found.by_policy && found.is_of_iptables());
        assert_eq!(dropped(V6), None, "the other family is not concerned");
        // As an operator would.
        let rule = "DOCKER-USER -o bgplb-+ -j ACCEPT";
        run(&format!("iptables-nft -I {rule}"));
        assert_eq!(dropped(V4), None);
        run(&format!("iptables-nft -D {rule}"));
        let found = dropped(V4).unwrap();
        // As we do.
        let mut firewall = Firewall::open().unwrap();
        firewall.accept(&found, Accepted::By("bgplb-")).unwrap();
        assert_eq!(dropped(V4), None);
        // To iptables it is the same rule.
        run(&format!("iptables-nft -C {rule}"));
        run(&format!("iptables-nft -D {rule}"));
    });
}

#[test]
fn both_families_have_filters_of_their_own() {
    with("ip6tables-nft", || {
        run("ip6tables-nft -P FORWARD DROP");
        assert_eq!(dropped(V4), None);
        let found = dropped(V6).unwrap();
        assert_eq!(found.to_string(), "ip6 filter FORWARD");
        assert_eq!(found.operators_chain, None);
        let mut firewall = Firewall::open().unwrap();
        firewall.accept(&found, Accepted::By("bgplb-")).unwrap();
        assert_eq!(dropped(V6), None);
        run("ip6tables-nft -C FORWARD -o bgplb-+ -j ACCEPT");
    });
}

#[test]
fn dropped_answers_are_found_and_accepted() {
    with("ip6tables-nft", || {
        run("ip6tables-nft -P FORWARD DROP");
        let answer = Passage {
            from: name("docker0"),
            by: name("eth0"),
            way: Way::Answer,
            ..passage(V6)
        };
        let mut firewall = Firewall::open().unwrap();
        let other = Passage {
            from: name("docker00"),
            ..answer.clone()
        };
        run("ip6tables-nft -A FORWARD -m conntrack --ctstate NEW -j ACCEPT");
        let Fate::Dropped(found) = firewall.forward(&answer).unwrap() else {
            panic!("answers pass");
        };
        let accepted = Accepted::AnswersFrom(&answer.from);
        firewall.accept(&found, accepted).unwrap();
        assert_eq!(firewall.forward(&answer).unwrap(), Fate::MayPass);
        assert_ne!(firewall.forward(&other).unwrap(), Fate::MayPass);
        let rules = Command::new("ip6tables-nft")
            .args(["-S", "FORWARD"])
            .output();
        let rules = String::from_utf8(rules.unwrap().stdout).unwrap();
        assert!(rules.contains("-i docker0 -m"), "{rules}");
        assert!(rules.contains("RELATED,ESTABLISHED -j ACCEPT"), "{rules}");
        // So does the command of iptables.
        run("ip6tables-nft -F FORWARD");
        run(
            "ip6tables-nft -I FORWARD -i docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        );
        assert_eq!(firewall.forward(&answer).unwrap(), Fate::MayPass);
    });
}

#[test]
fn answers_are_accepted_in_a_native_chain() {
    with("nft", || {
        nft("add table inet fw");
        nft("add chain inet fw forward { type filter hook forward priority 0; policy drop; }");
        let answer = Passage {
            from: name("docker0"),
            by: name("eth0"),
            way: Way::Answer,
            ..passage(V4)
        };
        let mut firewall = Firewall::open().unwrap();
        let Fate::Dropped(found) = firewall.forward(&answer).unwrap() else {
            panic!("answers pass");
        };
        let accepted = Accepted::AnswersFrom(&answer.from);
        firewall.accept(&found, accepted).unwrap();
        assert_eq!(firewall.forward(&answer).unwrap(), Fate::MayPass);
        let rules = Command::new("nft").args(["list", "ruleset"]).output();
        let rules = String::from_utf8(rules.unwrap().stdout).unwrap();
        assert!(rules.contains("iifname \"docker0\" ct state"), "{rules}");
    });
}

#[test]
fn what_may_pass_is_not_called_dropped() {
    with("iptables-nft", || {
        for rule in DOCKER {
            run(&format!("iptables-nft {rule}"));
        }
        for accepting in [
            "FORWARD -p tcp --dport 80 -j ACCEPT",
            "FORWARD -s 192.0.2.0/24 -j ACCEPT",
            "FORWARD -d 10.0.0.101/32 -m conntrack --ctstate NEW -j ACCEPT",
            "FORWARD -i eth0 -j ACCEPT",
            "DOCKER-USER -m limit --limit 5/min -j ACCEPT",
            "FORWARD -d 10.0.0.0/24 -m comment --comment ours -j ACCEPT",
            "FORWARD -m addrtype --dst-type UNICAST -j ACCEPT",
        ] {
            run(&format!("iptables-nft -I {accepting}"));
            assert_eq!(dropped(V4), None, "{accepting}");
            run(&format!("iptables-nft -D {accepting}"));
        }
        for other in [
            "FORWARD -d 10.0.0.102/32 -j ACCEPT",
            "FORWARD -i eth1 -j ACCEPT",
            "FORWARD -o eth0 -p tcp -j ACCEPT",
            "DOCKER-USER -s 192.0.2.0/24 -j RETURN",
            "DOCKER-USER -s 192.0.2.0/24 -j DROP",
            "FORWARD -j LOG",
        ] {
            run(&format!("iptables-nft -I {other}"));
            assert!(dropped(V4).is_some(), "{other}");
            run(&format!("iptables-nft -D {other}"));
        }
    });
}

#[test]
fn rules_that_drop_are_found_too() {
    with("iptables-nft", || {
        run("iptables-nft -A FORWARD -s 192.0.2.0/24 -j REJECT");
        assert_eq!(dropped(V4), None, "some pass");
        run("iptables-nft -A FORWARD -j REJECT");
        let found = dropped(V4).unwrap();
        assert!(!found.by_policy);
        let mut firewall = Firewall::open().unwrap();
        firewall.accept(&found, Accepted::By("bgplb-")).unwrap();
        assert_eq!(dropped(V4), None);
    });
}

#[test]
fn chains_of_nft_are_understood() {
    with("nft", || {
        nft("add table inet fw");
        nft("add chain inet fw forward { type filter hook forward priority 0; policy drop; }");
        for other in [
            "ct state vmap { established : accept, related : accept, invalid : drop }",
            "ct state established,related accept",
            "oifname { \"eth1\", \"eth2\" } accept",
            "ip daddr 10.0.0.102 accept",
            "iif lo accept",
        ] {
            nft(&format!("add rule inet fw forward {other}"));
            assert_eq!(
                dropped(V4).unwrap().to_string(),
                "inet fw forward",
                "{other}"
            );
        }
        assert!(dropped(V6).is_some());
        for accepting in [
            "ct state vmap { new : accept }",
            "oifname \"bgplb-*\" accept",
            "oifname { \"eth1\", \"bgplb-1201b136a\" } accept",
            "ip daddr 10.0.0.0/8 accept",
            "ip daddr { 10.0.0.0/24, 192.0.2.0/24 } accept",
            "meta nfproto ipv4 accept",
            "tcp dport { 80, 443 } accept",
            "ct state new counter log accept",
        ] {
            nft(&format!("insert rule inet fw forward {accepting}"));
            assert_eq!(dropped(V4), None, "{accepting}");
            nft("flush chain inet fw forward");
        }
        let found = dropped(V6).unwrap();
        Firewall::open()
            .unwrap()
            .accept(&found, Accepted::By("bgplb-"))
            .unwrap();
        assert_eq!(dropped(V6), None);
        assert_eq!(dropped(V4), None);
    });
}

#[test]
fn a_changed_filter_wakes_the_watch() {
    with("nft", || {
        let mut watch = FirewallWatch::open().unwrap();
        let quiet = Duration::from_millis(20);
        assert!(!watch.wait(quiet).unwrap());
        for change in [
            "add table ip fw",
            "add chain ip fw forward { type filter hook forward priority 0; policy drop; }",
            "add rule ip fw forward accept",
            "delete table ip fw",
        ] {
            nft(change);
            assert!(watch.wait(Duration::from_secs(5)).unwrap(), "{change}");
            while watch.wait(quiet).unwrap() {}
        }
    });
}
