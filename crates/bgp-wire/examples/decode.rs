//! Prints BGP messages given as hexadecimal digits, as a line and as a tree:
//! `cargo run -p bgp-wire --example decode -- ffff…001304`. Without an
//! argument it encodes an UPDATE and prints that.
#![expect(clippy::print_stdout, reason = "printing is what this example does")]

use std::error::Error;

use bgp_wire::{
    AsPath, AsWidth, Asn, Community, DecodeContext, Family, MaxMessageLen, NextHop, PathAttributes,
    RawMessage, SessionKind, UpdateWriter,
};
use bytes::BytesMut;

/// What the session of the messages has settled.
const SESSION: DecodeContext = DecodeContext::new(AsWidth::Four, SessionKind::External);

fn main() -> Result<(), Box<dyn Error>> {
    let mut stream = BytesMut::new();
    for argument in std::env::args().skip(1) {
        stream.extend_from_slice(&octets(&argument)?);
    }
    if stream.is_empty() {
        stream = built()?;
        println!("{}", hex(&stream));
    }
    while let Some(message) = RawMessage::split_from(&mut stream, MaxMessageLen::EXTENDED)? {
        let view = message.view()?;
        println!("{view}");
        println!("{}", view.tree(SESSION));
    }
    if !stream.is_empty() {
        return Err(format!("{} octets are no whole message", stream.len()).into());
    }
    Ok(())
}

/// An announcement of one IPv6 route on its way out.
fn built() -> Result<BytesMut, Box<dyn Error>> {
    let mut attributes = PathAttributes::originated();
    attributes.as_path = AsPath::sequence([Asn::new(64512)]);
    attributes.communities.push(Community::GRACEFUL_SHUTDOWN);
    let mut buf = BytesMut::new();
    let mut update = UpdateWriter::announce(
        &mut buf,
        MaxMessageLen::STANDARD,
        Family::IPV6_UNICAST,
        &NextHop::v6("2001:db8::1".parse()?),
        &attributes,
        SESSION,
    )?;
    update.push("2001:db8:1000::101/128".parse()?)?;
    update.finish();
    Ok(buf)
}

fn octets(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()
        .ok_or("not hexadecimal digits")?;
    let (pairs, []) = digits.as_chunks::<2>() else {
        return Err("half an octet at the end".into());
    };
    Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
