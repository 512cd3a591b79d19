//! Walks one service from its container's start to its drain and prints each
//! step in the order it would be carried out.
#![allow(clippy::print_stdout)]

use lb_plan::{
    Actual, EndpointFacts, Health, NotServing, ServiceFacts, Step, Withdrawal, next_step,
    plan_service,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut facts = ServiceFacts {
        prefixes: vec!["10.0.0.101/32".parse()?, "2001:db8::101/128".parse()?],
        endpoints: vec![EndpointFacts {
            id: "web".to_owned(),
            attached: true,
            health: Health::NotServing(NotServing::Starting),
            draining: false,
        }],
    };
    let mut actual = Actual::default();
    settle(&facts, &mut actual);
    facts.endpoints[0].health = Health::Serving;
    settle(&facts, &mut actual);
    facts.endpoints[0].draining = true;
    settle(&facts, &mut actual);
    actual.withdrawal = Withdrawal::Settled;
    settle(&facts, &mut actual);
    Ok(())
}

fn settle(facts: &ServiceFacts, actual: &mut Actual) {
    let plan = plan_service(facts, actual.delivered.as_deref());
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
