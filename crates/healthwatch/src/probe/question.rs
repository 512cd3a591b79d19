//! A DNS question, and what comes back to it (RFC 1035 section 4).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::spec::SpecError;

/// The type of a record, by its number (RFC 1035 section 3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordType(pub u16);

impl RecordType {
    /// An IPv4 address.
    pub const A: Self = Self(1);
    /// Where authority over a zone begins.
    pub const SOA: Self = Self(6);
    /// An IPv6 address (RFC 3596).
    pub const AAAA: Self = Self(28);
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match TYPES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.write_str(name),
            // RFC 3597 section 5.
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

impl FromStr for RecordType {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let named = TYPES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text));
        let number = named
            .map(|(_, number)| *number)
            .or_else(|| text.strip_prefix("TYPE")?.parse().ok());
        number.map(Self).ok_or_else(|| {
            let names: Vec<_> = TYPES.iter().map(|(name, _)| *name).collect();
            SpecError::new(format!(
                "type is \"{}\"; accepted are {} and TYPE with a number",
                text.escape_debug(),
                names.join(", ")
            ))
        })
    }
}

/// One name and type of class IN, as it stands in messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    section: Vec<u8>,
}

/// What a server made of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The RCODE; 0 is NOERROR.
    pub(crate) code: u8,
    /// Of all A and AAAA records in the answer section, up to where it is understood.
    pub(crate) addresses: Vec<IpAddr>,
}

