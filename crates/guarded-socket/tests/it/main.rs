//! Whose socket it is: binding, refusing, replacing, removing.
#![allow(clippy::unwrap_used)]

mod folder;
mod permission;
mod racing;
mod refusing;
mod removing;
