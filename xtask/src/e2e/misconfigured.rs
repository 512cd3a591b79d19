//! What people get wrong between a host and its router, and whether `doctor` names it: our speaker
//! and BIRD, each mistake made for real in namespaces of its own.

mod scene;
mod table;

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use self::scene::Scene;
use self::table::{MISTAKES, Mistake};
use super::tally::Tally;
use crate::wait::{secs, until};
use crate::{artifacts, packages, sys};

/// Makes every mistake that is wanted by its test's full name.
pub(super) fn run(wanted: impl Fn(&str) -> bool, tally: &mut Tally) {
    for mistake in &MISTAKES {
        let name = super::full_name("misconfigured", mistake.name);
        if !wanted(&name) {
            continue;
        }
        match able(mistake) {
            Err(reason) => tally.skip(&name, &format!("{reason:#}")),
            Ok(()) => tally.note(&name, Instant::now(), named(mistake), String::new),
        }
    }
}

fn able(mistake: &Mistake) -> Result<()> {
    ensure!(!sys::interrupted(), "interrupted");
    ensure!(cfg!(target_os = "linux"), "this is not Linux");
    ensure!(sys::is_root(), "needs root");
    packages::ensure(&[packages::IPROUTE, packages::IPTABLES, packages::BIRD])?;
    match mistake.clock {
        Some(_) => packages::ensure(&[packages::FAKETIME]),
        None => Ok(()),
    }
}

/// The doctor names the mistake, and says how to see and how to mend it.
fn named(mistake: &Mistake) -> Result<()> {
    let scene = Scene::start(mistake, &artifacts::build_unoptimized_speaker()?)?;
    let look = || {
        until(
            &format!("the doctor to say {}", mistake.code),
            secs(40),
            || {
                let found = scene.found()?;
                let list = found.as_array().context("a list of findings")?;
                let named = list.iter().find(|it| it["code"] == mistake.code);
                let named = named.with_context(|| format!("it finds {found}"))?;
                for part in ["text", "show", "mend"] {
                    let said = named[part].as_str().unwrap_or_default();
                    ensure!(!said.is_empty(), "no {part} in {named}");
                }
                let text = named["text"].as_str().unwrap_or_default();
                for word in mistake.words {
                    ensure!(text.contains(word), "no {word} in: {text}");
                }
                Ok(())
            },
        )
    };
    look().with_context(|| scene.logs())
}
