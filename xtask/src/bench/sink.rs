//! A BGP neighbour for stop-watches: it accepts one session after the other, answers OPEN and
//! KEEPALIVE with fixed octets, and notes when which message came. It runs as a hidden subcommand in
//! the router's namespace.

mod neighbour;

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, BufRead as _, BufReader};
use std::net::IpAddr;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};

pub(crate) use self::neighbour::run;
use crate::lab::netns::Netns;
use crate::sys;

/// What came from a host, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Nanoseconds since 1970, read when the message was complete.
    pub(crate) nanos: u128,
    /// Who sent it.
    pub(crate) host: IpAddr,
    /// What it says.
    pub(crate) news: News,
}

/// One thing that a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum News {
    /// An OPEN.
    Open,
    /// A prefix of an UPDATE is announced; benchmarks only care for the addresses of host prefixes.
    Announced(IpAddr),
    /// One is withdrawn.
    Withdrawn(IpAddr),
}

impl News {
    const fn of((announced, address): (bool, IpAddr)) -> Self {
        if announced {
            Self::Announced(address)
        } else {
            Self::Withdrawn(address)
        }
    }
}

/// The neighbour, running.
#[derive(Debug)]
pub(crate) struct Sink {
    child: std::process::Child,
    arrivals: Receiver<Arrival>,
}

impl Sink {
    /// Starts it on the BGP port of the router's namespace.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub(crate) fn start(netns: &Netns) -> Result<Self> {
        let program = sys::own_program();
        let mut child = netns.command(&program).arg("lab-sink").piped()?;
        let output = child.stdout.take().context("the neighbour has an output")?;
        let (sender, arrivals) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(io::Result::ok) {
                if let Some(arrival) = parse_line(&line)
                    && sender.send(arrival).is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { child, arrivals })
    }

    /// When the last of these is there; what else comes meanwhile is forgotten.
    ///
    /// # Errors
    ///
    /// When one has not come within `limit`.
    pub(crate) fn wait_all(
        &self,
        host: impl Into<IpAddr>,
        wanted: impl IntoIterator<Item = News>,
        limit: Duration,
    ) -> Result<u128> {
        let deadline = Instant::now() + limit;
        let host = host.into();
        let mut missing: BTreeSet<News> = wanted.into_iter().collect();
        let mut last = 0;
        while let Some(first) = missing.first() {
            let left = deadline.saturating_duration_since(Instant::now());
            let arrival = self.arrivals.recv_timeout(left).with_context(|| {
                let count = missing.len();
                format!("wait {limit:?} for {first:?} from {host}, one of {count} missing")
            })?;
            if arrival.host == host && missing.remove(&arrival.news) {
                last = arrival.nanos;
            }
        }
        Ok(last)
    }

    /// Forgets what has come so far.
    pub(crate) fn forget(&self) {
        self.arrivals.try_iter().for_each(drop);
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads what [`Arrival`]'s `Display` has written.
fn parse_line(line: &str) -> Option<Arrival> {
    let mut words = line.split(' ');
    Some(Arrival {
        nanos: words.next()?.parse().ok()?,
        host: words.next()?.parse().ok()?,
        news: match words.next()? {
            "open" => News::Open,
            "announce" => News::Announced(words.next()?.parse().ok()?),
            "withdraw" => News::Withdrawn(words.next()?.parse().ok()?),
            _ => return None,
        },
    })
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.nanos, self.host)?;
        match self.news {
            News::Open => write!(f, "open"),
            News::Announced(address) => write!(f, "announce {address}"),
            News::Withdrawn(address) => write!(f, "withdraw {address}"),
        }
    }
}

/// Nanoseconds since 1970, the clock of Docker's `timeNano`.
pub(crate) fn now() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn what_one_process_writes_the_other_reads() {
        let host = IpAddr::from([192, 168, 8, 40]);
        for news in [
            News::Open,
            News::Announced(IpAddr::from([10, 0, 0, 101])),
            News::Withdrawn(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ] {
            let arrival = Arrival {
                nanos: 1_795_246_154_999_563_093,
                host,
                news,
            };
            assert_eq!(parse_line(&arrival.to_string()), Some(arrival));
        }
        assert_eq!(parse_line("1 192.168.8.40 nothing"), None);
    }
}
