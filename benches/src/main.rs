//! What the speaker costs: `cargo xtask bench change`, `cargo xtask bench speaker`.
#![expect(clippy::print_stdout, reason = "the result goes to the terminal")]

mod change;
mod speaker;

use std::env;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match *words {
        ["change"] => change::run(),
        ["speaker"] => speaker::run(),
        ["hold", port, prefixes, sets, peers] => speaker::holder::run(
            port.parse()?,
            prefixes.parse()?,
            sets.parse()?,
            peers.parse()?,
        ),
        _ => bail!("accepted are: change, speaker"),
    }
}
