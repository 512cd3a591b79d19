//! The safe order between the kernel and the peers.

use crate::service::ServicePlan;

/// What is the case for one service now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actual {
    /// The endpoint the kernel delivers to.
    pub delivered: Option<String>,
    /// The prefixes are in the table the peers are sent from.
    pub announced: bool,
    /// How far the last withdrawal has come.
    pub withdrawal: Withdrawal,
}

/// How far a withdrawal has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Withdrawal {
    /// It has left for every peer and traffic under way had time to end, or
    /// there never was one.
    #[default]
    Settled,
    /// Peers may still send traffic here.
    Settling,
}

/// The one thing to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make the kernel deliver to this endpoint.
    Deliver(String),
    /// Announce the prefixes; delivery is in place.
    Announce,
    /// Withdraw the prefixes; delivery stays.
    Withdraw,
    /// Stop delivering; nothing arrives any more.
    StopDelivering,
    /// Nothing to do until a fact changes.
    Rest,
}

/// Says what to do next so that `actual` becomes `plan`.
///
/// A prefix is announced only while the kernel delivers, and delivery ends
/// only after the withdrawal has settled. A withdrawal never waits for
/// anything.
#[must_use]
pub fn next_step(plan: &ServicePlan, actual: &Actual) -> Step {
    match (&plan.deliver_to, &actual.delivered) {
        (None, _) if actual.announced => Step::Withdraw,
        (None, Some(_)) if actual.withdrawal == Withdrawal::Settled => Step::StopDelivering,
        (None, _) => Step::Rest,
        (Some(wanted), delivered) if delivered.as_ref() != Some(wanted) => {
            Step::Deliver(wanted.clone())
        }
        (Some(_), _) if actual.announced => Step::Rest,
        (Some(_), _) => Step::Announce,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Actual, Step, Withdrawal, next_step};
    use crate::service::{Reason, ServicePlan};

    fn plan(to: Option<&str>) -> ServicePlan {
        ServicePlan {
            deliver_to: to.map(str::to_owned),
            reason: if to.is_some() {
                Reason::Serving
            } else {
                Reason::NoEndpoint
            },
        }
    }

    fn carry_out(step: &Step, actual: &mut Actual) {
        match step {
            Step::Deliver(id) => actual.delivered = Some(id.clone()),
            Step::Announce => actual.announced = true,
            Step::Withdraw => {
                actual.announced = false;
                actual.withdrawal = Withdrawal::Settling;
            }
            Step::StopDelivering => actual.delivered = None,
            Step::Rest => {}
        }
    }

    #[test]
    fn delivery_comes_before_the_announcement() {
        let mut actual = Actual::default();
        let wanted = plan(Some("a"));
        let first = next_step(&wanted, &actual);
        assert_eq!(first, Step::Deliver("a".to_owned()));
        carry_out(&first, &mut actual);
        let second = next_step(&wanted, &actual);
        assert_eq!(second, Step::Announce);
        carry_out(&second, &mut actual);
        assert_eq!(next_step(&wanted, &actual), Step::Rest);
    }

    #[test]
    fn delivery_outlives_the_withdrawal() {
        let mut actual = Actual {
            delivered: Some("a".to_owned()),
            announced: true,
            withdrawal: Withdrawal::Settled,
        };
        let wanted = plan(None);
        let first = next_step(&wanted, &actual);
        assert_eq!(first, Step::Withdraw);
        carry_out(&first, &mut actual);
        assert_eq!(next_step(&wanted, &actual), Step::Rest);
        actual.withdrawal = Withdrawal::Settled;
        assert_eq!(next_step(&wanted, &actual), Step::StopDelivering);
    }

    #[test]
    fn a_recovery_while_settling_announces_at_once() {
        let actual = Actual {
            delivered: Some("a".to_owned()),
            announced: false,
            withdrawal: Withdrawal::Settling,
        };
        assert_eq!(next_step(&plan(Some("a")), &actual), Step::Announce);
    }

    proptest! {
        /// Whatever the plans and the moments of settling: never announced
        /// without delivery, and at rest what is wanted is the case.
        #[test]
        fn announced_implies_delivered(
            moves in proptest::collection::vec((0u8..4, any::<bool>()), 1..60)
        ) {
            let mut actual = Actual::default();
            for (choice, settle) in moves {
                let wanted = match choice { 0 => plan(None), 1 => plan(Some("a")), _ => plan(Some("b")) };
                if settle { actual.withdrawal = Withdrawal::Settled; }
                let mut steps = 0;
                loop {
                    let step = next_step(&wanted, &actual);
                    if step == Step::Rest { break; }
                    carry_out(&step, &mut actual);
                    prop_assert!(!actual.announced || actual.delivered.is_some());
                    steps += 1;
                    prop_assert!(steps < 5, "does not come to rest");
                }
                prop_assert_eq!(actual.announced, wanted.announce());
                if wanted.announce() { prop_assert_eq!(&actual.delivered, &wanted.deliver_to); }
            }
        }
    }
}
