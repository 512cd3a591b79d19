//! The wait in virtual time; with peers that speak it is tried over TCP
//! (`tests/it/deferral.rs`).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bgp_wire::{Asn, BgpIdentifier};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{Import, Restarting, Speaker, SpeakerConfig};

const TIME: Duration = Duration::from_secs(120);

/// A roster that has begun to wait, with one peer of which this is imported;
/// and the speaker, which lets readers go when it goes.
fn waiting(import: Import, restarting: Option<Restarting>) -> (Roster, SpeakerHandle, Speaker) {
    let identifier = BgpIdentifier::from(std::net::Ipv4Addr::new(192, 0, 2, 1));
    let mut config = SpeakerConfig::new(Asn::new(64512), identifier);
    config.restarting = restarting;
    config.peers.push(PeerSettings {
        import,
        ..PeerSettings::new(IpAddr::from([192, 0, 2, 2]), Asn::new(64513))
    });
    let (_addresses, local) = watch::channel(Arc::default());
    let (speaker, handle) = Speaker::new(config.clone(), local.clone()).unwrap();
    let shared = Arc::clone(&handle.shared);
    let (mut roster, _) = Roster::new(config, shared, local, CancellationToken::new());
    roster.begin_deferral();
    (roster, handle, speaker)
}

const RESTARTING: Restarting = Restarting {
    deferral_time: TIME,
    forwarding_kept: true,
};

#[tokio::test(start_paused = true)]
async fn a_peer_that_stays_away_is_waited_for_until_the_time_is_over() {
    let begun = Instant::now();
    let (mut roster, handle, _speaker) = waiting(Import::Accept, Some(RESTARTING));
    let deferred = handle.selection_deferred();
    while *deferred.borrow() {
        Deferral::turn(roster.deferral.as_mut()).await;
        roster.follow_deferral();
    }
    assert_eq!(begun.elapsed(), TIME);
    assert!(roster.deferral.is_none());
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_listened_to_is_not_waited_for() {
    let (roster, handle, _speaker) = waiting(Import::Reject, Some(RESTARTING));
    assert!(!*handle.selection_deferred().borrow());
    assert!(roster.deferral.is_none());
}

#[tokio::test(start_paused = true)]
async fn without_a_restart_nobody_is_waited_for() {
    let (_, handle, _speaker) = waiting(Import::Accept, None);
    assert!(!*handle.selection_deferred().borrow());
}
