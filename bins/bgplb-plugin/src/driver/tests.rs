//! Docker's requests through the real router, the controller and a kernel in
//! memory: what is done, in which order, and what is left.

mod kernel;
mod world;

mod abandoned;
mod crash;
mod disk;
mod elsewhere;
mod events;
mod forgotten;
mod gateway;
mod health;
mod hostcheck;
mod hostpath;
mod killed;
mod mended;
mod multipath;
mod options;
mod pools;
mod refused;
mod replay;
mod status;
mod steered;
mod watched;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use healthwatch::{Container, ContainerId, Level, Observation, Reason};
use lb_plan::Pools;
use netplumb::{Kernel as _, Op};
use serde_json::{Value, json};

use super::Driver;
use crate::controller::{Controller, Policy};
use crate::naming;
use crate::settings::Scope;
use crate::store::{self, State};
use kernel::*;
use world::*;
