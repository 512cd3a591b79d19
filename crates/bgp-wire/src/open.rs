//! OPEN and its optional parameters, both ways.

use alloc::vec::Vec;

use bytes::{BufMut as _, BytesMut};

use crate::capability::{Capability, CapabilityView};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::frame::{MessageType, begin_message, finish_message};
use crate::number::{Asn, BgpIdentifier, HoldTime, MaxMessageLen};
use crate::reader::Reader;
use crate::tlv;

/// A received OPEN (RFC 4271 section 4.2).
///
/// ```text
/// version (1) | my as (2) | hold time (2) | identifier (4)
///   | parameters length (1) | parameters
/// ```
///
/// With both length and first type 255 a two-octet length follows, and
/// parameters have two-octet lengths too (RFC 9072).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenView<'a> {
    version: u8,
    my_as: u16,
    hold_time: u16,
    identifier: BgpIdentifier,
    parameters: &'a [u8],
    form: ParameterForm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ParameterForm {
    Short,
    /// RFC 9072.
    Extended,
}

impl<'a> OpenView<'a> {
    /// Looks at the body of an OPEN.
    ///
    /// # Errors
    ///
    /// The version is not 4, or the lengths do not add up. What the fields
    /// say is judged by [`Self::to_open`].
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let malformed = DecodeError::from(DecodeErrorKind::MalformedOptionalParameters);
        let version = reader.u8().ok_or(malformed)?;
        if version != VERSION {
            return Err(DecodeErrorKind::UnsupportedVersion(version).into());
        }
        let my_as = reader.u16().ok_or(malformed)?;
        let hold_time = reader.u16().ok_or(malformed)?;
        let identifier = reader.u32().ok_or(malformed)?.into();
        let length = reader.u8().ok_or(malformed)?;
        let (form, length) = if reader.rest().first() == Some(&EXTENDED) && length != 0 {
            // A length other than 255 is to be taken as 255 here (RFC 9072
            // section 2).
            reader.u8();
            (ParameterForm::Extended, reader.u16().ok_or(malformed)?)
        } else {
            (ParameterForm::Short, u16::from(length))
        };
        let parameters = reader.take(usize::from(length)).ok_or(malformed)?;
        if !reader.is_empty() {
            return Err(malformed);
        }
        Ok(Self {
            version,
            my_as,
            hold_time,
            identifier,
            parameters,
            form,
        })
    }

    /// The protocol version: 4.
    #[must_use]
    pub const fn version(self) -> u8 {
        self.version
    }

    /// The two-octet AS number; AS_TRANS stands for a larger one, which the
    /// capability holds (RFC 6793).
    #[must_use]
    pub const fn my_as(self) -> u16 {
        self.my_as
    }

    /// The proposed hold time in seconds, not checked.
    #[must_use]
    pub const fn hold_time_seconds(self) -> u16 {
        self.hold_time
    }

    /// The BGP Identifier, not checked.
    #[must_use]
    pub const fn identifier(self) -> BgpIdentifier {
        self.identifier
    }

    /// The capabilities of all parameters in their order. The walk ends with
    /// the first error.
    #[must_use]
    pub const fn capabilities(self) -> CapabilityIter<'a> {
        CapabilityIter {
            parameters: self.parameters,
            form: self.form,
            capabilities: &[],
        }
    }

    /// Checks every field and reads the capabilities.
    ///
    /// # Errors
    ///
    /// What RFC 4271 section 6.2 refuses without knowing the configuration:
    /// AS 0 (RFC 7607) or two that contradict each other, hold times of 1 and
    /// 2 s, identifier 0, unreadable or unknown parameters.
    pub fn to_open(self) -> Result<Open, DecodeError> {
        let capabilities = self
            .capabilities()
            .map(|capability| capability?.to_capability())
            .collect::<Result<Vec<_>, _>>()?;
        let announced = capabilities.iter().find_map(|capability| match capability {
            Capability::FourOctetAs(asn) => Some(*asn),
            _ => None,
        });
        let field = Asn::new(u32::from(self.my_as));
        let asn = announced.unwrap_or(field);
        let agree = field == asn || field == Asn::TRANS;
        if asn.get() == 0 || !agree {
            return Err(DecodeErrorKind::BadPeerAs(asn.get()).into());
        }
        let hold_time = HoldTime::new(self.hold_time)
            .map_err(|_| DecodeErrorKind::UnacceptableHoldTime(self.hold_time))?;
        if self.identifier.get() == 0 {
            return Err(DecodeErrorKind::BadBgpIdentifier.into());
        }
        Ok(Open {
            asn,
            hold_time,
            identifier: self.identifier,
            capabilities,
        })
    }
}

