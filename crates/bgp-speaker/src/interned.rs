//! Values that many share, each kept once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// The number of a value that is in use.
pub(crate) type Id = u32;

/// Values with numbers, and how many users each has.
///
/// A number is used again once its value is gone.
#[derive(Debug)]
pub(crate) struct Interned<T: ?Sized> {
    ids: HashMap<Arc<T>, Id>,
    slots: Vec<Slot<T>>,
    unused: Vec<Id>,
}

#[derive(Debug)]
struct Slot<T: ?Sized> {
    /// `None` while the number is unused.
    value: Option<Arc<T>>,
    users: usize,
}

impl<T: ?Sized> Default for Interned<T> {
    fn default() -> Self {
        Self {
            ids: HashMap::new(),
            slots: Vec::new(),
            unused: Vec::new(),
        }
    }
}

impl<T: Eq + Hash + ?Sized> Interned<T> {
    pub(crate) fn get(&self, id: Id) -> Option<&Arc<T>> {
        self.slots.get(id as usize)?.value.as_ref()
    }

    /// The number of `value`, if it is in use.
    pub(crate) fn id_of(&self, value: &T) -> Option<Id> {
        self.ids.get(value).copied()
    }

    /// The number of `value`, for one more user.
    pub(crate) fn take(&mut self, value: &Arc<T>) -> Id {
        if let Some(id) = self.id_of(value) {
            self.take_again(id);
            return id;
        }
        let slot = Slot {
            value: Some(Arc::clone(value)),
            users: 1,
        };
        let id = match self.unused.pop() {
            Some(id) => {
                if let Some(unused) = self.slots.get_mut(id as usize) {
                    *unused = slot;
                }
                id
            }
            None => {
                self.slots.push(slot);
                // Memory ends long before the numbers do.
                Id::try_from(self.slots.len() - 1).unwrap_or(Id::MAX)
            }
        };
        self.ids.insert(Arc::clone(value), id);
        id
    }

    /// One more user has the value `id`, which is in use.
    pub(crate) fn take_again(&mut self, id: Id) {
        if let Some(slot) = self.slots.get_mut(id as usize) {
            slot.users += 1;
        }
    }

    /// One user less has the value `id`. Returns the value if that was the
    /// last one.
    pub(crate) fn release(&mut self, id: Id) -> Option<Arc<T>> {
        let slot = self.slots.get_mut(id as usize)?;
        slot.users = slot.users.checked_sub(1)?;
        if slot.users > 0 {
            return None;
        }
        let value = slot.value.take()?;
        self.ids.remove(&value);
        self.unused.push(id);
        if self.ids.is_empty() {
            // No number is in use, so the memory is given back.
            *self = Self::default();
        }
        Some(value)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_kept_once_until_its_last_user_is_gone() {
        let mut values: Interned<str> = Interned::default();
        let id = values.take(&Arc::from("a"));
        let other = values.take(&Arc::from("b"));
        assert_eq!(values.take(&Arc::from("a")), id);
        values.take_again(id);
        assert_eq!(values.len(), 2);
        assert_eq!(values.release(id), None);
        assert_eq!(values.release(id), None);
        assert_eq!(values.release(id).as_deref(), Some("a"));
        assert_eq!(values.get(id), None);
        // The number goes to the next value, and nobody can let go of it twice.
        assert_eq!(values.release(id), None);
        assert_eq!(values.take(&Arc::from("c")), id);
        assert_eq!(values.get(other).map(AsRef::as_ref), Some("b"));
    }

    #[test]
    fn nothing_is_kept_for_nobody() {
        let mut values: Interned<u32> = Interned::default();
        let ids: Vec<_> = (0..100).map(|it| values.take(&Arc::new(it))).collect();
        for id in ids {
            assert!(values.release(id).is_some());
        }
        assert_eq!(values.slots.capacity() + values.unused.capacity(), 0);
    }
}
