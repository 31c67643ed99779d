//! Content that can be made again from a few numbers, a hash over it, and how numbers are written.
//!
//! Belongs here: values. Does not belong here: sockets, files, time.

use testkit::random::Random;
use testkit::report::grouped;

/// Bytes, others for every seed, that repeat nowhere: a lost, doubled or swapped piece shows.
pub fn pattern(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&random.number().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// FNV-1a, 64 bits.
pub fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// A number with a comma before each group of three digits.
pub fn thousands(number: u64) -> String {
    grouped(&number.to_string())
}

/// A number of bytes in the largest unit that leaves a number before the point.
pub fn bytes(number: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.iter().find(|(size, _)| number >= *size);
    unit.map_or_else(
        || format!("{number} bytes"),
        |(size, unit)| {
            let whole = number / size;
            let tenths = number % size * 10 / size;
            if whole >= 10 || tenths == 0 {
                format!("{whole} {unit}")
            } else {
                format!("{whole}.{tenths} {unit}")
            }
        },
    )
}
