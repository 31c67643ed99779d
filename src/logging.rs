//! The log on standard error: one line an event, as text or as a JSON object.

use std::io::{self, Write};
use std::time::SystemTime;

use log::kv::{Error, Key, Value, VisitSource};

use crate::config::LogFormat;
use crate::http::date::rfc3339_millis;

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
            let line = match format {
                LogFormat::Text => text_line(&time, record),
                LogFormat::Json => json_line(&time, record),
            };
            writeln!(out, "{line}")
        })
        .init();
}

/// `TIME LEVEL MESSAGE key=value ...`; what a client has chosen is in quotes, with control characters escaped.
fn text_line(time: &str, record: &log::Record<'_>) -> String {
    let message = record.args().to_string();
    let message = message
        .escape_debug()
        .to_string()
        .replace("\\\"", "\"")
        .replace("\\'", "'");
    let mut line = format!("{time} {} {message}", record.level());
    let mut pairs = Pairs(|key: &str, value: Value<'_>| {
        if matches!(key, "name" | "cause") {
            line.push_str(&format!(" {key}={:?}", value.to_string()));
        } else {
            line.push_str(&format!(" {key}={value}"));
        }
    });
    // The visitor does not fail.
    let _ = record.key_values().visit(&mut pairs);
    line
}

fn json_line(time: &str, record: &log::Record<'_>) -> String {
    let mut object = serde_json::Map::new();
    object.insert("time".to_owned(), time.into());
    object.insert("level".to_owned(), record.level().as_str().into());
    object.insert("message".to_owned(), record.args().to_string().into());
    let mut pairs = Pairs(|key: &str, value: Value<'_>| {
        let value = if let Some(number) = value.to_u64() {
            number.into()
        } else if let Some(number) = value.to_f64() {
            number.into()
        } else {
            value.to_string().into()
        };
        object.insert(key.to_owned(), value);
    });
    let _ = record.key_values().visit(&mut pairs);
    serde_json::Value::Object(object).to_string()
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
