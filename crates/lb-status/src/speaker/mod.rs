//! What a [`bgp_speaker::SpeakerHandle`] says, in the words of the model.

mod bfd;
mod diagnosis;
mod peers;
mod routes;
mod tap;

pub use diagnosis::diagnose;
pub(crate) use peers::PEER_WARNINGS;
pub use peers::{peers, summarize};
pub use routes::{Advertised, Learned, attributes, covering};
pub use tap::{named, tap};
