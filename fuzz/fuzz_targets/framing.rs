//! The check of a request head: the check is that of `cargo test --test fuzz`.

#![no_main]

#[path = "../../tests/fuzz/framing.rs"]
mod framing;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    framing::check(input);
});
