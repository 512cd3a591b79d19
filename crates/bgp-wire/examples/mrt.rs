//! Walks an MRT file and prints a line for each message, change of state and
//! route: `cargo run -p bgp-wire --features mrt --example mrt -- FILE`.
#![expect(clippy::print_stdout, reason = "printing is what this example does")]

use std::error::Error;

use bgp_wire::MessageView;
use bgp_wire::mrt::{PeerEntry, RecordBody, Records, RibEntryView};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("name an MRT file")?;
    let file = std::fs::read(path)?;
    let mut peers = Vec::new();
    for record in Records::new(&file) {
        let record = record?;
        let time = record.time().as_secs_f64();
        let body = match record.body() {
            Ok(body) => body,
            Err(error) => {
                println!("{time:.6} <{error}>");
                continue;
            }
        };
        match body {
            RecordBody::PeerIndexTable(table) => {
                peers = table.peers().collect::<Result<_, _>>()?;
                println!("{time:.6} {} peers of {}", peers.len(), table.collector());
            }
            RecordBody::Rib(rib) => {
                for route in rib.entries() {
                    let route = route?;
                    let from = peers.get(usize::from(route.peer_index()));
                    print_route(rib.prefix(), route, from);
                }
            }
            RecordBody::Message(message) => {
                let peer = message.peering().peer_address;
                match message.message() {
                    Ok(MessageView::Update(update)) => {
                        println!("{time:.6} {peer} {}", update.display(message.context()));
                    }
                    Ok(view) => println!("{time:.6} {peer} {view}"),
                    Err(error) => println!("{time:.6} {peer} <{error}>"),
                }
            }
            RecordBody::StateChange(it) => {
                let peer = it.peering.peer_address;
                println!("{time:.6} {peer} {} -> {}", it.old_state, it.new_state);
            }
            _ => println!("{time:.6} {} {}", record.record_type(), record.subtype()),
        }
    }
    Ok(())
}

fn print_route(prefix: impl std::fmt::Display, route: RibEntryView<'_>, from: Option<&PeerEntry>) {
    print!("{prefix}");
    if let Some(peer) = from {
        print!(" from {} as {}", peer.address, peer.asn);
    }
    if let Some(next_hop) = route.next_hop() {
        print!(" next-hop {next_hop}");
    }
    if let Some(path) = route.attributes().as_path() {
        print!(" as-path [{path}]");
    }
    println!();
}
