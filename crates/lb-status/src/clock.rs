//! Whether the wall clock was set while the program ran.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::model::{Finding, Severity, seconds};

/// Both clocks as they stood at one moment: the wall's, which is set, and the kernel's since the
/// boot, which goes on through a suspension and is never set.
#[derive(Clone, Copy, Debug)]
pub struct ClockWatch {
    wall: SystemTime,
    /// `None` where the kernel does not tell it.
    since_boot: Option<Duration>,
}

impl ClockWatch {
    /// As they stand now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            wall: SystemTime::now(),
            since_boot: since_boot(),
        }
    }

    /// What is wrong if the wall clock was set by more than a minute since then.
    #[must_use]
    pub fn finding(&self) -> Option<Finding> {
        self.compared(&Self::start())
    }

    fn compared(&self, now: &Self) -> Option<Finding> {
        let passed = now.since_boot?.checked_sub(self.since_boot?)?;
        let expected = self.wall.checked_add(passed)?;
        let (by, direction) = match now.wall.duration_since(expected) {
            Ok(ahead) => (ahead, "forward"),
            Err(behind) => (behind.duration(), "back"),
        };
        if by <= TOLERATED {
            return None;
        }
        let text = format!(
            "this host's clock was set {direction} by {} s since this program started: the times it tells of before that are of the other clock",
            by.as_secs()
        );
        let (severity, since) = (Severity::Warning, seconds(now.wall));
        let mut finding = Finding::new("host", "clock-stepped", severity, since, text);
        finding.show = Some("date; timedatectl".to_owned());
        let mend = "have the clock kept by NTP, and start this program anew once it is right";
        finding.mend = Some(mend.to_owned());
        Some(finding)
    }
}

/// The kernel's clock since the boot (proc_uptime(5)).
fn since_boot() -> Option<Duration> {
    let text = fs::read_to_string("/proc/uptime").ok()?;
    let seconds: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// A clock that is kept by NTP is set by less, but for the first time.
const TOLERATED: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_its_clock_and_nobody_has_set_the_wall_s() {
        let watch = ClockWatch::start();
        assert!(watch.since_boot.is_some());
        assert_eq!(watch.finding(), None);
    }

    #[test]
    fn more_than_a_minute_either_way_is_told_and_a_suspension_is_not() {
        let begun = ClockWatch {
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000),
            since_boot: Some(Duration::from_secs(50)),
        };
        let after = |wall: i64, since_boot: u64| ClockWatch {
            wall: begun
                .wall
                .checked_add(Duration::from_secs(10_000))
                .unwrap()
                .checked_sub(Duration::from_secs((10_000 - wall).try_into().unwrap()))
                .unwrap(),
            since_boot: Some(Duration::from_secs(50 + since_boot)),
        };
        let said = |now: &ClockWatch| begun.compared(now).map(|it| it.text);
        assert_eq!(said(&after(7200, 7200)), None, "both went on alike");
        assert_eq!(said(&after(7260, 7200)), None, "a minute is tolerated");
        let forward = said(&after(7261, 7200)).unwrap();
        assert!(forward.contains("set forward by 61 s"), "{forward}");
        let back = said(&after(-3600, 10)).unwrap();
        assert!(back.contains("set back by 3610 s"), "{back}");
        let unknown = ClockWatch {
            since_boot: None,
            ..after(7200, 0)
        };
        assert_eq!(said(&unknown), None);
    }
}
