//! Docker network and IPAM plugin: routed, load-balanced container addresses over BGP.

fn main() {}
