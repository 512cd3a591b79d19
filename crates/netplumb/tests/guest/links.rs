//! Links of kinds that not every kernel has.
