//! `bgplb-speaker import`: what other programs were told, as our own files.
//!
//! Every origin goes the same way: its text becomes [`node::Node`]s, these are
//! asked for what there is a counterpart to, and a text of ours is written, which
//! has to be one that we read.

mod bgp_lb;
mod command;
mod document;
mod gobgpd;
mod metallb;
mod node;
mod notes;
mod object;
mod origin;
mod read;
mod speaker;

use std::net::Ipv4Addr;
use std::path::Path;

use self::metallb::Target;
use self::node::Node;
use self::notes::{Notes, Weight};
use self::origin::Origin;
use crate::config::Config;

pub(crate) use self::bgp_lb::Switches;
pub(crate) use self::command::{ImportArgs, run, text_of};
pub(crate) use self::notes::Note;

/// What an import is done with.
#[derive(Debug)]
pub(crate) struct Wishes {
    pub(crate) origin: Option<Origin>,
    /// For MetalLB's objects only.
    pub(crate) target: Target,
    /// For MetalLB, which takes it from the node.
    pub(crate) router_id: Option<Ipv4Addr>,
    /// For bgp-lb's file only.
    pub(crate) switches: Switches,
}

impl Wishes {
    /// The file of bgp-lb, run with these flags.
    pub(crate) const fn of_bgp_lb(switches: Switches) -> Self {
        Self {
            origin: Some(Origin::BgpLb),
            target: Target::Speaker,
            router_id: None,
            switches,
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Imported {
    /// Our own file; `None` after a fault, which is among the notes.
    pub(crate) text: Option<String>,
    pub(crate) notes: Vec<Note>,
}

impl Imported {
    /// Whether something of the origin is not in the text.
    pub(crate) fn has_left_out(&self) -> bool {
        self.notes.iter().any(|it| it.weight == Weight::LeftOut)
    }
}

/// Turns files, each a name and a text, into one of ours.
pub(crate) fn import(files: &[(String, String)], wishes: &Wishes) -> Imported {
    let notes = Notes::of(files);
    let text = written(files, wishes, &notes).filter(|_| !notes.has_fault());
    let text = text.filter(|text| {
        let usable = wishes.writes_pools() || is_usable(text, &notes);
        usable && !notes.has_fault()
    });
    if text.is_none() && !notes.has_fault() {
        let what = "nothing of it can be taken over; what was left out is told above";
        notes.say(Weight::Fault, None, "", what);
    }
    Imported {
        text,
        notes: notes.into_all(),
    }
}

fn written(files: &[(String, String)], wishes: &Wishes, notes: &Notes) -> Option<String> {
    let (origin, documents) = origin::read(files, wishes.origin, notes)?;
    match (origin, documents.as_slice()) {
        (Origin::BgpLb, [node]) => bgp_lb::import(node, &wishes.switches, notes),
        (Origin::Gobgpd, [node]) => gobgpd::import(node, notes),
        (Origin::Metallb, all) => match wishes.target {
            Target::Speaker => metallb::for_speaker(all, wishes.router_id, notes),
            Target::Plugin => metallb::for_plugin(all, wishes.router_id, notes),
        },
        (_, _) => {
            let what = "accepted is one file with one configuration in it";
            notes.say(Weight::Fault, None, "", what);
            None
        }
    }
}

impl Wishes {
    const fn writes_pools(&self) -> bool {
        matches!(self.target, Target::Plugin)
    }
}

/// Whether we read what was written. What is refused then is something that the
/// origin accepts and we do not.
fn is_usable(text: &str, notes: &Notes) -> bool {
    let no_files = |path: &Path| Err(format!("{} is not read", path.display()));
    let name = Path::new("what would be written");
    match Config::parse(name, text, &no_files) {
        Ok(_) => true,
        Err(unusable) => {
            for line in unusable.lines() {
                notes.say(Weight::Fault, None, "", line);
            }
            false
        }
    }
}

/// What a text holds.
type Documents = Vec<Node>;

#[cfg(test)]
mod tests;
