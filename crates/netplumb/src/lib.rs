//! Links, addresses, routes and neighbours over netlink: desired against observed.
#![forbid(unsafe_code)]

mod error;
#[cfg(any(test, feature = "testkit"))]
mod fake;
mod model;
mod name;
mod netlink;
mod observed;
mod op;
mod plan;
mod reconcile;
mod route;

pub use error::Error;
#[cfg(feature = "testkit")]
pub use fake::FakeKernel;
pub use model::{AddrSpec, BridgeSpec, Desired, LinkKind, LinkSpec, NeighKey, NeighSpec};
pub use name::{InvalidLinkName, InvalidMacAddr, LinkName, MacAddr};
pub use netlink::{Netlink, Wake, Watch};
pub use observed::{LinkKindState, LinkState, Observed, Owned, RouteMark};
pub use op::{Kernel, Op};
pub use plan::plan;
pub use reconcile::{Report, reconcile};
pub use route::{NextHopSpec, NextHops, RouteKey, RouteScope, RouteSpec};
