//! What a process takes over from the one before it: the state, and the
//! objects in the kernel.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bgp_speaker::Restarting;
use netplumb::{Kernel, Observed};
use tracing::{error, info, warn};

use crate::instance::Instance;
use crate::store::{self, Loaded, State, StoreError};

/// How long routers hold what an earlier run announced while Docker does not
/// answer.
const DEFERRAL_TIME: Duration = Duration::from_secs(120);

/// What an earlier run left on the disk, and which plugin of the host this is.
///
/// A file that is not understood is kept beside the new one. Without it nothing
/// is known to be ours, so nothing is deleted.
///
/// # Errors
///
/// When there may be a state that can't be read: what would be written in its
/// place would destroy it.
pub(crate) fn state(directory: &Path) -> Result<(State, Instance)> {
    let loaded = store::load(directory);
    let damage = match &loaded {
        Ok(loaded) => loaded.damage.as_ref(),
        Err(error) => Some(error),
    };
    let kept = match damage {
        Some(StoreError::Content { .. }) => keep(directory),
        _ => String::new(),
    };
    let mut state = match loaded {
        Ok(Loaded {
            state,
            damage: Some(damage),
        }) => {
            warn!("{damage}; its copy is used{kept}");
            rewrite(directory, &state);
            state
        }
        Ok(Loaded { state, .. }) => state,
        Err(error @ StoreError::Content { .. }) => {
            error!("{error}; starting without it and deleting nothing{kept}");
            State::new(None, Default::default())
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(instance) = state.instance {
        return Ok((state, instance));
    }
    let instance = Instance::draw();
    state.instance = Some(instance);
    rewrite(directory, &state);
    Ok((state, instance))
}

/// Puts a file that is not understood aside; says what became of it.
fn keep(directory: &Path) -> String {
    match store::set_aside(directory) {
        Ok(kept) => format!("; it is kept as {}", kept.display()),
        Err(why) => format!("; it can't be put aside: {why}"),
    }
}

/// What is remembered is enough to go on without; Docker's requests will fail.
fn rewrite(directory: &Path, state: &State) {
    if let Err(error) = store::write(directory, state) {
        error!(
            directory = %directory.display(),
            %error,
            "the state can't be written: nothing new can be created until it can"
        );
    }
}

/// Puts our mark on what is ours under another one, and says what the kernel
/// has.
///
/// # Errors
///
/// When the kernel can't be looked at.
pub(crate) fn links<K: Kernel>(
    kernel: &mut K,
    instance: Instance,
    state: &State,
) -> Result<Observed>
where
    K::Error: Send + Sync + 'static,
{
    const UNREADABLE: &str = "the kernel's objects can't be read";
    let observed = kernel.observe().context(UNREADABLE)?;
    let networks = state.networks.iter();
    let adoptions: Vec<_> = networks
        .flat_map(|(id, record)| instance.adopt(&observed, id, record))
        .collect();
    for op in &adoptions {
        match kernel.apply(op) {
            Ok(()) => info!(%op, "a link of an earlier run is taken over"),
            Err(error) => warn!(%error, "a link of an earlier run can't be taken over"),
        }
    }
    let observed = if adoptions.is_empty() {
        observed
    } else {
        kernel.observe().context(UNREADABLE)?
    };
    for link in instance.foreign(&observed) {
        info!(
            %link,
            "a link of another bgplb plugin, or of a lost state, is left alone; \
             `ip link delete {link}` removes one that no container uses"
        );
    }
    Ok(observed)
}

/// Whether an earlier run announced something that routers may still send us
/// packets for. They are asked to go on with that until the first verdicts are
/// in. Without our links, as after the machine's own restart, there is nobody
/// to deliver to, and they are told so.
pub(crate) fn restarting(
    instance: Instance,
    state: &State,
    observed: &Observed,
) -> Option<Restarting> {
    if state.networks.is_empty() {
        return None;
    }
    let mark = instance.mark();
    let mut links = observed.links.values();
    Some(Restarting {
        deferral_time: DEFERRAL_TIME,
        forwarding_kept: links.any(|link| link.alias.starts_with(&mark)),
    })
}

#[cfg(test)]
mod tests;
