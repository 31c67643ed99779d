//! The check of a request head: the check is that of the tests of `tiny_http/`.

#![no_main]

#[path = "../../tiny_http/tests/fuzz/head.rs"]
mod head;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    head::check(input);
});
