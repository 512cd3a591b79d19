//! Why the kernel refused, on which object, in its own words.

use std::fmt;
use std::io;

use crate::ipvlan::IpvlanConflict;
use crate::ipvs::InvalidService;

/// A change or a look at the kernel that failed.
///
/// Reads as `create bridge bgplb-0123456ab: Invalid argument (EINVAL): kernel
/// says: …`. Two errors are equal when the same thing failed for the same
/// reason, so that a repeated failure can be told from a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    operation: String,
    cause: Cause,
}

impl Error {
    pub(crate) fn new(operation: impl fmt::Display, cause: Cause) -> Self {
        Self {
            operation: operation.to_string(),
            cause,
        }
    }

    /// What was tried on which object, as `add 10.0.0.1/32 to web`.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// The kernel's error number, when it gave one.
    #[must_use]
    pub const fn errno(&self) -> Option<i32> {
        match &self.cause {
            Cause::Refused(refusal) => Some(refusal.errno),
            Cause::Io(errno) => *errno,
            _ => None,
        }
    }

    /// The kernel's own explanation (`NLMSGERR_ATTR_MSG`), when it gave one.
    #[must_use]
    pub fn kernel_message(&self) -> Option<&str> {
        match &self.cause {
            Cause::Refused(refusal) => refusal.message.as_deref(),
            _ => None,
        }
    }

    /// Where in the request the offending attribute begins
    /// (`NLMSGERR_ATTR_OFFS`), in octets, when the kernel said so.
    #[must_use]
    pub const fn offset(&self) -> Option<u32> {
        match &self.cause {
            Cause::Refused(refusal) => refusal.offset,
            _ => None,
        }
    }

    /// Whether an object of somebody else is in the way. Repeating does not
    /// help until its owner takes it away.
    #[must_use]
    pub const fn is_not_ours(&self) -> bool {
        matches!(self.cause, Cause::NotOurs(_))
    }

    /// Whether the kernel has no IPVS: the module `ip_vs` is not loaded, or
    /// there is none. Loading it (`modprobe ip_vs`) is the caller's to try.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        matches!(self.cause, Cause::NoIpvs)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.cause)
    }
}

impl std::error::Error for Error {}

/// What went wrong, without the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The kernel answered with an error.
    Refused(Box<Refusal>),
    /// A system call on the socket failed.
    Io(Option<i32>),
    /// No answer within the time allowed.
    TimedOut,
    /// The tables kept changing while they were read.
    Unsteady,
    /// An answer that is not netlink.
    Malformed(&'static str),
    /// An object of somebody else is in the way.
    NotOurs(String),
    /// A link that is named does not exist.
    NoLink(String),
    /// The specification makes no sense.
    Misuse(&'static str),
    /// The same of a service.
    Invalid(Box<InvalidService>),
    /// A link would change others.
    Ipvlan(Box<IpvlanConflict>),
    /// The kernel has no family of that name.
    NoIpvs,
}

impl Cause {
    /// A refusal by error number alone.
    #[cfg(any(test, feature = "testkit"))]
    pub(crate) fn errno(errno: i32) -> Self {
        Self::Refused(Box::new(Refusal {
            errno,
            ..Refusal::default()
        }))
    }

    pub(crate) fn is_errno(&self, errno: i32) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.errno == errno)
    }

    /// Adds what is known beyond the kernel's words.
    pub(crate) fn with_hint(mut self, hint: String) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.hint = Some(hint);
        }
        self
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Io(error.raw_os_error()),
        }
    }
}

impl From<InvalidService> for Cause {
    fn from(error: InvalidService) -> Self {
        Self::Invalid(Box::new(error))
    }
}

impl From<IpvlanConflict> for Cause {
    fn from(conflict: IpvlanConflict) -> Self {
        Self::Ipvlan(Box::new(conflict))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Io(Some(errno)) => write!(f, "netlink socket: {}", Errno(*errno)),
            Self::Io(None) => f.write_str("netlink socket failed"),
            Self::TimedOut => f.write_str("the kernel did not answer in time"),
            Self::Unsteady => f.write_str("the tables kept changing while they were read"),
            Self::Malformed(what) => write!(f, "the kernel's answer cannot be read: {what}"),
            Self::NotOurs(what) => write!(f, "{what}, it is not ours and is left alone"),
            Self::NoLink(name) => write!(f, "there is no link `{name}`"),
            Self::Misuse(what) => f.write_str(what),
            Self::Invalid(what) => what.fmt(f),
            Self::Ipvlan(what) => what.fmt(f),
            Self::NoIpvs => f.write_str("the kernel has no IPVS, is the module `ip_vs` loaded?"),
        }
    }
}

