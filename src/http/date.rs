//! Times as text: RFC 9110 for HTTP headers, RFC 3339 for the log.

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
    let seconds = |since: Duration| i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => seconds(since),
        Err(before) => {
            -seconds(before.duration()) - i64::from(before.duration().subsec_nanos() > 0)
        }
    }
}

/// RFC 3339 in UTC with milliseconds, as in `2026-11-22T13:20:13.123Z`. Times before 1970 are shown as 1970.
#[must_use]
pub fn rfc3339_millis(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        since.subsec_millis()
    )
}

/// Year, month and day of the proleptic Gregorian calendar from the days since 1970-01-01.
///
/// The year is counted from 1 March, so that a leap day is its last day; 400 years have 146,097 days.
fn civil(days_since_1970: u64) -> (u64, u64, u64) {
    let days = days_since_1970 + 719_468; // from 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
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
    let year = era * 400 + year_of_era + u64::from(month <= 2);
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
