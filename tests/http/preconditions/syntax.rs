//! Dates and entity tags in unusual forms (RFC 9110, section 13.1): what matches, what does not,
//! and what is malformed.

use testkit::rows::each;
use testkit::{Client, Server};

/// Sun, 06 Nov 1994 08:49:37 GMT.
const MODIFIED: u64 = 784_111_777;

/// What a date field holds, and whether it stands before, at or after `MODIFIED`; `None` where it
/// is no date.
type DateRow<'a> = (&'a str, Option<i8>);

#[test]
fn dates_in_all_forms_of_all_times_and_none() {
    let long = "Sun, 06 Nov 1994 08:49:37 GMT ".repeat(200);
    let nines = "9".repeat(100);
    let table: &[DateRow] = &[
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Some(0)),
        ("Sun Nov  6 08:49:37 1994", Some(0)),
        ("  Sun, 06 Nov 1994 08:49:37 GMT\t ", Some(0)),
        ("Sun, 06 Nov 1994 08:49:36 GMT", Some(-1)),
        ("Sun, 06 Nov 1994 08:49:38 GMT", Some(1)),
        ("Thu, 31 Dec 1992 23:59:59 GMT", Some(-1)),
        ("Thursday, 31-Dec-92 23:59:59 GMT", Some(-1)),
        ("Thu Dec 31 23:59:59 1992", Some(-1)),
        ("Thu, 29 Feb 1996 00:00:00 GMT", Some(1)),
        ("Thursday, 29-Feb-96 00:00:00 GMT", Some(1)),
        ("Thu Feb 29 00:00:00 1996", Some(1)),
        // Two digits that would be more than 50 years ahead are of the past (5.6.7).
        ("Saturday, 01-Jan-00 00:00:00 GMT", Some(1)),
        ("Friday, 01-Jan-99 00:00:00 GMT", Some(1)),
        ("Friday, 01-Jan-93 00:00:00 GMT", Some(-1)),
        // The future is no nonsense.
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(1)),
        ("Fri, 06 Nov 2093 08:49:37 GMT", Some(1)),
        // Nor is what was before 1970.
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(-1)),
        ("Wed, 31 Dec 1969 23:59:59 GMT", Some(-1)),
        ("Mon, 06 Nov 1950 08:49:37 GMT", Some(-1)),
        ("Mon Nov  6 08:49:37 1950", Some(-1)),
        ("Mon, 06 Nov 1600 08:49:37 GMT", Some(-1)),
        ("", None),
        ("*", None),
        ("0", None),
        ("-1", None),
        ("now", None),
        ("784111777", None),
        (&nines, None),
        ("1994-11-06T08:49:37Z", None),
        ("Sun, 06 Nov 1994", None),
        ("Sun, 06 Nov 1994 08:49:37", None),
        ("08:49:37 GMT", None),
        ("Sun, 00 Nov 1994 08:49:37 GMT", None),
        ("Sun, 31 Nov 1994 08:49:37 GMT", None),
        ("Wed, 29 Feb 1995 08:49:37 GMT", None),
        ("Sun, 99 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Foo 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 24:00:00 GMT", None),
        ("Sun, 06 Nov 1994 08:60:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:99 GMT", None),
        ("Sun, 06 Nov -994 08:49:37 GMT", None),
        ("Sun, 06 Nov 19940 08:49:37 GMT", None),
        ("\"Sun, 06 Nov 1994 08:49:37 GMT\"", None),
        // More than one member (13.1.3).
        (
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            None,
        ),
        (&long, None),
    ];
    let server = Server::start();
    server.place_at("a", b"0123456789", MODIFIED);
    let mut client = Client::of(&server);
    each(table, |&(date, order)| {
        let since = order.is_some_and(|order| order >= 0);
        let before = order.is_some_and(|order| order < 0);
        let ranged = [("If-Range", date), ("Range", "bytes=0-0")];
        let rows: [(&[(&str, &str)], u16); 3] = [
            (
                &[("If-Modified-Since", date)],
                if since { 304 } else { 200 },
            ),
            (
                &[("If-Unmodified-Since", date)],
                if before { 412 } else { 200 },
            ),
            (&ranged, if order == Some(0) { 206 } else { 200 }),
        ];
        for (sent, status) in rows {
            let reply = client.ask("GET", "a", sent, b"");
            assert_eq!(reply.status, status, "{sent:.80?}: {}", reply.summary());
        }
    });
    let date = "Sun, 06 Nov 1994 08:49:38 GMT";
    let twice = [("If-Modified-Since", date), ("If-Modified-Since", date)];
    assert_eq!(client.ask("GET", "a", &twice, b"").status, 200, "{twice:?}");
}

