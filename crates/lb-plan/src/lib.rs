//! Pure decisions of a BGP load balancer: what containers exist and how they
//! are, to what the kernel and the peers should have, and why.
//!
//! A *service* is a set of host prefixes (a /32, a /128 or both) held by any
//! number of endpoints on this host. [`plan_service`] says to which endpoint
//! the host delivers and whether the prefixes may be announced, with a
//! [`Reason`] an operator can act on. [`next_step`] puts the difference
//! between wanted and actual into the one safe order: deliver, then announce;
//! withdraw, let the withdrawal settle, then stop delivering.
//! [`Announcements`] merges the wishes of several sources, so that a prefix
//! wanted twice is withdrawn only when the last one lets go. [`Leases`] gives
//! out the addresses of [`Pools`], the lowest free one first, so that none is
//! given out twice and none is lost.
//!
//! # What it does not do
//!
//! No I/O, no clock, no tasks: time enters as facts (“the withdrawal has
//! settled”), and the answer is data. It knows neither Docker nor netlink nor
//! BGP messages.
//!
//! # The contract
//!
//! Call again whenever a fact changed. The same facts always give the same
//! plan, and a plan that is carried out gives [`Step::Rest`].
//!
//! ```
//! use lb_plan::{Actual, EndpointFacts, Health, Step, next_step, plan_service};
//!
//! let endpoints = [EndpointFacts {
//!     id: "web".to_owned(),
//!     attached: true,
//!     health: Health::Serving,
//!     draining: false,
//! }];
//! let plan = plan_service(&endpoints, None);
//! assert_eq!(plan.deliver_to.as_deref(), Some("web"));
//! assert_eq!(
//!     next_step(&plan, &Actual::default()),
//!     Step::Deliver("web".to_owned())
//! );
//! ```
#![forbid(unsafe_code)]

mod address;
mod announcements;
mod pool;
mod service;
mod step;

pub use address::{UnusableAddress, check_service_address};
pub use announcements::{Announcements, Change};
pub use pool::{
    AddressFamily, AddressPool, AddressRange, Ask, Lease, LeaseError, Leases, PoolError, PoolScope,
    Pools, RangeError,
};
pub use service::{EndpointFacts, Health, NotServing, Reason, ServicePlan, plan_service};
pub use step::{Actual, Step, Withdrawal, next_step};
