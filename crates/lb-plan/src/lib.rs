//! Pure decisions: what Docker has and what is healthy, to what the kernel and the peers should have.
