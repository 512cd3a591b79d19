//! What the kernel drops of TCP without telling those who talk.

use std::fs;
use std::ops::Sub;

/// How many TCP segments the network namespace's kernel has dropped since it
/// began, by the reasons that keep BGP sessions from coming up in silence
/// (`TcpExt` of `/proc/net/netstat`).
///
/// They count for all connections together: which peer a segment came from the
/// kernel does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpDrops {
    /// Without an MD5 signature where we have a password (`TCPMD5NotFound`).
    pub unsigned: u64,
    /// With an MD5 signature where we have no password (`TCPMD5Unexpected`).
    pub signed: u64,
    /// Signed with another password (`TCPMD5Failure`).
    pub signed_otherwise: u64,
    /// From farther away than TTL security allows (`TCPMinTTLDrop`).
    pub too_far: u64,
}

impl TcpDrops {
    /// Of the calling thread's network namespace; nothing where the kernel
    /// does not tell.
    #[must_use]
    pub fn read() -> Self {
        let text = fs::read_to_string("/proc/thread-self/net/netstat");
        text.map(|text| Self::parse(&text)).unwrap_or_default()
    }

    /// Two lines a group: names, and numbers.
    fn parse(text: &str) -> Self {
        let group = |line: &&str| line.starts_with("TcpExt:");
        let mut lines = text.lines().filter(group);
        let names = lines.next().unwrap_or_default().split(' ');
        let numbers = lines.next().unwrap_or_default().split(' ');
        let mut drops = Self::default();
        for (name, number) in names.zip(numbers) {
            let number = number.parse().unwrap_or_default();
            match name {
                "TCPMD5NotFound" => drops.unsigned = number,
                "TCPMD5Unexpected" => drops.signed = number,
                "TCPMD5Failure" => drops.signed_otherwise = number,
                "TCPMinTTLDrop" => drops.too_far = number,
                _ => {}
            }
        }
        drops
    }

    /// More of each: what of two spans is the greater.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            unsigned: self.unsigned.max(other.unsigned),
            signed: self.signed.max(other.signed),
            signed_otherwise: self.signed_otherwise.max(other.signed_otherwise),
            too_far: self.too_far.max(other.too_far),
        }
    }
}

/// What was dropped between two looks.
impl Sub for TcpDrops {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            unsigned: self.unsigned.saturating_sub(before.unsigned),
            signed: self.signed.saturating_sub(before.signed),
            signed_otherwise: self
                .signed_otherwise
                .saturating_sub(before.signed_otherwise),
            too_far: self.too_far.saturating_sub(before.too_far),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TcpDrops;

    #[test]
    fn the_counters_are_found_by_their_names() {
        let text = "TcpExt: SyncookiesSent TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure TCPMinTTLDrop\n\
                    TcpExt: 9 1 2 3 4\nIpExt: InNoRoutes\nIpExt: 7\n";
        let drops = TcpDrops {
            unsigned: 1,
            signed: 2,
            signed_otherwise: 3,
            too_far: 4,
        };
        assert_eq!(TcpDrops::parse(text), drops);
        assert_eq!(drops - drops, TcpDrops::default());
        assert_eq!(TcpDrops::parse("nonsense"), TcpDrops::default());
    }

    #[test]
    fn this_kernel_has_them() {
        // All kernels since 4.x count MD5; a name that is not found would stay
        // unnoticed for ever.
        let text = std::fs::read_to_string("/proc/thread-self/net/netstat").unwrap();
        for name in [
            "TCPMD5NotFound",
            "TCPMD5Unexpected",
            "TCPMD5Failure",
            "TCPMinTTLDrop",
        ] {
            assert!(text.contains(name), "{name}");
        }
    }
}
