//! Address pools: one service address each, and what may be asked for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

/// The one address space; Docker compares the local and the global one when
/// it looks for overlaps, so both have this name.
pub(crate) const ADDRESS_SPACE: &str = "bgplb";

/// Stands for “no IPv4” on engines that can't do without it (before 28).
const PLACEHOLDER: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 32);

/// A pool of exactly one address. Every container on the network gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pool {
    space: String,
    prefix: IpNet,
}

/// Why a pool or an address is refused: a sentence for `docker network create`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PoolError {
    #[error(
        "v6subnet={value} is not an address prefix: give the service address as --ipam-opt v6subnet=2001:db8::101/128"
    )]
    NotAPrefix { value: String },
    #[error(
        "only subnet mask /{wanted} is supported, not {prefix}: a service owns a single address, such as {}/{wanted}", prefix.addr()
    )]
    Mask { prefix: IpNet, wanted: u8 },
    #[error("{prefix} is of the wrong family for an {family} pool")]
    Family { prefix: IpNet, family: &'static str },
    #[error(
        "IPv6 subnet is required: add --ipam-opt v6subnet=<address>/128, or --ipam-opt pool=<name>"
    )]
    MissingV6,
    #[error(
        "--subnet {subnet} and v6subnet={option} name different IPv6 addresses: give one of them"
    )]
    Different { subnet: IpNet, option: IpNet },
    #[error("--ip-range is not supported: a service owns a single address")]
    SubPool,
    #[error(transparent)]
    Unusable(#[from] lb_plan::UnusableAddress),
    #[error("pool {id} is not one of this driver's")]
    UnknownId { id: String },
    #[error("the address of this network is {own}, {asked} can't be had: leave --ip and --ip6 out")]
    OtherAddress { own: IpAddr, asked: IpAddr },
}

/// What Docker asks for in `RequestPool`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) space: &'a str,
    pub(crate) pool: Option<IpNet>,
    pub(crate) sub_pool: Option<IpNet>,
    /// The `v6subnet` option; sent with the requests of both families.
    pub(crate) v6subnet: Option<&'a str>,
    pub(crate) v6: bool,
}

impl Request<'_> {
    /// The prefix the user chose, if any; the placeholder is one.
    pub(crate) fn chosen(&self) -> Result<Option<IpNet>, PoolError> {
        if self.sub_pool.is_some() {
            return Err(PoolError::SubPool);
        }
        if let Some(subnet) = self.pool {
            check_service_prefix(subnet)?;
        }
        let option = self
            .v6subnet
            .filter(|text| self.v6 && !text.is_empty())
            .map(service_prefix)
            .transpose()?;
        let chosen = match (self.pool, option) {
            (Some(subnet), Some(option)) if subnet != option => {
                return Err(PoolError::Different { subnet, option });
            }
            (subnet, option) => subnet.or(option),
        };
        match (self.v6, chosen) {
            (false, Some(prefix @ IpNet::V6(_))) => Err(PoolError::Family {
                prefix,
                family: "IPv4",
            }),
            (true, Some(prefix @ IpNet::V4(_))) => Err(PoolError::Family {
                prefix,
                family: "IPv6",
            }),
            _ => Ok(chosen),
        }
    }
}

impl Pool {
    /// The pool of one address.
    pub(crate) fn of(space: &str, address: IpAddr) -> Self {
        Self {
            space: space.to_owned(),
            prefix: address.into(),
        }
    }

    /// What stands for “no IPv4”.
    pub(crate) fn placeholder(space: &str) -> Self {
        Self::of(space, PLACEHOLDER.addr().into())
    }

    /// Grants what is asked for without a pool's name, or says why not.
    pub(crate) fn request(request: &Request<'_>) -> Result<Self, PoolError> {
        match request.chosen()? {
            Some(prefix) => Ok(Self::of(request.space, prefix.addr())),
            None if request.v6 => Err(PoolError::MissingV6),
            None => Ok(Self::placeholder(request.space)),
        }
    }

    /// Reads back the id given to Docker.
    pub(crate) fn from_id(id: &str) -> Result<Self, PoolError> {
        let unknown = || PoolError::UnknownId { id: id.to_owned() };
        let mut parts = id.splitn(3, '|');
        let (Some(space), Some(family), Some(prefix)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(unknown());
        };
        let prefix = service_prefix(prefix).map_err(|_| unknown())?;
        let pool = Self {
            space: space.to_owned(),
            prefix,
        };
        if family == pool.family() {
            Ok(pool)
        } else {
            Err(unknown())
        }
    }

    /// The prefix, canonical.
    pub(crate) const fn prefix(&self) -> IpNet {
        self.prefix
    }

    /// The service address; none in the placeholder.
    pub(crate) fn service_address(&self) -> Option<IpAddr> {
        (!is_placeholder(self.prefix)).then(|| self.prefix.addr())
    }

