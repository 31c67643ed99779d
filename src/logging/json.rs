//! The JSON format: one object on each line.

use std::fmt::Write as _;

use log::kv::Value;

use super::record::{LINE, Pairs, message};

/// A line without its newline.
pub(super) fn line(time: &str, record: &log::Record<'_>) -> String {
    let mut line = String::with_capacity(LINE);
    push_member(&mut line, '{', "time", time);
    push_member(&mut line, ',', "level", record.level().as_str());
    push_member(&mut line, ',', "message", &message(record));
    let mut pairs = Pairs(|key: &str, value: Value<'_>| {
        if let Some(number) = value.to_u64() {
            push_number(&mut line, key, &number.into());
        } else if let Some(number) = value.to_f64() {
            push_number(&mut line, key, &number.into());
        } else if let Some(text) = value.to_borrowed_str() {
            push_member(&mut line, ',', key, text);
        } else {
            push_member(&mut line, ',', key, &value.to_string());
        }
    });
    // The visitor does not fail.
    let _ = record.key_values().visit(&mut pairs);
    line.push('}');
    line
}

fn push_number(line: &mut String, key: &str, number: &serde_json::Value) {
    // Writing into a String does not fail.
    let _ = write!(line, ",{}:{number}", string(key));
}

fn push_member(line: &mut String, before: char, name: &str, value: &str) {
    line.push(before);
    line.extend([&string(name), ":", &string(value)]);
}

fn string(text: &str) -> String {
    // A string can always be serialized.
    serde_json::to_string(text).unwrap_or_default()
}
