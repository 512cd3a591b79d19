//! IPVS over generic netlink (`linux/ip_vs.h`).

mod decode;
mod encode;
mod family;

use std::collections::BTreeMap;
use std::fmt;

use neli::consts::nl::NlmF;
use netlink_sys::protocols::NETLINK_GENERIC;

use self::family::Family;
use super::message::Request;
use super::socket::Connection;
use crate::error::{Cause, Error};
use crate::ipvs::{
    DestinationKey, DestinationState, IpvsKernel, Op, Scheduler, ServiceKey, ServiceSpec,
    ServiceState,
};

/// The IPVS of the network namespace that the opening thread was in.
///
/// Every call blocks until the kernel has answered, at most for seconds. All of
/// them need CAP_NET_ADMIN, reading too.
pub struct Ipvs {
    connection: Connection,
    family: Family,
}

impl Ipvs {
    /// Opens a socket and looks for IPVS in this kernel.
    ///
    /// # Errors
    ///
    /// When no netlink socket can be had, or the kernel has no IPVS
    /// ([`Error::is_missing`]).
    pub fn open() -> Result<Self, Error> {
        Self::try_open().map_err(|cause| Error::new("open IPVS", cause))
    }

    fn try_open() -> Result<Self, Cause> {
        let mut connection = Connection::open_for(NETLINK_GENERIC)?;
        let family = Family::resolve(&mut connection)?;
        Ok(Self { connection, family })
    }

    /// Runs `ask` with the family's number, again if that has changed.
    ///
    /// Modules are numbered when they are loaded, and a number that is no
    /// more is refused with what may as well be an object's fault.
    fn with_family<T>(
        &mut self,
        ask: impl Fn(&mut Connection, Family) -> Result<T, Cause>,
    ) -> Result<T, Cause> {
        let result = ask(&mut self.connection, self.family);
        let perhaps_stale = |cause: &Cause| {
            let numbers = [libc::ENOENT, libc::EINVAL, libc::EOPNOTSUPP];
            numbers.into_iter().any(|errno| cause.is_errno(errno))
        };
        match result {
            Err(cause) if perhaps_stale(&cause) => {
                let family = Family::resolve(&mut self.connection)?;
                if family == self.family {
                    return Err(cause);
                }
                self.family = family;
                ask(&mut self.connection, family)
            }
            result => result,
        }
    }

    fn try_services(&mut self) -> Result<BTreeMap<ServiceKey, ServiceState>, Cause> {
        self.with_family(|connection, family| {
            // A service that comes or goes between two parts of the answer may
            // hide another, which IPVS does not tell; the next look shows it.
            let all = || family.request(encode::GET_SERVICE, NlmF::DUMP, &[]);
            let mut services = BTreeMap::new();
            for mut state in connection.dump(all, decode::service)? {
                let key = state.spec.key;
                if let Some(destinations) = destinations_of(connection, family, &key)? {
                    state.destinations = destinations;
                    services.insert(key, state);
                }
            }
            Ok(services)
        })
    }

    fn try_service(&mut self, key: &ServiceKey) -> Result<Option<ServiceState>, Cause> {
        self.with_family(|connection, family| {
            let Some(mut state) = service(connection, family, key)? else {
                return Ok(None);
            };
            let destinations = destinations_of(connection, family, key)?;
            Ok(destinations.map(|destinations| {
                state.destinations = destinations;
                state
            }))
        })
    }

    fn try_apply(&mut self, op: &Op) -> Result<(), Cause> {
        op.check()?;
        self.with_family(|connection, family| {
            let mut send = |command, attrs: &[u8]| {
                connection.change(family.request(command, NlmF::ACK, attrs)?)
            };
            match op {
                Op::CreateService(spec) => {
                    let attrs = encode::service(spec)?;
                    or_if_exists(send(encode::NEW_SERVICE, &attrs), || {
                        send(encode::SET_SERVICE, &attrs)
                    })
                    .map_err(|cause| explain(cause, spec))
                }
                Op::SetService(spec) => send(encode::SET_SERVICE, &encode::service(spec)?)
                    .map_err(|cause| explain(cause, spec)),
                Op::DeleteService(key) => {
                    done_if_gone(send(encode::DEL_SERVICE, &encode::service_key(key)?))
                }
                Op::CreateDestination(key, spec) => {
                    let attrs = encode::destination(key, spec)?;
                    or_if_exists(send(encode::NEW_DEST, &attrs), || {
                        send(encode::SET_DEST, &attrs)
                    })
                }
                Op::SetDestination(key, spec) => {
                    send(encode::SET_DEST, &encode::destination(key, spec)?)
                }
                Op::DeleteDestination(key, destination) => {
                    let attrs = encode::destination_key(key, destination)?;
                    done_if_gone(send(encode::DEL_DEST, &attrs))
                }
            }
        })
    }
}

