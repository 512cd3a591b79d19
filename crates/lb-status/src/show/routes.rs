//! Routes as tables that are written while they are read.

use std::io::{self, Write};

use super::Screen;
use super::table::{Cell, Column, Lines};
use crate::model::{AdvertisedRoute, LearnedRoute};

const LEARNED: [Column; 8] = [
    ("", 3),
    ("PREFIX", 20),
    ("NEXT HOP", 15),
    ("PEER", 15),
    ("LP", 5),
    ("MED", 5),
    ("ORIGIN", 10),
    ("AS PATH", 0),
];

const ADVERTISED: [Column; 6] = [
    ("PREFIX", 20),
    ("LP", 5),
    ("MED", 5),
    ("AS PATH", 12),
    ("COMMUNITIES", 20),
    ("TOLD", 0),
];

/// A table of routes under way.
#[derive(Debug)]
pub struct Routes<'a, W>(Lines<'a, W>);

impl<'a, W: Write> Routes<'a, W> {
    /// Writes the headings of learned routes.
    ///
    /// # Errors
    ///
    /// When `to` takes no more.
    pub fn learned(screen: &'a Screen, to: &'a mut W) -> io::Result<Self> {
        Lines::new(&LEARNED, screen, to).map(Self)
    }

    /// Writes the headings of advertised routes.
    ///
    /// # Errors
    ///
    /// When `to` takes no more.
    pub fn advertised(screen: &'a Screen, to: &'a mut W) -> io::Result<Self> {
        Lines::new(&ADVERTISED, screen, to).map(Self)
    }

    /// Writes a route below the headings of learned ones.
    ///
    /// # Errors
    ///
    /// When nothing more is taken.
    pub fn write_learned(&mut self, route: &LearnedRoute) -> io::Result<()> {
        self.0.line(&learned_cells(route))
    }

    /// Writes a route below the headings of advertised ones.
    ///
    /// # Errors
    ///
    /// When nothing more is taken.
    pub fn write_advertised(&mut self, route: &AdvertisedRoute) -> io::Result<()> {
        self.0.line(&advertised_cells(route))
    }
}

fn learned_cells(route: &LearnedRoute) -> Vec<Cell> {
    let mark = match (route.best, route.used) {
        (true, _) => "*>",
        (false, true) => "*=",
        (false, false) => "",
    };
    let stale = if route.stale { "s" } else { "" };
    let said = &route.attributes;
    vec![
        Cell::new(format!("{mark}{stale}"), super::table::Tone::Plain),
        route.prefix.to_string().into(),
        route.next_hop.to_string().into(),
        route.peer.to_string().into(),
        Cell::of(said.local_pref),
        Cell::of(said.med),
        (&said.origin).into(),
        Cell::new(&said.as_path, super::table::Tone::Plain),
    ]
}

fn advertised_cells(route: &AdvertisedRoute) -> Vec<Cell> {
    let said = &route.attributes;
    vec![
        route.prefix.to_string().into(),
        Cell::of(said.local_pref),
        Cell::of(said.med),
        (&said.as_path).into(),
        said.communities.join(",").into(),
        route.peers.join(",").into(),
    ]
}
