//! Times as text: RFC 9110 for HTTP headers, RFC 3339 for the log and for listings.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The IMF-fixdate of RFC 9110, section 5.6.7, or `None` where the format cannot say it (before 1970, after 9999).
#[must_use]
pub fn imf_fixdate(time: SystemTime) -> Option<String> {
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    // httpdate panics above the year 9999: 253,402,300,800 is the first second of 10000.
    (seconds < 253_402_300_800).then(|| httpdate::fmt_http_date(time))
}

/// Reads a date in one of the three forms of RFC 9110, section 5.6.7, as seconds from 1970; `None` for anything else.
#[must_use]
pub fn parse_http_date(text: &str) -> Option<i64> {
    /// The calendar and its weekdays repeat after so many years.
    const CYCLE_YEARS: u32 = 400;
    const CYCLE_SECONDS: i64 = 146_097 * 86_400;
    let seconds = |text: &str| {
        let time = httpdate::parse_http_date(text).ok()?;
        let since = time.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since.as_secs()).ok()
    };
    let text = text.trim();
    if let Some(seconds) = seconds(text) {
        return Some(seconds);
    }
    // httpdate knows no date before 1970: the same date some cycles later is read in its place.
    let year = text
        .split(' ')
        .find(|word| word.len() == 4 && word.bytes().all(|digit| digit.is_ascii_digit()))?;
    let number: u32 = year.parse().ok()?;
    let cycles = 1970_u32.checked_sub(number)?.div_ceil(CYCLE_YEARS);
    let later = format!("{:04}", number + cycles * CYCLE_YEARS);
    let shifted = seconds(&text.replacen(year, &later, 1))?;
    Some(shifted - i64::from(cycles) * CYCLE_SECONDS)
}

/// Seconds from 1970 to a time, before it negative; the part of a second is left out, as in a date.
#[must_use]
pub fn whole_seconds(time: SystemTime) -> i64 {
    since_1970(time).0
}

/// Whole seconds from 1970 to a time, before it negative, and the nanoseconds that are to be added to them.
fn since_1970(time: SystemTime) -> (i64, u32) {
    let seconds = |since: Duration| i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => (seconds(since), since.subsec_nanos()),
        Err(before) => {
            let before = before.duration();
            match before.subsec_nanos() {
                0 => (-seconds(before), 0),
                nanos => (-seconds(before) - 1, 1_000_000_000 - nanos),
            }
        }
    }
}

/// RFC 3339 in UTC with milliseconds, as in `2026-11-22T13:20:13.123Z`. Years that it cannot say are shown as the first
/// moment of the year 0 or the last of 9999.
#[must_use]
pub fn rfc3339_millis(time: SystemTime) -> String {
    rfc3339(time, 3)
}

/// The same with microseconds.
#[must_use]
pub fn rfc3339_micros(time: SystemTime) -> String {
    rfc3339(time, 6)
}

/// RFC 3339 with so many digits of a part of a second, 9 at most.
fn rfc3339(time: SystemTime, digits: u32) -> String {
    const FIRST: (i64, u32) = (-62_167_219_200, 0);
    const LAST: (i64, u32) = (253_402_300_799, 999_999_999);
    let (seconds, nanos) = since_1970(time).clamp(FIRST, LAST);
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let mut text = String::with_capacity("0000-00-00T00:00:00.000000Z".len());
    for (number, digits, behind) in [
        (year, 4, '-'),
        (month, 2, '-'),
        (day, 2, 'T'),
        (second / 3600, 2, ':'),
        (second / 60 % 60, 2, ':'),
        (second % 60, 2, '.'),
        (i64::from(nanos / 10_u32.pow(9 - digits)), digits, 'Z'),
    ] {
        push_digits(&mut text, number, digits);
        text.push(behind);
    }
    text
}

/// Writes so many of a number's last decimal digits.
fn push_digits(text: &mut String, number: i64, digits: u32) {
    for place in (0..digits).rev() {
        let digit = number / 10_i64.pow(place) % 10;
        text.push(char::from(b'0' + u8::try_from(digit).unwrap_or(0)));
    }
}

/// Year, month and day of the proleptic Gregorian calendar from the days since 1970-01-01.
///
/// The year is counted from 1 March, so that a leap day is its last day; 400 years have 146,097 days.
fn civil(days_since_1970: i64) -> (i64, i64, i64) {
    let days = days_since_1970 + 719_468; // from 0000-03-01
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
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
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(rfc3339_millis(time), rfc3339);
            assert_eq!(imf_fixdate(time).as_deref(), Some(imf));
        }
    }

    #[test]
    fn rfc_3339_says_what_its_four_digits_of_a_year_can() {
        let after = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let before = |millis| UNIX_EPOCH - Duration::from_millis(millis);
        let years = |years: u64| Duration::from_secs(years * 31_556_952);
        for (time, expected) in [
            (before(1), "1969-12-31T23:59:59.999Z"),
            (before(1000), "1969-12-31T23:59:59.000Z"),
            (before(86_400_001), "1969-12-30T23:59:59.999Z"),
            (before(11_644_473_600_000), "1601-01-01T00:00:00.000Z"),
            (before(62_167_219_200_000), "0000-01-01T00:00:00.000Z"),
            (before(62_167_219_200_001), "0000-01-01T00:00:00.000Z"),
            (UNIX_EPOCH - years(100_000), "0000-01-01T00:00:00.000Z"),
            (after(253_402_300_799), "9999-12-31T23:59:59.000Z"),
            (after(253_402_300_800), "9999-12-31T23:59:59.999Z"),
            (UNIX_EPOCH + years(100_000), "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339_millis(time), expected);
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
    fn seconds_are_counted_down_to_the_whole() {
        for (time, expected) in [
            (UNIX_EPOCH + Duration::from_millis(1999), 1),
            (UNIX_EPOCH, 0),
            (UNIX_EPOCH - Duration::from_millis(1), -1),
            (UNIX_EPOCH - Duration::from_secs(2), -2),
        ] {
            assert_eq!(whole_seconds(time), expected);
        }
    }

    #[test]
    fn what_a_date_cannot_say_is_not_said() {
        assert_eq!(imf_fixdate(UNIX_EPOCH - Duration::from_secs(1)), None);
        let year_10000 = UNIX_EPOCH + Duration::from_secs(253_402_300_800);
        assert_eq!(imf_fixdate(year_10000), None);
    }
}
