//! What can be in the way of the services, in the operator's words.

use std::fmt;
use std::net::IpAddr;

use netplumb::{LinkName, Obstacle};

/// One thing that is in the way of the services.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Finding {
    /// The kernel forwards no IPv4 packets.
    ForwardingV4Off,
    /// The kernel forwards no IPv6 packets.
    ForwardingV6Off,
    /// The packet filter drops what routers send for services.
    ForwardDropped {
        /// Where it does.
        obstacle: Obstacle,
    },
    /// The packet filter drops the answers that come by a gateway's bridge.
    AnswersDropped {
        /// Where it does.
        obstacle: Obstacle,
        /// The bridge.
        bridge: LinkName,
    },
    /// The kernel takes packets from a bridge of Docker's only if it would send
    /// the answers there (RFC 3704 section 2.2). A container's answers come by
    /// its gateway's bridge, and its service address is behind another one.
    RpFilterStrict {
        /// The bridge's name.
        bridge: String,
    },
    /// The packet filter drops what learned routes lead out by a link, whatever
    /// link it comes by.
    TransitDropped {
        /// Where it does.
        obstacle: Obstacle,
        /// The link.
        link: LinkName,
    },
    /// The kernel takes packets from a link only if it would send the answers
    /// there (RFC 3704 section 2.2), and some learned routes leave by others.
    TransitFiltered {
        /// The link.
        link: LinkName,
    },
    /// The kernel shares packets out among the next hops of a route by their
    /// addresses alone.
    MultipathByAddress {
        /// It does so with IPv6 packets, or with IPv4 ones.
        v6: bool,
    },
    /// Links of ours take larger packets than the one towards the routers, or
    /// smaller ones.
    MtuDiffers {
        /// The MTU of ours in octets.
        mtu: u32,
        /// The one towards the routers.
        uplink: LinkName,
        /// Its MTU in octets.
        uplink_mtu: u32,
    },
    /// The host asks a service of its own for names. Engines before 27 ask for
    /// a pool again and again if one without `--subnet` holds a name server, and
    /// while no container serves, the host resolves nothing.
    NameServerIsService {
        /// The address of both.
        address: IpAddr,
        /// The file that names it.
        file: &'static str,
    },
}

