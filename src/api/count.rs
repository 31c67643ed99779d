//! GET of `wc`: the number of newline bytes of a file, as `wc -l` counts.

use std::io::{self, Read};

use super::{Access, Error, Reply};
use crate::http::name::Name;
use crate::storage::{self, Entry, Root};

/// How much is read at a time, in bytes: as much as a processor's second cache holds beside other things.
const READ: usize = 256 * 1024;

pub(super) fn lines(root: &Root, name: &Name) -> Result<Reply, Error> {
    let failed = |error| Error::Storage(name.clone(), Access::Read, error);
    match root.open_entry(name.pieces()).map_err(failed)? {
        Entry::Folder(_) => Err(failed(storage::Error::IsFolder)),
        Entry::File(snapshot) => {
            let count = count(snapshot.file.take(snapshot.length))
                .map_err(|error| failed(storage::Error::System(error)))?;
            Ok(Reply::text(count.to_string()))
        }
    }
}

fn count(mut reader: impl Read) -> io::Result<usize> {
    let mut buffer = vec![0; READ];
    let mut lines = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(lines),
            Ok(length) => lines += memchr::memchr_iter(b'\n', &buffer[..length]).count(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newlines_are_counted_as_wc_counts_them() {
        for (text, lines) in [("", 0), ("a", 0), ("a\n", 1), ("\n\n", 2), ("a\r\nb", 1)] {
            assert_eq!(count(text.as_bytes()).ok(), Some(lines), "{text:?}");
        }
        let long = "line\n".repeat(READ);
        assert_eq!(count(long.as_bytes()).ok(), Some(READ));
    }
}
