//! What a driver answers when it cannot do what Docker asked.

use std::fmt;

use crate::id::InvalidId;

/// A refusal or failure, told to the user in the driver's words.
///
/// `docker` prints the message after the name of the method (`NetworkDriver.CreateNetwork:
/// message`), so it should be one sentence that names the option and the values accepted.
/// Docker logs, but otherwise ignores, errors of calls that release something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginError {
    kind: ErrorKind,
    message: String,
}

impl PluginError {
    /// An error of a chosen kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// The request itself cannot be accepted: wrong option, mask or body (status 400).
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadRequest, message)
    }

    /// The request is about something the driver does not know (status 404).
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// The request contradicts what is there already (status 409).
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// The driver, or the kernel below it, failed (status 500).
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// The driver cannot serve now, for example because it is stopping (status 503).
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// What sort of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The HTTP status it is answered with.
    pub fn status(&self) -> u16 {
        self.kind.status()
    }

    /// The sentence for the user.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for PluginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PluginError {}

impl From<InvalidId> for PluginError {
    fn from(error: InvalidId) -> Self {
        Self::bad_request(error.to_string())
    }
}

/// The sorts of [`PluginError`]; each has one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// 400: the request cannot be accepted as it is.
    BadRequest,
    /// 404: no such object, or no such method.
    NotFound,
    /// 405: a method of HTTP other than POST.
    MethodNotAllowed,
    /// 408: the body was not sent in time.
    RequestTimeout,
    /// 409: the request contradicts what exists.
    Conflict,
    /// 413: the body is larger than the server reads.
    BodyTooLarge,
    /// 500: failure on this side.
    Internal,
    /// 503: not able to serve at the moment.
    Unavailable,
    /// 504: the driver did not answer in time.
    Timeout,
}

impl ErrorKind {
    /// The HTTP status. Never 200, because Docker reads an error out of a 200 differently for
    /// each of its two interfaces.
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::Conflict => 409,
            Self::BodyTooLarge => 413,
            Self::Internal => 500,
            Self::Unavailable => 503,
            Self::Timeout => 504,
        }
    }
}
