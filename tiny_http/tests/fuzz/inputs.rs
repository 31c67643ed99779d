//! Inputs of fuzz targets: the files of a corpus, and random changes of them. For the tests of this
//! crate and of the server, whose roots define `CORPUS` and `Random`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::Random;

/// How many random inputs each target gets.
const RUNS: usize = 10_000;

/// Inputs of at least this length take long, and are picked less often.
const LONG: usize = 1024;

/// Returns whether the code under test accepts the input; panics where it and the model disagree.
type Check = fn(&[u8]) -> bool;

/// Parts of which inputs of a target consist.
pub type Parts<'p> = &'p [&'static str];

/// An input, and what it is called.
type Named = (String, Vec<u8>);

/// Holds a target's check against its corpus, and against random inputs.
pub fn test(target: &str, check: Check, parts: Parts<'_>) {
    test_corpus(target, corpus(target), check, parts);
}

/// The same with a corpus that is not, or not only, that of the target's folder.
pub fn test_corpus(target: &str, corpus: Vec<Named>, check: Check, parts: Parts<'_>) {
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
    // If nearly all inputs were refused, or nearly none, the test would show little.
    let spread = RUNS / 20..RUNS * 19 / 20;
    assert!(spread.contains(&accepted), "{target}: {accepted} accepted");
}

/// Checks one input, which is printed where the check panics.
fn run(name: &str, input: &[u8], check: Check) -> bool {
    let result = catch_unwind(AssertUnwindSafe(|| check(input)));
    result.unwrap_or_else(|_| panic!("{name}: b\"{}\"", input.escape_ascii()))
}

/// The files of a corpus with their names, in the order of these.
pub fn corpus(target: &str) -> Vec<Named> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(crate::CORPUS)
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
fn mutant(corpus: &[Named], parts: Parts<'_>, random: &mut Random) -> Vec<u8> {
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

fn pick<'a>(corpus: &'a [Named], random: &mut Random) -> &'a [u8] {
    loop {
        let (_, input) = &corpus[random.below(corpus.len())];
        if input.len() < LONG || random.below(32) == 0 {
            return input;
        }
    }
}
