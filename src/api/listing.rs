//! The names in a folder, as text.

use std::os::unix::ffi::OsStrExt;

use super::{Reply, Request};
use crate::storage::{self, Folder, Root};

/// The names in a folder, sorted bytewise, one a line.
pub(super) fn list<'s>(
    root: &'s Root,
    folder: &Folder,
    _request: &dyn Request,
) -> Result<Reply<'s>, storage::Error> {
    let names = root.list(folder)?;
    let mut text = String::new();
    for name in &names {
        push_line(&mut text, name.as_bytes());
    }
    Ok(Reply::text(text))
}

/// One name, one line: control characters, which no name of a request can hold, are percent-encoded, and bytes that
/// are not UTF-8 replaced.
fn push_line(text: &mut String, name: &[u8]) {
    for c in String::from_utf8_lossy(name).chars() {
        if c.is_control() {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                text.push_str(&format!("%{byte:02X}"));
            }
        } else {
            text.push(c);
        }
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line() {
        for (name, line) in [
            (&b"a.csv"[..], "a.csv\n"),
            (b"a\nb", "a%0Ab\n"),
            ("\u{85}\u{e9}".as_bytes(), "%C2%85\u{e9}\n"),
            (b"\xff", "\u{fffd}\n"),
        ] {
            let mut text = String::new();
            push_line(&mut text, name);
            assert_eq!(text, line);
        }
    }
}
