//! Points in time: as the kernel tells them, and as text for HTTP headers (RFC 9110), for listings
//! and for the log (RFC 3339).

use std::time::{Duration, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// A point in time, counted from 1970-01-01T00:00:00Z as in `struct timespec`: any that a file can
/// have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp {
    /// Whole seconds, negative before 1970.
    seconds: i64,
    /// Nanoseconds to add to them, less than a second.
    nanos: u32,
}

impl Timestamp {
    /// From the two fields of a `struct timespec`.
    #[must_use]
    pub(crate) fn new(seconds: i64, nanos: u64) -> Self {
        let nanos = u32::try_from(nanos).unwrap_or(0);
        Self { seconds, nanos }
    }

    /// The current time.
    #[must_use]
    pub(crate) fn now() -> Self {
        let now = clock_gettime(ClockId::Realtime);
        Self::new(now.tv_sec, now.tv_nsec.unsigned_abs())
    }

    /// Seconds since 1970, rounded down.
    #[must_use]
    pub(crate) fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub(crate) fn nanoseconds(self) -> i128 {
        i128::from(self.seconds) * NANOS_PER_SECOND + i128::from(self.nanos)
    }

    /// The IMF-fixdate of RFC 9110, section 5.6.7; `None` before 1970 and after 9999, which
    /// httpdate cannot write.
    #[must_use]
    pub(crate) fn http_date(self) -> Option<String> {
        let seconds = u64::try_from(self.seconds).ok()?;
        // httpdate panics above the year 9999.
        let is_writable = self.seconds <= LAST_SECOND;
        is_writable.then(|| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds)))
    }

    /// RFC 3339 in UTC with milliseconds, as in `2026-11-22T13:20:13.123Z`. A time outside the
    /// years 0 to 9999, which the format cannot express, is written as the first or last moment of
    /// them.
    #[must_use]
    pub(crate) fn rfc3339_millis(self) -> String {
        self.rfc3339(3)
    }

    /// The same with microseconds.
    #[must_use]
    pub(crate) fn rfc3339_micros(self) -> String {
        self.rfc3339(6)
    }

    /// RFC 3339 with this many decimals, at most 9.
    fn rfc3339(self, decimals: u32) -> String {
        const FIRST: Timestamp = Timestamp {
            seconds: -62_167_219_200,
            nanos: 0,
        };
        const LAST: Timestamp = Timestamp {
            seconds: LAST_SECOND,
            nanos: 999_999_999,
        };
        let Self { seconds, nanos } = self.clamp(FIRST, LAST);
        let (year, month, day) = civil(seconds.div_euclid(SECONDS_PER_DAY));
        let second = seconds.rem_euclid(SECONDS_PER_DAY);
        let mut text = String::with_capacity("0000-00-00T00:00:00.000000Z".len());
        for (number, digits, separator) in [
            (year, 4, '-'),
            (month, 2, '-'),
            (day, 2, 'T'),
            (second / 3600, 2, ':'),
            (second / 60 % 60, 2, ':'),
            (second % 60, 2, '.'),
            (i64::from(nanos / 10_u32.pow(9 - decimals)), decimals, 'Z'),
        ] {
            push_digits(&mut text, number, digits);
            text.push(separator);
        }
        text
    }
}

const SECONDS_PER_DAY: i64 = 86_400;

/// The last second of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// The days of 400 years, after which the Gregorian calendar and its weekdays repeat.
const DAYS_PER_CYCLE: i64 = 146_097;

/// Reads a date in one of the three formats of RFC 9110, section 5.6.7, as seconds since 1970;
/// `None` for anything else.
#[must_use]
pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    const YEARS_PER_CYCLE: u32 = 400;
    let seconds = |text: &str| {
        let time = httpdate::parse_http_date(text).ok()?;
        let since = time.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since.as_secs()).ok()
    };
    let text = text.trim();
    if let Some(seconds) = seconds(text) {
        return Some(seconds);
    }
    // httpdate reads no date before 1970: the same date some cycles later is read in its place.
    let year = text
        .split(' ')
        .find(|word| word.len() == 4 && word.bytes().all(|digit| digit.is_ascii_digit()))?;
    let number: u32 = year.parse().ok()?;
    let cycles = 1970_u32.checked_sub(number)?.div_ceil(YEARS_PER_CYCLE);
    let later = format!("{:04}", number + cycles * YEARS_PER_CYCLE);
    let shifted = seconds(&text.replacen(year, &later, 1))?;
    Some(shifted - i64::from(cycles) * DAYS_PER_CYCLE * SECONDS_PER_DAY)
}

