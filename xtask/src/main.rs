//! Build, packaging, laboratory and test commands.

fn main() {}
