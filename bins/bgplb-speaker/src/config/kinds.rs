//! What can stand behind the keys of the file.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bgp_speaker::{BesideBest, RemoteAs};
use bgp_wire::{
    Asn, BgpIdentifier, Community, ExtendedCommunity, Family, HoldTime, LargeCommunity, Role,
};
use ipnet::IpNet;
use toml::de::DeValue;

use super::reader::Kind;

/// A community of any kind.
#[derive(Clone, Copy, Debug)]
pub(super) enum AnyCommunity {
    Plain(Community),
    Large(LargeCommunity),
    Extended(ExtendedCommunity),
}

pub(super) const ASN: Kind<Asn> = Kind {
    accepted: "an AS number, 1 to 4294967295",
    read: asn,
};

pub(super) const REMOTE_AS: Kind<RemoteAs> = Kind {
    accepted: "an AS number, 1 to 4294967295, or \"internal\" or \"external\"",
    read: |value| match value.as_str() {
        Some("internal") => Some(RemoteAs::Internal),
        Some("external") => Some(RemoteAs::External),
        Some(_) => None,
        None => asn(value).map(RemoteAs::Number),
    },
};

pub(super) const ROLE: Kind<Role> = Kind {
    accepted: "what we are to the peer: \"provider\", \"customer\", \"peer\", \"route-server\" or \
               \"route-server-client\"",
    read: |value| {
        let known = [
            Role::PROVIDER,
            Role::CUSTOMER,
            Role::PEER,
            Role::ROUTE_SERVER,
            Role::ROUTE_SERVER_CLIENT,
        ];
        let word = value.as_str()?;
        known.into_iter().find(|role| role.to_string() == word)
    },
};

pub(super) const ROUTER_ID: Kind<BgpIdentifier> = Kind {
    accepted: "an IPv4 address other than \"0.0.0.0\", in quotes",
    read: |value| {
        let address: Ipv4Addr = parsed(value)?;
        (!address.is_unspecified()).then(|| address.into())
    },
};

pub(super) const LISTEN: Kind<SocketAddr> = Kind {
    accepted: "an address with a port, such as \"0.0.0.0:179\" or \"[::]:179\"",
    read: parsed,
};

pub(super) const ADDRESS: Kind<IpAddr> = Kind {
    accepted: "an IPv4 or IPv6 address in quotes",
    read: parsed,
};

pub(super) const ADDRESS_V4: Kind<Ipv4Addr> = Kind {
    accepted: "an IPv4 address in quotes",
    read: parsed,
};

pub(super) const ADDRESS_V6: Kind<Ipv6Addr> = Kind {
    accepted: "an IPv6 address in quotes",
    read: parsed,
};

pub(super) const PREFIX: Kind<IpNet> = Kind {
    accepted: "a prefix in quotes, such as \"192.0.2.0/24\" or \"2001:db8::/32\"",
    read: parsed,
};

pub(super) const TEXT: Kind<String> = Kind {
    accepted: "a text in quotes",
    read: |value| value.as_str().map(str::to_owned),
};

pub(super) const INTERFACE: Kind<String> = Kind {
    accepted: "the name of an interface, 1 to 15 octets in quotes",
    read: |value| {
        let name = value.as_str()?;
        let possible = (1..=15).contains(&name.len()) && !name.contains(['/', '\0', ' ']);
        possible.then(|| name.to_owned())
    },
};

pub(super) const PASSWORD: Kind<String> = Kind {
    accepted: "1 to 80 octets in quotes",
    read: |value| {
        let text = value.as_str()?;
        (1..=80).contains(&text.len()).then(|| text.to_owned())
    },
};

pub(super) const PATH: Kind<PathBuf> = Kind {
    accepted: "the path of a file in quotes",
    read: |value| {
        value
            .as_str()
            .filter(|it| !it.is_empty())
            .map(PathBuf::from)
    },
};

pub(super) const YES_OR_NO: Kind<bool> = Kind {
    accepted: "true or false",
    read: |value| value.as_bool(),
};

pub(super) const PORT: Kind<u16> = Kind {
    accepted: "a port, 1 to 65535",
    read: |value| integer(value).filter(|port| *port > 0),
};

pub(super) const NUMBER: Kind<u32> = Kind {
    accepted: "a number, 0 to 4294967295",
    read: integer,
};

pub(super) const COUNT: Kind<u32> = Kind {
    accepted: "a number, 1 to 4294967295",
    read: |value| integer(value).filter(|count| *count > 0),
};

pub(super) const PREPEND: Kind<u8> = Kind {
    accepted: "how often, 0 to 64",
    read: |value| integer(value).filter(|times| *times <= 64),
};

