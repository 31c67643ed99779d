//! The checks of the fuzz targets as ordinary tests: over the corpus in `fuzz/corpus`, and over
//! 10,000 random inputs for each target, made from it with a fixed seed. `scripts/fuzz` gives the
//! check of connections to libFuzzer.
//!
//! Each check compares the code with a model that knows only the RFCs, and panics where they
//! disagree. It is a function of bytes.

#![allow(unreachable_pub, reason = "what a module has for others is pub")]

mod conn;
mod head;
mod inputs;

use conn::Random;
use inputs::{Parts, corpus, test, test_corpus};

/// Where the corpora are, beneath this crate's folder.
const CORPUS: &str = "../fuzz/corpus";

#[test]
fn chunks_are_what_the_rfc_says() {
    test("chunks", conn::chunks::check, CHUNK_PARTS);
}

#[test]
fn heads_are_framed_as_the_rfc_says() {
    let malformed = testkit::malformed::heads().into_iter();
    let malformed = malformed.map(|head| (head.shown(), head.bytes));
    let corpus = corpus("framing").into_iter().chain(malformed).collect();
    test_corpus("framing", corpus, head::check, FRAMING_PARTS);
}

#[test]
fn messages_do_not_depend_on_how_they_are_cut() {
    test("conn", conn::check, &[FRAMING_PARTS, CHUNK_PARTS].concat());
}

const CHUNK_PARTS: Parts<'static> = &[
    "0",
    "1",
    "f",
    "7FFFFFFFFFFFFFFF",
    "8000000000000000",
    ";",
    ";a=\"b\"",
    " ",
    "\t",
    "\r",
    "\n",
    "\r\n",
    "\0",
    "1\r\nx\r\n",
    "0\r\n\r\n",
    "0\r\n",
    "a: b\r\n",
];

const FRAMING_PARTS: Parts<'static> = &[
    "\r\n",
    "\r\n\r\n",
    "\r",
    "\n",
    " ",
    "\t",
    ":",
    ",",
    "\0",
    "GET / HTTP/1.1\r\n",
    "HTTP/1.0",
    "HTTP/2.0",
    "Host: h\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 5\r\n",
    "18446744073709551616",
    "Transfer-Encoding: chunked\r\n",
    "transfer-encoding:",
    "chunked",
    "Connection: close\r\n",
    "Connection: Keep-Alive, x\r\n",
    "upgrade",
    "Expect: 100-continue\r\n",
    "X: y\r\n",
];
