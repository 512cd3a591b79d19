//! Walks one service from its container's start to its drain and prints each
//! step in the order it would be carried out.
#![allow(clippy::print_stdout)]

use lb_plan::{
    Actual, EndpointFacts, Health, NotServing, Step, Withdrawal, next_step, plan_service,
};

fn main() {
    let mut endpoints = [EndpointFacts {
        id: "web".to_owned(),
        attached: true,
        health: Health::NotServing(NotServing::Starting),
        draining: false,
    }];
    let mut actual = Actual::default();
    settle(&endpoints, &mut actual);
    endpoints[0].health = Health::Serving;
    settle(&endpoints, &mut actual);
    endpoints[0].draining = true;
    settle(&endpoints, &mut actual);
    actual.withdrawal = Withdrawal::Settled;
    settle(&endpoints, &mut actual);
}

fn settle(endpoints: &[EndpointFacts], actual: &mut Actual) {
    let plan = plan_service(endpoints, actual.delivered.as_deref());
    println!("{}: {}", plan.reason.code(), plan.reason);
    loop {
        let step = next_step(&plan, actual);
        match &step {
            Step::Deliver(id) => actual.delivered = Some(id.clone()),
            Step::Announce => actual.announced = true,
            Step::Withdraw => {
                actual.announced = false;
                actual.withdrawal = Withdrawal::Settling;
            }
            Step::StopDelivering => actual.delivered = None,
            Step::Rest => return,
        }
        println!("  {step:?}");
    }
}
