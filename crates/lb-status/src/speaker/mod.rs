//! What a [`bgp_speaker::SpeakerHandle`] says, in the words of the model.

mod bfd;
mod diagnosis;
mod news;
mod peers;
mod routes;
mod tap;

pub use diagnosis::diagnose;
pub use news::log_peers;
pub(crate) use peers::PEER_WARNINGS;
pub use peers::{peers, summarize};
pub use routes::{Advertised, Learned, attributes, covering};
pub use tap::{named, tap};
