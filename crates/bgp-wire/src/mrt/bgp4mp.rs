//! BGP4MP: messages and changes of state of one peering.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{FAMILIES, MrtError, RecordBody};
use crate::frame::MessageView;
use crate::number::{Afi, Asn, MaxMessageLen};
use crate::reader::Reader;
use crate::update::{AsWidth, DecodeContext, SessionKind};

/// `None` for subtypes that are not read.
pub(super) fn body(
    subtype: u16,
    mut reader: Reader<'_>,
) -> Result<Option<RecordBody<'_>>, MrtError> {
    let as_width = match subtype {
        STATE_CHANGE | MESSAGE | MESSAGE_LOCAL | MESSAGE_ADDPATH | MESSAGE_LOCAL_ADDPATH => {
            AsWidth::Two
        }
        STATE_CHANGE_AS4
        | MESSAGE_AS4
        | MESSAGE_AS4_LOCAL
        | MESSAGE_AS4_ADDPATH
        | MESSAGE_AS4_LOCAL_ADDPATH => AsWidth::Four,
        _ => return Ok(None),
    };
    let peering = Peering::read(&mut reader, as_width)?;
    if matches!(subtype, STATE_CHANGE | STATE_CHANGE_AS4) {
        let states = (reader.u16(), reader.u16(), reader.is_empty());
        let (Some(old), Some(new), true) = states else {
            return Err(MrtError::Malformed);
        };
        return Ok(Some(RecordBody::StateChange(StateChange {
            peering,
            old_state: PeerState(old),
            new_state: PeerState(new),
        })));
    }
    Ok(Some(RecordBody::Message(MessageRecordView {
        peering,
        as_width,
        is_local: matches!(
            subtype,
            MESSAGE_LOCAL | MESSAGE_AS4_LOCAL | MESSAGE_LOCAL_ADDPATH | MESSAGE_AS4_LOCAL_ADDPATH
        ),
        has_path_ids: matches!(
            subtype,
            MESSAGE_ADDPATH
                | MESSAGE_AS4_ADDPATH
                | MESSAGE_LOCAL_ADDPATH
                | MESSAGE_AS4_LOCAL_ADDPATH
        ),
        octets: reader.rest(),
    })))
}

/// The two ends of a session, seen from the one that wrote the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peering {
    /// The peer's AS; of records with two octets at most 65535.
    pub peer_as: Asn,
    /// The AS of who wrote the record.
    pub local_as: Asn,
    /// The interface's index; 0 if it is not known.
    pub interface: u16,
    /// The peer's address.
    pub peer_address: IpAddr,
    /// The address of who wrote the record, of the same family.
    pub local_address: IpAddr,
}

impl Peering {
    /// ```text
    /// peer as (2 or 4) | local as (2 or 4) | interface (2) | afi (2)
    /// | peer address (4 or 16) | local address (4 or 16)
    /// ```
    fn read(reader: &mut Reader<'_>, as_width: AsWidth) -> Result<Self, MrtError> {
        let mut asn = || match as_width {
            AsWidth::Two => reader.u16().map(u32::from),
            AsWidth::Four => reader.u32(),
        };
        let (peer_as, local_as) = (asn(), asn());
        let (interface, afi) = (reader.u16(), reader.u16());
        let (Some(peer_as), Some(local_as), Some(interface), Some(afi)) =
            (peer_as, local_as, interface, afi)
        else {
            return Err(MrtError::Malformed);
        };
        let mut address = || match Afi(afi) {
            Afi::IPV4 => Ok(reader.array().map(|it| Ipv4Addr::from_octets(it).into())),
            Afi::IPV6 => Ok(reader.array().map(|it| Ipv6Addr::from_octets(it).into())),
            Afi(other) => Err(MrtError::UnknownFamily(other)),
        };
        let (Some(peer_address), Some(local_address)) = (address()?, address()?) else {
            return Err(MrtError::Malformed);
        };
        Ok(Self {
            peer_as: Asn::new(peer_as),
            local_as: Asn::new(local_as),
            interface,
            peer_address,
            local_address,
        })
    }
}

/// A message of a session (RFC 6396 sections 4.4.2 to 4.4.5, RFC 8050
/// section 3).
///
/// ```text
/// peering | message (rest)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageRecordView<'a> {
    peering: Peering,
    as_width: AsWidth,
    is_local: bool,
    has_path_ids: bool,
    octets: &'a [u8],
}

impl<'a> MessageRecordView<'a> {
    /// Whose session it is.
    #[must_use]
    pub const fn peering(self) -> Peering {
        self.peering
    }

    /// Whether who wrote the record sent it, instead of the peer.
    #[must_use]
    pub const fn is_local(self) -> bool {
        self.is_local
    }

    /// Whether the prefixes in it carry path identifiers (RFC 7911).
    #[must_use]
    pub const fn has_path_ids(self) -> bool {
        self.has_path_ids
    }

    /// How to read an UPDATE: the record tells the width of AS numbers,
    /// whether both ends are of one AS, and whether there are path
    /// identifiers, though not of which families.
    #[must_use]
    pub fn context(self) -> DecodeContext {
        let Peering {
            peer_as, local_as, ..
        } = self.peering;
        let session = if peer_as == local_as {
            SessionKind::Internal
        } else {
            SessionKind::External
        };
        let ctx = DecodeContext::new(self.as_width, session);
        if self.has_path_ids {
            ctx.with_path_ids(FAMILIES.into_iter().collect())
        } else {
            ctx
        }
    }

    /// The message, header included.
    #[must_use]
    pub const fn octets(self) -> &'a [u8] {
        self.octets
    }

    /// Looks at the message.
    ///
    /// # Errors
    ///
    /// [`MrtError::Malformed`] if the octets are not exactly one message, or
    /// what [`MessageView::split_from`] says.
    pub fn message(self) -> Result<MessageView<'a>, MrtError> {
        let mut octets = self.octets;
        let view = MessageView::split_from(&mut octets, MaxMessageLen::EXTENDED)?;
        view.filter(|_| octets.is_empty())
            .ok_or(MrtError::Malformed)
    }
}

/// A session has changed its state (RFC 6396 section 4.4.1).
///
/// ```text
/// peering | old state (2) | new state (2)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// Whose session it is.
    pub peering: Peering,
    /// The state before.
    pub old_state: PeerState,
    /// The state from then on.
    pub new_state: PeerState,
}

/// A state of the session (RFC 6396 section 4.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerState(pub u16);

impl PeerState {
    /// The name of RFC 4271 section 8.2.2, if the number is known. 7 and 8 are
    /// what FRR writes while it clears a peer's routes and forgets a peer.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "Idle",
            2 => "Connect",
            3 => "Active",
            4 => "OpenSent",
            5 => "OpenConfirm",
            6 => "Established",
            7 => "Clearing",
            8 => "Deleted",
            _ => return None,
        })
    }
}

/// `Established`.
impl fmt::Display for PeerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "state {}", self.0),
        }
    }
}

// IANA “BGP4MP Subtype Codes”.
const STATE_CHANGE: u16 = 0;
const MESSAGE: u16 = 1;
const MESSAGE_AS4: u16 = 4;
const STATE_CHANGE_AS4: u16 = 5;
const MESSAGE_LOCAL: u16 = 6;
const MESSAGE_AS4_LOCAL: u16 = 7;
const MESSAGE_ADDPATH: u16 = 8;
const MESSAGE_AS4_ADDPATH: u16 = 9;
const MESSAGE_LOCAL_ADDPATH: u16 = 10;
const MESSAGE_AS4_LOCAL_ADDPATH: u16 = 11;
