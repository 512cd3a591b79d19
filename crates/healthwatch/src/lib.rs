//! The health of services as levels: Docker's word, and checks of one's own.
//!
//! Two rooms that know nothing of each other. [`DockerWatch`] follows what
//! Docker says of its containers. [`Checks`] looks at services by itself, each
//! one as a [`ProbeSpec`] and a [`Timing`] say.
//!
//! Docker's event stream is heard as hints and, where an event alone settles
//! it, as an immediate level: `health_status`, `pause`, `die`, `destroy`
//! and a SIGKILL are told as they are read, without another
//! question to Docker. The truth is what Docker lists, merged so that a list
//! never undoes an event that is newer than it. A container with a health
//! check serves while it is healthy, one without while it runs.
//!
//! A check has a state machine and a schedule ([`Check`]), which are pure and
//! take time as an argument, and a [`Probe`]: one look by TCP, HTTP, gRPC, a
//! program, a unit of systemd, a file, an echo request or a DNS question, bounded
//! in time and memory. One task runs any number of checks, with one queue of
//! times and a limited number of looks under way.
//!
//! # What it does not do
//!
//! It keeps no history and decides nothing: what a level means for a route or
//! a proxy is up to the reader, and so are flap damping and maintenance. Names of
//! hosts are not looked up. It does not start containers, read logs or
//! follow Swarm services, and it never believes the attributes of an event
//! that a container's labels can forge (`exitCode`, `name`, `image`, and
//! `signal` where a label has that name).
//!
//! # The contract
//!
//! Observations come in order, and applying each of them gives the present
//! state: [`Observation::Listed`] replaces everything, the others change one
//! thing. While Docker is unreachable nothing is declared gone. A reader that
//! is too slow loses no level: it gets a whole list instead of what it
//! missed. The receiver may be dropped to stop the watch.
//!
//! News of [`Checks`] are complete in themselves: a slow reader misses levels
//! that were replaced since, but never the last one of a check. Looks at one
//! service never overlap, turns keep their phase however long looks take, and
//! time that was slept through costs one look. Changing one check leaves all
//! others alone.
//!
//! Never wait for the watch, or for [`DockerClient`], inside a request that
//! Docker makes: Docker holds locks while it waits for its plugins.
//!
//! ```no_run
//! use healthwatch::{DockerConfig, DockerWatch, Observation};
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn example() {
//! let (watch, mut observations) = DockerWatch::new(DockerConfig::default());
//! let stop = CancellationToken::new();
//! let watching = tokio::spawn(watch.run(stop.clone()));
//! while let Some(observation) = observations.recv().await {
//!     match observation {
//!         Observation::Listed { containers, .. } => println!("{} containers", containers.len()),
//!         Observation::Level { container, level, .. } => println!("{container} is {level}"),
//!         _ => {}
//!     }
//! }
//! # }
//! ```
//!
//! A check of one's own, whose features (`probes`, `https`) are not on by default:
//!
//! ```
//! # #[cfg(feature = "probes")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use healthwatch::{CheckId, CheckSpec, Checks, ChecksConfig, ProbeSpec, TcpSpec, Timing};
//! use tokio_util::sync::CancellationToken;
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr()?;
//! let (checks, handle, mut news) = Checks::new(ChecksConfig::default());
//! let running = tokio::spawn(checks.run(CancellationToken::new()));
//! let timing = Timing { rise: 1, ..Timing::default() };
//! let probe = ProbeSpec::Tcp(TcpSpec { address });
//! handle.set(CheckId(7), CheckSpec { probe, timing }).await?;
//! while let Some(told) = news.recv().await {
//!     println!("{}: {}", told.id, told.level.health);
//!     if told.level.is_serving() {
//!         break;
//!     }
//! }
//! # running.abort();
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "probes"))]
//! # fn main() {}
//! ```
//!
//! # Features
//!
//! `docker`, the default, is [`DockerWatch`] and [`DockerClient`]; `probes` is
//! everything about checks, `https` adds TLS to them.
//!
//! # Docker's facts
//!
//! Works with Docker 20.10 (API 1.41) and later (20.10 to 29 were recorded
//! for the tests), negotiated at every connection. The socket's path is opened
//! anew for each request. JSON is read leniently.
//!
//! Answers are bounded in time and size, events to 1 MiB each. Whoever makes an
//! image decides on the length of its labels and the number of its ports, which
//! Docker repeats in every list and event: texts are cut at 4 KiB and each part
//! of a container at 16 KiB (its networks at 1 MiB) as the octets arrive, so
//! that one container can't fill the memory of the reader nor keep it from
//! hearing of others.
//!
//! * The health of a container is an object in lists since API 1.52, and part
//!   of the status text before: `Up 2 minutes (healthy)`.
//! * Labels of a container replace the attributes of its events. A signal to
//!   a container with a label named `signal`, or with more labels than are
//!   kept, is not told, since its number cannot be known; a warning is logged
//!   once.
//! * Docker sends some events before its lists know: `pause`, `unpause`,
//!   `connect`, `disconnect`, in old versions `die`. Looks that follow them
//!   are repeated after 20 ms, 200 ms and 2 s, and a list that shows a
//!   container running is doubted for 45 s after an event told its end.
#![forbid(unsafe_code)]

#[cfg(feature = "docker")]
mod docker;

#[cfg(feature = "probes")]
mod check;

#[cfg(feature = "probes")]
mod probe;

#[cfg(feature = "probes")]
mod runner;

#[cfg(feature = "docker")]
pub use docker::client::{ApiVersion, ContainerDetails, DockerClient};
#[cfg(feature = "docker")]
pub use docker::http::DockerError;
#[cfg(feature = "docker")]
pub use docker::level::{Level, Reason};
#[cfg(feature = "docker")]
pub use docker::model::{
    Attachment, Container, ContainerId, InvalidContainerId, Network, Observation,
};
#[cfg(feature = "docker")]
pub use docker::watch::{DockerConfig, DockerWatch};

#[cfg(feature = "probes")]
pub use check::{
    Check, CheckLevel, Counts, Failure, Health, Outcome, StartState, Success, Timing, TimingError,
    Transition,
};
#[cfg(feature = "probes")]
pub use probe::{
    DnsSpec, ExecSpec, FileSpec, GrpcSpec, HttpSpec, IcmpSpec, Probe, ProbeSpec, RecordType,
    SpecError, SystemdSpec, TcpSpec, TlsSpec, look,
};
#[cfg(feature = "probes")]
pub use runner::{
    CheckId, CheckNews, CheckSpec, Checks, ChecksConfig, ChecksHandle, Load, SetError, Stopped,
};
