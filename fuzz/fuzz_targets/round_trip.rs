//! Encodes what was read and reads it again: see [`bgplb_fuzz::round_trip`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| bgplb_fuzz::round_trip(data));

/// On stable: replays the files and folders given as arguments.
#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    bgplb_fuzz::replay(bgplb_fuzz::round_trip)
}
