//! Mending what can safely be mended, where the operator wants that.

use netplumb::{Accepted, Firewall, Obstacle};

use super::finding::{FORWARDING_V4, FORWARDING_V6, OWN_LINKS, rp_filter};
use super::{Finding, switches};

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mended {
    /// This was done.
    Done(String),
    /// It could not be done, for this reason.
    Failed(String),
    /// It is not for us to do.
    NotDared,
}

/// Mends one finding.
///
/// Forwarding is turned on, with router advertisements listened to as before; a
/// bridge's filter is loosened; packets to our own links, and answers, are
/// accepted. What learned routes lead elsewhere is not for us to let pass, an MTU is not
/// one link's alone, and what names the host's servers is
/// not known here: those are left to the operator.
pub fn mend(finding: &Finding) -> Mended {
    let set = |name: &str, value: &str| match switches::set(name, value) {
        Ok(()) => Mended::Done(format!("{name} is {value} now")),
        Err(error) => Mended::Failed(format!("{name} can't be set: {error}")),
    };
    match finding {
        Finding::ForwardingV4Off => set(FORWARDING_V4, "1"),
        Finding::ForwardingV6Off => match switches::keep_listening_to_routers() {
            Ok(()) => set(FORWARDING_V6, "1"),
            Err(error) => Mended::Failed(format!("accept_ra can't be set: {error}")),
        },
        Finding::RpFilterStrict { bridge } => set(&rp_filter(bridge), "2"),
        Finding::ForwardDropped { obstacle } => accept(obstacle, Accepted::By(OWN_LINKS)),
        Finding::AnswersDropped { obstacle, bridge } => {
            accept(obstacle, Accepted::AnswersFrom(bridge))
        }
        Finding::TransitDropped { .. }
        | Finding::TransitFiltered { .. }
        | Finding::MultipathByAddress { .. }
        | Finding::MtuDiffers { .. }
        | Finding::NameServerIsService { .. } => Mended::NotDared,
    }
}

fn accept(obstacle: &Obstacle, packets: Accepted<'_>) -> Mended {
    let accepted = Firewall::open().and_then(|mut it| it.accept(obstacle, packets));
    match accepted {
        Ok(()) => Mended::Done(format!(
            "{packets} are accepted in chain {} {} {} now",
            obstacle.family,
            obstacle.table,
            obstacle.place()
        )),
        Err(error) => Mended::Failed(error.to_string()),
    }
}
