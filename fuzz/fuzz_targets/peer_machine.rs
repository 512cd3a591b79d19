//! Does anything to one peer: see [`bgplb_fuzz::peer_machine`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| bgplb_fuzz::peer_machine(data));

/// On stable: replays the files and folders given as arguments.
#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    bgplb_fuzz::replay(bgplb_fuzz::peer_machine)
}
