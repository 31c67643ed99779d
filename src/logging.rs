//! The log on standard error: one line an event, as text or as a JSON object.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io::{self, Write};
use std::time::SystemTime;

use log::kv::{Error, Key, Value, VisitSource};

use crate::config::LogFormat;
use crate::http::date::rfc3339_millis;

/// Room for a line of usual length, in bytes.
const LINE: usize = 256;

/// Has panics logged in one line. Those of tiny_http's threads, which have no name, cost a connection at most, and what
/// follows from them is logged where it is noticed.
pub fn init_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let level = match thread.name() {
            Some(_) => log::Level::Error,
            None => log::Level::Debug,
        };
        log::log!(
            level,
            "thread {:?}: {panic}",
            thread.name().unwrap_or("of tiny_http")
        );
    }));
}

/// Sets the logger up: `RUST_LOG` says what is logged, `info` where it is not set.
pub fn init(format: LogFormat) {
    let filter = std::env::var("RUST_LOG").unwrap_or_default();
    env_logger::Builder::new()
        .parse_filters(if filter.is_empty() { "info" } else { &filter })
        .format(move |out, record| {
            let time = rfc3339_millis(SystemTime::now());
            let mut line = match format {
                LogFormat::Text => text_line(&time, record),
                LogFormat::Json => json_line(&time, record),
            };
            line.push('\n');
            out.write_all(line.as_bytes())
        })
        .init();
}

/// `TIME LEVEL MESSAGE key=value ...`; what a client has chosen is in quotes, with control characters escaped.
///
/// There is a line for each request, so that what most lines are made of is copied as it stands.
fn text_line(time: &str, record: &log::Record<'_>) -> String {
    let mut line = String::with_capacity(LINE);
    line.extend([time, " ", record.level().as_str(), " "]);
    push_message(&mut line, &message(record));
    let mut pairs = Pairs(|key: &str, value: Value<'_>| {
        line.extend([" ", key, "="]);
        match (key, value.to_u64(), value.to_borrowed_str()) {
            ("name" | "cause", _, Some(text)) => push_quoted(&mut line, text),
            ("name" | "cause", _, None) => push_quoted(&mut line, &value.to_string()),
            (_, Some(number), _) => push_display(&mut line, number),
            (_, None, Some(text)) => line.push_str(text),
            (_, None, None) => push_display(&mut line, value),
        }
    });
    // The visitor does not fail.
    let _ = record.key_values().visit(&mut pairs);
    line
}

fn message<'r>(record: &log::Record<'r>) -> Cow<'r, str> {
    let args = record.args();
    args.as_str()
        .map_or_else(|| args.to_string().into(), Cow::Borrowed)
}

/// Without control characters; quotation marks stand as they are.
fn push_message(line: &mut String, text: &str) {
    if is_plain(text) {
        line.push_str(text);
    } else {
        let escaped = text.escape_debug().to_string();
        line.push_str(&escaped.replace("\\\"", "\"").replace("\\'", "'"));
    }
}

/// In quotation marks, as a literal of Rust.
fn push_quoted(line: &mut String, text: &str) {
    if is_plain(text) {
        line.extend(["\"", text, "\""]);
    } else {
        push_display(line, format_args!("{text:?}"));
    }
}

/// Whether a text has nothing to be escaped, or to be looked at more closely.
fn is_plain(text: &str) -> bool {
    let is_plain = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\'' | b'\\');
    text.bytes().all(is_plain)
}

fn push_display(line: &mut String, value: impl Display) {
    // Writing into a String does not fail.
    let _ = write!(line, "{value}");
}

fn json_line(time: &str, record: &log::Record<'_>) -> String {
    let mut line = String::with_capacity(LINE);
    push_member(&mut line, '{', "time", time);
    push_member(&mut line, ',', "level", record.level().as_str());
    push_member(&mut line, ',', "message", &message(record));
    let mut pairs = Pairs(|key: &str, value: Value<'_>| {
        if let Some(number) = value.to_u64() {
            push_display(&mut line, format_args!(",{}:{number}", json_string(key)));
        } else if let Some(number) = value.to_f64() {
            let number = serde_json::Value::from(number);
            push_display(&mut line, format_args!(",{}:{number}", json_string(key)));
        } else if let Some(text) = value.to_borrowed_str() {
            push_member(&mut line, ',', key, text);
        } else {
            push_member(&mut line, ',', key, &value.to_string());
        }
    });
    let _ = record.key_values().visit(&mut pairs);
    line.push('}');
    line
}

fn push_member(line: &mut String, before: char, name: &str, value: &str) {
    line.push(before);
    line.extend([&json_string(name), ":", &json_string(value)]);
}

fn json_string(text: &str) -> String {
    // A text has no cause to fail.
    serde_json::to_string(text).unwrap_or_default()
}

/// Visits key-value pairs with a closure.
struct Pairs<F>(F);

impl<'kvs, F: FnMut(&str, Value<'_>)> VisitSource<'kvs> for Pairs<F> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        (self.0)(key.as_str(), value);
        Ok(())
    }
}

/// Writes the one line that says why the server does not start. It must not depend on the log's configuration.
pub fn fatal(reason: &str) {
    // Where standard error is closed, nobody is there to be told.
    let _ = writeln!(io::stderr(), "http-nas: {reason}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::{Level, Record};

    fn lines(name: &str) -> (String, String) {
        let pairs: &[(&str, Value<'_>)] = &[
            ("name", Value::from(name)),
            ("status", Value::from(200_u64)),
            ("seconds", Value::from(0.25_f64)),
        ];
        let time = "2026-11-22T13:20:13.123Z";
        let args = format_args!("request");
        let record = Record::builder()
            .args(args)
            .level(Level::Info)
            .key_values(&pairs)
            .build();
        (text_line(time, &record), json_line(time, &record))
    }

    #[test]
    fn a_line_is_text_or_an_object() {
        let (text, json) = lines("a/b.csv");
        let expected =
            "2026-11-22T13:20:13.123Z INFO request name=\"a/b.csv\" status=200 seconds=0.25";
        assert_eq!(text, expected);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap_or_default();
        let expected = serde_json::json!({
            "time": "2026-11-22T13:20:13.123Z", "level": "INFO", "message": "request",
            "name": "a/b.csv", "status": 200, "seconds": 0.25,
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn nothing_that_is_logged_can_begin_a_line() {
        let (text, json) = lines("a\nb\r\u{1b}[31m \"x\" \u{202e}");
        assert!(!text.chars().any(char::is_control), "{text:?}");
        assert!(
            text.contains(r#"name="a\nb\r\u{1b}[31m \"x\" \u{202e}""#),
            "{text}"
        );
        assert!(!json.chars().any(char::is_control), "{json:?}");
    }
}
