//! The numbers of a control packet that have names.

use std::fmt;
use std::num::NonZeroU32;

/// What tells the sessions of one system apart; never zero (RFC 5880 section
/// 4.1, My Discriminator).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Discriminator(NonZeroU32);

impl Discriminator {
    /// `None` for zero, which on the wire means "not known".
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number on the wire.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Discriminator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.get())
    }
}

/// The state of a session (RFC 5880 sections 4.1 and 6.2).
///
/// The edges are what the peer says, or what happens here:
///
/// ```text
///                    Start            Down, or: the peer's time is up
///   AdminDown ──────────────► Down ◄───────────────────────┐
///       ▲                     │  │                         │
///       │ AdminDown      Down │  │ Init                    │
///       │                     ▼  └──────────┐              │
///   any state               Init            ▼              │
///                             └──────────► Up ─────────────┘
///                              Init or Up
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Held down by an operator; says nothing about the path.
    #[default]
    AdminDown,
    /// The path does not work, or the peer was not heard yet.
    Down,
    /// The peer is heard, but has not said that it hears us.
    Init,
    /// Both hear each other.
    Up,
}

impl State {
    /// The two bits on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::AdminDown => 0,
            Self::Down => 1,
            Self::Init => 2,
            Self::Up => 3,
        }
    }

    /// The state of the lowest two bits; the others do not count.
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::AdminDown,
            1 => Self::Down,
            2 => Self::Init,
            _ => Self::Up,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AdminDown => "AdminDown",
            Self::Down => "Down",
            Self::Init => "Init",
            Self::Up => "Up",
        })
    }
}

/// Why a session last left Up (RFC 5880 section 4.1): five bits, of which
/// nine values have names.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Diagnostic(u8);

impl Diagnostic {
    /// Nothing to report.
    pub const NONE: Self = Self(0);
    /// The peer was silent for the Detection Time.
    pub const CONTROL_DETECTION_TIME_EXPIRED: Self = Self(1);
    /// The Echo function found the path broken.
    pub const ECHO_FUNCTION_FAILED: Self = Self(2);
    /// The peer said that the session is down.
    pub const NEIGHBOR_SIGNALED_SESSION_DOWN: Self = Self(3);
    /// The forwarding plane was started anew.
    pub const FORWARDING_PLANE_RESET: Self = Self(4);
    /// Something other than BFD knows the path to be down.
    pub const PATH_DOWN: Self = Self(5);
    /// A path that this one is concatenated with is down.
    pub const CONCATENATED_PATH_DOWN: Self = Self(6);
    /// An operator took the session down.
    pub const ADMINISTRATIVELY_DOWN: Self = Self(7);
    /// A path that this one is concatenated with is down the other way.
    pub const REVERSE_CONCATENATED_PATH_DOWN: Self = Self(8);

    /// The diagnostic of the lowest five bits; the others do not count.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0x1f)
    }

    /// The five bits on the wire.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The name in RFC 5880, if it has one.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "No Diagnostic",
            1 => "Control Detection Time Expired",
            2 => "Echo Function Failed",
            3 => "Neighbor Signaled Session Down",
            4 => "Forwarding Plane Reset",
            5 => "Path Down",
            6 => "Concatenated Path Down",
            7 => "Administratively Down",
            8 => "Reverse Concatenated Path Down",
            _ => return None,
        })
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "diagnostic {}", self.0),
        }
    }
}

impl fmt::Debug for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Diagnostic({}: {self})", self.0)
    }
}
