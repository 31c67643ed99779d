//! The checks of the fuzz targets as ordinary tests: over the corpus in `fuzz/corpus`, and over 10,000 random inputs
//! for each target, made from it with a fixed seed. `scripts/fuzz` gives the same checks to libFuzzer.
//!
//! Each check holds the code against a model that knows only the contract (api.md) and the RFCs, and panics where they
//! disagree. It is a plain function of bytes, in a file of its own that the target in `fuzz/fuzz_targets` takes in.

mod name;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// How many random inputs each target gets.
const RUNS: usize = 10_000;

/// From this length on an input takes its time, and a random one is made of it less often.
const LONG: usize = 1024;

/// Whether the code under test accepts the input; a panic where it and the model disagree.
type Check = fn(&[u8]) -> bool;

/// What inputs of a target are made of, in whole.
type Parts = &'static [&'static str];

#[test]
fn names_are_what_the_contract_says() {
    test("name", name::check, NAME_PARTS);
}

const NAME_PARTS: Parts = &[
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

/// Marsaglia's xorshift64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn test(target: &str, check: Check, parts: Parts) {
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
        .join("fuzz/corpus")
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
fn mutant(corpus: &[(String, Vec<u8>)], parts: Parts, random: &mut Random) -> Vec<u8> {
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
