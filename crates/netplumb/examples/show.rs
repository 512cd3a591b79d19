//! Prints the links, addresses and routes of this network namespace.
//!
//! `cargo run -p netplumb --example show`
#![allow(clippy::print_stdout)]

use std::error::Error;

use netplumb::{Kernel, Netlink, NextHopSpec};

fn main() -> Result<(), Box<dyn Error>> {
    let observed = Netlink::open()?.observe()?;

    println!("links");
    for (name, link) in &observed.links {
        let kind = match link.kind.name() {
            "" => "link",
            kind => kind,
        };
        let state = if link.up { "up" } else { "down" };
        print!("  {name:<15} {kind:<8} {state:<4} mtu {}", link.mtu);
        if let Some(master) = &link.master {
            print!(" master {master}");
        }
        if !link.alias.is_empty() {
            print!(" alias {}", link.alias);
        }
        println!();
    }

    println!("addresses");
    for addr in &observed.addrs {
        println!("  {:<15} {}", addr.link, addr.addr);
    }

    println!("routes");
    for (key, route) in &observed.routes {
        println!("  {key}");
        for hop in &*route.next_hops {
            println!("      {}", next_hop(hop));
        }
    }
    Ok(())
}

fn next_hop(hop: &NextHopSpec) -> String {
    let mut words = Vec::new();
    if let Some(gateway) = hop.gateway {
        words.push(format!("via {gateway}"));
    }
    if let Some(link) = &hop.link {
        words.push(format!("dev {link}"));
    }
    if hop.weight > 1 {
        words.push(format!("weight {}", hop.weight));
    }
    if hop.onlink {
        words.push("onlink".to_owned());
    }
    words.join(" ")
}
