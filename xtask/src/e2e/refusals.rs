//! Networks that can't be: each is refused with a sentence, and nothing changes.

use anyhow::{Result, ensure};

use super::pools::refusal;
use super::suite::Case;
use crate::lab::Lab;
use crate::lab::host::PLUGIN;
use crate::scenario::{self, WEB};

/// Tests that have nothing to do with the kind of router.
pub(super) const CASES: [(&str, Case); 1] = [(
    "bad_addresses_are_refused_with_a_sentence_and_change_nothing",
    bad_addresses,
)];

/// Options beside ours as IPAM driver, and what the answer has to name.
const BAD_ADDRESSES: &[(&[&str], &str)] = &[
    // Host bits, no addresses at all.
    (&["--subnet", "10.0.0.102/24"], "such as 10.0.0.102/32"),
    (&[], "the network has no address: give --subnet"),
    // Addresses that no service can have.
    (&["--subnet", "127.0.0.1/32"], "a loopback address"),
    (&["--subnet", "169.254.7.7/32"], "a link-local address"),
    (&["--subnet", "224.0.0.5/32"], "a multicast address"),
    (&["--subnet", "255.255.255.255/32"], "the broadcast address"),
    (
        &[
            "--subnet",
            "10.0.0.102/32",
            "--ipv6",
            "--subnet",
            "fe80::1/128",
        ],
        "a link-local address",
    ),
    // Another network's, or too many.
    (
        &["--subnet", "10.0.0.101/32"],
        "10.0.0.101/32 belongs to network web1 already",
    ),
    (
        &["--subnet", "10.0.0.102/32", "--subnet", "10.0.0.103/32"],
        "2 IPv4 subnets given: a network is one service",
    ),
    (
        &["--subnet", "10.0.0.102/32", "--ip-range", "10.0.0.102/32"],
        "--ip-range is not supported",
    ),
    // Options.
    (
        &["--subnet", "10.0.0.102/32", "--ipam-opt", "v6subnets=x"],
        "there is no --ipam-opt v6subnets: bgplb has pool=<name> and v6subnet=",
    ),
    // Pools.
    (
        &["--ipam-opt", "pool=wep"],
        "pool \"wep\" is not known: the pools are db, web",
    ),
    (
        &["--ipam-opt", "pool=web", "--subnet", "10.0.2.1/32"],
        "10.0.2.1 is not in pool web (10.0.1.30-10.0.1.33)",
    ),
    (
        &["--ipam-opt", "pool=db", "--ipv6"],
        "pool db has no IPv6 addresses",
    ),
];

fn bad_addresses(lab: &Lab) -> Result<()> {
    let [h1, _] = super::cases::hosts(lab)?;
    scenario::await_gateways(lab)?;
    h1.create_web1()?;
    let before = scenario::traces(h1)?;
    let networks = h1.docker.names(&["network", "ls"], "Name")?;
    ensure!(networks.iter().any(|name| name == WEB), "{networks:?}");
    for (options, words) in BAD_ADDRESSES {
        let options = [&["--ipam-driver", PLUGIN], *options].concat();
        let said = refusal(h1, &options)?;
        ensure!(said.contains(words), "{options:?} is answered with {said}");
    }
    // Docker's own address management gives out what no service can have.
    for options in [&["--subnet", "10.0.0.0/24"][..], &["--ipam-driver", "null"]] {
        let said = refusal(h1, options)?;
        let words = "another IPAM driver: name this plugin with --ipam-driver too";
        ensure!(said.contains(words), "{options:?} is answered with {said}");
    }
    let after = h1.docker.names(&["network", "ls"], "Name")?;
    ensure!(after == networks, "now there are {after:?}");
    scenario::expect_traces(h1, &before)
}