impl Question {
    /// `None` if `name` can't be a name.
    pub(crate) fn new(name: &str, record_type: RecordType) -> Option<Self> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let mut section = Vec::with_capacity(name.len() + 6);
        if !name.is_empty() {
            for label in name.split('.') {
                let length = u8::try_from(label.len()).ok()?;
                let plain = label.bytes().all(|octet| octet.is_ascii_graphic());
                if !(1..=63).contains(&length) || !plain {
                    return None;
                }
                section.push(length);
                section.extend_from_slice(label.as_bytes());
            }
        }
        section.push(0);
        if section.len() > LONGEST_NAME {
            return None;
        }
        section.extend_from_slice(&record_type.0.to_be_bytes());
        section.extend_from_slice(&CLASS_IN.to_be_bytes());
        Some(Self { section })
    }

    /// A message that asks it, recursion desired.
    pub(crate) fn query(&self, id: u16) -> Vec<u8> {
        let mut message = Vec::with_capacity(HEADER + self.section.len());
        message.extend_from_slice(&id.to_be_bytes());
        message.extend_from_slice(&[RECURSION_DESIRED, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        message.extend_from_slice(&self.section);
        message
    }

    /// What `message` answers; `None` if it is no answer to this.
    pub(crate) fn answer(&self, id: u16, message: &[u8]) -> Option<Answer> {
        let (header, rest) = message.split_at_checked(HEADER)?;
        let (first, code) = (header[2], header[3] & 0x0f);
        let is_response = first & 0x80 != 0 && first & 0x78 == 0;
        if header[..2] != id.to_be_bytes() || !is_response {
            return None;
        }
        let questions = u16::from_be_bytes([header[4], header[5]]);
        let answers = u16::from_be_bytes([header[6], header[7]]);
        let mut addresses = Vec::new();
        match questions {
            // A server that could not read the question need not repeat it.
            0 if code != 0 => {}
            1 => {
                let (asked, records) = rest.split_at_checked(self.section.len())?;
                if !asked.eq_ignore_ascii_case(&self.section) {
                    return None;
                }
                let mut records = records;
                for _ in 0..answers {
                    let Some(address) = next_record(&mut records) else {
                        break;
                    };
                    addresses.extend(address);
                }
            }
            _ => return None,
        }
        Some(Answer { code, addresses })
    }
}

/// Takes a record off `rest`: its address, if that is what it holds. `None` at
/// what is cut off.
fn next_record(rest: &mut &[u8]) -> Option<Option<IpAddr>> {
    skip_name(rest)?;
    let (fixed, after) = rest.split_at_checked(10)?;
    let record_type = RecordType(u16::from_be_bytes([fixed[0], fixed[1]]));
    let class = u16::from_be_bytes([fixed[2], fixed[3]]);
    let length = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
    let (data, after) = after.split_at_checked(length)?;
    *rest = after;
    let address = match record_type {
        RecordType::A => <[u8; 4]>::try_from(data)
            .map(Ipv4Addr::from)
            .map(IpAddr::V4),
        RecordType::AAAA => <[u8; 16]>::try_from(data)
            .map(Ipv6Addr::from)
            .map(IpAddr::V6),
        _ => return Some(None),
    };
    Some(address.ok().filter(|_| class == CLASS_IN))
}

/// Names are not read, so no pointer is followed.
fn skip_name(rest: &mut &[u8]) -> Option<()> {
    loop {
        let (&length, after) = rest.split_first()?;
        match length {
            0 => {
                *rest = after;
                return Some(());
            }
            1..=63 => *rest = after.get(usize::from(length)..)?,
            0xc0.. => {
                *rest = after.get(1..)?;
                return Some(());
            }
            _ => return None,
        }
    }
}

const TYPES: [(&str, u16); 10] = [
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
    ("DNSKEY", 48),
];
const CLASS_IN: u16 = 1;
const HEADER: usize = 12;
/// Octets of a name in a message (RFC 1035 section 2.3.4).
const LONGEST_NAME: usize = 255;
const RECURSION_DESIRED: u8 = 1;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn question() -> Question {
        Question::new("www.example.", RecordType::A).unwrap()
    }

    /// An answer with one record of each kind that matters.
    fn reply(code: u8) -> Vec<u8> {
        let mut message = question().query(7);
        message[2] = 0x81;
        message[3] = 0x80 | code;
        message[7] = 3;
        // A CNAME by pointer, whose data is left out.
        message.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 3, 1, b'x', 0]);
        message.extend([1, b'x', 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1]);
        message.extend([0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 9, 0, 16]);
        message.extend(Ipv6Addr::LOCALHOST.octets());
        message
    }

    #[test]
    fn a_question_is_written_as_rfc_1035_has_it() {
        assert_eq!(
            question().query(0x0102),
            b"\x01\x02\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01"
        );
        let root = Question::new(".", RecordType::SOA).unwrap();
        assert_eq!(root.section, b"\0\0\x06\0\x01");
        assert!(Question::new("a..b", RecordType::A).is_none());
        assert!(Question::new("a b", RecordType::A).is_none());
        assert!(Question::new(&"x".repeat(64), RecordType::A).is_none());
        let long = ["x".repeat(63), "x".repeat(63), "x".repeat(63)].join(".");
        assert!(Question::new(&format!("{long}.{}", "x".repeat(61)), RecordType::A).is_some());
        assert!(Question::new(&format!("{long}.{}", "x".repeat(62)), RecordType::A).is_none());
    }

    #[test]
    fn the_addresses_of_an_answer_are_found() {
        let answer = question().answer(7, &reply(0)).unwrap();
        assert_eq!(answer.code, 0);
        let found: Vec<_> = answer.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["192.0.2.1", "::1"]);
        assert_eq!(question().answer(7, &reply(3)).unwrap().code, 3);
    }

    #[test]
    fn what_answers_another_question_is_no_answer() {
        assert_eq!(question().answer(8, &reply(0)), None);
        let other = Question::new("web.example", RecordType::A).unwrap();
        assert_eq!(other.answer(7, &reply(0)), None);
        assert_eq!(question().answer(7, &question().query(7)), None);
        assert_eq!(question().answer(7, &reply(0)[..20]), None);
    }

    #[test]
    fn types_have_names_and_numbers() {
        assert_eq!("soa".parse(), Ok(RecordType::SOA));
        assert_eq!("TYPE65".parse(), Ok(RecordType(65)));
        assert_eq!(RecordType(65).to_string(), "TYPE65");
        assert_eq!(RecordType::AAAA.to_string(), "AAAA");
        let error = RecordType::from_str("SO").unwrap_err().to_string();
        assert_eq!(
            error,
            "type is \"SO\"; accepted are A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, DNSKEY and TYPE with a number"
        );
    }

    proptest! {
        #[test]
        fn any_message_is_read_to_its_end(
            at in 0_usize..80, octet in any::<u8>(), length in 0_usize..90,
            noise in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let mut message = reply(0);
            if let Some(there) = message.get_mut(at) {
                *there = octet;
            }
            message.truncate(length);
            drop(question().answer(7, &message));
            let mut message = reply(0)[..29].to_vec();
            message.extend(noise);
            drop(question().answer(7, &message));
        }
    }
}