impl Finding {
    /// The name for logs and programs, the same from version to version.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ForwardingV4Off => "forwarding-ipv4-off",
            Self::ForwardingV6Off => "forwarding-ipv6-off",
            Self::ForwardDropped { .. } | Self::TransitDropped { .. } => "forward-dropped",
            Self::AnswersDropped { .. } => "answers-dropped",
            Self::RpFilterStrict { .. } | Self::TransitFiltered { .. } => "rp-filter-strict",
            Self::MultipathByAddress { .. } => "multipath-by-address",
            Self::MtuDiffers { .. } => "mtu-differs",
            Self::NameServerIsService { .. } => "name-server-is-service",
        }
    }

    /// A command that shows it.
    #[must_use]
    pub fn show(&self) -> String {
        let switch = |name: &str| format!("sysctl {name}");
        match self {
            Self::ForwardingV4Off => switch(FORWARDING_V4),
            Self::ForwardingV6Off => switch(FORWARDING_V6),
            Self::ForwardDropped { obstacle }
            | Self::AnswersDropped { obstacle, .. }
            | Self::TransitDropped { obstacle, .. } => {
                let (family, table, chain) = (obstacle.family, &obstacle.table, &obstacle.chain);
                format!("nft list chain {family} {table} {chain}")
            }
            Self::RpFilterStrict { bridge } => switch(&rp_filter(bridge)),
            Self::TransitFiltered { link } => switch(&rp_filter(link.as_str())),
            Self::MultipathByAddress { v6 } => switch(hash_policy(*v6)),
            Self::MtuDiffers { .. } => "ip link".to_owned(),
            Self::NameServerIsService { file, .. } => format!("cat {file}"),
        }
    }

    /// What is so and what that breaks, without what mends it.
    #[must_use]
    pub fn text(&self) -> String {
        let sentence = self.to_string();
        match sentence.split_once("; mend it ") {
            Some((text, _)) => text.to_owned(),
            None => sentence,
        }
    }

    /// What mends it: a command, except for a name server, which is written
    /// down by whatever configures the host.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::ForwardingV4Off => format!("sysctl -w {FORWARDING_V4}=1"),
            Self::ForwardingV6Off => format!("sysctl -w {FORWARDING_V6}=1"),
            Self::ForwardDropped { obstacle } => accept(
                obstacle,
                &format!("-o {OWN_LINKS}+"),
                &format!("oifname '\"{OWN_LINKS}*\"'"),
            ),
            Self::AnswersDropped { obstacle, bridge } => accept(
                obstacle,
                &format!("-i {bridge} -m conntrack --ctstate RELATED,ESTABLISHED"),
                &format!("iifname {bridge} ct state established,related"),
            ),
            Self::RpFilterStrict { bridge } => {
                format!("sysctl -w {}=2", rp_filter(bridge))
            }
            Self::TransitDropped { obstacle, link } => {
                accept(obstacle, &format!("-o {link}"), &format!("oifname {link}"))
            }
            Self::TransitFiltered { link } => {
                format!("sysctl -w {}=2", rp_filter(link.as_str()))
            }
            Self::MultipathByAddress { v6 } => format!("sysctl -w {}=1", hash_policy(*v6)),
            Self::MtuDiffers { uplink_mtu, .. } => format!(
                "for link in $(ip -br link | grep -o '^{OWN_LINKS}[^ ]*'); do ip link set dev $link mtu {uplink_mtu}; done"
            ),
            Self::NameServerIsService { address, .. } => {
                format!("replacing the line “nameserver {address}” there")
            }
        }
    }
}

/// The command that accepts packets in an obstacle's chain, in the words of
/// iptables or of nft.
fn accept(obstacle: &Obstacle, iptables: &str, nft: &str) -> String {
    let place = obstacle.place();
    if obstacle.is_of_iptables() {
        let family = if obstacle.family == "ip6" { "6" } else { "" };
        return format!("ip{family}tables -I {place} {iptables} -j ACCEPT");
    }
    let (family, table) = (obstacle.family, &obstacle.table);
    format!("nft insert rule {family} {table} {place} {nft} accept")
}

/// What is so, what that breaks, and what mends it. The switches are the
/// kernel's (Documentation/networking/ip-sysctl.rst).
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let off = |f: &mut fmt::Formatter<'_>, name, family| {
            write!(
                f,
                "{name} is 0: this host drops the {family} packets that others send by it"
            )
        };
        match self {
            Self::ForwardingV4Off => off(f, FORWARDING_V4, "IPv4"),
            Self::ForwardingV6Off => off(f, FORWARDING_V6, "IPv6"),
            Self::ForwardDropped { obstacle } => write!(
                f,
                "{} of chain {obstacle} drops what routers send for services",
                by(obstacle)
            ),
            Self::AnswersDropped { obstacle, bridge } => write!(
                f,
                "{} of chain {obstacle} drops the answers of services whose containers have their gateway at {bridge}",
                by(obstacle)
            ),
            Self::RpFilterStrict { bridge } => write!(
                f,
                "reverse path filter of {bridge} is strict: this host drops the answers of services whose containers have their gateway there"
            ),
            Self::TransitDropped { obstacle, link } => write!(
                f,
                "{} of chain {obstacle} drops what learned routes lead out by {link}",
                by(obstacle)
            ),
            Self::TransitFiltered { link } => write!(
                f,
                "reverse path filter of {link} is strict: this host drops what comes by it from where learned routes lead by other links"
            ),
            Self::MultipathByAddress { v6 } => write!(
                f,
                "{} is 0: all connections between two addresses take one next hop of several",
                hash_policy(*v6)
            ),
            Self::MtuDiffers {
                mtu,
                uplink,
                uplink_mtu,
            } => {
                write!(
                    f,
                    "MTU of {OWN_LINKS}* is {mtu} and that of {uplink} towards the routers {uplink_mtu}: "
                )?;
                if mtu > uplink_mtu {
                    write!(
                        f,
                        "larger packets of containers there do not leave in one piece, and get lost where ICMP is filtered; their gateway's network needs the smaller MTU, too (com.docker.network.driver.mtu)"
                    )
                } else {
                    write!(
                        f,
                        "larger packets for containers there are refused, and get lost where ICMP is filtered; the other links on the way into the containers need the larger MTU, too"
                    )
                }
            }
            Self::NameServerIsService { address, file } => write!(
                f,
                "name server {address} of {file} is a service's address: this host resolves no names while no container of it serves, Docker's pulls included"
            ),
        }?;
        write!(f, "; mend it {}", self.with())?;
        f.write_str(&self.remedy())
    }
}

