//! Places for many small things of one kind.

/// A place in a [`Slab`].
pub(super) type Place = u32;

/// No place.
pub(super) const NOWHERE: Place = Place::MAX;

/// Things at numbered places; a place that gets free is used again, and the
/// memory is given back with the last thing.
#[derive(Debug)]
pub(super) struct Slab<T> {
    things: Vec<T>,
    unused: Vec<Place>,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self {
            things: Vec::new(),
            unused: Vec::new(),
        }
    }

    /// What is at this place, or was there last.
    pub(super) fn get(&self, place: Place) -> Option<&T> {
        self.things.get(place as usize)
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        self.things.get_mut(place as usize)
    }

    /// Finds a place for one more.
    pub(super) fn insert(&mut self, thing: T) -> Place {
        if let Some(place) = self.unused.pop() {
            if let Some(unused) = self.get_mut(place) {
                *unused = thing;
            }
            return place;
        }
        self.things.push(thing);
        // Memory ends long before the numbers do.
        Place::try_from(self.things.len() - 1).unwrap_or(NOWHERE)
    }

    /// The place, which is in use, gets free.
    pub(super) fn free(&mut self, place: Place) {
        self.unused.push(place);
        if self.unused.len() == self.things.len() {
            *self = Self::new();
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.things.len() - self.unused.len()
    }
}
