//! Scenarios in virtual time; what the machine did is the assertion.
#![allow(missing_docs)]

mod support;

mod start;

mod timers;
