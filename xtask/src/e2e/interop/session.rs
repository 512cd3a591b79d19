//! The sessions between the two programs, and what each side announces on them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Our AS: more than two octets can hold.
pub(super) const OUR_AS: u32 = 4_200_000_040;
/// Theirs too.
pub(super) const THEIR_AS: u32 = 4_200_000_137;
/// The key of [`Session::Password`].
pub(super) const PASSWORD: &str = "laboratory";
/// Seconds for which routes of a restarting program are kept.
pub(super) const RESTART_TIME: u32 = 60;

/// The link with addresses of both families.
pub(super) const LINK: &str = "uplink";
/// The link with IPv6 addresses alone.
pub(super) const LINK_WITHOUT_V4: &str = "v6only";

/// One BGP session. All run between the same two programs, at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Session {
    /// Over IPv4, both families.
    V4,
    /// Over IPv6, both families, each with next hops of its own.
    V6,
    /// Over IPv6, both families, on a link where nobody has an IPv4 address (RFC 8950).
    ExtendedNextHop,
    /// As [`Self::V4`], with TCP MD5 (RFC 2385).
    Password,
    /// As [`Self::Password`], but the two sides have different keys.
    OtherPassword,
    /// As [`Self::V4`], watched by BFD (RFC 5880).
    Bfd,
    /// Without addresses in our configuration, both families, on the link without IPv4 addresses:
    /// the link-local ones are found.
    LinkLocal,
}

impl Session {
    pub(super) const ALL: [Self; 7] = [
        Self::V4,
        Self::V6,
        Self::ExtendedNextHop,
        Self::Password,
        Self::OtherPassword,
        Self::Bfd,
        Self::LinkLocal,
    ];

    /// A word by which programs may call it; none has it as a keyword.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::V4 => "over_v4",
            Self::V6 => "over_v6",
            Self::ExtendedNextHop => "with_v6_hops",
            Self::Password => "with_password",
            Self::OtherPassword => "with_other_password",
            Self::Bfd => "with_bfd",
            Self::LinkLocal => "link_local",
        }
    }

    /// The link it goes by.
    pub(super) const fn link(self) -> &'static str {
        match self {
            Self::ExtendedNextHop | Self::LinkLocal => LINK_WITHOUT_V4,
            _ => LINK,
        }
    }

    /// The one of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// The one with this address at our end.
    pub(super) fn of_ours(ours: IpAddr) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.ours() == ours)
    }

    /// Our address.
    pub(super) const fn ours(self) -> IpAddr {
        match self {
            Self::V4 => v4(40),
            Self::Password => v4(41),
            Self::OtherPassword => v4(42),
            Self::Bfd => v4(43),
            Self::LinkLocal => link_local(0x40),
            Self::V6 => v6(8, 0x40),
            Self::ExtendedNextHop => v6(9, 0x40),
        }
    }

    /// Theirs.
    pub(super) const fn theirs(self) -> IpAddr {
        match self {
            Self::V4 => v4(137),
            Self::Password => v4(138),
            Self::OtherPassword => v4(139),
            Self::Bfd => v4(140),
            Self::LinkLocal => link_local(0x137),
            Self::V6 => v6(8, 0x137),
            Self::ExtendedNextHop => v6(9, 0x137),
        }
    }

    /// Our address, with its link where the address alone says nothing.
    pub(super) fn ours_with_link(self) -> String {
        match self {
            Self::LinkLocal => format!("{}%{}", self.ours(), self.link()),
            _ => self.ours().to_string(),
        }
    }

    /// Their key, if there is one.
    pub(super) const fn their_password(self) -> Option<&'static str> {
        match self {
            Self::Password => Some(PASSWORD),
            Self::OtherPassword => Some("observatory"),
            _ => None,
        }
    }
}

const fn v4(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 168, 8, last))
}

const fn v6(link: u16, last: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, link, 0, 0, 0, 0, last))
}

const fn link_local(last: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last))
}

/// A route that one side originates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Announced {
    /// The prefix, as every program prints it.
    pub(super) prefix: &'static str,
    /// Standard communities, as we print them.
    pub(super) standard: &'static [&'static str],
    /// Extended ones: route targets of the two-octet kind.
    pub(super) extended: &'static [&'static str],
    /// Large ones.
    pub(super) large: &'static [&'static str],
    /// Whether it is announced again after a restart.
    pub(super) stays: bool,
}

impl Announced {
    const fn plain(prefix: &'static str) -> Self {
        Self {
            prefix,
            standard: &[],
            extended: &[],
            large: &[],
            stays: true,
        }
    }

    const fn goes(prefix: &'static str) -> Self {
        Self {
            stays: false,
            ..Self::plain(prefix)
        }
    }

    /// All its communities.
    pub(super) fn communities(&self) -> impl Iterator<Item = &'static str> {
        let kinds = [self.standard, self.extended, self.large];
        kinds.into_iter().flatten().copied()
    }

    pub(super) fn is_v6(&self) -> bool {
        self.prefix.contains(':')
    }
}

/// The well-known community of RFC 8326, as we print it.
pub(super) const GRACEFUL_SHUTDOWN: &str = "graceful-shutdown";

/// What one side announces.
pub(super) struct Table {
    pub(super) v4: Announced,
    pub(super) v6: Announced,
    pub(super) with_communities: Announced,
    pub(super) shutting_down: Announced,
    /// Not announced any more after a restart.
    pub(super) v4_goes: Announced,
    pub(super) v6_goes: Announced,
}

impl Table {
    /// Its routes; only those that stay, after a restart.
    pub(super) fn routes(&self, restarted: bool) -> Vec<Announced> {
        let all = [
            self.v4,
            self.v6,
            self.with_communities,
            self.shutting_down,
            self.v4_goes,
            self.v6_goes,
        ];
        let mut all = all.to_vec();
        all.retain(|route| route.stays || !restarted);
        all
    }
}

/// What we announce.
pub(super) const OURS: Table = Table {
    v4: Announced::plain("192.0.2.0/24"),
    v6: Announced::plain("2001:db8:40::/48"),
    with_communities: Announced {
        standard: &["64512:7"],
        extended: &["target:64512:8"],
        large: &["4200000040:9:10"],
        ..Announced::plain("192.0.2.128/25")
    },
    shutting_down: Announced {
        standard: &[GRACEFUL_SHUTDOWN],
        ..Announced::plain("192.0.2.192/26")
    },
    v4_goes: Announced::goes("192.0.2.224/27"),
    v6_goes: Announced::goes("2001:db8:41::/48"),
};

/// What they announce.
pub(super) const THEIRS: Table = Table {
    v4: Announced::plain("198.51.100.0/24"),
    v6: Announced::plain("2001:db8:137::/48"),
    with_communities: Announced {
        standard: &["64513:17"],
        extended: &["target:64513:18"],
        large: &["4200000137:19:20"],
        ..Announced::plain("198.51.100.128/25")
    },
    shutting_down: Announced {
        standard: &[GRACEFUL_SHUTDOWN],
        ..Announced::plain("198.51.100.192/26")
    },
    v4_goes: Announced::goes("198.51.100.224/27"),
    v6_goes: Announced::goes("2001:db8:138::/48"),
};
