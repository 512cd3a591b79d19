//! Every attribute that `bgp-wire` can originate, as GoBGP, BIRD and FRR read it.
//!
//! Hand-made neighbours announce one prefix for each row of [`table`]. The router's own table
//! must then show the route with the attribute's value, and nothing any more after the
//! withdrawal. No session is opened twice, so that a reset is seen as the end of its connection.

mod row;
mod sessions;
mod table;
mod values;

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use bgp_wire::{Family, MaxMessageLen, UpdateWriter};
use bytes::BytesMut;
use ipnet::IpNet;
use serde_json::Value;

use self::row::{Row, contains};
use self::sessions::Sessions;
use super::{Tally, full_name};
use crate::lab::host;
use crate::lab::router::{self, Router, RouterKind};
use crate::lab::two_nodes::TwoNodes;
use crate::wait::{secs, until};
use crate::{cmd, packages, sys};

/// The routers that others have written.
const ROUTERS: [RouterKind; 3] = [RouterKind::Gobgp, RouterKind::Bird, RouterKind::Frr];

/// A test with one router.
enum Case {
    /// A route is taken, shown with its attribute, and withdrawn.
    Row(Box<Row>),
    /// The last one: nothing that was sent has ended a session.
    NoReset,
}

impl Case {
    fn name(&self) -> &'static str {
        match self {
            Self::Row(row) => row.name,
            Self::NoReset => "no_session_was_reset",
        }
    }
}

/// Runs the cases whose full names are wanted.
pub(super) fn run(wanted: impl Fn(&str) -> bool, tally: &mut Tally) {
    for kind in ROUTERS {
        let suite = format!("{}_attributes", kind.name());
        let mut cases: Vec<Case> = table::rows()
            .into_iter()
            .map(|row| Case::Row(Box::new(row)))
            .collect();
        cases.push(Case::NoReset);
        cases.retain(|case| wanted(&full_name(&suite, case.name())));
        if cases.is_empty() {
            continue;
        }
        let names = cases.iter().map(|case| full_name(&suite, case.name()));
        if let Err(reason) = able(kind) {
            names.for_each(|name| tally.skip(&name, &format!("{reason:#}")));
            continue;
        }
        match Bench::start(kind) {
            Ok(mut bench) => bench.run(&suite, &cases, tally),
            Err(error) => names.for_each(|name| tally.fail(&name, &format!("{error:#}"))),
        }
    }
}

fn able(kind: RouterKind) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this is not Linux");
    ensure!(!sys::interrupted(), "interrupted");
    ensure!(sys::is_root(), "needs root");
    let needed: Vec<_> = [packages::IPROUTE]
        .into_iter()
        .chain(kind.package())
        .collect();
    packages::ensure(&needed)?;
    host::probe_namespaces()
}

/// A router with established sessions.
struct Bench {
    kind: RouterKind,
    // Before the namespaces, whose end takes all processes with it.
    sessions: Sessions,
    router: Box<dyn Router>,
    _nodes: TwoNodes,
}

impl Bench {
    fn start(kind: RouterKind) -> Result<Self> {
        let (nodes, place) = sessions::place()?;
        let router = router::start_packaged(kind, place).context("start the router")?;
        let sessions = Sessions::open(&nodes.two, router.as_ref());
        Ok(Self {
            kind,
            sessions: sessions.with_context(|| cmd::tails(&router.logs()))?,
            router,
            _nodes: nodes,
        })
    }

    fn run(&mut self, suite: &str, cases: &[Case], tally: &mut Tally) {
        for case in cases {
            let start = Instant::now();
            let (result, remarks) = match case {
                Case::Row(row) => (self.hold(row), row.shown_by(self.kind).remarks()),
                Case::NoReset => (self.sessions.check(self.router.as_ref()), Vec::new()),
            };
            let held = result.is_ok();
            let name = full_name(suite, case.name());
            tally.note(&name, start, result, || cmd::tails(&self.router.logs()));
            for remark in remarks.iter().filter(|_| held) {
                println!("     {}: {} {remark}", case.name(), self.kind.name());
            }
        }
    }

    /// Announces a row's route, waits for it and its value, withdraws it, waits for its end.
    fn hold(&mut self, row: &Row) -> Result<()> {
        let shown = row.shown_by(self.kind);
        self.sessions.send(row.from, &announcement(row)?)?;
        let wanted = Value::Object(shown.value.clone());
        let mut passed_on = false;
        until(&format!("{} with {shown}", row.prefix), secs(5), || {
            let heard = match self.sessions.heard() {
                Ok(heard) => heard,
                // Nothing will come of waiting.
                Err(error) => return Ok(Err(error)),
            };
            passed_on |= heard.iter().any(|it| shown.is_passed_on_by(it, row.prefix));
            let paths = self.router.as_ref().paths(row.prefix)?;
            let [path] = paths.as_slice() else {
                anyhow::bail!("{} paths", paths.len());
            };
            ensure!(contains(path, &wanted), "it shows {path}");
            ensure!(
                passed_on || shown.passed_on.is_none(),
                "no other neighbour got that"
            );
            Ok(Ok(()))
        })??;
        self.sessions.send(row.from, &withdrawal(row)?)?;
        until(&format!("the end of {}", row.prefix), secs(5), || {
            let paths = self.router.as_ref().paths(row.prefix)?;
            ensure!(paths.is_empty(), "the router shows {paths:?}");
            Ok(())
        })?;
        self.sessions.check(self.router.as_ref())
    }
}

fn announcement(row: &Row) -> Result<BytesMut> {
    let (prefix, family) = route(row)?;
    let mut octets = BytesMut::new();
    let mut update = UpdateWriter::announce(
        &mut octets,
        MaxMessageLen::STANDARD,
        family,
        &row.next_hop,
        &row.attributes,
        row.from.context(),
    )?;
    update.push(prefix)?;
    update.finish();
    Ok(octets)
}

fn withdrawal(row: &Row) -> Result<BytesMut> {
    let (prefix, family) = route(row)?;
    let mut octets = BytesMut::new();
    let max = MaxMessageLen::STANDARD;
    let mut update = UpdateWriter::withdraw(&mut octets, max, family, row.from.context())?;
    update.push(prefix)?;
    update.finish();
    Ok(octets)
}

fn route(row: &Row) -> Result<(IpNet, Family)> {
    let prefix: IpNet = row.prefix.parse()?;
    let family = match prefix {
        IpNet::V4(_) => Family::IPV4_UNICAST,
        IpNet::V6(_) => Family::IPV6_UNICAST,
    };
    Ok((prefix, family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_name_and_a_prefix_of_its_own_and_can_be_written() {
        let rows = table::rows();
        for (index, row) in rows.iter().enumerate() {
            let others = &rows[index + 1..];
            assert!(others.iter().all(|other| other.name != row.name));
            assert!(others.iter().all(|other| other.prefix != row.prefix));
            assert!(!announcement(row).unwrap().is_empty(), "{}", row.name);
            assert!(!withdrawal(row).unwrap().is_empty(), "{}", row.name);
        }
    }
}