const fn by(obstacle: &Obstacle) -> &'static str {
    if obstacle.by_policy {
        "the policy"
    } else {
        "a rule"
    }
}

impl Finding {
    const fn with(&self) -> &'static str {
        match self {
            Self::NameServerIsService { .. } => "by ",
            _ => "with: ",
        }
    }
}

pub(super) const FORWARDING_V4: &str = "net.ipv4.ip_forward";
pub(super) const FORWARDING_V6: &str = "net.ipv6.conf.all.forwarding";

/// The switch of how packets are shared out among next hops.
pub(super) const fn hash_policy(v6: bool) -> &'static str {
    if v6 {
        "net.ipv6.fib_multipath_hash_policy"
    } else {
        "net.ipv4.fib_multipath_hash_policy"
    }
}

/// How the names of our bridges begin.
pub(super) const OWN_LINKS: &str = "bgplb-";

/// The switch of a link's reverse path filter.
pub(super) fn rp_filter(link: &str) -> String {
    format!("net.ipv4.conf.{link}.rp_filter")
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use expect_test::expect;
    use netplumb::LinkName;

    use super::Finding;

    #[test]
    fn the_sentence_names_the_object_what_it_breaks_and_the_command() {
        let findings = [
            Finding::ForwardingV4Off,
            Finding::RpFilterStrict {
                bridge: "docker0".to_owned(),
            },
            Finding::NameServerIsService {
                address: IpAddr::from([10, 0, 0, 101]),
                file: "/etc/resolv.conf",
            },
            Finding::MtuDiffers {
                mtu: 1500,
                uplink: LinkName::new("eth0").unwrap(),
                uplink_mtu: 1400,
            },
        ];
        let sentences: Vec<_> = findings.iter().map(ToString::to_string).collect();
        expect![[r#"
            net.ipv4.ip_forward is 0: this host drops the IPv4 packets that others send by it; mend it with: sysctl -w net.ipv4.ip_forward=1
            reverse path filter of docker0 is strict: this host drops the answers of services whose containers have their gateway there; mend it with: sysctl -w net.ipv4.conf.docker0.rp_filter=2
            name server 10.0.0.101 of /etc/resolv.conf is a service's address: this host resolves no names while no container of it serves, Docker's pulls included; mend it by replacing the line “nameserver 10.0.0.101” there
            MTU of bgplb-* is 1500 and that of eth0 towards the routers 1400: larger packets of containers there do not leave in one piece, and get lost where ICMP is filtered; their gateway's network needs the smaller MTU, too (com.docker.network.driver.mtu); mend it with: for link in $(ip -br link | grep -o '^bgplb-[^ ]*'); do ip link set dev $link mtu 1400; done"#]].assert_eq(&sentences.join("\n"));
    }
}
