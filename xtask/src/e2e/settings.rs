//! Bad settings end the plugin with one sentence and a code other than zero.

use anyhow::{Result, ensure};

use super::ProgramCase;
use crate::artifacts::Artifacts;
use crate::cmd::Cmd;
use crate::wait::secs;

/// Tests that need the plugin's binary and nothing else.
pub(super) const CASES: [(&str, ProgramCase); 10] = [
    ("missing_peer_address_is_named", |a| {
        refuses(a, "PEER_ADDRESS", "")
    }),
    ("missing_router_id_is_named", |a| {
        refuses(a, "ROUTER_ID", "")
    }),
    ("ipv6_router_id_is_refused", |a| {
        refuses(a, "ROUTER_ID", "2001:db8::40")
    }),
    ("bad_local_as_is_refused", |a| {
        refuses(a, "LOCAL_AS", "64512x")
    }),
    ("bad_peer_as_is_refused", |a| {
        refuses(a, "PEER_AS", "4294967296")
    }),
    ("unparsable_peer_bfd_is_refused", |a| {
        refuses(a, "PEER_BFD", "50ms")
    }),
    ("unparsable_router_port_is_refused", |a| {
        refuses(a, "ROUTER_PORT", "bgp")
    }),
    ("a_status_port_for_everybody_takes_a_second_word", |a| {
        refuses(a, "STATUS_LISTEN", "0.0.0.0:9179")
    }),
    ("unknown_log_formats_are_refused", |a| {
        refuses(a, "LOG_FORMAT", "xml")
    }),
    ("pools_that_overlap_are_refused", |a| {
        refuses(a, "POOLS", "web=10.0.0.0/24;db=10.0.0.7")
    }),
];

/// Runs the plugin with good settings but for one.
fn refuses(artifacts: &Artifacts, key: &str, value: &str) -> Result<()> {
    let good = [
        ("ROUTER_ID", "192.168.8.40"),
        ("ROUTER_PORT", "-1"),
        ("LOCAL_AS", "64512"),
        ("PEER_ADDRESS", "192.168.8.137"),
        ("PEER_AS", "65500"),
        ("POOLS", "web=192.168.0.30-192.168.0.49"),
    ];
    let unknown = good.iter().all(|(name, _)| *name != key);
    let more = unknown.then_some((key, value));
    let settings = good.into_iter().chain(more).map(|(name, usual)| {
        let value = if name == key { value } else { usual };
        format!("{name}={value}")
    });
    let finished = Cmd::new("env")
        .arg("-i")
        .args(settings)
        .arg(&artifacts.plugin)
        .timeout(secs(5))
        .finish()?;
    ensure!(
        finished.code.is_some_and(|code| code != 0),
        "exit code {:?}",
        finished.code
    );
    let said: Vec<&str> = finished.stderr.lines().collect();
    ensure!(said.len() == 1, "it said {:?}", finished.stderr);
    ensure!(said[0].contains(key), "{:?} does not name {key}", said[0]);
    Ok(())
}
