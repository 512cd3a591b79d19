//! What one would rather look at than read.

mod latency;
mod timeline;
mod topology;

pub(super) use latency::latency;
pub(super) use timeline::timeline;
pub(super) use topology::topology;
