//! Connections that are held open and asked over and over who answers.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::Result;

use super::{READY, REQUEST_LIMIT, Summary};
use crate::lab::image::TELLING_PORT;

/// Pause between two rounds of questions.
const PACE: Duration = Duration::from_millis(50);

/// Opens `count` connections to each address, says so when every one was answered, and asks on
/// each until `ended`. Of the summary, answers are the connections that were alive to the end, by
/// who answered at the beginning; failures the lost ones, beginning with that name.
///
/// # Errors
///
/// When a connection can't be opened.
pub(super) fn run(addresses: &[IpAddr], count: u32, ended: &Receiver<()>) -> Result<Summary> {
    let mut flows = Vec::new();
    for address in addresses.iter().flat_map(|it| (0..count).map(move |_| *it)) {
        flows.push(Flow::open(address)?);
    }
    println!("{READY}");
    let mut summary = Summary::default();
    loop {
        let last = ended.recv_timeout(PACE) == Err(RecvTimeoutError::Disconnected);
        flows.retain_mut(|flow| match flow.ask() {
            Ok(name) if name == flow.name => true,
            Ok(other) => summary.lost(flow, &format!("answered by {other}")),
            Err(error) => summary.lost(flow, &error.to_string()),
        });
        if last {
            break;
        }
    }
    for flow in flows {
        *summary.answers.entry(flow.name).or_default() += 1;
    }
    Ok(summary)
}

impl Summary {
    fn lost(&mut self, flow: &Flow, why: &str) -> bool {
        self.failures.push(format!("{}: {why}", flow.name));
        false
    }
}

/// One connection and who answered on it first.
struct Flow {
    stream: BufReader<TcpStream>,
    name: String,
}

impl Flow {
    fn open(address: IpAddr) -> io::Result<Self> {
        let address = SocketAddr::new(address, TELLING_PORT);
        let stream = TcpStream::connect_timeout(&address, REQUEST_LIMIT)?;
        stream.set_read_timeout(Some(REQUEST_LIMIT))?;
        let mut flow = Self {
            stream: BufReader::new(stream),
            name: String::new(),
        };
        flow.name = flow.ask()?;
        Ok(flow)
    }

    fn ask(&mut self) -> io::Result<String> {
        self.stream.get_mut().write_all(b"\n")?;
        let mut name = String::new();
        match self.stream.read_line(&mut name)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(name.trim_end().to_owned()),
        }
    }
}