/// The capabilities of an OPEN, read as they are asked for.
#[derive(Clone, Debug)]
pub struct CapabilityIter<'a> {
    parameters: &'a [u8],
    form: ParameterForm,
    /// What is left of the parameter under way.
    capabilities: &'a [u8],
}

impl<'a> CapabilityIter<'a> {
    fn read(&mut self) -> Result<Option<CapabilityView<'a>>, DecodeError> {
        let malformed = |_| DecodeError::from(DecodeErrorKind::MalformedOptionalParameters);
        while self.capabilities.is_empty() {
            if self.parameters.is_empty() {
                return Ok(None);
            }
            let (rest, (kind, value)) = match self.form {
                ParameterForm::Short => tlv::short(self.parameters),
                ParameterForm::Extended => tlv::long(self.parameters),
            }
            .map_err(malformed)?;
            if kind != CAPABILITIES {
                return Err(DecodeErrorKind::UnsupportedOptionalParameter(kind).into());
            }
            self.parameters = rest;
            self.capabilities = value;
        }
        let (rest, (code, value)) = tlv::short(self.capabilities).map_err(malformed)?;
        self.capabilities = rest;
        Ok(Some(CapabilityView::new(code, value)))
    }
}

impl<'a> Iterator for CapabilityIter<'a> {
    type Item = Result<CapabilityView<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.read();
        if item.is_err() {
            self.parameters = &[];
            self.capabilities = &[];
        }
        item.transpose()
    }
}

impl core::iter::FusedIterator for CapabilityIter<'_> {}

/// An OPEN with its fields checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Open {
    /// The speaker's AS: that of the four-octet capability if there is one.
    pub asn: Asn,
    /// The proposed hold time.
    pub hold_time: HoldTime,
    /// The speaker's identifier.
    pub identifier: BgpIdentifier,
    /// The capabilities in their order. An AS above 65535 is only understood
    /// if [`Capability::FourOctetAs`] is among them; nothing is added here.
    pub capabilities: Vec<Capability>,
}

impl Open {
    /// Appends the whole message. Capabilities go into one parameter, of the
    /// extended form (RFC 9072) if they need it.
    ///
    /// # Errors
    ///
    /// A capability is longer than 255 octets or the message than 4096;
    /// nothing is appended then.
    pub fn encode(&self, buf: &mut BytesMut) -> Result<(), EncodeError> {
        let mut capabilities = BytesMut::new();
        for capability in &self.capabilities {
            capability.encode(&mut capabilities)?;
        }
        let total = capabilities.len() + OPEN_LEN + EXTENDED_OVERHEAD;
        let Ok(extended_length) = u16::try_from(capabilities.len()) else {
            return Err(EncodeError::OpenTooLong(total));
        };
        if total > MaxMessageLen::STANDARD.get() {
            return Err(EncodeError::OpenTooLong(total));
        }
        let start = begin_message(buf, MessageType::OPEN);
        buf.put_u8(VERSION);
        buf.put_u16(self.asn.two_octets());
        buf.put_u16(self.hold_time.seconds());
        buf.put_u32(self.identifier.get());
        match u8::try_from(capabilities.len()) {
            Ok(0) => buf.put_u8(0),
            // The parameter's own two octets count in the length before it,
            // which must stay below 255.
            Ok(length @ ..=252) => {
                buf.put_slice(&[length + 2, CAPABILITIES, length]);
            }
            _ => {
                buf.put_slice(&[EXTENDED, EXTENDED]);
                buf.put_u16(extended_length + 3);
                buf.put_u8(CAPABILITIES);
                buf.put_u16(extended_length);
            }
        }
        buf.put_slice(&capabilities);
        finish_message(buf, start);
        Ok(())
    }
}

const VERSION: u8 = 4;
/// The parameter type of capabilities (RFC 5492).
const CAPABILITIES: u8 = 2;
/// Length and type of the extended form (RFC 9072).
const EXTENDED: u8 = 255;
/// An OPEN without parameters.
const OPEN_LEN: usize = 29;
/// What the extended form adds to the capabilities.
const EXTENDED_OVERHEAD: usize = 6;

#[cfg(test)]
mod tests;
