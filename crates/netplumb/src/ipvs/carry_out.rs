//! A plan, step by step, whatever single steps meet.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{DesiredService, ServiceKey};
use super::op::{IpvsKernel, Op};
use super::plan::{InTheWay, Plan, plan};

/// Looks at all services, plans, and carries the plan out.
///
/// Who changes one service looks at that alone ([`IpvsKernel::service`]) and
/// plans for it: the cost of this is in proportion to the table.
///
/// # Errors
///
/// When the kernel can't be looked at. What one step met is in the [`Report`].
pub fn reconcile<K: IpvsKernel>(
    kernel: &mut K,
    desired: &BTreeMap<ServiceKey, DesiredService>,
    owned: &BTreeSet<ServiceKey>,
) -> Result<Report<K::Error>, K::Error> {
    let observed = kernel.services()?;
    Ok(plan(desired, &observed, owned).carry_out(kernel))
}

/// What came of a [`Plan`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<E> {
    /// How many steps succeeded.
    pub applied: usize,
    /// Wanted services that were there as wanted and are to be owned from now
    /// on.
    pub adopted: Vec<ServiceKey>,
    /// Wanted services in whose place there is one of somebody else.
    pub in_the_way: Vec<InTheWay>,
    /// The steps the kernel refused. The next look shows whether they are still
    /// needed.
    pub failed: Vec<(Op, E)>,
    /// The steps that were not tried, because their service could not be made.
    pub skipped: Vec<Op>,
}

impl<E> Report<E> {
    /// Whether everything is as desired.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && self.in_the_way.is_empty()
    }
}

impl Plan {
    /// Takes the steps. One that is refused ends nothing; only destinations of
    /// a service that could not be made are left out.
    pub fn carry_out<K: IpvsKernel>(self, kernel: &mut K) -> Report<K::Error> {
        let mut report = Report {
            applied: 0,
            adopted: self.adopted,
            in_the_way: self.in_the_way,
            failed: Vec::new(),
            skipped: Vec::new(),
        };
        let mut unmade = BTreeSet::new();
        for op in self.ops {
            if unmade.contains(&op.service()) {
                report.skipped.push(op);
                continue;
            }
            match kernel.apply(&op) {
                Ok(()) => report.applied += 1,
                Err(error) => {
                    if let Op::CreateService(spec) = &op {
                        unmade.insert(spec.key);
                    }
                    report.failed.push((op, error));
                }
            }
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::FakeIpvs;
    use super::super::model::{DestinationSpec, Forward, Protocol, Scheduler, ServiceSpec};
    use super::*;

    fn service(port: u16) -> DesiredService {
        let key = ServiceKey {
            protocol: Protocol::Tcp,
            address: [192, 0, 2, 80].into(),
            port,
        };
        let mut service = DesiredService::new(ServiceSpec::new(key, Scheduler::Mh)).unwrap();
        let server = [10, 0, 0, 7].into();
        service
            .insert(DestinationSpec::new(server, 8080, Forward::Masquerade))
            .unwrap();
        service
    }

    fn two() -> (BTreeMap<ServiceKey, DesiredService>, BTreeSet<ServiceKey>) {
        let desired = [80, 443].map(service).map(|it| (it.spec().key, it));
        let desired = BTreeMap::from(desired);
        let owned = desired.keys().copied().collect();
        (desired, owned)
    }

    #[test]
    fn a_service_that_cannot_be_made_holds_up_no_other() {
        let (desired, owned) = two();
        let mut kernel = FakeIpvs::new();
        kernel.fail(1, libc::ENOMEM);
        let report = reconcile(&mut kernel, &desired, &owned).unwrap();
        assert!(!report.is_complete());
        let [(op, error)] = report.failed.as_slice() else {
            panic!("{report:#?}");
        };
        assert_eq!(op.service().port, 80);
        assert_eq!(
            error.to_string(),
            "create service tcp 192.0.2.80:80 with scheduler mh: Cannot allocate memory (ENOMEM)"
        );
        assert_eq!((report.applied, report.skipped.len()), (2, 1));

        let report = reconcile(&mut kernel, &desired, &owned).unwrap();
        assert!(report.is_complete());
        assert_eq!(report.applied, 2);
        let report = reconcile(&mut kernel, &desired, &owned).unwrap();
        assert_eq!((report.applied, report.is_complete()), (0, true));
    }

    #[test]
    fn without_ipvs_the_reason_is_told() {
        let (desired, owned) = two();
        let mut kernel = FakeIpvs::new();
        kernel.set_missing(true);
        let error = reconcile(&mut kernel, &desired, &owned).unwrap_err();
        assert!(error.is_missing(), "{error}");
        kernel.set_missing(false);
        assert!(
            reconcile(&mut kernel, &desired, &owned)
                .unwrap()
                .is_complete()
        );
    }

    #[test]
    fn what_cannot_work_is_refused_without_asking_the_kernel() {
        let mut kernel = FakeIpvs::new();
        let (desired, _) = two();
        let key = *desired.keys().next().unwrap();
        let server = [10, 0, 0, 7].into();
        let direct = DestinationSpec::new(server, 8080, Forward::DirectRoute);
        let error = kernel
            .apply(&Op::CreateDestination(key, direct))
            .unwrap_err();
        assert!(error.to_string().contains("leaves the port"), "{error}");
        assert_eq!(kernel.calls(), 0);
    }
}
