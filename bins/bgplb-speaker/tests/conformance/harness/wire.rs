//! Messages made by hand. Nothing of the speaker's own codec is used, so that a
//! mistake there cannot hide itself.

/// A wish about an OPEN; everything not wished for is right.
#[derive(Clone, Debug)]
pub struct Open {
    pub version: u8,
    pub my_as: u16,
    pub hold_time: u16,
    pub identifier: [u8; 4],
    /// Everything behind the identifier.
    pub parameters: Vec<u8>,
}

impl Open {
    /// Of AS `asn`, with both unicast families, route refresh and four-octet
    /// AS numbers.
    pub fn new(asn: u32) -> Self {
        let asn_octets: String = asn
            .to_be_bytes()
            .iter()
            .map(|o| format!("{o:02x}"))
            .collect();
        let capabilities = format!("{V4}{V6}0200 4104{asn_octets}");
        Self {
            version: 4,
            my_as: u16::try_from(asn).unwrap_or(AS_TRANS),
            hold_time: 90,
            identifier: [192, 0, 2, 2],
            parameters: capabilities_parameter(&hex(&capabilities)),
        }
    }

    /// The same with these capabilities, in one parameter.
    pub fn capabilities(self, capabilities: &str) -> Self {
        self.parameters(&capabilities_parameter(&hex(capabilities)))
    }

    /// The same with this behind the identifier.
    pub fn parameters(mut self, parameters: &[u8]) -> Self {
        self.parameters = parameters.to_vec();
        self
    }

    pub fn hold_time(mut self, seconds: u16) -> Self {
        self.hold_time = seconds;
        self
    }

    pub fn identifier(mut self, identifier: [u8; 4]) -> Self {
        self.identifier = identifier;
        self
    }

    pub fn my_as(mut self, my_as: u16) -> Self {
        self.my_as = my_as;
        self
    }

    pub fn version(mut self, version: u8) -> Self {
        self.version = version;
        self
    }

    pub fn octets(&self) -> Vec<u8> {
        let mut body = vec![self.version];
        body.extend(self.my_as.to_be_bytes());
        body.extend(self.hold_time.to_be_bytes());
        body.extend(self.identifier);
        body.extend(&self.parameters);
        message(OPEN, &body)
    }
}

/// The length octet and one parameter of type 2.
pub fn capabilities_parameter(capabilities: &[u8]) -> Vec<u8> {
    let length = u8::try_from(capabilities.len()).unwrap();
    let mut parameters = vec![length + 2, 2, length];
    parameters.extend(capabilities);
    parameters
}

/// The same in the form of RFC 9072.
pub fn extended_parameter(capabilities: &[u8]) -> Vec<u8> {
    let length = u16::try_from(capabilities.len()).unwrap();
    let mut parameters = vec![255, 255];
    parameters.extend((length + 3).to_be_bytes());
    parameters.push(2);
    parameters.extend(length.to_be_bytes());
    parameters.extend(capabilities);
    parameters
}

/// A message of any type with its header.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).unwrap();
    let mut octets = header(length, kind);
    octets.extend(body);
    octets
}

/// A header that says what it is told to.
pub fn header(length: u16, kind: u8) -> Vec<u8> {
    let mut octets = vec![0xff; 16];
    octets.extend(length.to_be_bytes());
    octets.push(kind);
    octets
}

pub fn keepalive() -> Vec<u8> {
    message(KEEPALIVE, &[])
}

/// An UPDATE of three fields in hexadecimal, whose lengths are right.
pub fn update(withdrawn: &str, attributes: &str, nlri: &str) -> Vec<u8> {
    let (withdrawn, attributes) = (hex(withdrawn), hex(attributes));
    let mut body = Vec::new();
    body.extend(u16::try_from(withdrawn.len()).unwrap().to_be_bytes());
    body.extend(withdrawn);
    body.extend(u16::try_from(attributes.len()).unwrap().to_be_bytes());
    body.extend(attributes);
    body.extend(hex(nlri));
    message(UPDATE, &body)
}

/// A NOTIFICATION.
pub fn notification(code: u8, subcode: u8, data: &[u8]) -> Vec<u8> {
    let mut body = vec![code, subcode];
    body.extend(data);
    message(NOTIFICATION, &body)
}

/// A ROUTE-REFRESH for unicast of an address family.
pub fn route_refresh(afi: u8, subtype: u8) -> Vec<u8> {
    message(ROUTE_REFRESH, &[0, afi, subtype, 1])
}

/// Octets of a text in hexadecimal; what is no digit separates.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .map(|digit| u8::try_from(digit).unwrap())
        .collect();
    assert!(digits.len().is_multiple_of(2), "half an octet in {text}");
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

pub const OPEN: u8 = 1;
pub const UPDATE: u8 = 2;
pub const NOTIFICATION: u8 = 3;
pub const KEEPALIVE: u8 = 4;
pub const ROUTE_REFRESH: u8 = 5;

/// Multiprotocol capabilities (RFC 4760 section 8).
pub const V4: &str = "0104 0001 00 01 ";
pub const V6: &str = "0104 0002 00 01 ";
/// Extended messages (RFC 8654).
pub const EXTENDED_MESSAGE: &str = "0600 ";
/// AS 65001 in four octets (RFC 6793).
pub const AS4: &str = "4104 0000fde9 ";

/// What every route needs, of AS 65001 on a session of four octets.
pub const ORIGIN: &str = "400101 00 ";
pub const AS_PATH: &str = "400206 0201 0000fde9 ";
pub const AS_PATH_2: &str = "400204 0201 fde9 ";
pub const NEXT_HOP: &str = "400304 c0000263 ";
/// From within the AS.
pub const EMPTY_PATH: &str = "400200 ";
pub const LOCAL_PREF: &str = "400504 00000064 ";

/// Prefixes as they are announced.
pub const A: &str = "18 0a0100 ";
pub const B: &str = "18 0a0200 ";
pub const V6_A: &str = "30 20010db80001 ";
pub const V6_B: &str = "30 20010db80002 ";

/// And as they are shown.
pub const A_SHOWN: &str = "10.1.0.0/24";
pub const B_SHOWN: &str = "10.2.0.0/24";
pub const V6_A_SHOWN: &str = "2001:db8:1::/48";
pub const V6_B_SHOWN: &str = "2001:db8:2::/48";

const AS_TRANS: u16 = 23456;
