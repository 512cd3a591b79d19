//! Pure decisions of a BGP load balancer: what containers exist and how they
//! are, to what the kernel and the peers should have, and why.
//!
//! A *service* is a set of host prefixes (a /32, a /128 or both) held by any
//! number of endpoints on this host. [`plan_service`] says to which endpoints
//! the host delivers, with what share, and how the prefixes are announced, with
//! a [`Reason`] an operator can act on. [`next_step`] puts the difference
//! between wanted and actual into the one safe order: deliver, then announce;
//! withdraw, let the withdrawal settle, then stop delivering.
//! [`Announcements`] merges the wishes of several sources, so that a prefix
//! wanted twice is withdrawn only when the last one lets go. [`Proof`] and
//! [`FlapHistory`] keep what flaps from being announced at every turn.
//! [`Leases`] gives out the addresses of [`Pools`], the lowest free one first, so
//! that none is given out twice and none is lost.
//!
//! # What it does not do
//!
//! No I/O, no clock, no tasks: time enters as facts (“the withdrawal has
//! settled”) or as an argument, and the answer is data. It knows neither Docker nor netlink nor
//! BGP messages.
//!
//! # The contract
//!
//! Call again whenever a fact changed. The same facts always give the same
//! plan, and a plan that is carried out gives [`Step::Rest`].
//!
//! ```
//! use lb_plan::{
//!     Actual, Drain, EndpointFacts, Health, ServiceFacts, Share, Step, next_step, plan_service,
//! };
//!
//! let web = EndpointFacts {
//!     id: "web".to_owned(),
//!     attached: true,
//!     health: Health::Serving,
//!     drain: Drain::No,
//! };
//! let facts = ServiceFacts {
//!     endpoints: vec![web],
//!     held_down: false,
//! };
//! let actual = Actual::default();
//! let plan = plan_service(&facts, &actual.delivered);
//! assert_eq!(plan.deliver["web"], Share::Full);
//! assert_eq!(next_step(&plan, &actual), Step::Deliver(plan.deliver.clone()));
//! ```
#![forbid(unsafe_code)]

mod address;
mod announcements;
mod pool;
mod service;
mod steady;
mod step;

pub use address::{UnusableAddress, check_service_address};
pub use announcements::{Announcements, Change};
pub use pool::{
    AddressFamily, AddressPool, AddressRange, Ask, Lease, LeaseError, Leases, PoolError, PoolScope,
    PoolUsage, Pools, RangeError,
};
pub use service::{
    Announcement, Delivery, Drain, EndpointFacts, Health, NotServing, Reason, ServiceFacts,
    ServicePlan, Share, plan_service,
};
pub use steady::{FlapHistory, HoldDown, Proof};
pub use step::{Actual, Step, Withdrawal, next_step};
