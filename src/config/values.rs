//! Sizes and times as they are written in flags and variables.

use std::time::Duration;

/// A number of bytes: decimal, with B, KiB, MiB, GiB, TiB or kB, MB, GB, TB behind it.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// A time: decimal, in seconds or with s, m or h behind it; at most a year.
pub(super) fn duration(text: &str) -> Option<Duration> {
    const YEAR: u64 = 365 * 24 * 3600;
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    let seconds = number.checked_mul(factor)?;
    (seconds <= YEAR).then(|| Duration::from_secs(seconds))
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}
