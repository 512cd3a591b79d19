//! Any number of checks in one task.

mod spec;

mod handle;

mod queue;

mod table;

mod actor;

pub use actor::Checks;
pub use handle::{ChecksHandle, Load, SetError, Stopped};
pub use spec::{CheckId, CheckNews, CheckSpec, ChecksConfig};
