//! The chunk decoder: the check is that of the tests of `tiny_http/`.

#![no_main]

#[path = "../../tiny_http/tests/fuzz/chunks.rs"]
mod chunks;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    chunks::check(input);
});
