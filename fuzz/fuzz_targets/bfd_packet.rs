//! Reads any octets as a BFD control packet: see [`bgplb_fuzz::bfd_packet`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| bgplb_fuzz::bfd_packet(data));

/// On stable: replays the files and folders given as arguments.
#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    bgplb_fuzz::replay(bgplb_fuzz::bfd_packet)
}
