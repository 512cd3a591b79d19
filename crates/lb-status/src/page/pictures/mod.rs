//! What one would rather look at than read.

mod timeline;
mod topology;

pub(super) use timeline::timeline;
pub(super) use topology::topology;
