//! What a case is, and how it is run.

use std::net::{IpAddr, SocketAddr, TcpListener};

use serde_json::Value;

use super::peer::{Family, Peer};
use super::speaker::{Control, Neighbour};
use super::wire::{Open, keepalive, notification};

/// One thing a peer may do, and what the speaker has to make of it.
pub struct Case {
    /// A letter for the topic and a number; stays when cases are added.
    pub id: &'static str,
    /// Where it is written.
    pub clause: &'static str,
    pub what: &'static str,
    pub neighbour: Neighbour,
    /// The OPEN that is sent where a session is needed.
    pub open: Open,
    /// The families of that session.
    pub families: &'static [Family],
    pub at: At,
    /// What is sent there.
    pub octets: Vec<u8>,
    pub expect: Expect,
}

/// Where in a session's life the octets are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Instead of the OPEN.
    OpenSent,
    /// Instead of the KEEPALIVE that answers the OPEN.
    OpenConfirm,
    /// When the first transfer has ended.
    Established,
}

/// What the speaker has to do.
pub enum Expect {
    /// End the session with exactly this NOTIFICATION.
    Notification(u8, u8, Vec<u8>),
    /// Close the connection and say nothing.
    Close,
    /// Keep the session, and hold exactly these routes. Each is compared in
    /// the members that are named; one that is null must not be there.
    Routes(Vec<Value>),
    /// Accept the octets for an OPEN; the session then has these members.
    Session(Value),
    /// Something of the case's own.
    Script(Script),
}

pub type Script = fn(&Bench<'_>) -> Result<(), String>;

/// What a case works with.
pub struct Bench<'a> {
    pub case: &'a Case,
    /// The case's neighbour.
    pub address: IpAddr,
    pub speaker: SocketAddr,
    pub control: &'a Control,
    /// Where the speaker connects to, if it does.
    pub listener: Option<TcpListener>,
}

impl Bench<'_> {
    /// The whole case. Afterwards a new session is accepted, and nothing is
    /// left of the old one.
    pub fn run(&self) -> Result<(), String> {
        self.outcome()?;
        self.begin_again()
            .map_err(|error| format!("afterwards no new session: {error}"))
    }

    fn outcome(&self) -> Result<(), String> {
        if let Expect::Script(script) = &self.case.expect {
            return script(self);
        }
        let mut peer = self.connect()?;
        let open = self.case.open.octets();
        match self.case.at {
            At::OpenSent => {}
            At::OpenConfirm => drop(peer.open(&open)?),
            At::Established => peer.establish(&open, self.case.families)?,
        }
        if let Expect::Session(members) = &self.case.expect {
            peer.establish(&self.case.octets, self.case.families)?;
            peer.barrier(self.case.families[0])?;
            self.compare(&self.control.peer(self.address)["session"], members)?;
            return self.goodbye(peer);
        }
        peer.send(&self.case.octets)?;
        match &self.case.expect {
            Expect::Notification(code, subcode, data) => {
                let got = peer.notified()?;
                let mut body = vec![*code, *subcode];
                body.extend(data);
                if got.body != body {
                    let data: String = data.iter().map(|octet| format!("{octet:02x}")).collect();
                    return Err(format!(
                        "expected NOTIFICATION {code}/{subcode} data [{data}], got {}",
                        got.text()
                    ));
                }
                Ok(())
            }
            Expect::Close => peer.closed(),
            Expect::Routes(routes) => {
                peer.barrier(self.case.families[0])?;
                self.has_routes(routes)?;
                self.goodbye(peer)
            }
            Expect::Session(_) | Expect::Script(_) => Ok(()),
        }
    }

    pub fn connect(&self) -> Result<Peer, String> {
        Peer::connect(self.address, self.speaker).map_err(|error| format!("connect: {error}"))
    }

    /// The speaker's own connection.
    pub fn accept(&self) -> Result<Peer, String> {
        let listener = self.listener.as_ref().ok_or("no listener")?;
        let accepted = listener.accept().and_then(|(stream, _)| Peer::new(stream));
        accepted.map_err(|error| error.to_string())
    }

    /// Ends a session in peace, and waits until the speaker has understood.
    pub fn goodbye(&self, mut peer: Peer) -> Result<(), String> {
        peer.send(&notification(6, 2, &[]))?;
        peer.closed()
    }

    /// Opens one more session, in which nothing of the last one may be left.
    fn begin_again(&self) -> Result<(), String> {
        let mut peer = match &self.listener {
            None => self.connect()?,
            Some(_) => self.accept()?,
        };
        let neighbour = &self.case.neighbour;
        let open = match neighbour.families {
            None => Open::new(neighbour.asn),
            Some(_) => self.case.open.clone(),
        };
        let families = match neighbour.families {
            None => Family::BOTH,
            Some(_) => self.case.families,
        };
        peer.establish(&open.octets(), families)?;
        peer.barrier(families[0])?;
        self.has_routes(&[])?;
        peer.send(&keepalive())?;
        self.goodbye(peer)
    }

    /// Compares what the speaker holds of this peer.
    pub fn has_routes(&self, expected: &[Value]) -> Result<(), String> {
        let held = self.control.routes_of(self.address);
        let prefixes = |routes: &[Value]| {
            let mut all: Vec<_> = routes.iter().map(|it| it["prefix"].to_string()).collect();
            all.sort();
            all.join(" ")
        };
        if prefixes(&held) != prefixes(expected) {
            return Err(format!(
                "expected routes [{}], it holds [{}]",
                prefixes(expected),
                prefixes(&held)
            ));
        }
        for wanted in expected {
            let route = held.iter().find(|it| it["prefix"] == wanted["prefix"]);
            self.compare(route.unwrap_or(&Value::Null), wanted)?;
        }
        Ok(())
    }

    fn compare(&self, found: &Value, wanted: &Value) -> Result<(), String> {
        for (member, value) in wanted.as_object().into_iter().flatten() {
            if found[member] != *value {
                let got = &found[member];
                return Err(format!("{member} should be {value}, it is {got}"));
            }
        }
        Ok(())
    }
}
