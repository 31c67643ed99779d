//! The checks of the fuzz targets as ordinary tests: over the corpus in `fuzz/corpus`, and over 10,000 random inputs
//! for each target, made from it with a fixed seed. `scripts/fuzz` gives the check of connections to libFuzzer.
//!
//! Each check holds the code against a model that knows only the RFCs, and panics where they disagree. It is a plain
//! function of bytes.

mod conn;
mod head;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use conn::Random;

/// How many random inputs each target gets.
const RUNS: usize = 10_000;

/// From this length on an input takes its time, and a random one is made of it less often.
const LONG: usize = 1024;

/// Whether the code under test accepts the input; a panic where it and the model disagree.
type Check = fn(&[u8]) -> bool;

/// What inputs of a target are made of, in whole.
type Parts<'p> = &'p [&'static str];

#[test]
fn chunks_are_what_the_rfc_says() {
    test("chunks", conn::chunks::check, CHUNK_PARTS);
}

#[test]
fn heads_are_framed_as_the_rfc_says() {
    test("framing", head::check, FRAMING_PARTS);
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

fn test(target: &str, check: Check, parts: Parts<'_>) {
    let corpus = corpus(target);
    for (name, input) in &corpus {
        run(name, input, check);
    }
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let accepted = (0..RUNS)
        .filter(|number| {
            let input = mutant(&corpus, parts, &mut random);
            run(&format!("random input {number}"), &input, check)
        })
        .count();
    // Inputs that are nearly all refused, or nearly none, would show little.
    let spread = RUNS / 20..RUNS * 19 / 20;
    assert!(spread.contains(&accepted), "{target}: {accepted} accepted");
}

/// Checks one input, which is printed where the check panics.
fn run(name: &str, input: &[u8], check: Check) -> bool {
    let result = catch_unwind(AssertUnwindSafe(|| check(input)));
    result.unwrap_or_else(|_| panic!("{name}: b\"{}\"", input.escape_ascii()))
}

/// The files of a corpus with their names, in the order of these.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let entries = folder
        .read_dir()
        .unwrap_or_else(|e| panic!("{target}: {e}"));
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap_or_else(|e| panic!("{target}: {e}")).path();
            let input = std::fs::read(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
            (path.display().to_string(), input)
        })
        .collect();
    files.sort();
    assert!(files.len() >= 15, "{target}: a corpus of {}", files.len());
    files
}

/// An input of the corpus, changed in one to four places.
fn mutant(corpus: &[(String, Vec<u8>)], parts: Parts<'_>, random: &mut Random) -> Vec<u8> {
    let mut input = pick(corpus, random).to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        let to = at + random.below((input.len() - at).min(16) + 1);
        match random.below(7) {
            0 => input.insert(at, random.below(256) as u8),
            1 => drop(input.drain(at..to)),
            2 => {
                let part = parts[random.below(parts.len())];
                input.splice(at..at, part.bytes());
            }
            3 => {
                let part = parts[random.below(parts.len())];
                input.splice(at..to, part.bytes());
            }
            4 => {
                let again = input[at..to].to_vec();
                input.splice(at..at, again);
            }
            5 => {
                let other = pick(corpus, random);
                let from = random.below(other.len() + 1);
                input.splice(at.., other[from..].iter().copied());
            }
            _ => {
                let bit = 1 << random.below(8);
                input[at..].iter_mut().take(1).for_each(|b| *b ^= bit);
            }
        }
    }
    input
}

fn pick<'a>(corpus: &'a [(String, Vec<u8>)], random: &mut Random) -> &'a [u8] {
    loop {
        let (_, input) = &corpus[random.below(corpus.len())];
        if input.len() < LONG || random.below(32) == 0 {
            return input;
        }
    }
}
