//! The safe order between the kernel and the peers.

use crate::service::{Announcement, Delivery, ServicePlan};

/// What is the case for one service now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actual {
    /// To whom the kernel delivers.
    pub delivered: Delivery,
    /// How the prefixes are in the table the peers are sent from, if they are.
    pub announced: Option<Announcement>,
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
    /// Make the kernel deliver so.
    Deliver(Delivery),
    /// Announce the prefixes so; delivery is in place.
    Announce(Announcement),
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
    match plan.announce {
        None if actual.announced.is_some() => Step::Withdraw,
        None if actual.delivered.is_empty() || actual.withdrawal == Withdrawal::Settling => {
            Step::Rest
        }
        None => Step::StopDelivering,
        Some(_) if actual.delivered != plan.deliver => Step::Deliver(plan.deliver.clone()),
        wanted if actual.announced == wanted => Step::Rest,
        Some(wanted) => Step::Announce(wanted),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Actual, Step, Withdrawal, next_step};
    use crate::service::{Announcement, Delivery, Reason, ServicePlan, Share};

    fn plan(to: &[&str], marked: bool) -> ServicePlan {
        let deliver: Delivery = to
            .iter()
            .map(|id| ((*id).to_owned(), Share::Full))
            .collect();
        let serving = deliver.len();
        ServicePlan {
            deliver,
            announce: (serving > 0).then_some(Announcement { marked, serving }),
            reason: Reason::Serving,
        }
    }

    fn carry_out(step: &Step, actual: &mut Actual) {
        match step {
            Step::Deliver(to) => actual.delivered = to.clone(),
            Step::Announce(how) => actual.announced = Some(*how),
            Step::Withdraw => {
                actual.announced = None;
                actual.withdrawal = Withdrawal::Settling;
            }
            Step::StopDelivering => actual.delivered = Delivery::new(),
            Step::Rest => {}
        }
    }

    /// What is the case when `plan` was carried out.
    fn after(plan: &ServicePlan) -> Actual {
        Actual {
            delivered: plan.deliver.clone(),
            announced: plan.announce,
            withdrawal: Withdrawal::Settled,
        }
    }

    #[test]
    fn delivery_comes_before_the_announcement() {
        let mut actual = Actual::default();
        let wanted = plan(&["a"], false);
        let first = next_step(&wanted, &actual);
        assert_eq!(first, Step::Deliver(wanted.deliver.clone()));
        carry_out(&first, &mut actual);
        let second = next_step(&wanted, &actual);
        assert_eq!(second, Step::Announce(wanted.announce.unwrap()));
        carry_out(&second, &mut actual);
        assert_eq!(next_step(&wanted, &actual), Step::Rest);
    }

    #[test]
    fn delivery_outlives_the_withdrawal() {
        let mut actual = after(&plan(&["a"], false));
        let wanted = plan(&[], false);
        let first = next_step(&wanted, &actual);
        assert_eq!(first, Step::Withdraw);
        carry_out(&first, &mut actual);
        assert_eq!(next_step(&wanted, &actual), Step::Rest);
        actual.withdrawal = Withdrawal::Settled;
        assert_eq!(next_step(&wanted, &actual), Step::StopDelivering);
    }

    #[test]
    fn a_recovery_while_settling_announces_at_once() {
        let wanted = plan(&["a"], false);
        let actual = Actual {
            announced: None,
            withdrawal: Withdrawal::Settling,
            ..after(&wanted)
        };
        assert!(matches!(next_step(&wanted, &actual), Step::Announce(_)));
    }

    #[test]
    fn a_service_that_is_about_to_go_is_announced_as_such_without_a_withdrawal() {
        let actual = after(&plan(&["a"], false));
        let step = next_step(&plan(&["a"], true), &actual);
        assert!(
            matches!(step, Step::Announce(how) if how.marked),
            "{step:?}"
        );
    }

    proptest! {
        /// Whatever the plans and the moments of settling: never announced
        /// without delivery, and at rest what is wanted is the case.
        #[test]
        fn announced_implies_delivered(
            moves in proptest::collection::vec((0u8..5, any::<bool>()), 1..60)
        ) {
            let mut actual = Actual::default();
            for (choice, settle) in moves {
                let wanted = match choice {
                    0 => plan(&[], false),
                    1 => plan(&["a"], false),
                    2 => plan(&["a"], true),
                    3 => plan(&["a", "b"], false),
                    _ => plan(&["b"], false),
                };
                if settle { actual.withdrawal = Withdrawal::Settled; }
                let mut steps = 0;
                loop {
                    let step = next_step(&wanted, &actual);
                    if step == Step::Rest { break; }
                    carry_out(&step, &mut actual);
                    prop_assert!(actual.announced.is_none() || !actual.delivered.is_empty());
                    steps += 1;
                    prop_assert!(steps < 5, "does not come to rest");
                }
                prop_assert_eq!(actual.announced, wanted.announce);
                if wanted.announce.is_some() {
                    prop_assert_eq!(&actual.delivered, &wanted.deliver);
                }
            }
        }
    }
}
