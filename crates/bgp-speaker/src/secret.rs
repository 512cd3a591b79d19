//! A key that no log and no status shows.

use std::fmt;

/// The key of TCP MD5 signatures (RFC 2385); printing it shows an ellipsis.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes the key as octets. [`Speaker::new`](crate::Speaker::new) refuses
    /// an empty one and one of more than 80 octets, the kernel's limit
    /// (`TCP_MD5SIG_MAXKEYLEN` of `linux/tcp.h`).
    pub fn new(key: impl Into<Vec<u8>>) -> Self {
        Self(key.into().into_boxed_slice())
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(key: &str) -> Self {
        Self::new(key.as_bytes())
    }
}

impl From<String> for Secret {
    fn from(key: String) -> Self {
        Self::new(key.into_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_does_not_show_the_key() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "…");
    }
}
