//! Virtual clock, octet pipes and peers in one thread, for tests.
