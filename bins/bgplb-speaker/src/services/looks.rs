//! The checks of services: which are made, and whose each one is.

use std::collections::BTreeMap;

use healthwatch::{CheckId, CheckSpec, ChecksHandle};
use tracing::error;

use crate::config::{CheckSettings, Look, ServiceSettings};

/// Has checks made, and knows whom news of them concern.
#[derive(Debug)]
pub(super) struct Looks {
    handle: ChecksHandle,
    owners: BTreeMap<CheckId, Owner>,
    by_service: BTreeMap<String, Vec<(CheckId, Part)>>,
    next: u64,
}

/// What a check is for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    service: String,
    part: Part,
}

/// Which check of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// By its place among the service's.
    Check(usize),
    /// The one for its maintenance.
    Maintenance,
}

impl Looks {
    /// None yet.
    pub(super) const fn new(handle: ChecksHandle) -> Self {
        Self {
            handle,
            owners: BTreeMap::new(),
            by_service: BTreeMap::new(),
            next: 0,
        }
    }

    /// Has the checks of a service made as its settings say. One that stays the same
    /// goes on; yields the parts that begin anew.
    pub(super) async fn configure(
        &mut self,
        before: Option<&ServiceSettings>,
        settings: &ServiceSettings,
    ) -> Vec<Part> {
        let name = &settings.name;
        let old = self.by_service.remove(name).unwrap_or_default();
        let mut kept = Vec::new();
        let mut anew = Vec::new();
        for (part, wanted) in parts(settings) {
            let known = old.iter().find(|(_, it)| *it == part);
            let was = before.and_then(|it| check(it, part));
            let id = match known {
                Some((id, _)) if was.is_some_and(|it| it.look == wanted.look) => *id,
                _ => {
                    anew.push(part);
                    self.next += 1;
                    CheckId(self.next)
                }
            };
            kept.push((id, part));
            let owner = Owner {
                service: name.clone(),
                part,
            };
            self.owners.insert(id, owner);
            if was != Some(wanted) || anew.contains(&part) {
                self.set(id, wanted).await;
            }
        }
        for (id, _) in old.iter().filter(|it| !kept.contains(it)) {
            self.forget(*id).await;
        }
        if !kept.is_empty() {
            self.by_service.insert(name.clone(), kept);
        }
        anew
    }

    /// Ends the checks of a service.
    pub(super) async fn remove(&mut self, service: &str) {
        for (id, _) in self.by_service.remove(service).unwrap_or_default() {
            self.forget(id).await;
        }
    }

    /// Whom a check is for, unless it has ended meanwhile.
    pub(super) fn whose(&self, check: CheckId) -> Option<(&str, Part)> {
        let owner = self.owners.get(&check)?;
        Some((&owner.service, owner.part))
    }

    async fn set(&self, id: CheckId, wanted: &CheckSettings) {
        let Look::Probe(probe) = &wanted.look else {
            return;
        };
        let spec = CheckSpec {
            probe: probe.clone(),
            timing: wanted.timing.clone(),
        };
        // Both were looked at when the file was read; certificates may have gone since.
        if let Err(error) = self.handle.set(id, spec).await {
            error!("a check cannot be made: {error}");
        }
    }

    async fn forget(&mut self, id: CheckId) {
        self.owners.remove(&id);
        // Who makes checks may be ending.
        let _ = self.handle.remove(id).await;
    }
}

fn parts(settings: &ServiceSettings) -> impl Iterator<Item = (Part, &CheckSettings)> {
    let checks = settings.checks.iter().enumerate();
    let checks = checks.map(|(n, check)| (Part::Check(n), check));
    let maintenance = settings.maintenance.iter();
    checks.chain(maintenance.map(|it| (Part::Maintenance, it)))
}

fn check(settings: &ServiceSettings, part: Part) -> Option<&CheckSettings> {
    parts(settings)
        .find(|(it, _)| *it == part)
        .map(|(_, check)| check)
}
