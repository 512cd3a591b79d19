//! Links that share their parent's hardware address, and what all of one parent
//! have in common.

use std::fmt;

use crate::name::LinkName;
use crate::observed::{LinkKindState, LinkState};

/// A wanted ipvlan: a child of a link, with addresses of its own and the
/// parent's hardware address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpvlanSpec {
    /// The link whose child it is.
    pub parent: LinkName,
    /// What it sees of its parent's traffic.
    pub mode: IpvlanMode,
    /// Whom it reaches directly.
    pub flags: IpvlanFlags,
}

impl IpvlanSpec {
    /// Whether such a child can be made without harm to those that `links` has
    /// already.
    ///
    /// Mode and flags belong to the parent: the kernel gives what is asked for
    /// last to all of its children. Those in other namespaces, as in
    /// containers, are not among `links` and can't be seen from here.
    ///
    /// # Errors
    ///
    /// When another child would be changed, or the parent is a child itself.
    pub fn check<'a>(
        &self,
        links: impl IntoIterator<Item = (&'a LinkName, &'a LinkState)>,
    ) -> Result<(), IpvlanConflict> {
        for (name, link) in links {
            let LinkKindState::Ipvlan {
                parent,
                mode,
                flags,
            } = &link.kind
            else {
                continue;
            };
            let conflict = |reason| IpvlanConflict {
                wanted: self.clone(),
                child: name.clone(),
                reason,
            };
            if *name == self.parent {
                return Err(conflict(Reason::IsChild(parent.clone())));
            }
            let sibling = parent.as_ref() == Some(&self.parent);
            if sibling && (*mode, *flags) != (self.mode, self.flags) {
                return Err(conflict(Reason::Differs(*mode, *flags)));
            }
        }
        Ok(())
    }
}

/// What an ipvlan sees of its parent's traffic (`IFLA_IPVLAN_MODE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IpvlanMode {
    /// Frames, with broadcast and multicast; it resolves addresses itself.
    L2,
    /// Packets by their addresses, without broadcast and multicast; routes have
    /// to lead to the parent.
    L3,
    /// The same, and packets pass the packet filter of the parent's namespace
    /// on their way in.
    L3s,
}

impl IpvlanMode {
    /// The mode of this number.
    pub(crate) const fn from_number(number: u16) -> Option<Self> {
        match number {
            0 => Some(Self::L2),
            1 => Some(Self::L3),
            2 => Some(Self::L3s),
            _ => None,
        }
    }

    /// Its number.
    pub(crate) const fn number(self) -> u16 {
        match self {
            Self::L2 => 0,
            Self::L3 => 1,
            Self::L3s => 2,
        }
    }
}

impl fmt::Display for IpvlanMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::L2 => "l2",
            Self::L3 => "l3",
            Self::L3s => "l3s",
        })
    }
}

/// Whom an ipvlan reaches directly (`IFLA_IPVLAN_FLAGS`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IpvlanFlags {
    /// The parent's other children; no flag.
    #[default]
    Bridge,
    /// None of them (`IPVLAN_F_PRIVATE`).
    Private,
    /// Them by way of the switch outside (`IPVLAN_F_VEPA`).
    Vepa,
}

impl IpvlanFlags {
    /// The flags of this number.
    pub(crate) const fn from_number(number: u16) -> Option<Self> {
        match number {
            0 => Some(Self::Bridge),
            1 => Some(Self::Private),
            2 => Some(Self::Vepa),
            _ => None,
        }
    }

    /// Their number.
    pub(crate) const fn number(self) -> u16 {
        match self {
            Self::Bridge => 0,
            Self::Private => 1,
            Self::Vepa => 2,
        }
    }
}

impl fmt::Display for IpvlanFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bridge => "bridge",
            Self::Private => "private",
            Self::Vepa => "vepa",
        })
    }
}

/// Why an ipvlan can't be made without harm to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpvlanConflict {
    wanted: IpvlanSpec,
    child: LinkName,
    reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    Differs(IpvlanMode, IpvlanFlags),
    IsChild(Option<LinkName>),
}

impl fmt::Display for IpvlanConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let IpvlanSpec {
            parent,
            mode,
            flags,
        } = &self.wanted;
        match &self.reason {
            Reason::Differs(there, with) => {
                let child = &self.child;
                write!(
                    f,
                    "all ipvlans of `{parent}` have one mode: `{child}` is {there} {with} and would turn to {mode} {flags}"
                )
            }
            Reason::IsChild(Some(of)) => {
                write!(
                    f,
                    "`{parent}` is an ipvlan of `{of}`: take that as the parent"
                )
            }
            Reason::IsChild(None) => {
                write!(
                    f,
                    "`{parent}` is an ipvlan itself and can't be the parent of one"
                )
            }
        }
    }
}

impl std::error::Error for IpvlanConflict {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn link(kind: LinkKindState) -> LinkState {
        LinkState {
            index: 1,
            kind,
            up: true,
            master: None,
            mtu: 1500,
            alias: String::new(),
            mac: None,
        }
    }

    fn child(parent: Option<&str>, mode: IpvlanMode) -> LinkState {
        link(LinkKindState::Ipvlan {
            parent: parent.map(|name| name.parse().unwrap()),
            mode,
            flags: IpvlanFlags::Bridge,
        })
    }

    fn wanted(parent: &str, mode: IpvlanMode, flags: IpvlanFlags) -> IpvlanSpec {
        IpvlanSpec {
            parent: parent.parse().unwrap(),
            mode,
            flags,
        }
    }

    #[test]
    fn children_of_one_parent_have_one_mode() {
        let links: BTreeMap<LinkName, _> = BTreeMap::from([
            ("eth0".parse().unwrap(), link(LinkKindState::Dummy)),
            ("web".parse().unwrap(), child(Some("eth0"), IpvlanMode::L2)),
            (
                "other".parse().unwrap(),
                child(Some("eth1"), IpvlanMode::L3),
            ),
            ("far".parse().unwrap(), child(None, IpvlanMode::L3s)),
        ]);
        let check = |parent, mode, flags| {
            let conflict = wanted(parent, mode, flags).check(&links);
            conflict.map_err(|conflict| conflict.to_string())
        };
        let bridge = IpvlanFlags::Bridge;
        assert_eq!(check("eth0", IpvlanMode::L2, bridge), Ok(()));
        assert_eq!(check("eth1", IpvlanMode::L3, bridge), Ok(()));
        assert_eq!(check("eth2", IpvlanMode::L3s, bridge), Ok(()));
        assert_eq!(
            check("eth0", IpvlanMode::L3, bridge).unwrap_err(),
            "all ipvlans of `eth0` have one mode: `web` is l2 bridge and would turn to l3 bridge"
        );
        assert_eq!(
            check("eth1", IpvlanMode::L3, IpvlanFlags::Private).unwrap_err(),
            "all ipvlans of `eth1` have one mode: `other` is l3 bridge and would turn to l3 private"
        );
        assert_eq!(
            check("web", IpvlanMode::L2, bridge).unwrap_err(),
            "`web` is an ipvlan of `eth0`: take that as the parent"
        );
        assert!(check("far", IpvlanMode::L3s, bridge).is_err());
    }
}
