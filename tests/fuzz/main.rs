//! The checks of the fuzz targets as ordinary tests: over the corpus in `fuzz/corpus`, and over
//! 10,000 random inputs for each target, made from it with a fixed seed. `scripts/fuzz` gives the
//! same checks to libFuzzer.
//!
//! Each check holds the code against a model that knows only docs/api.md and the RFCs, and panics
//! where they disagree. It is a plain function of bytes, in a file of its own that the target in
//! `fuzz/fuzz_targets` takes in.

#![allow(unreachable_pub, reason = "what a module has for others is pub")]

mod archive;
#[path = "../../tiny_http/tests/fuzz/inputs.rs"]
mod inputs;
mod name;
#[path = "../../tiny_http/tests/fuzz/random.rs"]
mod random;

use inputs::{Parts, test};
use random::Random;

/// Where the corpora are, beneath this crate's folder.
const CORPUS: &str = "fuzz/corpus";

#[test]
fn names_are_what_the_contract_says() {
    test("name", name::check, NAME_PARTS);
}

#[test]
fn archives_have_an_end() {
    test("archive", archive::check, ARCHIVE_PARTS);
}

const ARCHIVE_PARTS: Parts<'static> = &[
    "\n",
    "|",
    "H|",
    "R|",
    "Z",
    "\nZ",
    "\nH|f|0|1\nx",
    "\nH|d/|5|0",
    "\nH|l|2|0|t",
    "\nH|h|1|0|f",
    "\nH|x|L|5\nlong",
    "\nH|x|K|5\nlong",
    "\nH|c|g|13\n11 comment=a",
    "\nR|path=long",
    "\nR|size=3",
    "path=",
    "linkpath=",
    "size=",
    "9 path=ab",
    "GNU.sparse.size=9",
    "GNU.sparse.numblocks=1",
    "GNU.sparse.map=0,1",
    "GNU.sparse.map=0,512,1000,1",
    "GNU.sparse.major=1|GNU.sparse.minor=0",
    "GNU.sparse.name=n|GNU.sparse.realsize=9",
    "00000001000",
    "777",
    "..",
    "/",
    "\u{0}",
    "\u{80}",
];

const NAME_PARTS: Parts<'static> = &[
    "/",
    "%2F",
    "%2f",
    ".",
    "..",
    "%2e",
    "%",
    "%2",
    "%zz",
    "%00",
    "%0a",
    "%7F",
    "%c2%85",
    "%C3%A9",
    "%ff",
    "%ed%a0%80",
    "%f4%90%80%80",
    "%e2%82",
    "+",
    "\u{e9}",
    "\u{85}",
    "wc",
    "/mv",
    "?",
    "#",
    "a",
    ".http-nas",
];
