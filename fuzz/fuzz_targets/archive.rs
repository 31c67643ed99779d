//! Archives: the check is that of `cargo test --test fuzz`.

#![no_main]

#[path = "../../tests/fuzz/archive.rs"]
mod archive;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    archive::check(input);
});