impl IpvsKernel for Ipvs {
    type Error = Error;

    fn services(&mut self) -> Result<BTreeMap<ServiceKey, ServiceState>, Error> {
        self.try_services()
            .map_err(|cause| Error::new("list services", cause))
    }

    fn service(&mut self, key: &ServiceKey) -> Result<Option<ServiceState>, Error> {
        self.try_service(key)
            .map_err(|cause| Error::new(format!("look for service {key}"), cause))
    }

    fn apply(&mut self, op: &Op) -> Result<(), Error> {
        self.try_apply(op).map_err(|cause| Error::new(op, cause))
    }
}

impl fmt::Debug for Ipvs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ipvs").finish_non_exhaustive()
    }
}

/// One service without its destinations.
fn service(
    connection: &mut Connection,
    family: Family,
    key: &ServiceKey,
) -> Result<Option<ServiceState>, Cause> {
    let request = family.request(encode::GET_SERVICE, NlmF::ACK, &encode::service_key(key)?)?;
    match ask(connection, request) {
        Err(cause) if cause.is_errno(libc::ESRCH) => Ok(None),
        Err(cause) => Err(cause),
        Ok(None) => Err(Cause::Malformed("a service is not shown")),
        Ok(Some(payload)) => match decode::service(&payload) {
            Some(state) => Ok(Some(state)),
            None => Err(Cause::Malformed("a service without its key")),
        },
    }
}

fn ask(connection: &mut Connection, request: Request) -> Result<Option<Vec<u8>>, Cause> {
    connection.batch(vec![request]).remove_first()
}

/// The destinations of a service; `None` if there is no such service.
fn destinations_of(
    connection: &mut Connection,
    family: Family,
    key: &ServiceKey,
) -> Result<Option<BTreeMap<DestinationKey, DestinationState>>, Cause> {
    let of = encode::service_key(key)?;
    let all = || family.request(encode::GET_DEST, NlmF::DUMP, &of);
    let ipv6 = key.address.is_ipv6();
    let destinations = connection.dump(all, |payload| decode::destination(payload, ipv6))?;
    // Of a service that is not there the kernel lists none, and no error.
    if destinations.is_empty() && service(connection, family, key)?.is_none() {
        return Ok(None);
    }
    let destinations = destinations.into_iter();
    Ok(Some(destinations.map(|it| (it.spec.key, it)).collect()))
}

fn or_if_exists(
    result: Result<(), Cause>,
    instead: impl FnOnce() -> Result<(), Cause>,
) -> Result<(), Cause> {
    match result {
        Err(cause) if cause.is_errno(libc::EEXIST) => instead(),
        result => result,
    }
}

fn done_if_gone(result: Result<(), Cause>) -> Result<(), Cause> {
    match result {
        Err(cause) if cause.is_errno(libc::ENOENT) || cause.is_errno(libc::ESRCH) => Ok(()),
        result => result,
    }
}

/// Says what the kernel's bare number means for a service that was to be made.
fn explain(cause: Cause, spec: &ServiceSpec) -> Cause {
    let Scheduler::Other(_) = spec.scheduler else {
        if cause.is_errno(libc::ENOENT) {
            let name = &spec.scheduler;
            return cause.with_hint(format!(
                "the kernel lacks the scheduler `{name}` (module `ip_vs_{name}`)"
            ));
        }
        return cause;
    };
    cause
}

#[cfg(test)]
mod tests;
