//! The process of the neighbour: one thread a session. It decodes by itself, on purpose without the
//! code it measures.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::thread;

use anyhow::{Context as _, Result, ensure};

use super::{Arrival, News, now};
use crate::lab::ROUTER_V4;
use crate::lab::router::ROUTER_AS;

/// Seconds; no session of a benchmark lives as long without a KEEPALIVE.
const HOLD_TIME: u16 = 90;

const OPEN: u8 = 1;
const UPDATE: u8 = 2;
const KEEPALIVE: u8 = 4;
const MP_REACH_NLRI: u8 = 14;
const MP_UNREACH_NLRI: u8 = 15;

/// The hidden subcommand: serves until it is killed.
///
/// # Errors
///
/// When the port is taken.
pub(crate) fn run() -> Result<()> {
    let listener = TcpListener::bind((ROUTER_V4, 179)).context("listen on the BGP port")?;
    for stream in listener.incoming() {
        // Each session in a thread of its own: both hosts connect.
        let stream = stream?;
        thread::spawn(move || {
            if let Err(error) = session(stream) {
                eprintln!("a session ended: {error:#}");
            }
        });
    }
    Ok(())
}

fn session(mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let host = stream.peer_addr()?.ip();
    loop {
        let Some((kind, body)) = receive(&mut stream)? else {
            return Ok(());
        };
        let nanos = now();
        match kind {
            OPEN => {
                stream.write_all(&[open_message(), message(KEEPALIVE, &[])].concat())?;
                tell(nanos, host, [News::Open])?;
            }
            KEEPALIVE => stream.write_all(&message(KEEPALIVE, &[]))?,
            UPDATE => {
                let news = prefixes(&body)?.into_iter();
                tell(nanos, host, news.map(News::of))?;
            }
            // A NOTIFICATION; what follows is the end of the connection.
            _ => {}
        }
    }
}

/// Writes down what one message said, for the [`Sink`](super::Sink) to read.
fn tell(nanos: u128, host: IpAddr, news: impl IntoIterator<Item = News>) -> io::Result<()> {
    let mut text = String::new();
    for news in news {
        text.push_str(&format!("{}\n", Arrival { nanos, host, news }));
    }
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

/// The next message's kind and body; `None` when there is none because the host has gone.
fn receive(stream: &mut TcpStream) -> Result<Option<(u8, Vec<u8>)>> {
    let mut header = [0; 19];
    match stream.read_exact(&mut header) {
        Err(error)
            if [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset].contains(&error.kind()) =>
        {
            return Ok(None);
        }
        read => read?,
    }
    let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
    ensure!(
        (19..=4096).contains(&length),
        "a message of {length} octets"
    );
    let mut body = vec![0; length - 19];
    stream.read_exact(&mut body)?;
    Ok(Some((header[18], body)))
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).expect("fixed and short");
    let mut octets = vec![0xff; 16];
    octets.extend(length.to_be_bytes());
    octets.push(kind);
    octets.extend(body);
    octets
}

/// OPEN with both families and a four-octet AS number (RFC 4271 section 4.2, RFC 5492).
fn open_message() -> Vec<u8> {
    let mut capabilities = vec![1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1, 65, 4];
    capabilities.extend(ROUTER_AS.to_be_bytes());
    let length = u8::try_from(capabilities.len()).expect("fixed and short");
    let mut body = vec![4];
    let short_as = u16::try_from(ROUTER_AS).expect("the README's number is short");
    body.extend(short_as.to_be_bytes());
    body.extend(HOLD_TIME.to_be_bytes());
    body.extend(ROUTER_V4.octets());
    body.extend([length + 2, 2, length]);
    body.extend(capabilities);
    message(OPEN, &body)
}

/// Every prefix of an UPDATE's body, with whether it is announced (RFC 4271 section 4.3,
/// RFC 4760 sections 3 and 4).
fn prefixes(body: &[u8]) -> Result<Vec<(bool, IpAddr)>> {
    let short = || anyhow::anyhow!("an UPDATE is shorter than it says");
    let part = |octets: &[u8]| -> Result<(Vec<u8>, Vec<u8>)> {
        let (length, rest) = octets.split_first_chunk::<2>().ok_or_else(short)?;
        let (part, rest) = rest
            .split_at_checked(usize::from(u16::from_be_bytes(*length)))
            .ok_or_else(short)?;
        Ok((part.to_vec(), rest.to_vec()))
    };
    let (withdrawn, rest) = part(body)?;
    let (attributes, nlri) = part(&rest)?;
    let mut found = Vec::new();
    walk(&withdrawn, false, false, &mut found)?;
    walk(&nlri, false, true, &mut found)?;
    let mut rest = attributes.as_slice();
    while let [flags, kind, tail @ ..] = rest {
        let (length, tail) = if flags & 0x10 == 0 {
            let (length, tail) = tail.split_first().ok_or_else(short)?;
            (usize::from(*length), tail)
        } else {
            let (length, tail) = tail.split_first_chunk::<2>().ok_or_else(short)?;
            (usize::from(u16::from_be_bytes(*length)), tail)
        };
        let (value, tail) = tail.split_at_checked(length).ok_or_else(short)?;
        rest = tail;
        match (*kind, value) {
            // Family, next hop with its length, a reserved octet, prefixes.
            (MP_REACH_NLRI, [0, afi, 1, hop, more @ ..]) => {
                let nlri = more.get(usize::from(*hop) + 1..).ok_or_else(short)?;
                walk(nlri, *afi == 2, true, &mut found)?;
            }
            (MP_UNREACH_NLRI, [0, afi, 1, nlri @ ..]) => {
                walk(nlri, *afi == 2, false, &mut found)?;
            }
            _ => {}
        }
    }
    Ok(found)
}

fn walk(
    mut octets: &[u8],
    v6: bool,
    announced: bool,
    found: &mut Vec<(bool, IpAddr)>,
) -> Result<()> {
    while let Some((bits, rest)) = octets.split_first() {
        let length = usize::from(bits.div_ceil(8));
        let (prefix, rest) = rest
            .split_at_checked(length)
            .context("a prefix is cut off")?;
        octets = rest;
        let mut address = [0; 16];
        address
            .get_mut(..length)
            .context("a prefix is too long")?
            .copy_from_slice(prefix);
        let v4 = Ipv4Addr::new(address[0], address[1], address[2], address[3]);
        let address = if v6 {
            Ipv6Addr::from(address).into()
        } else {
            IpAddr::V4(v4)
        };
        found.push((announced, address));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_of_an_update_are_found() {
        let mut body = vec![0, 5, 32, 10, 0, 0, 101];
        let mut unreach = vec![0x80, MP_UNREACH_NLRI, 20, 0, 2, 1, 128];
        unreach.extend(Ipv6Addr::LOCALHOST.octets());
        body.extend([0, u8::try_from(unreach.len()).unwrap()]);
        body.extend(unreach);
        body.extend([24, 192, 0, 2]);
        assert_eq!(
            prefixes(&body).unwrap(),
            [
                (false, IpAddr::from([10, 0, 0, 101])),
                (true, IpAddr::from([192, 0, 2, 0])),
                (false, IpAddr::V6(Ipv6Addr::LOCALHOST)),
            ]
        );
    }

    #[test]
    fn a_cut_off_update_is_an_error() {
        let whole = [0, 5, 32, 10, 0, 0, 101, 0, 0];
        for length in 0..whole.len() {
            assert!(prefixes(&whole[..length]).is_err(), "{length} octets");
        }
    }
}
