//! GET of `wc` and `sha256`: what the server finds out by reading a file, in the place of the client.

use std::fs::File;
use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use super::condition::opaque;
use super::read::{is_new, last_modified};
use super::{Access, COMPUTE_STEP, Error, Reply, Request};
use crate::http::date::whole_seconds;
use crate::http::entity_tag::EntityTag;
use crate::http::head::Field;
use crate::http::name::Name;
use crate::http::precondition::Validators;
use crate::storage::{self, Entry, Root, Version};

/// How much is read at a time, in bytes: as much as a processor's second cache holds beside other things.
const READ: usize = 256 * 1024;

/// The number of newline bytes of a file, as `wc -l` counts.
pub(super) fn lines<'s>(
    root: &'s Root,
    name: &Name,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    sum(root, name, request, "wc", |file| {
        Ok(count(file)?.to_string())
    })
}

/// The SHA-256 digest of a file, as `sha256sum` prints it.
pub(super) fn sha256<'s>(
    root: &'s Root,
    name: &Name,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    sum(root, name, request, "sha256", |file| {
        Ok(hex(&digest(file)?))
    })
}

fn sum<'s>(
    root: &'s Root,
    name: &Name,
    request: &mut dyn Request,
    what: &str,
    find_out: impl FnOnce(&mut dyn Read) -> io::Result<String>,
) -> Result<Reply<'s>, Error> {
    let failed = |error| Error::Storage(name.clone(), Access::Read, error);
    let snapshot = match root.open_entry(name.pieces()).map_err(failed)? {
        Entry::Folder(_) => return Err(failed(storage::Error::IsFolder)),
        Entry::File(snapshot) => snapshot,
    };
    let (validators, fields) = about(&snapshot.version, what);
    // Who has the sum of this version already need not have it read again.
    if !is_new(request, &validators)? {
        return Ok(Reply::not_modified(fields));
    }
    let length = snapshot.version.length;
    let mut watched = WatchedFile {
        file: snapshot.file.take(length),
        length,
        request,
        asked_at: 0,
        ended: None,
    };
    let found = find_out(&mut watched);
    if let Some(error) = watched.ended {
        return Err(error);
    }
    let text = found.map_err(|error| failed(storage::Error::System(error)))?;
    let mut reply = Reply::text(text);
    reply.fields.extend(fields);
    Ok(reply)
}

/// A file that is read as long as somebody waits for what comes of it.
struct WatchedFile<'r> {
    file: io::Take<File>,
    length: u64,
    request: &'r mut dyn Request,
    /// So much had been read when it was asked last whether to go on.
    asked_at: u64,
    /// Why it has ended before its end.
    ended: Option<Error>,
}

impl Read for WatchedFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let done = self.length - self.file.limit();
        if done - self.asked_at >= COMPUTE_STEP {
            self.asked_at = done;
            if let Err(error) = self.request.keep_computing(done, self.length) {
                self.ended = Some(error);
                return Err(io::Error::other("given up"));
            }
        }
        self.file.read(buffer)
    }
}

/// The validators of a sum: those of the file, with a tag of its own.
fn about(version: &Version, what: &str) -> (Validators, Vec<Field>) {
    let tag = EntityTag::strong(format!("{}-{what}", opaque(version)));
    let mut fields = vec![("ETag", tag.to_string().into())];
    fields.extend(last_modified(version));
    let validators = Validators {
        tag: Some(tag),
        modified: version.modified.map(whole_seconds),
    };
    (validators, fields)
}

fn count(reader: &mut dyn Read) -> io::Result<usize> {
    let mut lines = 0;
    each_part(reader, |part| {
        lines += memchr::memchr_iter(b'\n', part).count();
    })?;
    Ok(lines)
}

fn digest(reader: &mut dyn Read) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    each_part(reader, |part| hash.update(part))?;
    Ok(hash.finalize().into())
}

fn each_part(reader: &mut dyn Read, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; READ];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => take(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newlines_are_counted_as_wc_counts_them() {
        for (text, lines) in [("", 0), ("a", 0), ("a\n", 1), ("\n\n", 2), ("a\r\nb", 1)] {
            assert_eq!(count(&mut text.as_bytes()).ok(), Some(lines), "{text:?}");
        }
        let long = "line\n".repeat(READ);
        assert_eq!(count(&mut long.as_bytes()).ok(), Some(READ));
    }

    #[test]
    fn digests_are_those_of_fips_180_4() {
        // The examples that NIST publishes beside the standard.
        for (text, expected) in [
            (
                "abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                "",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
        ] {
            let found = digest(&mut text.as_bytes()).map(|digest| hex(&digest));
            assert_eq!(found.ok().as_deref(), Some(expected), "{text:?}");
        }
    }
}
