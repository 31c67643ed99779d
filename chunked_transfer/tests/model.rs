//! The decoder and the framing against a plain model of RFC 9112, section 7.1, over prefixes, splits, mutations and
//! pseudo-random inputs. The inputs here stay below the limits on extensions and trailers: the tests of `framing` are
//! at them.

mod oracle;

use std::cell::RefCell;

use oracle::{End, Model, Random, check, check_scan, decode};

const MESSAGES: [&str; 8] = [
    "0\r\n\r\n",
    "5\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n6;x=y\r\n world\r\n000\r\n\r\n",
    "1 ;a\r\nx\r\n1\t; b = \"c\td;\"\r\ny\r\n0 ;z\r\nA: b\r\nC:\r\n\r\n",
    "5\r\n0\r\n\r\n\r\n2\r\n\r\n\r\n0\r\n\r\n",
    "1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0000000000000000\r\n\r\n",
    "1a\r\n00000000000000000000000000\r\n0\r\nX: 0\r\n\r\n",
    "0000000000000002;\r\n\r\n\r\n0;;\r\n\r\n",
];

const ALL: fn() -> usize = || usize::MAX;
const FULL: fn() -> usize = || 64;

#[test]
fn a_message_is_whole_only_at_its_last_byte() {
    for message in MESSAGES.map(str::as_bytes) {
        for end in 0..=message.len() {
            let found = check(&message[..end], ALL, FULL);
            let expected = if end == message.len() {
                End::Whole
            } else {
                End::Cut
            };
            assert_eq!(found, expected, "{}", message[..end].escape_ascii());
        }
    }
}

#[test]
fn what_follows_a_message_is_left_in_the_source() {
    for message in MESSAGES {
        for behind in ["G", "\r\n", "0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n"] {
            let input = [message, behind].concat();
            let outcome = decode(input.as_bytes(), ALL, FULL);
            assert_eq!(
                (outcome.seen, outcome.end),
                (message.len(), End::Whole),
                "{input:?}"
            );
            check(input.as_bytes(), ALL, FULL);
        }
    }
}

#[test]
fn splits_make_no_difference() {
    for message in MESSAGES.map(str::as_bytes) {
        check(message, || 1, || 1);
        for first in 1..message.len() {
            let mut sizes = [first, message.len() - first].into_iter();
            check_scan(message, &Model::decode(message), || {
                sizes.next().unwrap_or(1)
            });
            check(message, || first, || 64);
            check(message, ALL, || first.min(64));
        }
    }
}

#[test]
fn every_mutation_of_a_byte_is_judged_as_the_model_does() {
    for message in MESSAGES.map(str::as_bytes) {
        for at in 0..message.len() {
            let mut input = message.to_vec();
            for byte in 0..=255 {
                input[at] = byte;
                check(&input, ALL, FULL);
            }
            let mut shorter = message.to_vec();
            shorter.remove(at);
            check(&shorter, ALL, FULL);
        }
    }
}

#[test]
fn pseudo_random_inputs_are_judged_as_the_model_does() {
    // Whole pieces of the grammar beside single bytes: else few inputs come past their first line.
    const PARTS: [&str; 18] = [
        "0",
        "1",
        "a",
        "F",
        ";",
        "\r",
        "\n",
        "x",
        " ",
        "\t",
        "\0",
        "\r\n",
        "\r\n",
        "1\r\nx\r\n",
        "3;x\r\nabc\r\n",
        "0\r\n\r\n",
        "0\r\n",
        "a: b\r\n",
    ];
    let random = RefCell::new(Random(0x9E37_79B9_7F4A_7C15));
    let below = |bound| random.borrow_mut().below(bound);
    let mut ends = [0; 3];
    for _ in 0..10_000 {
        let input: String = (0..=below(12)).map(|_| PARTS[below(PARTS.len())]).collect();
        let end = check(input.as_bytes(), || below(5), || 1 + below(9));
        ends[end as usize] += 1;
    }
    assert!(
        ends.iter().all(|&count| count > 500),
        "too few of a kind: {ends:?}"
    );
}