pub(super) const TTL: Kind<u8> = Kind {
    accepted: "a number of hops, 1 to 255",
    read: |value| integer(value).filter(|hops| *hops > 0),
};

pub(super) const DISTANCE: Kind<u8> = Kind {
    accepted: "a number of hops, 1 to 254",
    read: |value| integer(value).filter(|hops| (1..255).contains(hops)),
};

pub(super) const RESTART_TIME: Kind<Duration> = Kind {
    accepted: "a number of seconds, 1 to 4095",
    read: |value| {
        let seconds = integer(value).filter(|it| (1..=4095).contains(it))?;
        Some(Duration::from_secs(seconds))
    },
};

pub(super) const MILLISECONDS: Kind<Duration> = Kind {
    accepted: "a number of milliseconds, 1 to 4294000",
    read: |value| {
        let time = integer(value).filter(|it| (1..=4_294_000).contains(it))?;
        Some(Duration::from_millis(time))
    },
};

pub(super) const MULTIPLIER: Kind<u8> = Kind {
    accepted: "how many packets, 1 to 255",
    read: |value| integer(value).filter(|it| *it > 0),
};

pub(super) const MIN_TTL: Kind<u8> = Kind {
    accepted: "the least TTL, 1 to 255",
    read: |value| integer(value).filter(|ttl| *ttl > 0),
};

pub(super) const PREFIX_LENGTH: Kind<u8> = Kind {
    accepted: "a prefix length, 0 to 128",
    read: |value| integer(value).filter(|length| *length <= 128),
};

pub(super) const HOLD_TIME: Kind<HoldTime> = Kind {
    accepted: "0 or 3 to 65535 seconds",
    read: |value| HoldTime::new(integer(value)?).ok(),
};

pub(super) const SECONDS: Kind<Duration> = Kind {
    accepted: "1 to 65535 seconds",
    read: |value| seconds(value).filter(|time| !time.is_zero()),
};

pub(super) const SECONDS_OR_NONE: Kind<Duration> = Kind {
    accepted: "0 to 65535 seconds",
    read: seconds,
};

pub(super) const FAMILY: Kind<Family> = Kind {
    accepted: "\"ipv4-unicast\" or \"ipv6-unicast\"",
    read: |value| match value.as_str()? {
        "ipv4-unicast" => Some(Family::IPV4_UNICAST),
        "ipv6-unicast" => Some(Family::IPV6_UNICAST),
        _ => None,
    },
};

pub(super) const COMMUNITY: Kind<AnyCommunity> = Kind {
    accepted: "a community \"64512:100\" or by name such as \"no-export\", a large one \
               \"64512:1:2\", or an extended one such as \"target:64512:100\"",
    read: |value| {
        let text = value.as_str()?;
        let plain = text.parse().map(AnyCommunity::Plain);
        let large = || text.parse().map(AnyCommunity::Large);
        let extended = || text.parse().map(AnyCommunity::Extended);
        plain.or_else(|_| large()).or_else(|_| extended()).ok()
    },
};

pub(super) const BESIDE_BEST: Kind<BesideBest> = Kind {
    accepted: "\"same-length\" or \"same-path\"",
    read: |value| match value.as_str()? {
        "same-length" => Some(BesideBest::SameLength),
        "same-path" => Some(BesideBest::SamePath),
        _ => None,
    },
};

/// FRR's zebra deletes routes of protocol 186 with its own metric, 20, when it
/// starts.
pub(super) const METRIC: Kind<u32> = Kind {
    accepted: "a number, 0 to 4294967295, but not 20: routes with it are deleted by FRR when it \
               starts",
    read: |value| integer(value).filter(|metric| *metric != 20),
};

pub(super) const PROTOCOL: Kind<u8> = Kind {
    accepted: "a number, 5 to 255: lower ones are the kernel's own",
    read: |value| integer(value).filter(|protocol| *protocol >= 5),
};

fn asn(value: &DeValue<'_>) -> Option<Asn> {
    integer(value).filter(|asn| *asn > 0).map(Asn::new)
}

fn seconds(value: &DeValue<'_>) -> Option<Duration> {
    integer::<u16>(value).map(|seconds| Duration::from_secs(seconds.into()))
}

pub(super) fn integer<T: TryFrom<i64>>(value: &DeValue<'_>) -> Option<T> {
    let number = value.as_integer()?;
    let number = i64::from_str_radix(number.as_str(), number.radix()).ok()?;
    T::try_from(number).ok()
}

pub(super) fn parsed<T: FromStr>(value: &DeValue<'_>) -> Option<T> {
    value.as_str()?.parse().ok()
}
