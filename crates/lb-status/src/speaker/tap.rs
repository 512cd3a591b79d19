//! What goes over the speaker's connections.

use bgp_speaker::{NameError, PeerKey, SpeakerHandle, Tap};

use crate::Refused;

/// Listens to the peer that `name` means, or to all.
///
/// # Errors
///
/// When the name means no peer, or could mean several.
pub fn tap(speaker: &SpeakerHandle, name: Option<&str>) -> Result<Tap, Refused> {
    let peer = name.map(|name| named(speaker, name)).transpose()?;
    Ok(speaker.tap(peer))
}

/// The peer that `name` means.
///
/// # Errors
///
/// When it means none, or could mean several.
pub fn named(speaker: &SpeakerHandle, name: &str) -> Result<PeerKey, Refused> {
    speaker.find_peer(name).map_err(|error| match error {
        NameError::Ambiguous { .. } => Refused::conflict(error.to_string()),
        _ => Refused::not_found(error.to_string()),
    })
}
