//! The control packet (RFC 5880 section 4.1): reading, checking, writing.

use std::fmt;
use std::time::Duration;

use crate::number::{Diagnostic, Discriminator, State};

/// The length of a control packet without authentication section.
pub const PACKET_LEN: usize = 24;

/// A BFD control packet (RFC 5880 section 4.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |Vers |  Diag   |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                       My Discriminator                        |
/// |                      Your Discriminator                       |
/// |                    Desired Min TX Interval                    |
/// |                   Required Min RX Interval                    |
/// |                 Required Min Echo RX Interval                 |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
///
/// Times are whole microseconds, at most [`ControlPacket::MAX_INTERVAL`];
/// what is more is cut off when encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlPacket {
    /// Why the sender's session last left Up.
    pub diagnostic: Diagnostic,
    /// The sender's state.
    pub state: State,
    /// P: the sender wants an answer with F.
    pub poll: bool,
    /// F: this answers a packet with P.
    pub is_final: bool,
    /// C: the sender's BFD survives the loss of its control plane.
    pub control_plane_independent: bool,
    /// A: an authentication section follows. It is neither read nor written.
    pub authenticated: bool,
    /// D: the sender wants no periodic packets while both are Up.
    pub demand: bool,
    /// How many packets the sender allows to be lost; not zero.
    pub detect_multiplier: u8,
    /// The sender's own discriminator.
    pub my_discriminator: Discriminator,
    /// The receiver's discriminator, if the sender knows it.
    pub your_discriminator: Option<Discriminator>,
    /// How often the sender would like to send.
    pub desired_min_tx: Duration,
    /// How often the sender can receive; zero for not at all.
    pub required_min_rx: Duration,
    /// How often the sender can receive echo packets; zero for not at all.
    pub required_min_echo_rx: Duration,
}

impl ControlPacket {
    /// The longest time a packet can carry, 4294.967295 s.
    pub const MAX_INTERVAL: Duration = Duration::from_micros(u32::MAX as u64);

    /// Reads and checks what can be checked without knowing the session, in
    /// the order of RFC 5880 section 6.8.6. Octets behind the packet's own
    /// length do not count.
    ///
    /// # Errors
    ///
    /// The first check that fails: the packet is to be discarded.
    pub fn parse(octets: &[u8]) -> Result<Self, PacketError> {
        let Some((head, _)) = octets.split_first_chunk::<PACKET_LEN>() else {
            return Err(PacketError::Truncated(octets.len()));
        };
        let [first, flags, detect_multiplier, length, numbers @ ..] = *head;
        let version = first >> 5;
        if version != VERSION {
            return Err(PacketError::Version(version));
        }
        let authenticated = flags & AUTHENTICATED != 0;
        let shortest = if authenticated { 26 } else { 24 };
        if length < shortest || usize::from(length) > octets.len() {
            return Err(PacketError::Length {
                length,
                received: octets.len(),
            });
        }
        if detect_multiplier == 0 {
            return Err(PacketError::DetectMultiplierZero);
        }
        if flags & MULTIPOINT != 0 {
            return Err(PacketError::Multipoint);
        }
        let [mine, yours, tx, rx, echo] = words(numbers);
        let my_discriminator = Discriminator::new(mine).ok_or(PacketError::MyDiscriminatorZero)?;
        let state = State::from_bits(flags >> 6);
        let your_discriminator = Discriminator::new(yours);
        if your_discriminator.is_none() && !matches!(state, State::Down | State::AdminDown) {
            return Err(PacketError::YourDiscriminatorZero(state));
        }
        Ok(Self {
            diagnostic: Diagnostic::from_bits(first),
            state,
            poll: flags & POLL != 0,
            is_final: flags & FINAL != 0,
            control_plane_independent: flags & CONTROL_PLANE_INDEPENDENT != 0,
            authenticated,
            demand: flags & DEMAND != 0,
            detect_multiplier,
            my_discriminator,
            your_discriminator,
            desired_min_tx: Duration::from_micros(tx.into()),
            required_min_rx: Duration::from_micros(rx.into()),
            required_min_echo_rx: Duration::from_micros(echo.into()),
        })
    }

