//! The chunk decoder and the framing under it, against a plain model of RFC 9112, section 7.1, for any cut of the
//! input.

#[path = "../../chunked_transfer/tests/oracle/mod.rs"]
pub mod oracle;

use oracle::{End, Model, Random};

/// An input up to this length is cut at each of its places.
const CUT_EVERYWHERE: usize = 64;

/// Whether the input is a whole message.
pub fn check(input: &[u8]) -> bool {
    let end = oracle::check(input, || usize::MAX, || 64);
    oracle::check(input, || 1, || 1);
    for seed in 1..=2 {
        let mut pieces = Random(seed);
        let mut room = Random(seed << 32);
        // A piece of nothing is a read that is interrupted.
        oracle::check(input, || pieces.below(9), || 1 + room.below(64));
    }
    if input.len() <= CUT_EVERYWHERE {
        let expected = Model::decode(input);
        for first in 1..input.len() {
            let mut pieces = [first].into_iter();
            let pieces = || pieces.next().unwrap_or(usize::MAX);
            oracle::check_scan(input, &expected, pieces);
        }
    }
    end == End::Whole
}
