//! GET of a file or a folder.

use std::os::unix::ffi::OsStrExt;

use super::{Access, Content, Error, Reply};
use crate::http::date::imf_fixdate;
use crate::http::media_type;
use crate::http::name::Name;
use crate::storage::{Entry, Root, Snapshot};

/// The content of a file, or the names in a folder.
pub(super) fn read(root: &Root, name: &Name) -> Result<Reply, Error> {
    let failed = |error| Error::Storage(name.clone(), Access::Read, error);
    match root.open_entry(name.pieces()).map_err(failed)? {
        Entry::File(snapshot) => Ok(file(name, snapshot)),
        Entry::Folder(folder) => {
            let names = root.list(&folder).map_err(failed)?;
            let mut text = String::new();
            for name in &names {
                push_line(&mut text, name.as_bytes());
            }
            Ok(Reply::text(text))
        }
    }
}

fn file(name: &Name, snapshot: Snapshot) -> Reply {
    let file_name = name.pieces().last().map_or("", String::as_str);
    let media_type = media_type::of(file_name);
    let mut fields = vec![
        ("Content-Type", media_type.to_owned()),
        ("X-Content-Type-Options", "nosniff".to_owned()),
    ];
    if media_type::is_active(media_type) {
        fields.push(("Content-Security-Policy", "sandbox".to_owned()));
    }
    if let Some(modified) = snapshot.modified.and_then(imf_fixdate) {
        fields.push(("Last-Modified", modified));
    }
    Reply {
        status: 200,
        fields,
        content: Content::File {
            file: snapshot.file,
            length: snapshot.length,
        },
    }
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