/// Writes the last decimal digits of a number, this many of them.
fn push_digits(text: &mut String, number: i64, digits: u32) {
    for place in (0..digits).rev() {
        let digit = number / 10_i64.pow(place) % 10;
        text.push(char::from(b'0' + u8::try_from(digit).unwrap_or(0)));
    }
}

/// Year, month and day of the proleptic Gregorian calendar from the days since 1970-01-01.
///
/// Years are counted from 1 March here, so that a leap day is the last day of its year.
fn civil(days_since_1970: i64) -> (i64, i64, i64) {
    let days = days_since_1970 + 719_468; // since 0000-03-01
    let (era, day_of_era) = (
        days.div_euclid(DAYS_PER_CYCLE),
        days.rem_euclid(DAYS_PER_CYCLE),
    );
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_rfcs_say() {
        for (seconds, rfc3339, imf) in [
            (
                0,
                "1970-01-01T00:00:00.000Z",
                "Thu, 01 Jan 1970 00:00:00 GMT",
            ),
            (
                784_111_777,
                "1994-11-06T08:49:37.000Z",
                "Sun, 06 Nov 1994 08:49:37 GMT",
            ),
            (
                951_782_400,
                "2000-02-29T00:00:00.000Z",
                "Tue, 29 Feb 2000 00:00:00 GMT",
            ),
            (
                951_868_800,
                "2000-03-01T00:00:00.000Z",
                "Wed, 01 Mar 2000 00:00:00 GMT",
            ),
            (
                1_735_689_599,
                "2024-12-31T23:59:59.000Z",
                "Tue, 31 Dec 2024 23:59:59 GMT",
            ),
            (
                4_107_542_399,
                "2100-02-28T23:59:59.000Z",
                "Sun, 28 Feb 2100 23:59:59 GMT",
            ),
        ] {
            let time = Timestamp::new(seconds, 0);
            assert_eq!(time.rfc3339_millis(), rfc3339);
            assert_eq!(time.http_date().as_deref(), Some(imf));
        }
    }

    #[test]
    fn rfc_3339_says_what_its_four_digits_of_a_year_can() {
        for (seconds, nanos, expected) in [
            (-1, 999_000_000, "1969-12-31T23:59:59.999Z"),
            (-1, 0, "1969-12-31T23:59:59.000Z"),
            (-86_401, 999_000_000, "1969-12-30T23:59:59.999Z"),
            (-11_644_473_600, 0, "1601-01-01T00:00:00.000Z"),
            (-62_167_219_200, 0, "0000-01-01T00:00:00.000Z"),
            (-62_167_219_201, 999_000_000, "0000-01-01T00:00:00.000Z"),
            (i64::MIN, 0, "0000-01-01T00:00:00.000Z"),
            (253_402_300_799, 0, "9999-12-31T23:59:59.000Z"),
            (253_402_300_800, 0, "9999-12-31T23:59:59.999Z"),
            (i64::MAX, 0, "9999-12-31T23:59:59.999Z"),
        ] {
            let found = Timestamp::new(seconds, nanos).rfc3339_millis();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn dates_are_read_in_each_form() {
        for (text, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Wed, 31 Dec 1969 23:59:59 GMT", Some(-1)),
            ("Wed Dec 31 23:59:59 1969", Some(-1)),
            ("Mon, 06 Nov 1893 08:49:37 GMT", Some(-2_403_097_823)),
            ("Mon, 01 Jan 0001 00:00:00 GMT", Some(-62_135_596_800)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
            ("Sun, 31 Feb 1960 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 06 Nov 1994", None),
            ("1994-11-06T08:49:37Z", None),
            ("784111777", None),
            ("1960", None),
            ("", None),
        ] {
            assert_eq!(parse_http_date(text), expected, "{text}");
        }
    }

    #[test]
    fn seconds_and_nanoseconds_make_one_number() {
        for (seconds, nanos, expected) in [
            (1, 999_000_000, 1_999_000_000),
            (0, 0, 0),
            (-1, 999_000_000, -1_000_000),
            (-2, 0, -2_000_000_000),
            (i64::MAX, 0, i128::from(i64::MAX) * 1_000_000_000),
        ] {
            assert_eq!(Timestamp::new(seconds, nanos).nanoseconds(), expected);
        }
        assert!(Timestamp::new(-1, 5) < Timestamp::new(0, 4));
    }

    #[test]
    fn what_a_date_cannot_say_is_not_said() {
        for (seconds, is_said) in [
            (i64::MIN, false),
            (-1, false),
            (0, true),
            (LAST_SECOND, true),
            (LAST_SECOND + 1, false),
            (i64::MAX, false),
        ] {
            let date = Timestamp::new(seconds, 0).http_date();
            assert_eq!(date.is_some(), is_said, "{seconds}");
        }
    }
}
