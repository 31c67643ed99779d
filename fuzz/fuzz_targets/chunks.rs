//! The chunk decoder: the check is that of `cargo test --test fuzz`.

#![no_main]

#[path = "../../tests/fuzz/chunks.rs"]
mod chunks;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    chunks::check(input);
});
