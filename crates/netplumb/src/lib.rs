//! Links, addresses, routes and neighbours over netlink: desired against observed.
