//! What a program says, as tables for people.

mod findings;
mod peers;
mod routes;
mod screen;
mod services;
mod status;
mod table;
#[allow(unsafe_code)]
mod terminal;
mod time;

pub use findings::findings;
pub use peers::peers;
pub use routes::Routes;
pub use screen::Screen;
pub use services::services;
pub use status::status;

#[cfg(test)]
mod tests;
