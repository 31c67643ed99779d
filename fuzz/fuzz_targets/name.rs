//! Names and routes: the check is that of `cargo test --test fuzz`.

#![no_main]

#[path = "../../tests/fuzz/name.rs"]
mod name;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    name::check(input);
});
