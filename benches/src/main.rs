//! What the programs cost: `cargo xtask bench change`, `… speaker`, `… install`, `… checks`.
#![expect(clippy::print_stdout, reason = "the result goes to the terminal")]

mod change;
mod checks;
mod install;
mod speaker;

use std::env;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match *words {
        ["change"] => change::run(),
        ["speaker"] => speaker::run(),
        ["checks"] => checks::run(),
        ["check-server"] => checks::server(),
        ["check", tcp, http] => checks::checker(tcp.parse()?, http.parse()?),
        ["install", program] => install::run(program),
        ["install-inside", program] => install::inside(program),
        ["hold", port, prefixes, sets, peers] => speaker::holder::run(
            port.parse()?,
            prefixes.parse()?,
            sets.parse()?,
            peers.parse()?,
        ),
        _ => bail!("accepted are: change, speaker, install, checks"),
    }
}
