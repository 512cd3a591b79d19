//! Walks one service from its container's start to its drain and prints each
//! step in the order it would be carried out.
#![allow(clippy::print_stdout)]

use lb_plan::{
    Actual, Delivery, Drain, EndpointFacts, Health, NotServing, ServiceFacts, Step, Withdrawal,
    next_step, plan_service,
};

fn main() {
    let web = EndpointFacts {
        id: "web".to_owned(),
        attached: true,
        health: Health::NotServing(NotServing::Starting),
        drain: Drain::No,
    };
    let mut facts = ServiceFacts {
        endpoints: vec![web],
        held_down: false,
    };
    let mut actual = Actual::default();
    settle(&facts, &mut actual);
    facts.endpoints[0].health = Health::Serving;
    settle(&facts, &mut actual);
    for drain in [Drain::Marked, Drain::Withdrawn] {
        facts.endpoints[0].drain = drain;
        settle(&facts, &mut actual);
    }
    actual.withdrawal = Withdrawal::Settled;
    settle(&facts, &mut actual);
}

fn settle(facts: &ServiceFacts, actual: &mut Actual) {
    let plan = plan_service(facts, &actual.delivered);
    println!("{}: {}", plan.reason.code(), plan.reason);
    loop {
        let step = next_step(&plan, actual);
        match &step {
            Step::Deliver(to) => actual.delivered = to.clone(),
            Step::Announce(how) => actual.announced = Some(*how),
            Step::Withdraw => {
                actual.announced = None;
                actual.withdrawal = Withdrawal::Settling;
            }
            Step::StopDelivering => actual.delivered = Delivery::new(),
            Step::Rest => return,
        }
        println!("  {step:?}");
    }
}
