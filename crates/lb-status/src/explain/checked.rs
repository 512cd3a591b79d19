//! The gates of a service that is looked after by checks of the program itself.

use super::{drained, gate, in_the_way};
use crate::model::{
    Check, CheckState, Gate, GateName, Reason, Service, ServiceState, Verdict, Warning,
};

/// Every gate of `service` up to the peers, in order.
pub(super) fn gates(
    service: &Service,
    name: &str,
    checks: &[Check],
    warnings: &[Warning],
) -> Vec<Gate> {
    let named = |gate_name, verdict, text: &str| gate(gate_name, Some(name), verdict, text);
    let text = format!("{} is an address of this service", service.prefix);
    let mut gates = vec![named(GateName::Network, Verdict::Ok, &text)];
    if checks.is_empty() {
        gates.push(named(GateName::Health, Verdict::Ok, "it has no check"));
    }
    gates.extend(checks.iter().map(of_check));
    if matches!(service.reason, Reason::Unproven | Reason::HeldDown) {
        let blocked = named(GateName::Health, Verdict::Blocked, &service.explanation);
        gates.push(blocked.since(service.reason_since));
    }
    gates.push(match (&service.drain, service.reason) {
        (Some(drain), _) => drained(drain.scope, name, PROGRAM),
        (None, Reason::Maintenance) => {
            let blocked = named(GateName::Drain, Verdict::Blocked, &service.explanation);
            blocked.since(service.reason_since)
        }
        (None, _) => named(GateName::Drain, Verdict::Ok, "nobody drains it"),
    });
    gates.push(match service.state {
        ServiceState::Undelivered => {
            let blocked = named(GateName::DataPath, Verdict::Blocked, &service.explanation);
            let again = "it is tried again, and mended as soon as the kernel lets it be";
            blocked.since(service.since).with(again.to_owned())
        }
        ServiceState::Withheld => {
            let text = "the kernel keeps the address; nothing is known to be missing";
            named(GateName::DataPath, Verdict::Ok, text)
        }
        _ => named(
            GateName::DataPath,
            Verdict::Ok,
            "the kernel has the address",
        ),
    });
    gates.extend(warnings.iter().map(in_the_way));
    gates
}

fn of_check(check: &Check) -> Gate {
    let about = |verdict, text: &str| {
        gate(GateName::Health, Some(&check.target), verdict, text).since(check.since)
    };
    match check.state {
        CheckState::Passing => about(Verdict::Ok, "the check passes"),
        CheckState::Failing => {
            let text = check.failure.as_deref();
            about(Verdict::Blocked, text.unwrap_or("the check fails"))
        }
        _ => about(Verdict::Unknown, "the check was not made yet"),
    }
}

/// What the commands that unblock it are of.
const PROGRAM: &str = "bgplb-speaker";
