//! The input of a connection: the check is that of the tests of `tiny_http/`.

#![no_main]

#[path = "../../tiny_http/tests/fuzz/conn.rs"]
mod conn;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    conn::check(input);
});