    /// The pool's one address, if `asked` allows for it.
    pub(crate) fn address(&self, asked: Option<IpAddr>) -> Result<IpNet, PoolError> {
        match asked {
            Some(asked) if asked != self.prefix.addr() => Err(PoolError::OtherAddress {
                own: self.prefix.addr(),
                asked,
            }),
            _ => Ok(self.prefix),
        }
    }

    const fn family(&self) -> &'static str {
        match self.prefix {
            IpNet::V4(_) => "v4",
            IpNet::V6(_) => "v6",
        }
    }
}

/// The id Docker echoes: space, family and canonical prefix, so that the
/// manager's and the agent's leases of one address stay apart.
impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}|{}", self.space, self.family(), self.prefix)
    }
}

/// Whether `prefix` is what Docker has in place of “no IPv4”.
pub(crate) fn is_placeholder(prefix: IpNet) -> bool {
    prefix == IpNet::V4(PLACEHOLDER)
}

/// Reads a host prefix that may be a service address, or the placeholder.
fn service_prefix(text: &str) -> Result<IpNet, PoolError> {
    let prefix: IpNet = text.trim().parse().map_err(|_| PoolError::NotAPrefix {
        value: text.to_owned(),
    })?;
    check_service_prefix(prefix)?;
    Ok(prefix)
}

/// Accepts a /32 or /128 of a usable address, and the placeholder.
pub(crate) fn check_service_prefix(prefix: IpNet) -> Result<(), PoolError> {
    if prefix.prefix_len() != prefix.max_prefix_len() {
        return Err(PoolError::Mask {
            prefix,
            wanted: prefix.max_prefix_len(),
        });
    }
    if !is_placeholder(prefix) {
        lb_plan::check_service_address(prefix.addr())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Pool, PoolError, Request, is_placeholder};

    fn request<'a>(pool: &str, v6subnet: Option<&'a str>, v6: bool) -> Request<'a> {
        Request {
            space: "bgplb",
            pool: Some(pool)
                .filter(|text| !text.is_empty())
                .map(|text| text.parse().unwrap()),
            sub_pool: None,
            v6subnet,
            v6,
        }
    }

    #[test]
    fn ids_carry_space_family_and_canonical_prefix() {
        let v6 = Pool::request(&request("", Some("2001:0DB8:0000:1000::0101/128"), true)).unwrap();
        assert_eq!(v6.to_string(), "bgplb|v6|2001:db8:0:1000::101/128");
        assert_eq!(Pool::from_id(&v6.to_string()), Ok(v6));
        let v4 = Pool::request(&request("10.0.0.101/32", None, false)).unwrap();
        assert_eq!(v4.to_string(), "bgplb|v4|10.0.0.101/32");
        assert_eq!(Pool::from_id(&v4.to_string()), Ok(v4));
    }

    #[test]
    fn a_network_without_ipv4_gets_the_placeholder() {
        let pool = Pool::request(&request("", Some("2001:db8::1/128"), false)).unwrap();
        assert!(is_placeholder(pool.prefix()));
    }

    #[test]
    fn the_v6_subnet_may_come_either_way_or_both_alike() {
        let both = request("2001:db8::101/128", Some("2001:db8:0::101/128"), true);
        assert!(Pool::request(&both).is_ok());
        let different = request("2001:db8::101/128", Some("2001:db8::102/128"), true);
        assert!(matches!(
            Pool::request(&different),
            Err(PoolError::Different { .. })
        ));
        assert_eq!(
            Pool::request(&request("", None, true)),
            Err(PoolError::MissingV6)
        );
    }

    #[test]
    fn refusals_say_what_to_do() {
        for (request, words) in [
            (request("10.0.0.0/24", None, false), "only subnet mask /32"),
            (
                request("", Some("2001:db8::/64"), true),
                "only subnet mask /128",
            ),
            (request("10.0.0.1/24", None, false), "such as 10.0.0.1/32"),
            (request("", Some("ten"), true), "--ipam-opt v6subnet="),
            (request("127.0.0.1/32", None, false), "loopback"),
            (request("", Some("fe80::1/128"), true), "link-local"),
            (request("2001:db8::1/128", None, false), "wrong family"),
            (request("", Some("10.0.0.1/32"), true), "wrong family"),
        ] {
            let error = Pool::request(&request).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn foreign_ids_are_unknown() {
        for id in [
            "",
            "x",
            "10.0.0.1/32",
            "bgplb|v6|10.0.0.1/32",
            "bgplb|v4|10.0.0.0/24",
            "bgplb|v4|",
        ] {
            assert!(
                matches!(Pool::from_id(id), Err(PoolError::UnknownId { .. })),
                "{id}"
            );
        }
    }

    #[test]
    fn only_the_own_address_can_be_had() {
        let pool = Pool::from_id("bgplb|v4|10.0.0.101/32").unwrap();
        assert!(pool.address(None).is_ok());
        assert!(pool.address(Some("10.0.0.101".parse().unwrap())).is_ok());
        assert!(pool.address(Some("10.0.0.102".parse().unwrap())).is_err());
    }
}
