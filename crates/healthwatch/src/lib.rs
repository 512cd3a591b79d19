//! Follows the health of Docker containers as levels, from events and lists.
