//! Sizes, times and switches as they are written in flags, variables and parameters.

use std::time::Duration;

/// The units of sizes, in bytes, as in Kubernetes: K, M, G and T count by 1000, Ki, Mi, Gi and Ti
/// by
/// 1024. A B may follow each of them. Capital and small letters are the same.
const UNITS: [(&str, u64); 9] = [
    ("", 1),
    ("k", 1000),
    ("m", 1_000_000),
    ("g", 1_000_000_000),
    ("t", 1_000_000_000_000),
    ("ki", 1 << 10),
    ("mi", 1 << 20),
    ("gi", 1 << 30),
    ("ti", 1 << 40),
];

/// The longest time, in seconds: a year.
const YEAR: u64 = 365 * 24 * 3600;

/// The maximum number of digits of a fraction.
const MAX_DIGITS: usize = 9;

/// A size in bytes: a decimal number, and a unit of [`UNITS`] where there is one. With a unit it
/// may have a fraction, and is rounded down to whole bytes.
pub(crate) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text, |c| c.is_ascii_digit() || c == '.');
    let unit = unit.to_ascii_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let Some((whole, fraction)) = number.split_once('.') else {
        return number.parse::<u64>().ok()?.checked_mul(*factor);
    };
    // A number of bytes has no fraction.
    if *factor == 1 || fraction.len() > MAX_DIGITS {
        return None;
    }
    let parts = fraction.parse::<u64>().ok()?;
    let scale = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    let parts = u128::from(parts) * u128::from(*factor) / u128::from(scale);
    let whole = whole.parse::<u64>().ok()?.checked_mul(*factor)?;
    whole.checked_add(u64::try_from(parts).ok()?)
}

/// A time of at most a year: a decimal number of seconds, or a number and s, m or h.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text, |c| c.is_ascii_digit());
    let factor = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    let seconds = number.parse::<u64>().ok()?.checked_mul(factor)?;
    (seconds <= YEAR).then(|| Duration::from_secs(seconds))
}

/// True or false.
pub(crate) fn switch(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn split_unit(text: &str, is_number: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !is_number(c)).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_their_units() {
        for (text, bytes) in [
            ("0", 0),
            ("1", 1),
            ("12B", 12),
            ("5kb", 5000),
            ("10K", 10_000),
            ("10M", 10_000_000),
            ("10MB", 10_000_000),
            ("10m", 10_000_000),
            ("10G", 10_000_000_000),
            ("1 T", 1_000_000_000_000),
            ("10Ki", 10_240),
            ("10Mi", 10 << 20),
            ("10MiB", 10 << 20),
            ("10gib", 10 << 30),
            ("2Ti", 2 << 40),
            ("1.5GiB", 3 << 29),
            ("1.5G", 1_500_000_000),
            ("0.1Ki", 102),
            ("1.000000001G", 1_000_000_001),
            ("18446744073709551615", u64::MAX),
            ("16777215TiB", 16_777_215 << 40),
        ] {
            assert_eq!(size(text), Some(bytes), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_size_is_none() {
        for text in [
            "",
            " ",
            "-1",
            "+1",
            "NaN",
            "inf",
            "1e3",
            "1E3",
            "0x10",
            "1.5",
            "1.5B",
            "1.",
            "1.G",
            ".5G",
            "1.5.5G",
            "1,5G",
            "1_000",
            "1.0000000001G",
            "M",
            "GiB",
            "10X",
            "10P",
            "10MM",
            "10iB",
            "10BB",
            "10 M B",
            "10M ",
            "18446744073709551616",
            "16777216TiB",
            "16777215.9999999999TiB",
            "18446744073709551615.9G",
            "\u{663}M",
        ] {
            assert_eq!(size(text), None, "{text:?}");
        }
    }

    #[test]
    fn times_are_whole_and_at_most_a_year() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("90", Some(90)),
            ("90s", Some(90)),
            ("5m", Some(300)),
            ("8760h", Some(31_536_000)),
            ("8761h", None),
            ("1d", None),
            ("1.5m", None),
            ("-1", None),
            ("", None),
            ("s", None),
        ] {
            assert_eq!(duration(text), seconds.map(Duration::from_secs), "{text:?}");
        }
    }
}
