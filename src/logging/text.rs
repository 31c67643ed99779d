//! The text format: `TIME LEVEL MESSAGE key=value ...`.

use std::fmt::{Display, Write as _};

use log::kv::Value;

use super::record::{LINE, Pairs, message};

/// Keys whose values are always in quotation marks, since they are free text or chosen by a client.
const QUOTED: [&str; 10] = [
    "name",
    "to",
    "agent",
    "forwarded",
    "claimed",
    "request_id",
    "traceparent",
    "cause",
    "storage",
    "settings",
];

/// A line without its newline. What a client has chosen is in quotation marks, with control
/// characters escaped.
///
/// There is a line for each request, so texts that need no escaping are copied without a look at
/// each character.
pub(super) fn line(time: &str, record: &log::Record<'_>) -> String {
    let mut line = String::with_capacity(LINE);
    line.extend([time, " ", record.level().as_str(), " "]);
    push_message(&mut line, &message(record));
    let mut pairs = Pairs(|key: &str, value: Value<'_>| {
        line.extend([" ", key, "="]);
        push_value(&mut line, key, &value);
    });
    // The visitor does not fail.
    let _ = record.key_values().visit(&mut pairs);
    line
}

fn push_value(line: &mut String, key: &str, value: &Value<'_>) {
    if let Some(number) = value.to_u64() {
        push_display(line, number);
    } else if let Some(number) = value.to_f64() {
        push_display(line, format_args!("{number:.6}"));
    } else if let Some(text) = value.to_borrowed_str() {
        push_text(line, key, text);
    } else {
        push_text(line, key, &value.to_string());
    }
}

fn push_text(line: &mut String, key: &str, text: &str) {
    let is_word =
        |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\' | b'=');
    if QUOTED.contains(&key) || text.is_empty() || !text.bytes().all(is_word) {
        push_quoted(line, text);
    } else {
        line.push_str(text);
    }
}

/// Escapes control characters, but no quotation marks.
fn push_message(line: &mut String, text: &str) {
    if is_plain(text) {
        line.push_str(text);
    } else {
        let escaped = text.escape_debug().to_string();
        line.push_str(&escaped.replace("\\\"", "\"").replace("\\'", "'"));
    }
}

/// Adds quotation marks, and escapes as in a string literal of Rust.
fn push_quoted(line: &mut String, text: &str) {
    if is_plain(text) {
        line.extend(["\"", text, "\""]);
    } else {
        push_display(line, format_args!("{text:?}"));
    }
}

/// Whether a text has nothing to escape, as far as a look at its bytes can tell.
fn is_plain(text: &str) -> bool {
    let is_plain = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\'' | b'\\');
    text.bytes().all(is_plain)
}

fn push_display(line: &mut String, value: impl Display) {
    // Writing into a String does not fail.
    let _ = write!(line, "{value}");
}
