//! What a program says, as tables for people.

mod check;
mod diff;
mod events;
mod explain;
mod findings;
mod peers;
mod routes;
mod screen;
mod services;
mod status;
mod table;
#[allow(unsafe_code)]
mod terminal;

pub use check::{Checked, Severity, check, unanswered};
pub use diff::diff;
pub use events::Events;
pub use explain::explanation;
pub use findings::findings;
pub use peers::peers;
pub use routes::Routes;
pub use screen::Screen;
pub use services::services;
pub use status::status;
pub(crate) use table::harmless;

#[cfg(test)]
mod tests;
