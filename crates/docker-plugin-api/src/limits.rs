//! How much and how long a server bears.

use std::time::Duration;

/// Bounds of a server, so that no client and no handler can hold it up or fill its memory.
///
/// ```
/// use std::time::Duration;
/// use docker_plugin_api::Limits;
///
/// let limits = Limits { handler: Duration::from_secs(5), ..Limits::default() };
/// assert_eq!(limits.body, 1024 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a driver may take for one answer. dockerd itself waits for ever after it was
    /// restarted. 10 s by default.
    pub handler: Duration,
    /// How long a client may take to send the head of a request once it began, and as long again
    /// for its body; also how long it may take to read an answer. A connection between two
    /// requests is not bounded: dockerd keeps those. 10 s by default.
    pub transfer: Duration,
    /// How long requests in flight may go on after the shutdown began. 5 s by default.
    pub drain: Duration,
    /// The largest body of a request, in octets. 1 MiB by default.
    pub body: usize,
    /// How many connections are served at once; further ones wait to be accepted. 256 by
    /// default.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handler: Duration::from_secs(10),
            transfer: Duration::from_secs(10),
            drain: Duration::from_secs(5),
            body: 1024 * 1024,
            connections: 256,
        }
    }
}
