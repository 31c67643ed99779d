//! A file or directory as a JSON object: in lists, and by itself.

use std::fmt::Write as _;

use crate::storage::Kind;
use crate::time::Timestamp;

/// Writes the object of an entry up to its last member, without the brace at the end: others may
/// follow.
pub(super) fn begin_object(
    object: &mut String,
    name: &[u8],
    kind: Kind,
    (length, modified): (u64, Timestamp),
) {
    let kind = match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Link => "symlink",
        Kind::Other => "other",
    };
    object.push_str("{\"name\":");
    push_string(object, &String::from_utf8_lossy(name));
    // Writing into a String cannot fail.
    let _ = write!(
        object,
        ",\"type\":\"{kind}\",\"size\":{length},\"modified\":\"{}\"",
        modified.rfc3339_millis()
    );
}

/// Writes a member that follows others.
pub(super) fn push_member(object: &mut String, name: &str, value: &str) {
    let _ = write!(object, ",\"{name}\":");
    push_string(object, value);
}

fn push_string(object: &mut String, value: &str) {
    let _ = write!(object, "{}", serde_json::Value::from(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_object() {
        for (name, kind, length, expected) in [
            (
                &b"a.csv"[..],
                Kind::File,
                u64::MAX,
                r#"{"name":"a.csv","type":"file","size":18446744073709551615,"modified":"1970-01-01T00:00:01.500Z""#,
            ),
            (
                b"\"\\\n\x01",
                Kind::Directory,
                0,
                r#"{"name":"\"\\\n\u0001","type":"directory","size":0,"modified":"1970-01-01T00:00:01.500Z""#,
            ),
            (
                b"\xff\xc3\xa9",
                Kind::Link,
                0,
                "{\"name\":\"\u{fffd}\u{e9}\",\"type\":\"symlink\",\"size\":0,\"modified\":\"1970-01-01T00:00:01.500Z\"",
            ),
            (
                b" ",
                Kind::Other,
                0,
                r#"{"name":" ","type":"other","size":0,"modified":"1970-01-01T00:00:01.500Z""#,
            ),
        ] {
            let mut object = String::new();
            let modified = Timestamp::new(1, 500_000_000);
            begin_object(&mut object, name, kind, (length, modified));
            assert_eq!(object, expected);
        }
    }

    #[test]
    fn a_member_follows_others() {
        let mut object = String::from("{\"a\":1");
        push_member(&mut object, "etag", "\"1-\u{e9}\\\"");
        assert_eq!(object, "{\"a\":1,\"etag\":\"\\\"1-\u{e9}\\\\\\\"\"");
    }
}
