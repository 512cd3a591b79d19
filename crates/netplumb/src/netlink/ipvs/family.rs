//! The number generic netlink has given to IPVS.

use neli::consts::nl::NlmF;
use neli::consts::rtnl::Rtm;

use super::super::message::{Attrs, Request, RequestWriter, read_u16, write_attr};
use super::super::socket::Connection;
use crate::error::Cause;

/// The family `IPVS` as this kernel numbers it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Family(u16);

impl Family {
    /// Asks for the number.
    pub(super) fn resolve(connection: &mut Connection) -> Result<Self, Cause> {
        let mut attrs = Vec::new();
        write_attr(&mut attrs, CTRL_ATTR_FAMILY_NAME, b"IPVS\0")?;
        let request = request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NlmF::ACK, &attrs)?;
        let answer = connection.get(request)?.ok_or(Cause::NoIpvs)?;
        read(&answer).ok_or(Cause::Malformed("a family without a number"))
    }

    /// A request to it.
    pub(super) fn request(self, command: u8, flags: NlmF, attrs: &[u8]) -> Result<Request, Cause> {
        request(self.0, command, flags, attrs)
    }
}

/// Reads a CTRL_CMD_NEWFAMILY payload.
pub(super) fn read(payload: &[u8]) -> Option<Family> {
    let mut attrs = Attrs(payload.get(GENL_HEADER..)?);
    let (_, number) = attrs.find(|(kind, _)| *kind == CTRL_ATTR_FAMILY_ID)?;
    read_u16(number, 0).map(Family)
}

fn request(family: u16, command: u8, flags: NlmF, attrs: &[u8]) -> Result<Request, Cause> {
    // `struct genlmsghdr`: the command, the version, two octets reserved.
    let header = [&[command, VERSION, 0, 0], attrs].concat();
    RequestWriter::new(Rtm::from(family), flags, &header).finish()
}

/// Octets of `struct genlmsghdr`.
pub(super) const GENL_HEADER: usize = 4;

/// That of the controller and of IPVS alike.
const VERSION: u8 = 1;

// linux/genetlink.h.
const GENL_ID_CTRL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
