//! Has two BFD sessions go through anything: see [`bgplb_fuzz::bfd_session`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| bgplb_fuzz::bfd_session(data));

/// On stable: replays the files and folders given as arguments.
#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    bgplb_fuzz::replay(bgplb_fuzz::bfd_session)
}
