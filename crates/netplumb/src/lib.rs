//! Links, addresses, routes, neighbours and IPVS services over netlink: desired
//! against observed.
//!
//! ```text
//!   Desired ──┐
//!             ├─ plan() ──> [Op, Op, …] ── Kernel::apply() ──> Report
//!   Observed ─┘   pure       in a safe       one by one, each
//!       ^                    order           idempotent
//!       └───────── Kernel::observe() <── Watch: "look again"
//! ```
//!
//! Say what the kernel should have ([`Desired`]) and what of it is yours
//! ([`Owned`]); [`reconcile()`] looks, plans and applies. [`plan()`] alone is a
//! pure function. A single change can be made at once with [`Kernel::apply`]
//! on [`Netlink`], which asks for the links concerned and reads no table; an
//! owner of very many routes makes and looks after them with
//! [`Kernel::change_routes`] and [`Kernel::visit_routes`].
//! [`Watch`] tells when to look again, [`ObjectWatch`] which of one owner's
//! objects others have touched. [`ipvs`] does the same for services of the
//! kernel's load balancer.
//!
//! An [`Error`] names the operation, the object, the kernel's error and, from
//! the extended acknowledgement, the kernel's own reason.
//!
//! # What it does not do
//!
//! No tasks, no threads, no retries: every call blocks until the kernel has
//! answered, which is bounded, and failures are for the caller to repeat. It
//! enters no namespaces: a [`Netlink`] works in the one of the thread that
//! opened it. It does not set sysctls. It is for Linux.
//!
//! # The contract: nothing of others is touched
//!
//! * A link is ours by its alias (`ip link` shows it). It is made and marked
//!   in one system call, so that not even `SIGKILL` leaves one without its
//!   mark. A link of the wanted name but another kind or mark is an error and
//!   is left alone, and so is everything on it.
//! * A route is ours by its protocol, and either because it leaves by links of
//!   ours or by its table and metric, as [`Owned`] says. A route of another
//!   protocol in the same place is never replaced; one of the same protocol,
//!   table and metric is.
//! * Addresses and permanent neighbours are ours on our links.
//! * A numbered next hop is ours by its protocol and a range of numbers. One of
//!   another protocol is never replaced.
//! * An IPVS service, which carries no mark, is ours by the caller's memory.
//! * An ipvlan is not made where it would give its parent's other children
//!   another mode ([`IpvlanSpec::check`]).
//!
//! ```
//! use netplumb::{BridgeSpec, Desired, LinkKind, LinkSpec, Observed, Owned, RouteSpec, plan};
//!
//! let bridge = LinkKind::Bridge(BridgeSpec::default());
//! let mut desired = Desired::default();
//! desired.insert_link(LinkSpec::new("web".parse()?, bridge, "example:web"));
//! desired.insert_route(RouteSpec::on_link("192.0.2.101/32".parse()?, "web".parse()?));
//!
//! let owned = Owned::new("example:", RouteSpec::PROTOCOL_BGP);
//! let steps = plan(&desired, &Observed::default(), &owned);
//! let steps: Vec<_> = steps.iter().map(ToString::to_string).collect();
//! assert_eq!(
//!     steps,
//!     ["create bridge web", "replace route 192.0.2.101/32 metric 0 protocol 186"]
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To carry it out, with the right to (`CAP_NET_ADMIN`):
//!
//! ```no_run
//! # use netplumb::{Desired, Netlink, Owned, reconcile};
//! # let (desired, owned) = (Desired::default(), Owned::new("example:", 186));
//! let mut kernel = Netlink::open()?;
//! let report = reconcile(&mut kernel, &desired, &owned)?;
//! for (_, error) in &report.failed {
//!     eprintln!("{error}");
//! }
//! # Ok::<(), netplumb::Error>(())
//! ```
//!
//! # Covered
//!
//! * Links: bridge (ageing time, forwarded groups), veth, dummy, ipvlan; up and
//!   down, master, MTU, alias. Of VRFs, which are only observed, the table.
//! * Addresses of both families; IPv6 without duplicate address detection.
//! * Unicast routes of both families in any table: onto links, by gateways,
//!   multipath with weights, IPv4 by IPv6 gateways (`RTA_VIA`, RFC 8950),
//!   preferred source, onlink.
//! * Numbered next hops with a gateway, and resilient groups of them.
//! * Permanent neighbours of both families; which IPv6 neighbours of a link are
//!   routers, and which do not answer.
//! * Strict checking, extended acknowledgements, interrupted dumps.
//! * Of nf_tables only whether the `forward` hook drops certain packets, and a
//!   rule that accepts them ([`Firewall`]).
//! * IPVS services of both families by TCP, UDP and SCTP, with six schedulers,
//!   masquerading, direct routing and tunnels ([`ipvs`]).
//!
//! Not covered: other kinds of nexthop objects, route metrics such as MTU, routes by type of
//! service, rules, VLANs.
//!
//! # Features
//!
//! * `testkit`: `FakeKernel`, a kernel in memory with faults on demand, for
//!   tests of what is built on [`Kernel`]; `ipvs::FakeIpvs`, the same of IPVS.
#![forbid(unsafe_code)]

mod error;
#[cfg(any(test, feature = "testkit"))]
mod fake;
mod ipvlan;
pub mod ipvs;
mod model;
mod name;
mod netlink;
mod next_hop;
mod observed;
mod op;
mod place;
mod plan;
mod reconcile;
mod route;

pub use error::Error;
#[cfg(feature = "testkit")]
pub use fake::FakeKernel;
pub use ipvlan::{IpvlanConflict, IpvlanFlags, IpvlanMode, IpvlanSpec};
pub use model::{
    AddrSpec, BridgeSpec, Desired, LinkKind, LinkSpec, NeighKey, NeighSpec, WhenMissing,
};
pub use name::{InvalidLinkName, InvalidMacAddr, LinkName, MacAddr};
pub use netlink::{
    Accepted, Fate, Firewall, FirewallWatch, LinkNews, LinkNow, Netlink, ObjectNews, ObjectWatch,
    Obstacle, Passage, RouterLink, Wake, Watch, Way,
};
pub use next_hop::{NextHopId, NextHopKind, NextHopObject, ResilientGroup};
pub use observed::{LinkKindState, LinkState, Observed, Owned, RouteMark};
pub use op::{Kernel, Op, RouteChange};
pub use place::{IpFamily, RoutePlace};
pub use plan::plan;
pub use reconcile::{Report, reconcile};
pub use route::{NextHopSpec, NextHops, RouteKey, RouteScope, RouteSpec};
