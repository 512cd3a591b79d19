//! Judges one attribute of any code: see [`bgplb_fuzz::attribute`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| bgplb_fuzz::attribute(data));

/// On stable: replays the files and folders given as arguments.
#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    bgplb_fuzz::replay(bgplb_fuzz::attribute)
}
