//! Sizes in a readable form.

/// How a size is rounded. What is needed is rounded up, what is free down: if the former does not
/// fit into the latter, the text must not look as if it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// To the next tenth of the unit above.
    Up,
    /// To the next tenth of the unit below.
    Down,
}

/// `3.2 GiB`, `64.0 MiB`, `512 bytes`: with one decimal, in the largest unit that gives at least 1.
#[must_use]
pub(crate) fn readable(bytes: u64, rounding: Rounding) -> String {
    const UNITS: [(&str, u32); 5] = [
        ("PiB", 50),
        ("TiB", 40),
        ("GiB", 30),
        ("MiB", 20),
        ("KiB", 10),
    ];
    let Some((unit, shift)) = UNITS.into_iter().find(|(_, shift)| bytes >> shift > 0) else {
        return format!("{bytes} bytes");
    };
    let tenths = u128::from(bytes) * 10;
    let of_unit = 1_u128 << shift;
    let tenths = match rounding {
        Rounding::Up => tenths.div_ceil(of_unit),
        Rounding::Down => tenths / of_unit,
    };
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_decimal_of_its_unit() {
        for (bytes, up, down) in [
            (0, "0 bytes", "0 bytes"),
            (1023, "1023 bytes", "1023 bytes"),
            (1024, "1.0 KiB", "1.0 KiB"),
            (1025, "1.1 KiB", "1.0 KiB"),
            (64 << 20, "64.0 MiB", "64.0 MiB"),
            ((64 << 20) - 1, "64.0 MiB", "63.9 MiB"),
            ((1 << 30) - 1, "1024.0 MiB", "1023.9 MiB"),
            (10 << 30, "10.0 GiB", "10.0 GiB"),
            (3 << 40, "3.0 TiB", "3.0 TiB"),
            (u64::MAX, "16384.0 PiB", "16383.9 PiB"),
        ] {
            assert_eq!(readable(bytes, Rounding::Up), up, "{bytes}");
            assert_eq!(readable(bytes, Rounding::Down), down, "{bytes}");
        }
    }
}
