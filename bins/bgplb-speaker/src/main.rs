//! A small BGP speaker: announces prefixes, learns routes, installs ECMP sets in the kernel.

fn main() {}