    /// The packet's octets. The A bit is left out, since no authentication
    /// section follows.
    pub fn encode(&self) -> [u8; PACKET_LEN] {
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let mut octets = [0; PACKET_LEN];
        let head = [
            VERSION << 5 | self.diagnostic.code(),
            self.state.code() << 6
                | flag(self.poll, POLL)
                | flag(self.is_final, FINAL)
                | flag(self.control_plane_independent, CONTROL_PLANE_INDEPENDENT)
                | flag(self.demand, DEMAND),
            self.detect_multiplier,
            24,
        ];
        let words = [
            u32::from_be_bytes(head),
            self.my_discriminator.get(),
            self.your_discriminator.map_or(0, Discriminator::get),
            micros(self.desired_min_tx),
            micros(self.required_min_rx),
            micros(self.required_min_echo_rx),
        ];
        for (place, word) in octets.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        octets
    }
}

impl fmt::Display for ControlPacket {
    /// One line: `Up P my=0x00000001 your=0x00000002 mult=3 tx=300ms rx=300ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.state)?;
        let flags = [
            (self.poll, " P"),
            (self.is_final, " F"),
            (self.control_plane_independent, " C"),
            (self.authenticated, " A"),
            (self.demand, " D"),
        ];
        for (_, name) in flags.iter().filter(|(on, _)| *on) {
            f.write_str(name)?;
        }
        write!(f, " my={}", self.my_discriminator)?;
        match self.your_discriminator {
            Some(yours) => write!(f, " your={yours}")?,
            None => f.write_str(" your=0")?,
        }
        write!(
            f,
            " mult={} tx={:?} rx={:?}",
            self.detect_multiplier, self.desired_min_tx, self.required_min_rx
        )?;
        if !self.required_min_echo_rx.is_zero() {
            write!(f, " echo={:?}", self.required_min_echo_rx)?;
        }
        if self.diagnostic != Diagnostic::NONE {
            write!(f, " ({})", self.diagnostic)?;
        }
        Ok(())
    }
}

/// Why octets are no control packet that may be used (RFC 5880 section 6.8.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// Fewer octets than any control packet has.
    #[error("{0} octets, at least 24 are needed")]
    Truncated(usize),
    /// Only version 1 is known.
    #[error("version {0}, only 1 is known")]
    Version(u8),
    /// The Length field is too small, or greater than what was received.
    #[error("length {length} of {received} octets received, out of range")]
    Length {
        /// What the packet says.
        length: u8,
        /// How many octets there are.
        received: usize,
    },
    /// Detect Mult must not be zero.
    #[error("Detect Mult is zero")]
    DetectMultiplierZero,
    /// The M bit is reserved.
    #[error("the Multipoint bit is set")]
    Multipoint,
    /// My Discriminator must not be zero.
    #[error("My Discriminator is zero")]
    MyDiscriminatorZero,
    /// Your Discriminator may be zero only in Down and AdminDown.
    #[error("Your Discriminator is zero in state {0}")]
    YourDiscriminatorZero(State),
}

fn words(octets: [u8; 20]) -> [u32; 5] {
    let mut words = [0; 5];
    let (fours, _) = octets.as_chunks::<4>();
    for (word, four) in words.iter_mut().zip(fours) {
        *word = u32::from_be_bytes(*four);
    }
    words
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

const VERSION: u8 = 1;
const POLL: u8 = 0x20;
const FINAL: u8 = 0x10;
const CONTROL_PLANE_INDEPENDENT: u8 = 0x08;
const AUTHENTICATED: u8 = 0x04;
const DEMAND: u8 = 0x02;
const MULTIPOINT: u8 = 0x01;
