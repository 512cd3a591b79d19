//! IPVS, the kernel's own load balancer: desired services against observed.
//!
//! Say which services the kernel should have ([`DesiredService`]) and which
//! are yours; [`plan()`] tells what to do about what [`Ipvs`] shows, and
//! [`Plan::carry_out`] does it step by step. [`reconcile()`] is all of that.
//!
//! # The contract
//!
//! IPVS has no marks. Which services are yours is a set of keys that you keep,
//! from before a service is made until after it is deleted; a key that got lost
//! is told as [`Plan::in_the_way`], or as [`Plan::adopted`] where the service is
//! exactly as wanted. No other service is ever changed, and the table is never
//! flushed.
//!
//! A destination of weight 0 gets no new connections and keeps those it has:
//! want it so, wait for [`DestinationState::active`] to be 0, then want it no
//! more. With persistence, clients that are remembered go on coming to it
//! unless the sysctl `net.ipv4.vs.expire_quiescent_template` is 1.
//!
//! ```
//! use std::collections::{BTreeMap, BTreeSet};
//!
//! use netplumb::ipvs::{
//!     DesiredService, DestinationSpec, Forward, Protocol, Scheduler, ServiceKey, ServiceSpec,
//!     plan,
//! };
//!
//! let key = ServiceKey {
//!     protocol: Protocol::Tcp,
//!     address: "192.0.2.80".parse()?,
//!     port: 80,
//! };
//! let mut web = DesiredService::new(ServiceSpec::new(key, Scheduler::Mh))?;
//! web.insert(DestinationSpec::new("10.0.0.7".parse()?, 8080, Forward::Masquerade))?;
//!
//! let owned = BTreeSet::from([key]);
//! let plan = plan(&BTreeMap::from([(key, web)]), &BTreeMap::new(), &owned);
//! let steps: Vec<_> = plan.ops.iter().map(ToString::to_string).collect();
//! assert_eq!(
//!     steps,
//!     [
//!         "create service tcp 192.0.2.80:80 with scheduler mh",
//!         "create destination 10.0.0.7:8080 of service tcp 192.0.2.80:80 with weight 1",
//!     ]
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does not do
//!
//! It loads no module: [`Error::is_missing`] tells that the kernel has no IPVS
//! and did not load it when it was asked for it, which some kernels do;
//! `modprobe ip_vs` is the caller's to try. Services of a firewall mark are
//! not shown, and connection synchronisation, timeouts and sysctls are not
//! touched.

mod carry_out;
mod check;
#[cfg(any(test, feature = "testkit"))]
mod fake;
mod model;
mod op;
mod plan;
mod state;

pub use self::carry_out::{Report, reconcile};
pub use self::check::InvalidService;
#[cfg(feature = "testkit")]
pub use self::fake::FakeIpvs;
pub use self::model::{
    DesiredService, DestinationKey, DestinationSpec, Forward, Protocol, Scheduler, SchedulerFlags,
    ServiceKey, ServiceSpec,
};
pub use self::op::{IpvsKernel, Op};
pub use self::plan::{InTheWay, Plan, plan};
pub use self::state::{DestinationState, ServiceState, Statistics};
pub use crate::error::Error;
pub use crate::netlink::Ipvs;