/// What a list of tags has to do with the current one.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Listed {
    /// It is the tag alone.
    Alone,
    Among,
    Not,
    /// This is no list of tags. The RFC leaves open whether it is refused or matches nothing.
    Malformed,
}

#[test]
fn tags_in_odd_forms() {
    use Listed::{Alone, Among, Malformed, Not};
    let server = Server::start();
    server.place("a", b"0123456789");
    let mut client = Client::of(&server);
    let tag = client.tag("a");
    let inner = tag.trim_matches('"');
    let rows = [
        (tag.clone(), Alone),
        (format!(" \t{tag}\t "), Alone),
        (format!("{tag},"), Among),
        (format!(",,{tag}"), Among),
        (format!("\"x\",{tag},\"y\""), Among),
        (format!("\"x\"\t,\t{tag}"), Among),
        (format!("\"x,y\", {tag}"), Among),
        // There are no escapes in a tag (8.8.3).
        (format!("\"\\\", {tag}"), Among),
        (format!("{}{tag}", "\"x\", ".repeat(1000)), Among),
        (format!("\"{inner}x\""), Not),
        (format!("\"x{inner}\""), Not),
        (format!("\"{}\"", &inner[1..]), Not),
        (format!("\",{inner},\""), Not),
        (format!("\"{inner}\\\""), Not),
        (format!("\"'{inner}'\""), Not),
        ("\"*\"".to_string(), Not),
        ("\"\"".to_string(), Not),
        ("\"x\", \"y\"".to_string(), Not),
        (String::new(), Malformed),
        (",".to_string(), Malformed),
        (inner.to_string(), Malformed),
        (format!("'{inner}'"), Malformed),
        (format!("\"{inner}"), Malformed),
        (format!("{inner}\""), Malformed),
        (format!("\"{inner} \""), Malformed),
        (format!("w/{tag}"), Malformed),
        (format!("W/ {tag}"), Malformed),
        (format!("W{tag}"), Malformed),
        ("**".to_string(), Malformed),
    ];
    each(rows, |(value, listed)| {
        let mut check = |field: &str, statuses: &[u16]| {
            let sent = [(field, value.as_str()), ("Range", "bytes=0-0")];
            let sent = if field == "If-Range" {
                &sent[..]
            } else {
                &sent[..1]
            };
            let reply = client.ask("GET", "a", sent, b"");
            let shown = format!("{sent:.200?}, {listed:?}: {}", reply.summary());
            assert!(statuses.contains(&reply.status), "{shown}");
        };
        let is_listed = matches!(listed, Alone | Among);
        match listed {
            Malformed => check("If-Match", &[412, 400]),
            _ => check("If-Match", &[if is_listed { 200 } else { 412 }]),
        }
        match listed {
            Malformed => check("If-None-Match", &[200, 400]),
            _ => check("If-None-Match", &[if is_listed { 304 } else { 200 }]),
        }
        // If-Range takes one tag and no list (13.1.5).
        check("If-Range", &[if listed == Alone { 206 } else { 200 }]);
    });
    // Lines of one name are one list (5.3).
    let lines = [("If-Match", "\"x\""), ("If-Match", tag.as_str())];
    assert_eq!(client.ask("GET", "a", &lines, b"").status, 200, "{lines:?}");
    let lines = [("If-None-Match", "\"x\""), ("If-None-Match", tag.as_str())];
    assert_eq!(client.ask("GET", "a", &lines, b"").status, 304, "{lines:?}");
}
