//! The public interface against a real kernel, in a network namespace of each
//! test's own.
#![allow(missing_docs, clippy::unwrap_used)]

mod lookup;
mod netns;
mod world;
