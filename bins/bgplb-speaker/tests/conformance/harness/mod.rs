//! The scripted peer, the program under test, and the form of a case.

pub mod case;
pub mod healthy;
pub mod peer;
pub mod speaker;
pub mod wire;