/// The kernel's error answer (`struct nlmsgerr` and its attributes).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Positive error number.
    pub(crate) errno: i32,
    /// `NLMSGERR_ATTR_MSG`.
    pub(crate) message: Option<String>,
    /// `NLMSGERR_ATTR_OFFS`.
    pub(crate) offset: Option<u32>,
    /// `NLMSGERR_ATTR_MISS_TYPE`.
    pub(crate) missing: Option<u32>,
    /// What we know beyond the kernel's words.
    pub(crate) hint: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Errno(self.errno).fmt(f)?;
        if let Some(hint) = &self.hint {
            write!(f, ": {hint}")?;
        }
        if let Some(message) = &self.message {
            write!(f, ": kernel says: {}", message.trim_end_matches('.'))?;
        }
        if let Some(offset) = self.offset {
            write!(f, " (attribute at octet {offset} of the request)")?;
        }
        if let Some(missing) = self.missing {
            write!(f, " (attribute {missing} is missing)")?;
        }
        Ok(())
    }
}

/// Prints an error number as `Invalid argument (EINVAL)`.
pub(crate) struct Errno(pub(crate) i32);

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = io::Error::from_raw_os_error(self.0).to_string();
        // The standard library puts the bare number behind the text.
        let text = text.split(" (os error").next().unwrap_or_default();
        match name(self.0) {
            Some(name) => write!(f, "{text} ({name})"),
            None => write!(f, "{text} (error {})", self.0),
        }
    }
}

/// The names of the error numbers that routing netlink answers with.
fn name(errno: i32) -> Option<&'static str> {
    macro_rules! names {
        ($($name:ident),+ $(,)?) => {
            match errno {
                $(libc::$name => Some(stringify!($name)),)+
                _ => None,
            }
        };
    }
    names!(
        EPERM,
        ENOENT,
        ESRCH,
        EINTR,
        EIO,
        ENXIO,
        E2BIG,
        EBADF,
        EAGAIN,
        ENOMEM,
        EACCES,
        EFAULT,
        EBUSY,
        EEXIST,
        EXDEV,
        ENODEV,
        EINVAL,
        ENFILE,
        EMFILE,
        ENOSPC,
        ERANGE,
        EDOM,
        ELOOP,
        ENAMETOOLONG,
        ENODATA,
        EPROTO,
        EOVERFLOW,
        EMSGSIZE,
        ENOPROTOOPT,
        EPROTONOSUPPORT,
        EOPNOTSUPP,
        EPFNOSUPPORT,
        EAFNOSUPPORT,
        EADDRINUSE,
        EADDRNOTAVAIL,
        ENETDOWN,
        ENETUNREACH,
        ENOBUFS,
        ENOTCONN,
        ETIMEDOUT,
        ECONNREFUSED,
        EHOSTUNREACH,
        EALREADY,
        ESTALE,
    )
}

#[cfg(test)]
mod tests {
    use super::{Cause, Error, Refusal};

    #[test]
    fn an_error_names_object_number_and_the_kernels_reason() {
        let error = Error::new(
            "create bridge web",
            Cause::Refused(Box::new(Refusal {
                errno: libc::EINVAL,
                message: Some("Invalid mask.".to_owned()),
                offset: Some(52),
                ..Refusal::default()
            })),
        );
        assert_eq!(
            error.to_string(),
            "create bridge web: Invalid argument (EINVAL): kernel says: Invalid mask (attribute at octet 52 of the request)"
        );
        assert_eq!(error.errno(), Some(libc::EINVAL));
    }

    #[test]
    fn an_unknown_error_number_is_printed_as_it_is() {
        let error = Error::new("list links", Cause::errno(4242));
        assert_eq!(
            error.to_string(),
            "list links: Unknown error 4242 (error 4242)"
        );
    }
}
